# A role that may create objects in the extension's schema, and has tables with the documented triggers on them, stays what it is:
# nothing that it makes is run with the rights of the worker, of an administrator who calls functions of ours, or of their owner.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('escalation');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.check_interval = 1s
pg_realtime.discovery_interval = 1s
pg_realtime.flush_interval = 100ms
pg_realtime.maintenance_interval = 60s
CONF
$node->start;
# What the tests ask themselves must meet no trap.
$ENV{PGOPTIONS} = '-c search_path=pg_catalog';

my $tenant = '123e4567-e89b-12d3-a456-426614174000';
my $user   = '00000000-0000-4000-8000-000000000001';

# Every trap says in the server's log who ran it, which no rollback takes back. Made by the role, it is run as whoever calls it.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE mallory LOGIN;
GRANT CREATE ON SCHEMA public TO mallory;
SET ROLE mallory;
CREATE FUNCTION public.spring(trap text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RAISE LOG 'sprung % as %', trap, current_user;
  RETURN trap;
END $$;
-- A function or an operator that does nothing but spring. Those that cannot be made (as their types do not go together) are not.
CREATE FUNCTION public.lay(name text, arguments text, result text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', name, arguments, result,
                 format('BEGIN PERFORM public.spring(%L); RETURN NULL; END', name || '(' || arguments || ')'));
  RETURN 1;
EXCEPTION WHEN OTHERS THEN RETURN 0;
END $$;
CREATE FUNCTION public.lay_operator(name text, left_type text, right_type text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  IF to_regprocedure(format('public.trap(%s, %s)', left_type, right_type)) IS NULL
     AND public.lay('trap', format('%s, %s', left_type, right_type), 'boolean') = 0 THEN
    RETURN 0;
  END IF;
  EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.trap, LEFTARG = %s, RIGHTARG = %s)', name, left_type, right_type);
  RETURN 1;
EXCEPTION WHEN OTHERS THEN RETURN 0;
END $$;
-- Overloads of the server's functions that take any type, and of its operators.
CREATE FUNCTION public.lay_over_the_servers() RETURNS integer LANGUAGE sql AS $$
  SELECT sum(public.lay(f.proname, (SELECT string_agg(CASE WHEN t IN ('anyarray'::regtype, 'anycompatiblearray'::regtype) THEN e || '[]'
                                                           WHEN t IN ('"any"'::regtype, 'anyelement'::regtype, 'anycompatible'::regtype, 'anynonarray'::regtype) THEN e
                                                           ELSE t::text END, ', ' ORDER BY n)
                                      FROM unnest(f.proargtypes::regtype[]) WITH ORDINALITY a(t, n)),
                        CASE WHEN f.prorettype IN ('text'::regtype, 'boolean'::regtype, 'integer'::regtype, 'jsonb'::regtype) THEN f.prorettype::regtype::text ELSE 'text' END))::integer
    FROM pg_proc f, unnest(ARRAY['text', 'uuid', 'smallint', 'integer', 'timestamptz']) e
   WHERE f.pronamespace = 'pg_catalog'::regnamespace AND f.prokind = 'f'
     AND f.proname IN ('array_to_string', 'array_position', 'array_remove', 'array_length', 'array_append', 'array_cat', 'cardinality', 'unnest', 'to_jsonb', 'to_json',
                       'jsonb_build_object', 'jsonb_build_array', 'format', 'concat', 'enum_range', 'jsonb_populate_record')
$$;
CREATE FUNCTION public.lay_operators(types text[]) RETURNS integer LANGUAGE sql AS $$
  SELECT sum(public.lay_operator(o, l, r))::integer
    FROM unnest(ARRAY['=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||', '@>', '<@', '&&', '->', '->>', '~', '!~', '?']) o, unnest(types) l, unnest(types) r
$$;
SELECT public.lay_over_the_servers();
SELECT public.lay_operators('{text,"text[]",uuid,"uuid[]","smallint[]",integer,bigint,numeric,"double precision",timestamptz,interval,jsonb,name,regclass}');
SQL

# What is there before the extension is, in its schema.
my ($code, $output, $error) = (0, '', '');
$node->safe_psql('postgres', q{SET ROLE mallory; SELECT public.lay('realtime_maintain_partitions', '', 'integer'); CREATE TABLE public.alert_rules (id int)});
($code, $output, $error) = $node->psql('postgres', 'CREATE EXTENSION pg_realtime SCHEMA public');
like($error, qr/ERROR:  table public\.alert_rules already exists\nHINT:  Give the extension a schema of its own: CREATE SCHEMA realtime; CREATE EXTENSION pg_realtime SCHEMA realtime;/,
	'a name that is taken gives an error that says what to do');
$node->safe_psql('postgres', 'DROP TABLE public.alert_rules');
($code, $output, $error) = $node->psql('postgres', 'CREATE EXTENSION pg_realtime SCHEMA public');
like($error, qr/ERROR:  function public\.realtime_maintain_partitions\(\) already exists\nHINT:  Give the extension a schema/,
	'so does a function of such a name, whatever it takes');
$node->safe_psql('postgres', 'DROP FUNCTION public.realtime_maintain_partitions()');
$node->safe_psql('postgres', q{SET ROLE mallory;
  CREATE TABLE public.realtime_metric_samples_default (LIKE pg_class);
  CREATE TYPE public.realtime_connection_metrics_default AS ENUM ('x');
  CREATE RULE spring AS ON DELETE TO public.realtime_metric_samples_default DO ALSO SELECT public.spring('rule')});
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime SCHEMA public');
is( $node->safe_psql('postgres', q{
	SELECT count(*) FROM pg_depend d JOIN pg_depend e ON e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e'
	  LEFT JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
	 WHERE 'mallory'::regrole IN (p.proowner, o.oprowner)}),
	'0', 'no object of the extension is made of what was there before it');

# And behind it: other functions of each name of ours, operators on our types, tables that are called as partitions will be.
$node->safe_psql('postgres', 'GRANT TEMPORARY ON DATABASE postgres TO mallory');
my $overloads = $node->safe_psql('postgres', <<'SQL');
SET ROLE mallory;
SELECT public.lay_operators('{text,public.alert_severity,public.alert_status,public.alert_state,public.realtime_health,public.connection_quality,public.realtime_sketch,public.notification_status,public.batch_status,public.notification_channel}');
SELECT public.lay_operators('{public.realtime_sketch,integer,numeric,"double precision"}');
CREATE FUNCTION public.lay_over_ours() RETURNS integer LANGUAGE sql AS $$
  SELECT sum(public.lay(f.proname, (SELECT COALESCE(string_agg(CASE WHEN n = place THEN other ELSE t::text END, ', ' ORDER BY n), '')
                                      FROM unnest(f.proargtypes::regtype[]) WITH ORDINALITY a(t, n) WHERE n <= f.pronargs - dropped),
                        CASE WHEN f.proretset THEN 'integer' ELSE 'text' END))::integer
    FROM pg_proc f JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e'
   CROSS JOIN LATERAL generate_series(0, f.pronargdefaults) dropped
   CROSS JOIN LATERAL generate_series(0, f.pronargs - dropped) place
   CROSS JOIN unnest(ARRAY['text', 'varchar', 'name', 'integer', 'bigint', 'numeric', 'json', 'anyelement', 'timestamptz', 'double precision']) other
   WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND f.prokind = 'f'
$$;
SELECT public.lay_over_ours();
SQL
cmp_ok((split /\n/, $overloads)[-1], '>', 500, 'hundreds of functions of our names wait beside ours');
$node->safe_psql('postgres', q{SET ROLE mallory;
  SELECT format('CREATE TABLE public.realtime_metric_samples_%s (id int)', to_char(now() AT TIME ZONE 'UTC' + interval '4 days', 'YYYYMMDD')) \gexec
  RESET ROLE;
  CREATE TABLE public.expired PARTITION OF public.realtime_metric_samples FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z');
  ALTER EXTENSION pg_realtime ADD TABLE public.expired;
  INSERT INTO public.realtime_metric_samples (tenant_id, subscription_type, metric, value, recorded_at) VALUES ('00000000-0000-4000-8000-000000000009', 'old', 'load', 1, '2020-01-01 12:00Z');
  SET ROLE mallory;
  CREATE VIEW public.held AS SELECT * FROM public.expired});

# Tables with the documented triggers: types, casts, domains and views that are the role's own.
$node->safe_psql('postgres', <<"SQL");
SET ROLE mallory;
CREATE FUNCTION public.checked(uuid) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.spring('domain'); RETURN true; END \$\$;
CREATE DOMAIN public.checked_uuid AS uuid CHECK (public.checked(VALUE));
CREATE TYPE public.own_type AS ENUM ('x');
CREATE FUNCTION public.as_text(public.own_type) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.spring('cast to text'); RETURN '$tenant'; END \$\$;
CREATE FUNCTION public.as_uuid(public.own_type) RETURNS uuid LANGUAGE plpgsql AS \$\$ BEGIN PERFORM public.spring('cast to uuid'); RETURN '$tenant'; END \$\$;
CREATE CAST (public.own_type AS text) WITH FUNCTION public.as_text(public.own_type) AS IMPLICIT;
CREATE CAST (public.own_type AS uuid) WITH FUNCTION public.as_uuid(public.own_type) AS IMPLICIT;
CREATE TABLE public.domains (tenant_id public.checked_uuid);
CREATE TABLE public.types (tenant_id public.own_type);
CREATE TABLE public.plain (tenant_id uuid);
CREATE TABLE public.texts (tenant_id text, id integer);
CREATE TABLE public.bare (tenant_id uuid);
RESET ROLE;
SQL
for my $table (qw(domains types plain texts))
{
	$node->safe_psql('postgres', qq{
		CREATE TRIGGER i AFTER INSERT ON public.$table REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.realtime_track_changes();
		CREATE TRIGGER u AFTER UPDATE ON public.$table REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.realtime_track_changes();
		CREATE TRIGGER d AFTER DELETE ON public.$table REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.realtime_track_changes()});
}
$node->safe_psql('postgres', 'CREATE TRIGGER i AFTER INSERT ON public.bare FOR EACH STATEMENT EXECUTE FUNCTION public.realtime_track_changes()');

sub as_mallory
{
	my ($statements) = @_;
	(my $c, my $o, my $e) = $node->psql('postgres', "SET search_path = public; $statements", extra_params => [ '-U', 'mallory' ]);
	return $e;
}
is(as_mallory("INSERT INTO plain VALUES ('$tenant'), ('$tenant'), (NULL); UPDATE plain SET tenant_id = tenant_id; DELETE FROM plain"), '', 'rows are counted');
is( $node->safe_psql('postgres', q{SELECT string_agg(metric || ' ' || value, ', ' ORDER BY metric) FROM public.realtime_metric_samples WHERE subscription_type = 'plain'}),
	'plain_deletes 2, plain_inserts 2, plain_updates 2', 'those of each tenant');
is(as_mallory("INSERT INTO domains VALUES ('$tenant'); UPDATE domains SET tenant_id = tenant_id; INSERT INTO texts VALUES ('$tenant', 1)"), '',
	'also where a domain or text holds the tenant');
like(as_mallory("INSERT INTO types VALUES ('x')"), qr/tenant column "tenant_id" of table "types" has type public\.own_type\nHINT:  A tenant is a uuid; columns of type text and varchar may hold one, too/,
	'a type of the role is refused');
like(as_mallory("INSERT INTO texts VALUES ('nobody', 2)"), qr/invalid input syntax for type uuid: "nobody"/, 'so is a text that is no uuid');
like( as_mallory("CREATE TEMP VIEW changed_rows AS SELECT '$tenant'::uuid AS tenant_id, public.spring('temporary view'); INSERT INTO bare VALUES ('$tenant')"),
	qr/trigger "i" needs a transition table\nHINT:  Create it with REFERENCING NEW TABLE AS changed_rows/, 'without a transition table there is an error, and no view is read');
like(as_mallory('CREATE EVENT TRIGGER spring ON ddl_command_end EXECUTE FUNCTION public.realtime_fit_new_partitions()'), qr/permission denied/, 'event triggers are not for it');
like(as_mallory("CREATE TRIGGER t AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION $_()"), qr/permission denied for function $_/, "nor is $_()")
  for qw(realtime_check_alert_rule realtime_check_alert_silence realtime_check_preference realtime_notify_by_hand realtime_complete_report realtime_complete_sample realtime_complete_health realtime_note_configuration);

# Where privileges were given with a broad hand, the functions still refuse what is not theirs.
$node->safe_psql('postgres', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO mallory');
for my $function (qw(realtime_check_alert_rule realtime_check_alert_silence realtime_check_preference realtime_notify_by_hand realtime_complete_report realtime_complete_sample realtime_complete_health))
{
	my $when = $function eq 'realtime_notify_by_hand' ? 'AFTER' : 'BEFORE';
	like( as_mallory("CREATE TABLE $function (operator own_type, tenant_id int, subscription_type int, status own_type, kind own_type); CREATE TRIGGER t $when INSERT ON $function FOR EACH ROW EXECUTE FUNCTION $function(); INSERT INTO $function VALUES ('x', 1, 1, 'x', 'x')"),
		qr/belongs? to (table|extension)/, "$function() refuses the rows of another table");
}
like(as_mallory("CREATE TABLE zoned (time_zone own_type); CREATE TRIGGER t BEFORE INSERT ON zoned FOR EACH ROW EXECUTE FUNCTION realtime_check_time_zone_of_row(); INSERT INTO zoned VALUES ('x')"),
	qr/time zone "x" is not known|does not exist|^$/, 'the check of a time zone runs as its caller');
$node->safe_psql('postgres', 'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM mallory');

# The worker, and an administrator who does and asks for everything. Names and types are exact, so that no call is misled itself;
# the session has temporary tables of all names of ours.
$node->safe_psql('postgres', <<"SQL");
INSERT INTO public.tenant_memberships (tenant_id, user_id, role) VALUES ('$tenant', '$user', 'owner');
INSERT INTO public.tenant_settings (tenant_id, metrics_retention) VALUES ('$tenant', '7 days');
INSERT INTO public.notification_preferences (tenant_id, user_id, channel, quiet_hours_start, quiet_hours_end, digest_minutes) VALUES ('$tenant', '$user', 'in_app', '22:00', '07:00', 5), ('$tenant', '$user', 'in_app', NULL, NULL, 0);
INSERT INTO public.alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, conditions, inhibited_by, window_seconds)
VALUES ('$tenant', 'high', 'load', 'max', 10, 0, '{"any": [{"metric": "load", "aggregation": "max", "operator": ">", "threshold": 1}]}', '{other,another}', 10), (NULL, 'global', 'load', 'max', 1000, 15, NULL, '{}', 60);
SELECT public.silence_alerts('$tenant'::uuid, 'other'::text, interval '1 day', 'repairs'::text, NULL::text, now());
SQL
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{SET client_min_messages = error});
$session->query_safe(q{
DO $$ DECLARE t record; BEGIN
  CREATE FUNCTION pg_temp.spring() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''sprung temporary table % as %'', TG_TABLE_NAME, current_user; RETURN NULL; END';
  FOR t IN SELECT c.relname FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') LOOP
    EXECUTE format('CREATE TEMP TABLE %I (LIKE public.%I)', t.relname, t.relname);
    EXECUTE format('CREATE TRIGGER spring BEFORE INSERT OR UPDATE OR DELETE ON pg_temp.%I FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.spring()', t.relname);
  END LOOP;
END $$});
my $calls = <<"SQL";
SELECT public.collect_metrics('[{"tenantId": "$tenant", "connectionId": "c", "subscriptionType": "orders", "metrics": {"messagesReceived": 150, "avgResponseTime": 10, "errorCount": 3}, "healthData": {"connectionCount": 1}}]'::jsonb);
SELECT public.track_event('{"tenantId": "$tenant", "eventType": "e"}'::jsonb);
SELECT public.subscribe('{"tenantId": "$tenant", "connectionId": "c", "channel": "o"}'::jsonb);
SELECT public.process_batch('{"tenantId": "$tenant", "batchId": "b", "connectionId": "c", "items": [{"type": "subscribe", "data": {"channel": "o"}}, {"type": "unsubscribe", "data": {"channel": "o"}}, {"type": "sync", "data": {"healthStatus": {"subscriptionType": "s", "status": "degraded", "healthScore": 7}}}, {"type": "track_event", "data": {"eventType": "e"}}]}'::jsonb);
SELECT public.unsubscribe('{"tenantId": "$tenant", "connectionId": "c", "channel": "o"}'::jsonb);
INSERT INTO public.realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 50);
SELECT public.realtime_run_pass();
INSERT INTO public.realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 60);
SELECT public.realtime_run_pass();
UPDATE public.alert_rules SET threshold_value = 11;
SELECT public.realtime_run_pass();
SELECT public.health_check('{"tenantId": "$tenant", "performDiagnostics": true}'::jsonb);
SELECT public.get_status('{"tenantId": "$tenant"}'::jsonb);
SELECT public.get_metrics('{"tenantId": "$tenant"}'::jsonb);
SELECT count(*) FROM public.test_alert_rule('{"metric": "load", "threshold_value": 1, "for_seconds": 10}'::jsonb, '[{"at": "2026-01-01T00:00:00Z", "value": 5}]'::jsonb);
SELECT count(*) FROM public.replay_alert_rule('{"metric": "load", "threshold_value": 1, "tenant_id": "$tenant"}'::jsonb, now() - interval '1 hour', now());
SELECT public.create_alert('$tenant'::uuid, 'manual'::text, 'high'::public.alert_severity, 'm'::text, 1::float8, 1::float8, 'orders'::text, 'c'::text);
SELECT count(public.acknowledge_alert(id, 'n'::text)) FROM public.alert_instances WHERE rule_id = 'manual';
SELECT count(public.resolve_alert(id, 'n'::text)) FROM public.alert_instances WHERE rule_id = 'manual';
SELECT public.try_start_alert_cooldown('$tenant'::uuid, 'slot'::text, 5);
SELECT count(*) FROM public.claim_notifications(100, interval '1 minute');
SELECT count(public.finish_notification(tenant_id, notification_id, true, NULL::text)) FROM public.notification_outbox;
SELECT public.realtime_maintain_partitions(5);
SELECT count(*) FROM public.purge_expired_data(pg_catalog.now());
CREATE TABLE public.administered (id int PRIMARY KEY, tenant_id uuid) PARTITION BY RANGE (id);
SELECT public.realtime_add_table('public.administered'::regclass, 'tenant_id'::name, 'tenant'::text);
SELECT count(*) FROM public.realtime_check_setup();
SELECT public.realtime_broadcast('$tenant'::uuid, 't'::text, 'e'::text, '{}'::jsonb, true) IS NOT NULL;
SQL
my @failed;
for my $call (split /;\n/, $calls)
{
	my (undef, $failed) = $session->query($call);
	my $message = $session->{stderr};
	push @failed, "$call: $message" if $message;
	$session->{stderr} = '';
}
is_deeply(\@failed, [], 'everything that an administrator does works beside the traps');
$session->quit;
is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM public.alert_instances WHERE rule_id = 'high'"), 't', 'a rule fired');
ok( $node->poll_query_until('postgres', "SELECT passes > 2 AND checks > 2 AND reports > 0 FROM public.realtime_worker_status WHERE database = 'postgres'"), 'the worker judged, too');
is($node->safe_psql('postgres', "SELECT errors, last_error FROM public.realtime_worker_status WHERE database = 'postgres'"), '0|', 'and met nothing that stopped it');
is( $node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.realtime_metric_samples'::regclass"),
	'8', 'a partition whose name is taken gets another one');
is($node->safe_psql('postgres', 'SELECT count(*) FROM public.expired'), '0', 'a view of it keeps no data for longer');
is(as_mallory('CREATE TABLE administered_1 (id int PRIMARY KEY, tenant_id checked_uuid)'), '', 'the event trigger lets it create tables');

# Advisory locks are everybody's.
my $holder = $node->background_psql('postgres', extra_params => [ '-U', 'mallory' ], on_error_stop => 0);
$holder->query_safe(q{SELECT pg_advisory_lock(1920233829, 1), pg_advisory_lock(hashtextextended('pg_realtime partitions', 0))});
is($node->safe_psql('postgres', "SET statement_timeout = '60s'; SELECT public.realtime_run_pass(), public.realtime_maintain_partitions(5)"), '|0', 'no lock that the role may take stops a pass or the maintenance');
$holder->quit;

my @sprung = grep { !/ as mallory$/ } slurp_file($node->logfile) =~ /LOG:  (sprung .*)$/mg;
is_deeply(\@sprung, [], 'nobody else ran anything of the role');
is($node->safe_psql('postgres', "SELECT rolsuper, rolcreaterole, rolreplication, (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) FROM pg_roles r WHERE rolname = 'mallory'"),
	'f|f|f|0', 'the role is what it was');

$node->stop;
done_testing();
