-- A member of one tenant reaches nothing of another one, through any object of the extension. The objects come from the
-- catalog, so that one that is added has to be thought of here.
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_realtime;
SELECT * FROM no_plan();

\set ours '''a0000000-0000-4000-8000-000000000001'''
\set theirs '''b0000000-0000-4000-8000-000000000002'''
CREATE ROLE pgtap_member;
GRANT realtime_writer TO pgtap_member;
GRANT ALL ON SCHEMA public TO pgtap_member;
INSERT INTO tenant_memberships VALUES (:ours, 'a0000000-0000-4000-8000-0000000000aa', 'owner'), (:theirs, 'b0000000-0000-4000-8000-0000000000bb', 'owner');
SET request.jwt.claims = '{"sub": "a0000000-0000-4000-8000-0000000000aa"}';

-- Something of theirs in every table. Values follow from the types; foreign ones are what the tables want.
CREATE TEMP VIEW extension_tables AS
SELECT c.oid::regclass AS relation FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
 WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id');
CREATE TEMP TABLE fitting ("column" text PRIMARY KEY, value text);
INSERT INTO fitting VALUES ('subscription_type', '''secret_s'''), ('metric', '''secret_metric'''), ('connection_id', '''secret_c'''), ('rule_id', '''secret_rule'''), ('channel', '''in_app'''),
  ('resolution', '10'), ('role', '''member'''), ('kind', '''firing'''), ('status', NULL), ('distribution', 'realtime_sketch_add(NULL, 1)'), ('consumed', 'pg_current_snapshot()'),
  ('request_hash', '''\x00'''), ('ends_at', 'now() + interval ''1 hour'''), ('batch_id', '''secret_batch'''), ('event_type', '''secret_event'''), ('attempts', '1'), ('connection_count', '1');
CREATE FUNCTION pg_temp.statement(relation regclass) RETURNS text LANGUAGE sql AS $$
  SELECT format('INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING', relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
                string_agg(CASE WHEN a.attname = 'tenant_id' THEN '$1'
                                WHEN f."column" IS NOT NULL AND f.value IS NOT NULL AND NOT (relation::text LIKE 'alert_instances' AND a.attname = 'kind') AND NOT (a.attname = 'channel' AND a.atttypid = 'text'::regtype) THEN f.value
                                WHEN a.atttypid IN ('text'::regtype) THEN '''secret'''
                                WHEN a.atttypid IN ('int4'::regtype, 'int8'::regtype, 'float8'::regtype, 'numeric'::regtype) THEN '1'
                                WHEN a.atttypid = 'uuid'::regtype THEN '''b0000000-0000-4000-8000-0000000000bb'''
                                WHEN a.atttypid = 'timestamptz'::regtype THEN 'now()'
                                WHEN a.atttypid = 'jsonb'::regtype THEN '''{}'''
                                WHEN t.typtype = 'e' THEN format('(enum_range(NULL::%s))[1]', a.atttypid::regtype)
                                ELSE 'NULL' END, ', ' ORDER BY a.attnum))
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN fitting f ON f."column" = a.attname
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND (a.attname = 'tenant_id' OR (a.attnotnull AND NOT a.atthasdef) OR a.attname IN ('subscription_type', 'rule_id'));
$$;
CREATE FUNCTION pg_temp.fill(tenant uuid) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r regclass;
BEGIN
  FOR r IN SELECT relation FROM extension_tables ORDER BY 1 LOOP
    EXECUTE pg_temp.statement(r) USING tenant;
    RETURN NEXT isnt_empty(format('SELECT 1 FROM %s WHERE tenant_id = %L', r, tenant), format('%s has a row of a tenant', r));
  END LOOP;
END $$;
SELECT pg_temp.fill(:theirs);
GRANT SELECT ON extension_tables, fitting TO pgtap_member;

-- Tables: nothing is seen, counted, changed, removed, added or moved.
CREATE FUNCTION pg_temp.touched(statement text, tenant uuid, own uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE statement USING tenant, own;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
EXCEPTION WHEN insufficient_privilege THEN RETURN 'refused';
END $$;
SET ROLE pgtap_member;
SELECT ok(pg_temp.touched(format('SELECT 1 FROM %s WHERE tenant_id = $1', relation), :theirs, :ours) IN ('0', 'refused'), format('%s shows nothing of another tenant', relation)) FROM extension_tables ORDER BY relation;
SELECT ok(pg_temp.touched(format('UPDATE %s SET tenant_id = tenant_id WHERE tenant_id = $1', relation), :theirs, :ours) IN ('0', 'refused'), format('%s lets nobody change a row of another tenant', relation)) FROM extension_tables ORDER BY relation;
SELECT ok(pg_temp.touched(format('UPDATE %s SET tenant_id = $1 WHERE tenant_id = $2', relation), :theirs, :ours) IN ('0', 'refused'), format('%s lets no row be given to another tenant', relation)) FROM extension_tables ORDER BY relation;
SELECT ok(pg_temp.touched(format('DELETE FROM %s WHERE tenant_id = $1', relation), :theirs, :ours) IN ('0', 'refused'), format('%s lets nobody remove a row of another tenant', relation)) FROM extension_tables ORDER BY relation;
RESET ROLE;
SELECT pg_temp.fill(:ours);
SET ROLE pgtap_member;
-- Also where the row exists already: a refusal, not a duplicate, which would tell that it does.
SELECT is(pg_temp.touched(replace(pg_temp.statement(relation), ' ON CONFLICT DO NOTHING', ''), :theirs, :ours), 'refused', format('%s takes no row for another tenant', relation)) FROM extension_tables ORDER BY relation;
SELECT ok(pg_temp.touched(format('UPDATE %s SET tenant_id = $1 WHERE tenant_id = $2', relation), :theirs, :ours) IN ('0', 'refused'), format('%s lets no row of ours be moved to another tenant', relation)) FROM extension_tables ORDER BY relation;
-- A plan of PostgreSQL tells how many rows a policy filtered (docs/monitoring.md says so), but nothing of what is in them.
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE query; END $$;
SELECT unalike((SELECT string_agg(l, E'\n') FROM pg_temp.plan_of('EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off, SUMMARY off) SELECT * FROM alert_instances') l), '%secret%', 'a plan tells nothing of what it leaves out');
RESET ROLE;

-- A function that leaks must not be run on rows before the policy has filtered them.
CREATE FUNCTION public.leak(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE WARNING 'leaked %', t; RETURN true; END $$;
GRANT EXECUTE ON FUNCTION public.leak(text) TO pgtap_member;
SET ROLE pgtap_member;
SELECT is((SELECT count(*) FROM alert_instances WHERE public.leak(message) AND tenant_id = :theirs), 0::bigint, 'a cheap function of the caller sees no rows of another tenant');
RESET ROLE;

-- Functions: every one that a writer may call is either one that takes no tenant, or one that is tried below.
CREATE TEMP TABLE harmless (signature regprocedure PRIMARY KEY);
INSERT INTO harmless
SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND (p.proname LIKE 'realtime\_sketch%'
    OR p.proname IN ('realtime_library_version', 'realtime_identity_has_column', 'realtime_fit_replica_identity', 'realtime_forget_tenant_column', 'realtime_user_id', 'realtime_tenant_ids',
                     'realtime_writable_tenant_ids', 'realtime_administered_tenant_ids', 'realtime_claimed_tenants', 'calculate_health_score', 'assess_connection_quality', 'realtime_alert_conditions', 'realtime_metrics', 'realtime_worker_alive',
                     'realtime_complete_alert_rule', 'test_alert_rule'));
CREATE TEMP TABLE probes (signature regprocedure PRIMARY KEY, call text, refused boolean);
INSERT INTO probes VALUES
  ('create_alert(uuid,text,alert_severity,text,double precision,double precision,text,text)', 'SELECT create_alert($1, ''r'', ''low'', ''m'')', true),
  ('acknowledge_alert(uuid,text)', 'SELECT acknowledge_alert((SELECT id FROM theirs))', true),
  ('resolve_alert(uuid,text)', 'SELECT resolve_alert((SELECT id FROM theirs))', true),
  ('silence_alerts(uuid,text,interval,text,text,timestamptz)', 'SELECT silence_alerts($1)', true),
  ('unsilence_alerts(uuid)', 'SELECT 1 WHERE unsilence_alerts((SELECT silence FROM theirs))', false),
  ('check_alert_cooldown(uuid,text,integer)', 'SELECT 1 WHERE NOT check_alert_cooldown($1, ''secret_rule'', 1000)', false),
  ('try_start_alert_cooldown(uuid,text,integer)', 'SELECT try_start_alert_cooldown($1, ''r'', 1)', true),
  ('collect_metrics(jsonb)', 'SELECT collect_metrics(jsonb_build_object(''tenantId'', $1, ''connectionId'', ''c'', ''subscriptionType'', ''s''))', true),
  ('track_event(jsonb)', 'SELECT track_event(jsonb_build_object(''tenantId'', $1, ''eventType'', ''e''))', true),
  ('subscribe(jsonb)', 'SELECT subscribe(jsonb_build_object(''tenantId'', $1, ''channel'', ''c''))', true),
  ('unsubscribe(jsonb)', 'SELECT 1 WHERE unsubscribe(jsonb_build_object(''tenantId'', $1, ''channel'', ''secret'', ''connectionId'', ''secret_c''))->''wasSubscribed'' = ''true''', false),
  ('process_batch(jsonb)', 'SELECT process_batch(jsonb_build_object(''tenantId'', $1, ''batchId'', ''secret_batch'', ''items'', ''[]''::jsonb))', true),
  ('health_check(jsonb)', 'SELECT 1 WHERE health_check(jsonb_build_object(''tenantId'', $1, ''performDiagnostics'', true))::text ~ ''secret|"firing": [1-9]''', false),
  ('get_status(jsonb)', 'SELECT 1 WHERE get_status(jsonb_build_object(''tenantId'', $1))::text LIKE ''%secret%''', false),
  ('get_metrics(jsonb)', 'SELECT 1 WHERE get_metrics(jsonb_build_object(''tenantId'', $1)) -> ''series'' <> ''[]''', false),
  ('replay_alert_rule(jsonb,timestamptz,timestamptz)', 'SELECT 1 FROM replay_alert_rule(jsonb_build_object(''tenant_id'', $1, ''metric'', ''error_rate'', ''threshold_value'', -1), now() - interval ''1 hour'', now() + interval ''1 minute'')', false);
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                   WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND has_function_privilege('realtime_writer', p.oid, 'EXECUTE')
                     AND p.oid NOT IN (SELECT signature FROM harmless UNION SELECT signature FROM probes)$$, 'every function that a writer may call is thought of');
CREATE TEMP TABLE theirs AS SELECT (SELECT id FROM alert_instances WHERE tenant_id = :theirs LIMIT 1) AS id, (SELECT silence_id FROM alert_silences WHERE tenant_id = :theirs LIMIT 1) AS silence;
GRANT SELECT ON theirs, probes TO pgtap_member;
CREATE FUNCTION pg_temp.answer(call text, tenant uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  EXECUTE call USING tenant;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
EXCEPTION WHEN insufficient_privilege OR no_data_found THEN RETURN 'refused';
END $$;
SET ROLE pgtap_member;
SELECT is(pg_temp.answer(call, :theirs), CASE WHEN refused THEN 'refused' ELSE '0' END, format('%s does nothing to another tenant and tells nothing of it', signature)) FROM probes ORDER BY signature;
RESET ROLE;

-- Views of the extension show nothing of any tenant's rows to members.
SELECT is_empty($$SELECT c.oid::regclass FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
                   WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND c.relkind IN ('v', 'm') AND has_table_privilege('realtime_writer', c.oid, 'SELECT')
                     AND c.relname <> 'realtime_tables'$$, 'the only view that members may read lists registered tables');

-- A member of the other tenant is as good as one of ours: the rules are the same both ways.
SET request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-0000000000bb"}';
SET ROLE pgtap_member;
SELECT isnt_empty('SELECT 1 FROM alert_instances WHERE tenant_id = ''b0000000-0000-4000-8000-000000000002''', 'who belongs to it sees it');
RESET ROLE;
-- Without claims, and with claims that cannot be read, nobody sees anything.
SET request.jwt.claims = '';
SET ROLE pgtap_member;
SELECT is(pg_temp.touched(format('SELECT 1 FROM %s', relation), NULL, NULL), CASE relation::text WHEN 'alert_rules' THEN '0' ELSE '0' END, format('%s shows nothing to nobody', relation))
  FROM extension_tables WHERE has_table_privilege(relation, 'SELECT') ORDER BY relation;
RESET ROLE;
SET request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-0000000000bb"';
SET ROLE pgtap_member;
SELECT is_empty('SELECT 1 FROM alert_instances', 'claims that cannot be read are nobody''s');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
