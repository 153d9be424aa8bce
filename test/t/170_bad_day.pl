# What goes wrong on an administrator's bad day, in triggers, settings, locks and the time zones of the system, ends neither
# judging nor retention for those it is not about.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('bad_day');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.check_interval = 1s
pg_realtime.flush_interval = 100ms
pg_realtime.maintenance_interval = 60s
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');

my $bad  = '00000000-0000-4000-8000-00000000000b';
my $good = '00000000-0000-4000-8000-00000000000a';
my $next = 0;

sub query { return $node->safe_psql('postgres', $_[0]); }

sub report
{
	my ($tenant, $subscription) = @_;
	return "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', '$subscription', 'load', 50);"
	  . "INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received) VALUES ('$tenant', '$subscription', 'c', 10);";
}

sub good_alert
{
	my ($promise) = @_;
	$next += 1;
	query(report($good, "s$next"));
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE tenant_id = '$good' AND subscription_type = 's$next'"), $promise);
	return;
}

sub restart_worker
{
	my $pid = query("SELECT pid FROM realtime_worker_status WHERE database = 'postgres'");
	query("SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'"), 'a new worker starts');
	return;
}

query("INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) SELECT t, 'high', 'load', 'last', 10, 0 FROM unnest(ARRAY['$bad', '$good']::uuid[]) t");
good_alert('an alert fires while nothing is wrong');

# Triggers of users that fail, each in its way. They run with search_path = pg_catalog, pg_temp.
my %trigger = (
	'names a table without its schema'        => ['BEFORE INSERT OR UPDATE', 'BEGIN PERFORM 1 FROM tickets; RETURN NEW; END', 'relation "tickets" does not exist'],
	'raises a code of its own'                => ['BEFORE INSERT OR UPDATE', q{BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'PT409'; END},                       'no'],
	'has a CASE that finds nothing'           => ['BEFORE INSERT OR UPDATE', 'BEGIN CASE WHEN false THEN RETURN NEW; END CASE; END',                           'case not found'],
	'is deferred, which no pass may run into' => ['AFTER INSERT OR UPDATE',  'BEGIN RETURN NEW; END', 'cannot fire deferred trigger within security-restricted operation'],
);
my $number = 0;
for my $kind (sort keys %trigger)
{
	my ($when, $body, $error) = @{ $trigger{$kind} };
	my $constraint = $when =~ /AFTER/ ? 'CONSTRAINT' : '';
	my $deferred   = $constraint      ? 'DEFERRABLE INITIALLY DEFERRED' : '';
	$number += 1;
	query("CREATE FUNCTION public.fail$number() RETURNS trigger LANGUAGE plpgsql AS \$f\$$body\$f\$;
		CREATE $constraint TRIGGER fail $when ON alert_instances $deferred FOR EACH ROW WHEN (NEW.tenant_id = '$bad') EXECUTE FUNCTION public.fail$number();");
	query(report($bad, "kind$number"));
	ok($node->poll_query_until('postgres', "SELECT error LIKE '$error%' FROM realtime_quarantine WHERE subscription_type = 'kind$number'"), "a trigger that $kind quarantines what it is about");
	good_alert('and the alerts of others fire');
	query('DROP TRIGGER fail ON alert_instances');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE subscription_type = 'kind$number'"), 'until it is gone');
}
is(query("SELECT count(*) FROM realtime_quarantine WHERE tenant_id = '$good'"), 0, 'nothing of others was quarantined');

# A time zone that the system forgot with its last upgrade.
query("ALTER TABLE alert_silences DISABLE TRIGGER ALL;
	INSERT INTO alert_silences (tenant_id, ends_at, weekdays, time_zone) VALUES ('$bad', now() + interval '1 day', '{1,2,3,4,5,6,7}', 'US/Nowhere');
	ALTER TABLE alert_silences ENABLE TRIGGER ALL;");
restart_worker();
good_alert('a silence in a time zone that is not known any more ends no pass');
like(slurp_file($node->logfile), qr/ignores a silence because its time zone "US\/Nowhere" is not known/, 'which is said');

# A rule whose error cannot be noted because its row is locked.
query("ALTER TABLE alert_rules DISABLE TRIGGER realtime_check_alert_rule;
	UPDATE alert_rules SET metric = 'error_rate', aggregation = 'p99', conditions = '{\"any\": 1}' WHERE tenant_id = '$bad';
	ALTER TABLE alert_rules ENABLE TRIGGER realtime_check_alert_rule;");
my $holder = $node->background_psql('postgres', on_error_die => 1);
$holder->query_safe("BEGIN; SELECT 1 FROM alert_rules WHERE tenant_id = '$bad' FOR UPDATE;");
restart_worker();
good_alert('a locked rule that cannot be evaluated delays nobody else');
$holder->query_safe('COMMIT;');

# Retention: rows that cannot be deleted, and partitions that cannot be made.
query("INSERT INTO tenant_settings (tenant_id, metrics_retention, alert_retention) VALUES ('$bad', '10000 years -3599999 days', '100 years'), ('$good', '1 day', '1 day');
	INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value, recorded_at) SELECT t, 'old', 'load', 1, now() - interval '2 days' FROM unnest(ARRAY['$bad', '$good']::uuid[]) t;
	UPDATE alert_instances SET status = 'resolved', resolved_at = now() - interval '2 days', triggered_at = now() - interval '2 days';
	CREATE TABLE public.tickets (tenant_id uuid, alert_id uuid, FOREIGN KEY (tenant_id, alert_id) REFERENCES alert_instances (tenant_id, id));
	INSERT INTO public.tickets SELECT tenant_id, id FROM alert_instances WHERE tenant_id = '$good' LIMIT 1;
	INSERT INTO realtime_batches (tenant_id, batch_id, request_hash, created_at) SELECT '$good', 'b', '', now() - interval '2 days';");
my ($status, $purged, $warnings) = $node->psql('postgres', 'SELECT relation, rows_deleted FROM purge_expired_data() WHERE rows_deleted > 0 ORDER BY 1');
is($status, 0, 'rows that a foreign key holds end no purge');
like($warnings, qr/could not purge table "alert_instances": .*violates foreign key constraint/, 'but a warning says so');
like($purged, qr/^realtime_batches\|1$/m, 'others are deleted');
like($purged, qr/^realtime_metric_samples\|1$/m, 'those of a tenant that keeps less, whatever another one asks for');
query('DELETE FROM public.tickets');
is(query("SELECT rows_deleted > 0 FROM purge_expired_data() WHERE relation = 'alert_instances'"), 't', 'and afterwards the alerts, too');

# Reading locks out the maintenance of partitions, not the judging of metrics.
my $furthest = query("SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'realtime_metric_samples'::regclass ORDER BY c.relname DESC OFFSET 1 LIMIT 1");
query("ALTER EXTENSION pg_realtime DROP TABLE $furthest; DROP TABLE $furthest;");
$holder->query_safe('BEGIN; SELECT count(*) FROM realtime_metric_samples;');
restart_worker();
good_alert('alerts fire while somebody reads what maintenance wants to change');
ok($node->poll_query_until('postgres', "SELECT last_error LIKE '%lock timeout%' FROM realtime_worker_status WHERE database = 'postgres'"), 'which gives up in time');
isnt(query("SELECT purge_clock FROM realtime_worker_state"), '', 'and purging does not depend on it');
$holder->query_safe('COMMIT;');
$holder->quit;
restart_worker();
ok($node->poll_query_until('postgres', "SELECT to_regclass('$furthest') IS NOT NULL"), 'later the partition is made');

# Settings of the database that are meant for its sessions.
query("ALTER DATABASE postgres SET default_transaction_read_only = on; ALTER DATABASE postgres SET lock_timeout = '1ms'; ALTER DATABASE postgres SET default_transaction_isolation = 'serializable';");
query('BEGIN READ WRITE; SELECT pg_terminate_backend(pid) FROM realtime_worker_status; COMMIT;');
$next += 1;
query("SET default_transaction_read_only = off; " . report($good, "s$next"));
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE tenant_id = '$good' AND subscription_type = 's$next'"), 'settings of the database do not keep the worker from its work');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
$node->stop;
done_testing();
