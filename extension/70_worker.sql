-- The worker, and what wakes it --------------------------------------------------------------------------------------------

CREATE TABLE @extschema@.realtime_worker_state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  generation bigint NOT NULL DEFAULT 0,
  last_pass_at timestamptz,
  last_check_at timestamptz,
  clock_offset bigint NOT NULL DEFAULT 0,
  largest_clock_offset bigint NOT NULL DEFAULT 0,
  purge_clock timestamptz
);
COMMENT ON TABLE @extschema@.realtime_worker_state IS 'One row: how often a pass stored something, so that a process notices when another one did.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.generation IS 'Rises with every pass that stores something.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.last_pass_at IS 'When a pass last stored something.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.last_check_at IS 'When everything was last checked.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.clock_offset IS 'By how many microseconds the time that alerts are judged by is ahead of the clock, because the clock was set back (negative: forward); 0 when it never was.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.largest_clock_offset IS 'The largest clock_offset that was ever stored: rows that are recent may show times of the clock that are so much earlier.';
COMMENT ON COLUMN @extschema@.realtime_worker_state.purge_clock IS 'The time as of which data was last purged.';
INSERT INTO @extschema@.realtime_worker_state DEFAULT VALUES;

-- A clock that is set forward makes everything look old, and what is purged does not come back when it is set right.
CREATE FUNCTION @extschema@.realtime_advance_purge_clock(seconds double precision) RETURNS timestamptz
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE @extschema@.realtime_worker_state
     SET purge_clock = least(now(), COALESCE(purge_clock, now()) + make_interval(secs => 2 * $1))
  RETURNING purge_clock
$$;
COMMENT ON FUNCTION @extschema@.realtime_advance_purge_clock(double precision) IS
  'Advances purge_clock, the time as of which the worker purges, by at most twice the seconds given, and never beyond now. The seconds are those of a steady clock.';
REVOKE ALL ON FUNCTION @extschema@.realtime_advance_purge_clock(double precision) FROM PUBLIC;

CREATE TABLE @extschema@.realtime_quarantine (
  tenant_id uuid NOT NULL,
  subscription_type text COLLATE "C" NOT NULL,
  error text NOT NULL,
  since timestamptz NOT NULL,
  tried_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subscription_type)
);
COMMENT ON TABLE @extschema@.realtime_quarantine IS
  'Subscriptions whose results the worker cannot store, for example because of a trigger or a CHECK of yours. They are not judged, all others are; each regular check tries again, and removes the row when it succeeds. Their reports are kept and count then.';
COMMENT ON COLUMN @extschema@.realtime_quarantine.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.realtime_quarantine.subscription_type IS 'Which subscription; * stands for the tenant as a whole.';
COMMENT ON COLUMN @extschema@.realtime_quarantine.error IS 'Why its results cannot be stored.';
COMMENT ON COLUMN @extschema@.realtime_quarantine.since IS 'When that was found.';
COMMENT ON COLUMN @extschema@.realtime_quarantine.tried_at IS 'When it was last tried.';

-- These run no SQL and look up no names, and are called for every row: a search_path of their own would cost more than they do.
CREATE FUNCTION @extschema@.realtime_complete_report() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'pg_realtime_report_trigger';
COMMENT ON FUNCTION @extschema@.realtime_complete_report() IS
  'Trigger of realtime_connection_metrics: computes connection_quality and health_score where they are not given, and tells the worker.';
CREATE FUNCTION @extschema@.realtime_complete_sample() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'pg_realtime_sample_trigger';
COMMENT ON FUNCTION @extschema@.realtime_complete_sample() IS 'Trigger of realtime_metric_samples: tells the worker.';
CREATE FUNCTION @extschema@.realtime_complete_health() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'pg_realtime_health_trigger';
COMMENT ON FUNCTION @extschema@.realtime_complete_health() IS
  'Trigger of realtime_health_status: computes health_score where it is not given, and tells the worker that a user wrote the values.';
CREATE FUNCTION @extschema@.realtime_note_configuration() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'pg_realtime_configuration_trigger';
COMMENT ON FUNCTION @extschema@.realtime_note_configuration() IS 'Trigger of rules, silences, settings and alerts: tells the worker whose were changed.';
REVOKE ALL ON FUNCTION @extschema@.realtime_complete_report() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_complete_sample() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_complete_health() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_note_configuration() FROM PUBLIC;

CREATE TRIGGER realtime_complete_report BEFORE INSERT OR UPDATE ON @extschema@.realtime_connection_metrics
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_complete_report();
CREATE TRIGGER realtime_complete_sample BEFORE INSERT OR UPDATE ON @extschema@.realtime_metric_samples
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_complete_sample();
CREATE TRIGGER realtime_complete_health BEFORE INSERT OR UPDATE ON @extschema@.realtime_health_status
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_complete_health();
CREATE TRIGGER realtime_note_configuration AFTER INSERT OR UPDATE OR DELETE ON @extschema@.alert_rules
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_note_configuration();
CREATE TRIGGER realtime_note_truncation AFTER TRUNCATE ON @extschema@.alert_rules
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.realtime_note_configuration();
CREATE TRIGGER realtime_note_configuration AFTER INSERT OR UPDATE OR DELETE ON @extschema@.alert_silences
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_note_configuration();
CREATE TRIGGER realtime_note_truncation AFTER TRUNCATE ON @extschema@.alert_silences
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.realtime_note_configuration();
CREATE TRIGGER realtime_note_configuration AFTER UPDATE OR DELETE ON @extschema@.alert_instances
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_note_configuration();
CREATE TRIGGER realtime_note_truncation AFTER TRUNCATE ON @extschema@.alert_instances
  FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.realtime_note_configuration();

CREATE FUNCTION @extschema@.realtime_run_pass() RETURNS void
LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_run_pass';
COMMENT ON FUNCTION @extschema@.realtime_run_pass() IS
  'Does at once what the worker does: reads new reports, judges health and all rules of all tenants, stores the results. For servers that do not preload the library, e.g. every few seconds from a job scheduler.';
REVOKE ALL ON FUNCTION @extschema@.realtime_run_pass() FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_worker_statistics(
  OUT database oid, OUT pid integer, OUT started_at timestamptz, OUT wake_ups bigint, OUT passes bigint, OUT checks bigint,
  OUT last_pass_at timestamptz, OUT last_check_at timestamptz, OUT last_pass_ms double precision, OUT gather_ms double precision,
  OUT evaluate_ms double precision, OUT store_ms double precision, OUT keys bigint, OUT reports bigint, OUT judged_together bigint, OUT ignored bigint, OUT rules_evaluated bigint,
  OUT transitions bigint, OUT dirty_keys integer, OUT overflows bigint, OUT errors bigint, OUT last_error text,
  OUT last_error_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_worker_statistics';
COMMENT ON FUNCTION @extschema@.realtime_worker_statistics() IS 'What view realtime_worker_status shows, for all databases of the server.';
REVOKE ALL ON FUNCTION @extschema@.realtime_worker_statistics() FROM PUBLIC;

CREATE VIEW @extschema@.realtime_worker_status AS
SELECT d.datname AS database, s.pid, COALESCE(a.state, 'stopped') AS state, s.started_at, s.wake_ups, s.passes, s.checks,
       s.last_pass_at, s.last_check_at, s.last_pass_ms, s.gather_ms, s.evaluate_ms, s.store_ms, s.keys, s.reports, s.judged_together, s.ignored,
       s.rules_evaluated, s.transitions, s.dirty_keys, s.overflows, s.errors, s.last_error, s.last_error_at
  FROM @extschema@.realtime_worker_statistics() s
  JOIN pg_catalog.pg_database d ON d.oid = s.database
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid;
COMMENT ON VIEW @extschema@.realtime_worker_status IS 'The workers of this server: what they did since they started, and their last error. Empty when the library is not preloaded.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.database IS 'Database whose metrics the worker judges.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.pid IS 'Process id; NULL while no worker runs.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.state IS 'State as in pg_stat_activity; stopped while no worker runs.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.started_at IS 'When the worker started.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.wake_ups IS 'How often it woke up.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.passes IS 'How often it looked for something to judge.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.checks IS 'How many of the passes were regular checks of everything.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.last_pass_at IS 'End of the last pass.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.last_check_at IS 'End of the last regular check.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.last_pass_ms IS 'How long the last pass took, in milliseconds.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.gather_ms IS 'Time spent reading reports and rules, over all passes, in milliseconds.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.evaluate_ms IS 'Time spent judging, over all passes, in milliseconds.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.store_ms IS 'Time spent storing results, over all passes, in milliseconds.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.keys IS 'Subscriptions looked at, over all passes.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.reports IS 'Reports and samples read, over all passes.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.judged_together IS 'Of them, those that were read in one pass with a later one of the same subscription: rules judge what all of them amount to.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.ignored IS 'Stored and not judged: reports, samples and subscriptions beyond pg_realtime.max_subscription_types, max_connections or max_metrics, and what was made more than 12 hours before it came. Also alerts that do not open because their tenant has 10000, each time they are looked at.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.rules_evaluated IS 'Rule instances judged, over all passes.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.transitions IS 'Alerts that opened, escalated or ended, over all passes.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.dirty_keys IS 'Subscriptions that wait to be looked at now, and tenants of which more wait than is remembered by name.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.overflows IS 'How often more subscriptions of a tenant waited than its share of pg_realtime.dirty_keys; then all of that tenant were looked at.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.errors IS 'Passes that failed; the worker tries again.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.last_error IS 'Message of the last error.';
COMMENT ON COLUMN @extschema@.realtime_worker_status.last_error_at IS 'Time of the last error.';
REVOKE ALL ON @extschema@.realtime_worker_status FROM PUBLIC;

-- For health_check(): tells a member what concerns everybody alike, and nothing of what other tenants do.
CREATE FUNCTION @extschema@.realtime_worker_alive(OUT running boolean, OUT last_check_at timestamptz) RETURNS record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = current_database() AND a.backend_type = 'pg_realtime worker'),
         (SELECT w.last_check_at FROM @extschema@.realtime_worker_state w)
$$;
COMMENT ON FUNCTION @extschema@.realtime_worker_alive() IS 'Whether a worker runs in this database, and when everything was last checked.';
REVOKE ALL ON FUNCTION @extschema@.realtime_worker_alive() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_worker_alive() TO realtime_reader;

CREATE FUNCTION @extschema@.realtime_wake_launcher() RETURNS boolean
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_wake_launcher';
COMMENT ON FUNCTION @extschema@.realtime_wake_launcher() IS
  'Makes the launcher look at this database when the transaction commits; false when the library is not preloaded.';
REVOKE ALL ON FUNCTION @extschema@.realtime_wake_launcher() FROM PUBLIC;
SELECT @extschema@.realtime_wake_launcher();
