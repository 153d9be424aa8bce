-- Rules and alerts ---------------------------------------------------------------------------------------------------------

CREATE TYPE @extschema@.alert_severity AS ENUM ('info', 'low', 'medium', 'high', 'critical');
COMMENT ON TYPE @extschema@.alert_severity IS 'How bad it is, least first.';
CREATE TYPE @extschema@.alert_status AS ENUM ('firing', 'acknowledged', 'resolved');
COMMENT ON TYPE @extschema@.alert_status IS 'firing; acknowledged: firing, and a user works on it; resolved: over.';
CREATE TYPE @extschema@.alert_state AS ENUM ('inactive', 'pending', 'firing', 'recovering', 'no_data', 'error');
COMMENT ON TYPE @extschema@.alert_state IS 'Where a rule stands for one subscription: pending waits for for_seconds, recovering for keep_firing_seconds; no_data and error are states of their own.';

CREATE TABLE @extschema@.alert_rules (
  tenant_id uuid,
  rule_id text COLLATE "C" NOT NULL DEFAULT pg_catalog.gen_random_uuid()::text CHECK (octet_length(rule_id) BETWEEN 1 AND 255 AND rule_id !~ E'\\n'),
  name text NOT NULL DEFAULT '' CHECK (length(name) <= 255),
  description text CHECK (length(description) <= 4096),
  subscription_type text COLLATE "C" CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  metric text COLLATE "C" NOT NULL CHECK (metric ~ '^[a-z][a-z0-9_]{0,62}$'),
  aggregation text NOT NULL DEFAULT 'default' CHECK (aggregation IN ('default', 'avg', 'min', 'max', 'sum', 'count', 'rate', 'p50', 'p90', 'p95', 'p99', 'last')),
  operator text NOT NULL DEFAULT '>' CHECK (operator IN ('>', '>=', '<', '<=', '=', '!=', 'between', 'outside')),
  threshold_value double precision NOT NULL CHECK (threshold_value > '-infinity' AND threshold_value < 'infinity'),
  threshold_upper double precision CHECK (threshold_upper > '-infinity' AND threshold_upper < 'infinity'),
  clear_threshold double precision CHECK (clear_threshold > '-infinity' AND clear_threshold < 'infinity'),
  window_seconds integer NOT NULL DEFAULT 60 CHECK (window_seconds BETWEEN 10 AND 2592000),
  conditions jsonb CHECK (octet_length(conditions::text) <= 16384),
  for_seconds integer NOT NULL DEFAULT 0 CHECK (for_seconds BETWEEN 0 AND 31536000),
  keep_firing_seconds integer NOT NULL DEFAULT 0 CHECK (keep_firing_seconds BETWEEN 0 AND 31536000),
  severity @extschema@.alert_severity NOT NULL DEFAULT 'medium',
  cooldown_minutes integer NOT NULL DEFAULT 15 CHECK (cooldown_minutes BETWEEN 0 AND 525600),
  no_data_action text NOT NULL DEFAULT 'keep' CHECK (no_data_action IN ('ok', 'alert', 'keep')),
  no_data_for_seconds integer NOT NULL DEFAULT 300 CHECK (no_data_for_seconds BETWEEN 0 AND 31536000),
  error_action text NOT NULL DEFAULT 'keep' CHECK (error_action IN ('ok', 'alert', 'keep')),
  flap_detection boolean NOT NULL DEFAULT true,
  escalate_after_minutes integer CHECK (escalate_after_minutes BETWEEN 1 AND 525600),
  escalate_severity @extschema@.alert_severity,
  group_name text CHECK (octet_length(group_name) <= 255),
  inhibited_by text[] NOT NULL DEFAULT '{}' CHECK (cardinality(inhibited_by) <= 32 AND octet_length(inhibited_by::text) <= 8192),
  message_template text CHECK (octet_length(message_template) <= 4096),
  labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object' AND octet_length(labels::text) <= 8192),
  enabled boolean NOT NULL DEFAULT true,
  last_error text,
  last_error_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE NULLS NOT DISTINCT (tenant_id, rule_id)
);
COMMENT ON TABLE @extschema@.alert_rules IS
  'What makes an alert. Rules are checked when they are written.';
COMMENT ON COLUMN @extschema@.alert_rules.tenant_id IS 'Whose rule it is; NULL: a global one, for every tenant that has no rule of the same rule_id.';
COMMENT ON COLUMN @extschema@.alert_rules.rule_id IS 'Name of the rule within the tenant.';
COMMENT ON COLUMN @extschema@.alert_rules.name IS 'What people call it; up to 255 characters.';
COMMENT ON COLUMN @extschema@.alert_rules.description IS 'What it is for; up to 4096 characters.';
COMMENT ON COLUMN @extschema@.alert_rules.subscription_type IS 'Which subscription it judges; NULL: each by itself; *: the tenant as a whole.';
COMMENT ON COLUMN @extschema@.alert_rules.metric IS 'Metric it looks at: error_rate, success_rate, avg_latency_ms, p50_latency_ms, p95_latency_ms, p99_latency_ms, health_score, active_connections, stale_connections, retry_rate, messages_per_second, bytes_per_second, cpu_usage, memory_usage, batch_failure_rate, replication_lag_bytes, or a user-defined one of realtime_metric_samples.';
COMMENT ON COLUMN @extschema@.alert_rules.aggregation IS 'How the window becomes one number; default is what suits the metric. last is the value of the latest bucket of the window that has one: see realtime_metrics() and the documentation of rules.';
COMMENT ON COLUMN @extschema@.alert_rules.operator IS 'How the number is compared with threshold_value.';
COMMENT ON COLUMN @extschema@.alert_rules.threshold_value IS 'The threshold.';
COMMENT ON COLUMN @extschema@.alert_rules.threshold_upper IS 'Upper bound, for between and outside.';
COMMENT ON COLUMN @extschema@.alert_rules.clear_threshold IS 'A firing alert ends only beyond this one (hysteresis); NULL: threshold_value.';
COMMENT ON COLUMN @extschema@.alert_rules.window_seconds IS 'Length of the window in seconds, in steps of 10 s (longer ones of 1 min and 1 h).';
COMMENT ON COLUMN @extschema@.alert_rules.conditions IS 'More conditions that must hold, too: {"all": [...]}, {"any": [...]}, {"not": ...}, {"metric", "aggregation", "operator", "threshold", "upper", "window_seconds"}, or {"burn_rate": {...}}. Up to 64 nodes and 16384 bytes.';
COMMENT ON COLUMN @extschema@.alert_rules.for_seconds IS 'How long it must be breached before it fires.';
COMMENT ON COLUMN @extschema@.alert_rules.keep_firing_seconds IS 'How long it must be clear before it ends.';
COMMENT ON COLUMN @extschema@.alert_rules.severity IS 'Severity of its alerts.';
COMMENT ON COLUMN @extschema@.alert_rules.cooldown_minutes IS 'For so long after a notification further firings of the rule for the same subscription are not notified: each tenant and subscription cools down by itself. A higher severity and the end of an alert are notified.';
COMMENT ON COLUMN @extschema@.alert_rules.no_data_action IS 'What missing data means.';
COMMENT ON COLUMN @extschema@.alert_rules.no_data_for_seconds IS 'How long data must be missing before it means that.';
COMMENT ON COLUMN @extschema@.alert_rules.error_action IS 'What a value that cannot be computed means, after for_seconds.';
COMMENT ON COLUMN @extschema@.alert_rules.flap_detection IS 'Whether notifications are muted while the alert comes and goes all the time.';
COMMENT ON COLUMN @extschema@.alert_rules.escalate_after_minutes IS 'After so long without acknowledgement the severity rises.';
COMMENT ON COLUMN @extschema@.alert_rules.escalate_severity IS 'To which severity; NULL: critical.';
COMMENT ON COLUMN @extschema@.alert_rules.group_name IS 'Alerts of one group and tenant share notifications.';
COMMENT ON COLUMN @extschema@.alert_rules.inhibited_by IS 'Rules whose alerts, of the same subscription or of the tenant as a whole, mute the notifications of this one. Of rules that name each other in a circle one link does not count. Up to 32 names and 8192 bytes.';
COMMENT ON COLUMN @extschema@.alert_rules.message_template IS 'Text of its alerts, with {{name}} for tenant_id, rule_id, rule_name, subscription_type, severity, status, metric, value, threshold, upper, operator, window_seconds, triggered_at, correlation_id; up to 4096 bytes. NULL: a default one.';
COMMENT ON COLUMN @extschema@.alert_rules.labels IS 'Copied to its alerts; up to 8192 bytes.';
COMMENT ON COLUMN @extschema@.alert_rules.enabled IS 'Whether it is judged. A disabled rule of a tenant still hides the global one of the same rule_id.';
COMMENT ON COLUMN @extschema@.alert_rules.last_error IS 'Why the worker cannot evaluate it; NULL: it can.';
COMMENT ON COLUMN @extschema@.alert_rules.last_error_at IS 'When that was found.';
COMMENT ON COLUMN @extschema@.alert_rules.created_at IS 'When it was made.';
COMMENT ON COLUMN @extschema@.alert_rules.updated_at IS 'When it was last changed.';

CREATE TABLE @extschema@.alert_instances (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  rule_id text COLLATE "C" NOT NULL CHECK (octet_length(rule_id) BETWEEN 1 AND 255),
  subscription_type text COLLATE "C" CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  severity @extschema@.alert_severity NOT NULL DEFAULT 'medium',
  status @extschema@.alert_status NOT NULL DEFAULT 'firing',
  kind text NOT NULL DEFAULT 'manual' CHECK (kind IN ('threshold', 'no_data', 'error', 'manual')),
  message text NOT NULL DEFAULT '' CHECK (length(message) <= 8192),
  metric_value double precision,
  threshold_value double precision,
  correlation_id text NOT NULL DEFAULT pg_catalog.gen_random_uuid()::text CHECK (octet_length(correlation_id) <= 255),
  triggered_at timestamptz NOT NULL DEFAULT now(),
  acknowledged_at timestamptz,
  acknowledged_by uuid,
  acknowledgement_note text CHECK (length(acknowledgement_note) <= 4096),
  resolved_at timestamptz,
  resolved_by uuid,
  resolution text CHECK (length(resolution) <= 4096),
  escalated_at timestamptz,
  notified_at timestamptz,
  group_name text CHECK (octet_length(group_name) <= 255),
  labels jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(labels::text) <= 8192),
  PRIMARY KEY (tenant_id, id)
);
COMMENT ON TABLE @extschema@.alert_instances IS
  'Alerts: one row from its beginning to its end.';
COMMENT ON COLUMN @extschema@.alert_instances.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.alert_instances.id IS 'The alert.';
COMMENT ON COLUMN @extschema@.alert_instances.rule_id IS 'The rule that made it, or what its creator calls it.';
COMMENT ON COLUMN @extschema@.alert_instances.subscription_type IS 'The subscription it is about; * or NULL: the tenant as a whole.';
COMMENT ON COLUMN @extschema@.alert_instances.severity IS 'Severity; rises when it escalates.';
COMMENT ON COLUMN @extschema@.alert_instances.status IS 'Where it stands.';
COMMENT ON COLUMN @extschema@.alert_instances.kind IS 'Why it fires: a threshold, missing data, an error of the rule, or somebody made it by hand.';
COMMENT ON COLUMN @extschema@.alert_instances.message IS 'What people read.';
COMMENT ON COLUMN @extschema@.alert_instances.metric_value IS 'Value when it fired.';
COMMENT ON COLUMN @extschema@.alert_instances.threshold_value IS 'Threshold that it broke.';
COMMENT ON COLUMN @extschema@.alert_instances.correlation_id IS 'Ties together what belongs to one incident.';
COMMENT ON COLUMN @extschema@.alert_instances.triggered_at IS 'When it fired.';
COMMENT ON COLUMN @extschema@.alert_instances.acknowledged_at IS 'When somebody took care of it.';
COMMENT ON COLUMN @extschema@.alert_instances.acknowledged_by IS 'Who.';
COMMENT ON COLUMN @extschema@.alert_instances.acknowledgement_note IS 'What they said; up to 4096 characters.';
COMMENT ON COLUMN @extschema@.alert_instances.resolved_at IS 'When it ended.';
COMMENT ON COLUMN @extschema@.alert_instances.resolved_by IS 'Who ended it by hand.';
COMMENT ON COLUMN @extschema@.alert_instances.resolution IS 'Why it ended: recovered, no data, rule removed, or what was said.';
COMMENT ON COLUMN @extschema@.alert_instances.escalated_at IS 'When its severity rose.';
COMMENT ON COLUMN @extschema@.alert_instances.notified_at IS 'When its first notification was put into the outbox; NULL: muted so far.';
COMMENT ON COLUMN @extschema@.alert_instances.group_name IS 'Group of the rule.';
COMMENT ON COLUMN @extschema@.alert_instances.labels IS 'Labels of the rule.';
CREATE INDEX alert_instances_rule ON @extschema@.alert_instances (tenant_id, rule_id, triggered_at);
CREATE INDEX alert_instances_time ON @extschema@.alert_instances (tenant_id, triggered_at);
CREATE INDEX alert_instances_open ON @extschema@.alert_instances (tenant_id, rule_id) WHERE status <> 'resolved';

CREATE TABLE @extschema@.alert_states (
  tenant_id uuid NOT NULL,
  rule_id text COLLATE "C" NOT NULL,
  subscription_type text COLLATE "C" NOT NULL CHECK (octet_length(subscription_type) BETWEEN 1 AND 255),
  state @extschema@.alert_state NOT NULL,
  alert_id uuid,
  severity @extschema@.alert_severity,
  since timestamptz NOT NULL,
  breach_since timestamptz,
  clear_since timestamptz,
  no_data_since timestamptz,
  error_since timestamptz,
  last_value double precision,
  last_notified_at timestamptz,
  last_notified_severity @extschema@.alert_severity,
  firing_notified boolean NOT NULL DEFAULT false,
  resolve_owed_alert_id uuid,
  flaps timestamptz[] NOT NULL DEFAULT '{}',
  fired_at timestamptz,
  clock_offset bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, rule_id, subscription_type)
) WITH (fillfactor = 60);
COMMENT ON TABLE @extschema@.alert_states IS
  'Memory of the state machine: one row for each rule and subscription of which something has to be remembered. Written by the worker.';
COMMENT ON COLUMN @extschema@.alert_states.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.alert_states.rule_id IS 'The rule.';
COMMENT ON COLUMN @extschema@.alert_states.subscription_type IS 'What it is about; * stands for the tenant as a whole.';
COMMENT ON COLUMN @extschema@.alert_states.state IS 'Where it stands.';
COMMENT ON COLUMN @extschema@.alert_states.alert_id IS 'The alert that is open.';
COMMENT ON COLUMN @extschema@.alert_states.severity IS 'Severity of the open alert.';
COMMENT ON COLUMN @extschema@.alert_states.since IS 'Begin of the state.';
COMMENT ON COLUMN @extschema@.alert_states.breach_since IS 'Begin of the breach.';
COMMENT ON COLUMN @extschema@.alert_states.clear_since IS 'Since when it is clear.';
COMMENT ON COLUMN @extschema@.alert_states.no_data_since IS 'Since when data is missing.';
COMMENT ON COLUMN @extschema@.alert_states.error_since IS 'Since when the value cannot be computed.';
COMMENT ON COLUMN @extschema@.alert_states.last_value IS 'Value when the state last changed.';
COMMENT ON COLUMN @extschema@.alert_states.last_notified_at IS 'Last notification, for the cooldown.';
COMMENT ON COLUMN @extschema@.alert_states.last_notified_severity IS 'Severity that was last told.';
COMMENT ON COLUMN @extschema@.alert_states.firing_notified IS 'Whether the open alert was notified: then its end will be, too.';
COMMENT ON COLUMN @extschema@.alert_states.resolve_owed_alert_id IS 'An earlier alert whose end was muted and is still to be told.';
COMMENT ON COLUMN @extschema@.alert_states.flaps IS 'Recent changes, to find out whether it flaps.';
COMMENT ON COLUMN @extschema@.alert_states.fired_at IS 'When the open alert fired.';
COMMENT ON COLUMN @extschema@.alert_states.clock_offset IS 'As in realtime_worker_state, when the row was written.';

CREATE TABLE @extschema@.alert_cooldowns (
  tenant_id uuid NOT NULL,
  rule_id text COLLATE "C" NOT NULL,
  started_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, rule_id)
) WITH (fillfactor = 60);
COMMENT ON TABLE @extschema@.alert_cooldowns IS
  'Slots taken with try_start_alert_cooldown().';
COMMENT ON COLUMN @extschema@.alert_cooldowns.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.alert_cooldowns.rule_id IS 'What the slot is for.';
COMMENT ON COLUMN @extschema@.alert_cooldowns.started_at IS 'When it was last taken.';

CREATE TABLE @extschema@.alert_silences (
  tenant_id uuid NOT NULL,
  silence_id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  rule_id text COLLATE "C" CHECK (octet_length(rule_id) <= 255),
  subscription_type text COLLATE "C" CHECK (octet_length(subscription_type) <= 255),
  starts_at timestamptz NOT NULL DEFAULT now(),
  ends_at timestamptz NOT NULL,
  reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 4096),
  weekdays smallint[] CHECK (weekdays <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[] AND cardinality(weekdays) <= 7),
  window_start time,
  window_end time,
  time_zone text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) <= 255),
  created_by uuid DEFAULT @extschema@.realtime_user_id(),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, silence_id),
  CHECK (ends_at > starts_at),
  CHECK ((window_start IS NULL) = (window_end IS NULL))
);
COMMENT ON TABLE @extschema@.alert_silences IS
  'Times in which alerts are not notified. Their state goes on. Up to 1000 of a tenant that have not ended.';
COMMENT ON COLUMN @extschema@.alert_silences.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.alert_silences.silence_id IS 'The silence.';
COMMENT ON COLUMN @extschema@.alert_silences.rule_id IS 'Which rule; NULL: all.';
COMMENT ON COLUMN @extschema@.alert_silences.subscription_type IS 'Which subscription; NULL: all.';
COMMENT ON COLUMN @extschema@.alert_silences.starts_at IS 'Begin.';
COMMENT ON COLUMN @extschema@.alert_silences.ends_at IS 'End.';
COMMENT ON COLUMN @extschema@.alert_silences.reason IS 'Why; up to 4096 characters.';
COMMENT ON COLUMN @extschema@.alert_silences.weekdays IS 'Recurring maintenance windows: on which days (1 is Monday); NULL: every day.';
COMMENT ON COLUMN @extschema@.alert_silences.window_start IS 'Recurring maintenance windows: begin of the days window; NULL: the whole day.';
COMMENT ON COLUMN @extschema@.alert_silences.window_end IS 'End of the window; before window_start: on the next day.';
COMMENT ON COLUMN @extschema@.alert_silences.time_zone IS 'Time zone of weekdays and window.';
COMMENT ON COLUMN @extschema@.alert_silences.created_by IS 'Who made it.';
COMMENT ON COLUMN @extschema@.alert_silences.created_at IS 'When.';

CREATE FUNCTION @extschema@.realtime_silence_active(silence @extschema@.alert_silences, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  -- A window over midnight belongs to the day on which it begins.
  SELECT silence.starts_at <= at AND at < silence.ends_at AND
         CASE WHEN silence.window_start IS NULL
              THEN silence.weekdays IS NULL OR extract(isodow FROM local.t)::smallint = ANY (silence.weekdays)
              WHEN silence.window_start <= silence.window_end
              THEN (silence.weekdays IS NULL OR extract(isodow FROM local.t)::smallint = ANY (silence.weekdays))
                   AND local.t::time >= silence.window_start AND local.t::time < silence.window_end
              ELSE (silence.weekdays IS NULL OR extract(isodow FROM local.t)::smallint = ANY (silence.weekdays))
                   AND local.t::time >= silence.window_start
                OR (silence.weekdays IS NULL OR extract(isodow FROM local.t - interval '1 day')::smallint = ANY (silence.weekdays))
                   AND local.t::time < silence.window_end
         END
    FROM (SELECT at AT TIME ZONE silence.time_zone AS t) local
$$;
COMMENT ON FUNCTION @extschema@.realtime_silence_active(@extschema@.alert_silences, timestamptz) IS 'Whether a silence mutes at that time.';
REVOKE ALL ON FUNCTION @extschema@.realtime_silence_active(@extschema@.alert_silences, timestamptz) FROM PUBLIC;

-- For the worker: a time zone that a newer system does not know any more must not end a pass.
CREATE FUNCTION @extschema@.realtime_silence_mutes(silence @extschema@.alert_silences, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN @extschema@.realtime_silence_active(silence, at);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_silence_mutes(@extschema@.alert_silences, timestamptz) IS
  'Whether a silence mutes at that time; NULL when its time zone is not known any more.';
REVOKE ALL ON FUNCTION @extschema@.realtime_silence_mutes(@extschema@.alert_silences, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_check_time_zone_of_row() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM now() AT TIME ZONE NEW.time_zone;
  -- A process remembers each zone that it has met, and with an offset in its name there are millions: only those of the list.
  IF NEW.time_zone ~ '[0-9]' AND NOT EXISTS (SELECT 1 FROM pg_timezone_names z WHERE lower(z.name) = lower(NEW.time_zone)) THEN
    RAISE invalid_parameter_value;
  END IF;
  RETURN NEW;
EXCEPTION WHEN invalid_parameter_value THEN
  RAISE EXCEPTION 'time zone "%" is not known', NEW.time_zone
    USING ERRCODE = 'invalid_parameter_value', HINT = 'View pg_timezone_names lists them.';
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_check_time_zone_of_row() IS 'Trigger: refuses unknown time zones.';
REVOKE ALL ON FUNCTION @extschema@.realtime_check_time_zone_of_row() FROM PUBLIC;
CREATE TRIGGER realtime_check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON @extschema@.alert_silences
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_check_time_zone_of_row();
CREATE TRIGGER realtime_check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON @extschema@.tenant_settings
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_check_time_zone_of_row();

CREATE FUNCTION @extschema@.realtime_check_alert_silence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  most constant integer := 1000;
BEGIN
  -- Values of other tables might be of types whose casts and operators are a user's code.
  IF TG_RELID <> '@extschema@.alert_silences'::regclass THEN
    RAISE EXCEPTION 'function "realtime_check_alert_silence" belongs to table alert_silences only' USING ERRCODE = 'trigger_protocol_violated';
  END IF;
  -- The worker asks each of them for each alert.
  IF NEW.ends_at > now()
     AND (SELECT count(*) FROM (SELECT 1 FROM @extschema@.alert_silences s
                                 WHERE s.tenant_id = NEW.tenant_id AND s.ends_at > now() AND s.silence_id <> NEW.silence_id LIMIT most) s) >= most
     AND NOT @extschema@.realtime_session_acts_for(NULL::uuid) THEN
    RAISE EXCEPTION 'tenant has % silences already', most
      USING ERRCODE = 'program_limit_exceeded', HINT = 'End some of them, or delete what has not begun.';
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_check_alert_silence() IS 'Trigger of alert_silences: refuses more silences than a tenant may have.';
REVOKE ALL ON FUNCTION @extschema@.realtime_check_alert_silence() FROM PUBLIC;
CREATE TRIGGER realtime_check_alert_silence BEFORE INSERT OR UPDATE OF tenant_id, ends_at ON @extschema@.alert_silences
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_check_alert_silence();

CREATE FUNCTION @extschema@.realtime_check_alert_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  operators constant text[] := ARRAY['>', '>=', '<', '<=', '=', '!=', 'between', 'outside'];
  is_restored boolean;
  all_aggregations constant text[] := ARRAY['default', 'avg', 'min', 'max', 'sum', 'count', 'rate', 'p50', 'p90', 'p95', 'p99', 'last'];
  most integer;
BEGIN
  -- Values of other tables might be of types whose casts and operators are a user's code.
  IF TG_RELID <> '@extschema@.alert_rules'::regclass THEN
    RAISE EXCEPTION 'function "realtime_check_alert_rule" belongs to table alert_rules only' USING ERRCODE = 'trigger_protocol_violated';
  END IF;
  -- The worker marks a rule that it cannot evaluate, which would not be possible if it had to be right for that.
  IF @extschema@.realtime_pass_is_writing() THEN
    RETURN NEW;
  END IF;
  is_restored := TG_OP = 'INSERT' AND NEW.created_at < now() - interval '1 minute';
  -- Only what is written now: an older rule can still be switched off.
  IF TG_OP = 'INSERT' OR (NEW.metric, NEW.aggregation, NEW.operator, NEW.conditions) IS DISTINCT FROM (OLD.metric, OLD.aggregation, OLD.operator, OLD.conditions) THEN
    IF NEW.operator <> ALL (operators) THEN
      RAISE EXCEPTION 'operator "%" does not exist', left(NEW.operator, 100)
        USING ERRCODE = 'invalid_parameter_value',
              HINT = COALESCE('Perhaps you meant "' || CASE NEW.operator WHEN '=>' THEN '>=' WHEN '=<' THEN '<=' WHEN '<>' THEN '!=' WHEN '==' THEN '='
                                ELSE CASE WHEN NEW.operator ~ '[a-z]' THEN @extschema@.realtime_nearest_name(NEW.operator, operators) END END || '".',
                              format('Valid is: %s.', array_to_string(operators, ', ')));
    END IF;
    IF NEW.aggregation <> ALL (all_aggregations) THEN
      RAISE EXCEPTION 'aggregation "%" does not exist', left(NEW.aggregation, 100)
        USING ERRCODE = 'invalid_parameter_value',
              HINT = COALESCE('Perhaps you meant "' || @extschema@.realtime_nearest_name(NEW.aggregation, all_aggregations) || '".',
                              format('Valid is: %s.', array_to_string(all_aggregations, ', ')));
    END IF;
    IF NEW.metric ~ '^[a-z][a-z0-9_]{0,62}$' THEN -- the CHECK refuses others
      PERFORM @extschema@.realtime_check_signal(NEW.tenant_id, NEW.metric, NEW.aggregation, is_restored);
    END IF;
    IF NEW.conditions IS NOT NULL THEN
      PERFORM @extschema@.realtime_check_signal(NEW.tenant_id, c.metric, c.aggregation, is_restored)
         FROM @extschema@.realtime_alert_conditions(NEW.conditions) c WHERE c.kind = 'leaf';
    END IF;
  END IF;
  IF NEW.operator IN ('between', 'outside') THEN
    IF NEW.threshold_upper IS NULL OR NEW.threshold_upper <= NEW.threshold_value THEN
      RAISE EXCEPTION 'operator "%" needs a threshold_upper above threshold_value %', NEW.operator, NEW.threshold_value
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
  ELSIF NEW.threshold_upper IS NOT NULL THEN
    RAISE EXCEPTION 'operator "%" has no threshold_upper', NEW.operator
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Only between and outside have one.';
  END IF;
  IF NEW.operator IN ('>', '>=') AND NEW.clear_threshold > NEW.threshold_value
     OR NEW.operator IN ('<', '<=') AND NEW.clear_threshold < NEW.threshold_value THEN
    RAISE EXCEPTION 'clear_threshold % lies on the wrong side of threshold_value %', NEW.clear_threshold, NEW.threshold_value
      USING ERRCODE = 'invalid_parameter_value', HINT = 'An alert ends when the value is beyond clear_threshold on the good side.';
  END IF;
  IF NEW.operator IN ('=', '!=') AND NEW.clear_threshold IS NOT NULL THEN
    RAISE EXCEPTION 'operator "%" has no clear_threshold', NEW.operator USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(NEW.inhibited_by) i WHERE i IS NULL OR i = '' OR length(i) > 255 OR i ~ E'\\n') THEN
    RAISE EXCEPTION 'inhibited_by must name rules, each with 1 to 255 characters' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF TG_OP = 'INSERT' AND NEW.tenant_id IS NOT NULL THEN
    SELECT s.max_alert_rules INTO most FROM @extschema@.tenant_settings s WHERE s.tenant_id = NEW.tenant_id;
    most := COALESCE(most, 1000);
    -- Counted no further than needed: somebody may insert very many.
    IF (SELECT count(*) FROM (SELECT 1 FROM @extschema@.alert_rules r WHERE r.tenant_id = NEW.tenant_id LIMIT most) r) >= most
       AND NOT @extschema@.realtime_session_acts_for(NULL::uuid) THEN
      RAISE EXCEPTION 'tenant has % alert rules already', most
        USING ERRCODE = 'program_limit_exceeded', HINT = 'Column max_alert_rules of tenant_settings is the limit.';
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    NEW.updated_at := now();
    -- Whoever mends a rule gets it judged again; the worker says so when it is still wrong.
    IF NEW.last_error IS NOT DISTINCT FROM OLD.last_error THEN
      NEW.last_error := NULL;
      NEW.last_error_at := NULL;
    END IF;
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_check_alert_rule() IS 'Trigger of alert_rules: refuses rules that cannot be judged, and more rules than the tenant may have.';
REVOKE ALL ON FUNCTION @extschema@.realtime_check_alert_rule() FROM PUBLIC;
CREATE TRIGGER realtime_check_alert_rule BEFORE INSERT OR UPDATE ON @extschema@.alert_rules
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_check_alert_rule();

-- The life of an alert, by hand -----------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.create_alert(tenant_id uuid, rule_id text, severity @extschema@.alert_severity, message text,
  metric_value double precision DEFAULT NULL, threshold_value double precision DEFAULT NULL, subscription_type text DEFAULT NULL,
  correlation_id text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO @extschema@.alert_instances AS a (tenant_id, rule_id, severity, message, metric_value, threshold_value,
                                                subscription_type, correlation_id)
  VALUES ($1, $2, $3, COALESCE($4, ''), $5, $6, $7, COALESCE($8, gen_random_uuid()::text))
  RETURNING a.id
$$;
COMMENT ON FUNCTION @extschema@.create_alert(uuid, text, @extschema@.alert_severity, text, double precision, double precision, text, text) IS
  'Opens an alert by hand, as INSERT INTO alert_instances does, and returns its id. Its recipients are notified unless the rule is cooling down or silenced.';

CREATE FUNCTION @extschema@.acknowledge_alert(id uuid, note text DEFAULT NULL) RETURNS @extschema@.alert_instances
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  alert @extschema@.alert_instances;
BEGIN
  UPDATE @extschema@.alert_instances a
     SET status = 'acknowledged', acknowledged_at = now(), acknowledged_by = @extschema@.realtime_user_id(), acknowledgement_note = $2
   WHERE a.id = $1 AND a.status <> 'resolved'
  RETURNING * INTO alert;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no open alert %', $1 USING ERRCODE = 'no_data_found', HINT = 'It may be resolved already.';
  END IF;
  RETURN alert;
END
$$;
COMMENT ON FUNCTION @extschema@.acknowledge_alert(uuid, text) IS
  'Marks an open alert as acknowledged: it does not escalate any more. Returns it; an error when the caller has no such open alert (P0002).';

CREATE FUNCTION @extschema@.resolve_alert(id uuid, note text DEFAULT NULL) RETURNS @extschema@.alert_instances
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  alert @extschema@.alert_instances;
BEGIN
  UPDATE @extschema@.alert_instances a
     SET status = 'resolved', resolved_at = now(), resolved_by = @extschema@.realtime_user_id(), resolution = COALESCE($2, 'by hand')
   WHERE a.id = $1 AND a.status <> 'resolved'
  RETURNING * INTO alert;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no open alert %', $1 USING ERRCODE = 'no_data_found', HINT = 'It may be resolved already.';
  END IF;
  RETURN alert;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_alert(uuid, text) IS
  'Ends an open alert by hand. Returns it; an error when the caller has no such open alert (P0002). A rule that is still breached opens a new one.';

CREATE FUNCTION @extschema@.silence_alerts(tenant_id uuid, rule_id text DEFAULT NULL, duration interval DEFAULT '1 hour', reason text DEFAULT '',
  subscription_type text DEFAULT NULL, starts_at timestamptz DEFAULT now()) RETURNS uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO @extschema@.alert_silences AS s (tenant_id, rule_id, starts_at, ends_at, reason, subscription_type)
  VALUES ($1, $2, $6, $6 + $3, $4, $5)
  RETURNING s.silence_id
$$;
COMMENT ON FUNCTION @extschema@.silence_alerts(uuid, text, interval, text, text, timestamptz) IS
  'Mutes the notifications of a rule (NULL: of all) for a while, and returns the id of the silence.';

CREATE FUNCTION @extschema@.unsilence_alerts(silence_id uuid) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH ended AS (
    UPDATE @extschema@.alert_silences s SET ends_at = greatest(now(), s.starts_at + interval '1 microsecond')
     WHERE s.silence_id = $1 AND s.ends_at > now()
    RETURNING 1)
  SELECT EXISTS (SELECT 1 FROM ended)
$$;
COMMENT ON FUNCTION @extschema@.unsilence_alerts(uuid) IS 'Ends a silence now; false when there is none that still lasts.';

-- A cooldown: no second alert of a rule within some minutes --------------------------------------------------------------------

CREATE FUNCTION @extschema@.check_alert_cooldown(tenant_id uuid, rule_id text, cooldown_minutes integer) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  IF $1 IS NULL OR $2 IS NULL OR $3 IS NULL THEN
    RAISE EXCEPTION 'tenant_id, rule_id and cooldown_minutes must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  IF $3 < 0 THEN
    RAISE EXCEPTION 'cooldown_minutes must be 0 or more, not %', $3 USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN NOT EXISTS (
      SELECT 1 FROM @extschema@.alert_instances a
       WHERE a.tenant_id = $1 AND a.rule_id = $2 AND least(a.triggered_at, now()) > now() - make_interval(mins => $3))
    AND NOT EXISTS (
      SELECT 1 FROM @extschema@.alert_cooldowns c
       WHERE c.tenant_id = $1 AND c.rule_id = $2 AND least(c.started_at, now()) > now() - make_interval(mins => $3));
END
$$;
COMMENT ON FUNCTION @extschema@.check_alert_cooldown(uuid, text, integer) IS
  'Whether an alert of this rule may fire now: false while one of the tenant fired, for whatever subscription, or a slot was taken, within the last minutes. What is said to have happened later than now counts as now. Two sessions may both be told true; try_start_alert_cooldown() tells it to one.';

CREATE FUNCTION @extschema@.try_start_alert_cooldown(tenant_id uuid, rule_id text, cooldown_minutes integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  taken boolean;
BEGIN
  -- As the policies of the table say it, with a clearer error.
  IF row_security_active('@extschema@.alert_cooldowns'::regclass)
     AND NOT COALESCE($1 = ANY (@extschema@.realtime_writable_tenant_ids()), $1 IS NULL) THEN
    RAISE EXCEPTION 'permission denied for tenant' USING ERRCODE = 'insufficient_privilege',
      HINT = 'Only members of a tenant may take its slots.';
  END IF;
  -- One from the future, because the clock was set back, counts as taken now: it must not last until the clock is there again.
  UPDATE @extschema@.alert_cooldowns c SET started_at = clock_timestamp()
   WHERE c.tenant_id = $1 AND c.rule_id = $2 AND c.started_at > clock_timestamp();
  IF NOT @extschema@.check_alert_cooldown($1, $2, $3) THEN
    RETURN false;
  END IF;
  -- One statement decides: the row is locked, and who comes second sees what the first one wrote.
  INSERT INTO @extschema@.alert_cooldowns AS c (tenant_id, rule_id, started_at)
  VALUES ($1, $2, clock_timestamp())
      ON CONFLICT (tenant_id, rule_id) DO UPDATE SET started_at = excluded.started_at
   WHERE c.started_at <= excluded.started_at - make_interval(mins => $3)
  RETURNING true INTO taken;
  RETURN COALESCE(taken, false);
END
$$;
COMMENT ON FUNCTION @extschema@.try_start_alert_cooldown(uuid, text, integer) IS
  'check_alert_cooldown() that also takes the slot: of several sessions at once only one is told true.';

REVOKE ALL ON FUNCTION @extschema@.create_alert(uuid, text, @extschema@.alert_severity, text, double precision, double precision, text, text),
  @extschema@.acknowledge_alert(uuid, text), @extschema@.resolve_alert(uuid, text), @extschema@.silence_alerts(uuid, text, interval, text, text, timestamptz),
  @extschema@.unsilence_alerts(uuid), @extschema@.check_alert_cooldown(uuid, text, integer), @extschema@.try_start_alert_cooldown(uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.check_alert_cooldown(uuid, text, integer) TO realtime_reader;
GRANT EXECUTE ON FUNCTION @extschema@.create_alert(uuid, text, @extschema@.alert_severity, text, double precision, double precision, text, text),
  @extschema@.acknowledge_alert(uuid, text), @extschema@.resolve_alert(uuid, text), @extschema@.silence_alerts(uuid, text, interval, text, text, timestamptz),
  @extschema@.unsilence_alerts(uuid), @extschema@.try_start_alert_cooldown(uuid, text, integer) TO realtime_writer;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_rules', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_instances', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_states', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_cooldowns', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_silences', '');
