-- A member sees, counts, changes and infers nothing of another tenant, through any table of the extension.
\pset format unaligned
\pset tuples_only on
\set ours '''b0000000-0000-4000-8000-000000000001'''
\set theirs '''b0000000-0000-4000-8000-000000000002'''
INSERT INTO tenant_memberships VALUES (:ours, 'b0000000-0000-4000-8000-0000000000aa', 'member'), (:theirs, 'b0000000-0000-4000-8000-0000000000bb', 'owner'),
  (:ours, 'b0000000-0000-4000-8000-0000000000cc', 'viewer'), (:ours, 'b0000000-0000-4000-8000-0000000000dd', 'admin');
-- How a row of a tenant is made in each table; one that is missing here is found below.
CREATE TEMP TABLE how (relation text PRIMARY KEY, statement text);
INSERT INTO how VALUES
  ('tenant_memberships', 'INSERT INTO tenant_memberships VALUES ($1, gen_random_uuid())'),
  ('tenant_settings', 'INSERT INTO tenant_settings (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING'),
  ('realtime_connection_metrics', 'INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id) VALUES ($1, ''s'', ''c'')'),
  ('realtime_metric_samples', 'INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ($1, ''s'', ''m'', 1)'),
  ('realtime_connections', 'INSERT INTO realtime_connections VALUES ($1, ''s'', ''c'', 0, 0, 0, 0, 0, 0, 0, 0, 1, NULL, NULL, 0, now(), now()) ON CONFLICT DO NOTHING'),
  ('realtime_health_status', 'INSERT INTO realtime_health_status (tenant_id, subscription_type) VALUES ($1, ''s'') ON CONFLICT (tenant_id, subscription_type) DO UPDATE SET status = ''unknown'''),
  ('realtime_metric_rollups', 'INSERT INTO realtime_metric_rollups VALUES ($1, ''s'', 10, now(), 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0)'),
  ('realtime_sample_rollups', 'INSERT INTO realtime_sample_rollups VALUES ($1, ''s'', ''m'', 10, clock_timestamp(), 1, 1, 1, 1, 1, realtime_sketch_add(NULL, 1))'),
  ('realtime_ingest_positions', 'INSERT INTO realtime_ingest_positions VALUES ($1, ''s'', pg_current_snapshot()) ON CONFLICT DO NOTHING'),
  ('realtime_subscription_events', 'INSERT INTO realtime_subscription_events (tenant_id, event_type) VALUES ($1, ''e'')'),
  ('batch_processing_logs', 'INSERT INTO batch_processing_logs (tenant_id, batch_id) VALUES ($1, ''b'')'),
  ('realtime_batches', 'INSERT INTO realtime_batches VALUES ($1, gen_random_uuid()::text, '''')'),
  ('realtime_subscriptions', 'INSERT INTO realtime_subscriptions (tenant_id, connection_id, channel) VALUES ($1, gen_random_uuid()::text, ''c'')'),
  ('alert_rules', 'INSERT INTO alert_rules (tenant_id, metric, threshold_value) VALUES ($1, ''m'', 1)'),
  ('alert_instances', 'INSERT INTO alert_instances (tenant_id, rule_id) VALUES ($1, ''r'')'),
  ('alert_states', 'INSERT INTO alert_states (tenant_id, rule_id, subscription_type, state, since) VALUES ($1, gen_random_uuid()::text, ''s'', ''pending'', now())'),
  ('realtime_quarantine', 'INSERT INTO realtime_quarantine VALUES ($1, gen_random_uuid()::text, ''e'', now(), now())'),
  ('alert_cooldowns', 'INSERT INTO alert_cooldowns VALUES ($1, gen_random_uuid()::text, now())'),
  ('alert_silences', 'INSERT INTO alert_silences (tenant_id, ends_at) VALUES ($1, now() + ''1 hour'')'),
  ('notification_preferences', 'INSERT INTO notification_preferences (tenant_id, user_id, channel) VALUES ($1, COALESCE(realtime_user_id(), ''b0000000-0000-4000-8000-0000000000aa''), ''in_app'')'),
  ('notification_outbox', 'INSERT INTO notification_outbox (tenant_id, alert_id, user_id, channel, kind, severity, payload) VALUES ($1, gen_random_uuid(), ''b0000000-0000-4000-8000-0000000000aa'', ''in_app'', ''firing'', ''low'', ''{}'')'),
  ('notification_history', 'INSERT INTO notification_history VALUES ($1, gen_random_uuid(), gen_random_uuid(), ''b0000000-0000-4000-8000-0000000000aa'', NULL, ''in_app'', ''firing'', ''low'', ''delivered'', 1, NULL, NULL, now())');
-- Every table of the extension has row-level security, forced, and those with a tenant are in the list above.
CREATE TEMP VIEW tables AS
SELECT c.oid, c.relname::text AS relation, c.relispartition FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
 WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND c.relkind IN ('r', 'p');
SELECT count(*) FILTER (WHERE relispartition) > 20, count(*) FILTER (WHERE NOT relispartition) FROM tables;
SELECT relation FROM tables t JOIN pg_class c USING (oid) WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity);
SELECT relation FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' WHERE NOT relispartition AND relation NOT IN (SELECT relation FROM how);
SELECT t.relation FROM tables t WHERE relispartition AND has_table_privilege('realtime_writer', oid, 'SELECT, INSERT, UPDATE, DELETE');
-- Rows of both tenants in each of them.
CREATE FUNCTION pg_temp.fill(tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE h record;
BEGIN
  FOR h IN SELECT * FROM how LOOP EXECUTE h.statement USING tenant; END LOOP;
END $$;
SELECT pg_temp.fill(:ours), pg_temp.fill(:theirs);
INSERT INTO alert_rules (rule_id, metric, threshold_value) VALUES ('global', 'm', 1);
-- What a member can do with the rows of a tenant, table by table: how many are seen, updated, deleted, and whether one can be added or moved there.
CREATE FUNCTION pg_temp.try(command text, tenant uuid DEFAULT NULL, other uuid DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE touched bigint;
BEGIN
  EXECUTE command USING tenant, other;
  GET DIAGNOSTICS touched = ROW_COUNT;
  RAISE SQLSTATE 'P9999' USING MESSAGE = touched; -- undone again
EXCEPTION
  WHEN SQLSTATE 'P9999' THEN RETURN SQLERRM;
  WHEN insufficient_privilege THEN RETURN CASE WHEN SQLERRM LIKE 'permission denied for%' THEN 'denied' ELSE 'policy' END;
  WHEN others THEN RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.rights(of_tenant uuid, other uuid) RETURNS TABLE (relation text, sees text, updates text, deletes text, inserts text, moves text) LANGUAGE sql AS $$
  SELECT relation,
         pg_temp.try(format('SELECT 1 FROM %I WHERE tenant_id = $1', relation), of_tenant),
         pg_temp.try(format('UPDATE %I SET tenant_id = tenant_id WHERE tenant_id = $1', relation), of_tenant),
         pg_temp.try(format('DELETE FROM %I WHERE tenant_id = $1', relation), of_tenant),
         pg_temp.try(statement, of_tenant),
         pg_temp.try(format('UPDATE %I SET tenant_id = $1 WHERE tenant_id = $2', relation), of_tenant, other)
    FROM how ORDER BY relation
$$;
CREATE ROLE tenancy_member; GRANT realtime_writer TO tenancy_member; GRANT SELECT ON how TO tenancy_member;
CREATE ROLE tenancy_reader; GRANT realtime_reader TO tenancy_reader; GRANT SELECT ON how TO tenancy_reader;
SET ROLE tenancy_member;
SET request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-0000000000aa"}';
-- Of another tenant: nothing.
SELECT * FROM pg_temp.rights(:theirs, :ours) WHERE (sees, updates, deletes) IS DISTINCT FROM ('0', '0', '0') AND (sees, updates, deletes) IS DISTINCT FROM ('0', 'denied', 'denied') AND (sees, updates, deletes) IS DISTINCT FROM ('denied', 'denied', 'denied');
SELECT * FROM pg_temp.rights(:theirs, :ours) WHERE inserts NOT IN ('denied', 'policy') OR moves NOT IN ('denied', 'policy', '0');
-- Of its own tenant: what each table is for.
SELECT relation, sees, updates, deletes, inserts FROM pg_temp.rights(:ours, :theirs);
-- Counting without a condition shows no more.
SELECT count(*), count(DISTINCT tenant_id) FROM alert_instances;
SELECT count(*) FILTER (WHERE tenant_id IS NULL) FROM alert_rules;
UPDATE alert_rules SET enabled = false WHERE tenant_id IS NULL;
INSERT INTO alert_rules (tenant_id, metric, threshold_value) VALUES (NULL, 'm', 1);
-- A key that exists elsewhere is refused like one that does not.
INSERT INTO tenant_settings (tenant_id) VALUES (:theirs);
INSERT INTO realtime_health_status (tenant_id, subscription_type) VALUES (:theirs, 's');
INSERT INTO realtime_health_status (tenant_id, subscription_type) VALUES (:theirs, 'no such');
INSERT INTO realtime_health_status (tenant_id, subscription_type) VALUES (:theirs, 's') ON CONFLICT DO NOTHING;
-- A function that could look at rows sees none of them, whatever it costs.
CREATE FUNCTION pg_temp.spy(uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SELECT count(*) FROM alert_instances WHERE pg_temp.spy(tenant_id);
SELECT count(*) FROM realtime_tables;
-- Functions.
SELECT check_alert_cooldown(:theirs, 'r', 60);
SELECT try_start_alert_cooldown(:theirs, 'r', 60);
SELECT create_alert(:theirs, 'r', 'low', 'm');
SELECT silence_alerts(:theirs);
RESET ROLE;
SELECT id AS their_alert FROM alert_instances WHERE tenant_id = :theirs LIMIT 1 \gset
SELECT silence_id AS their_silence FROM alert_silences WHERE tenant_id = :theirs LIMIT 1 \gset
SET ROLE tenancy_member;
\set VERBOSITY sqlstate
SELECT acknowledge_alert(:'their_alert');
SELECT resolve_alert(:'their_alert');
\set VERBOSITY default
SELECT unsilence_alerts(:'their_silence');
SELECT claim_notifications();
SELECT realtime_run_pass();
SELECT * FROM purge_expired_data();
SELECT * FROM realtime_worker_status;
-- A viewer reads and writes nothing; an admin manages the tenant; a stranger and garbage for claims are nobody.
SET request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-0000000000cc"}';
SELECT relation, sees, inserts FROM pg_temp.rights(:ours, :theirs) WHERE relation IN ('alert_rules', 'realtime_connection_metrics', 'tenant_settings');
SET request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-0000000000dd"}';
SELECT relation, sees, updates, inserts FROM pg_temp.rights(:ours, :theirs) WHERE relation IN ('tenant_memberships', 'tenant_settings');
SELECT realtime_tenant_ids(), realtime_administered_tenant_ids();
SET request.jwt.claims = '{"sub": "nobody"}';
SELECT realtime_user_id() IS NULL, realtime_tenant_ids();
SET request.jwt.claims = 'garbage';
SELECT realtime_user_id() IS NULL, count(*) FROM alert_instances;
-- A connection that logged in as the gateway takes no slot for a caller who is nobody, and none is left to be taken.
RESET ROLE;
CREATE ROLE tenancy_gateway;
GRANT realtime_gateway, tenancy_member TO tenancy_gateway;
SET SESSION AUTHORIZATION tenancy_gateway;
SET ROLE tenancy_member;
SET request.jwt.claims = '{"role": "anon"}';
SELECT try_start_alert_cooldown(:ours, 'nobody', 60);
RESET SESSION AUTHORIZATION;
DROP OWNED BY tenancy_gateway; DROP ROLE tenancy_gateway;
SET ROLE tenancy_member;
SET request.jwt.claims = '';
SET request.jwt.claim.sub = 'b0000000-0000-4000-8000-0000000000aa';
SELECT realtime_tenant_ids();
RESET request.jwt.claim.sub;
SET ROLE tenancy_reader;
SET request.jwt.claims = '{"sub": "b0000000-0000-4000-8000-0000000000aa"}';
SELECT DISTINCT updates, deletes, inserts FROM pg_temp.rights(:ours, :theirs);
RESET ROLE;
RESET request.jwt.claims;
-- The policies ask for the caller's tenants once a statement.
SET ROLE tenancy_member;
SELECT count(*) FROM (SELECT 1 FROM alert_instances) x;
EXPLAIN (COSTS OFF) SELECT 1 FROM alert_instances;
RESET ROLE;
-- Nothing of it stays.
DELETE FROM how;
DO $$ DECLARE t record; BEGIN
  FOR t IN SELECT relation FROM tables JOIN pg_attribute a ON a.attrelid = oid AND a.attname = 'tenant_id' WHERE NOT relispartition LOOP EXECUTE format('DELETE FROM %I', t.relation); END LOOP;
END $$;
DROP OWNED BY tenancy_member, tenancy_reader; DROP ROLE tenancy_member, tenancy_reader;
