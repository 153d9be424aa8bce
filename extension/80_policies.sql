-- Who sees and writes what ----------------------------------------------------------------------------------------------------
--
-- Row-level security is forced on every table, so that it holds for their owner, too. A policy asks for the tenants of the caller
-- once a statement (the sub-select makes an InitPlan of it).

DO $$
DECLARE
  own record;
  readable text := 'tenant_id = ANY ((SELECT @extschema@.realtime_tenant_ids())::uuid[])';
  writable text := 'tenant_id = ANY ((SELECT @extschema@.realtime_writable_tenant_ids())::uuid[])';
  administered text := 'tenant_id = ANY ((SELECT @extschema@.realtime_administered_tenant_ids())::uuid[])';
  writer text;
BEGIN
  FOR own IN
    -- writes: whom the policies let write; the worker, a superuser's process, is not bound by them
    SELECT * FROM (VALUES
      ('tenant_memberships', 'administrators'), ('tenant_settings', 'administrators'),
      ('realtime_connection_metrics', 'members'), ('realtime_metric_samples', 'members'), ('realtime_health_status', 'members'),
      ('realtime_subscription_events', 'members'), ('batch_processing_logs', 'members'), ('realtime_batches', 'members'), ('realtime_subscriptions', 'members'),
      ('alert_instances', 'members'), ('alert_silences', 'members'), ('alert_cooldowns', 'members'),
      ('alert_rules', 'members'), ('notification_preferences', 'user'),
      ('realtime_connections', 'nobody'), ('realtime_metric_rollups', 'nobody'), ('realtime_sample_rollups', 'nobody'),
      ('alert_states', 'nobody'), ('realtime_quarantine', 'nobody'), ('notification_history', 'nobody'), ('notification_outbox', 'nobody'),
      ('realtime_ingest_positions', 'hidden'), ('realtime_worker_state', 'hidden')) t(name, writes)
  LOOP
    EXECUTE format('ALTER TABLE @extschema@.%I ENABLE ROW LEVEL SECURITY', own.name);
    EXECUTE format('ALTER TABLE @extschema@.%I FORCE ROW LEVEL SECURITY', own.name);
    -- Beside a publication of all tables, UPDATE and DELETE need one.
    IF NOT @extschema@.realtime_identity_has_column(format('@extschema@.%I', own.name)::regclass, NULL::name) THEN
      EXECUTE format('ALTER TABLE @extschema@.%I REPLICA IDENTITY FULL', own.name);
    END IF;
    CONTINUE WHEN own.writes = 'hidden';
    IF own.name = 'alert_rules' THEN
      EXECUTE format('CREATE POLICY tenant_reads ON @extschema@.alert_rules FOR SELECT USING (tenant_id IS NULL OR %s)', readable);
    ELSIF own.writes = 'user' OR own.name IN ('notification_history', 'notification_outbox') THEN
      EXECUTE format('CREATE POLICY tenant_reads ON @extschema@.%I FOR SELECT USING (%s AND user_id = (SELECT @extschema@.realtime_user_id()))', own.name, readable);
    ELSE
      EXECUTE format('CREATE POLICY tenant_reads ON @extschema@.%I FOR SELECT USING (%s)', own.name, readable);
    END IF;
    EXECUTE format('GRANT SELECT ON @extschema@.%I TO realtime_reader', own.name);
    EXECUTE format('COMMENT ON POLICY tenant_reads ON @extschema@.%I IS ''Members of a tenant read its rows.''', own.name);
    CONTINUE WHEN own.writes = 'nobody';
    writer := CASE own.writes WHEN 'administrators' THEN administered
                              WHEN 'user' THEN readable || ' AND user_id = (SELECT @extschema@.realtime_user_id())'
                              ELSE writable END;
    EXECUTE format('CREATE POLICY tenant_inserts ON @extschema@.%I FOR INSERT WITH CHECK (%s)', own.name, writer);
    EXECUTE format('CREATE POLICY tenant_updates ON @extschema@.%I FOR UPDATE USING (%s) WITH CHECK (%s)', own.name, writer, writer);
    EXECUTE format('CREATE POLICY tenant_deletes ON @extschema@.%I FOR DELETE USING (%s)', own.name, writer);
    EXECUTE format('COMMENT ON POLICY tenant_inserts ON @extschema@.%I IS ''Who may write rows of a tenant, and only of it.''', own.name);
    EXECUTE format('COMMENT ON POLICY tenant_updates ON @extschema@.%I IS ''Who may write rows of a tenant, and only of it.''', own.name);
    EXECUTE format('COMMENT ON POLICY tenant_deletes ON @extschema@.%I IS ''Who may write rows of a tenant, and only of it.''', own.name);
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON @extschema@.%I TO realtime_writer', own.name);
  END LOOP;
END
$$;

-- The gateway reads memberships of everybody, because it decides for everybody who may see what, and the worker's figures.
CREATE POLICY gateway_reads ON @extschema@.tenant_memberships FOR SELECT TO realtime_gateway USING (true);
COMMENT ON POLICY gateway_reads ON @extschema@.tenant_memberships IS 'The gateway resolves the tenants of its callers.';
GRANT SELECT ON @extschema@.tenant_memberships TO realtime_gateway;
-- It reports the connections that it serves. The trigger that completes a report works with these rights, too.
CREATE POLICY gateway_reports ON @extschema@.realtime_connection_metrics FOR INSERT TO realtime_gateway WITH CHECK (true);
COMMENT ON POLICY gateway_reports ON @extschema@.realtime_connection_metrics IS 'The gateway reports connections of all tenants.';
GRANT INSERT ON @extschema@.realtime_connection_metrics TO realtime_gateway;
GRANT SELECT ON @extschema@.realtime_worker_status TO realtime_gateway, pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_worker_statistics() TO realtime_gateway, pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_run_pass() TO realtime_gateway;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_check_setup() TO pg_monitor;
GRANT USAGE ON SCHEMA @extschema@ TO realtime_reader, realtime_writer, realtime_gateway;
