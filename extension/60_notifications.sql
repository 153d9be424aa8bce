-- Notifications: who is told of which alert ------------------------------------------------------------------------------------
--
-- A notification is a row in the outbox, written in the transaction that opens or ends the alert. Whoever delivers it claims it
-- for a while, sends it after that commit, and says how it went; then the row moves to the history.

CREATE TYPE @extschema@.notification_channel AS ENUM ('email', 'slack', 'webhook', 'in_app');
COMMENT ON TYPE @extschema@.notification_channel IS 'The ways to reach somebody.';
CREATE TYPE @extschema@.notification_status AS ENUM ('pending', 'sending', 'delivered', 'dead');
COMMENT ON TYPE @extschema@.notification_status IS 'sending: claimed by a notifier; dead: given up.';

CREATE TABLE @extschema@.notification_preferences (
  tenant_id uuid NOT NULL,
  preference_id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  user_id uuid NOT NULL DEFAULT @extschema@.realtime_user_id(),
  channel @extschema@.notification_channel NOT NULL,
  target text CHECK (length(target) <= 2048),
  sealed_target bytea CHECK (length(sealed_target) <= 4096),
  min_severity @extschema@.alert_severity NOT NULL DEFAULT 'info',
  quiet_hours_start time,
  quiet_hours_end time,
  time_zone text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) <= 255),
  digest_minutes integer NOT NULL DEFAULT 0 CHECK (digest_minutes BETWEEN 0 AND 1440),
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, preference_id),
  CHECK ((quiet_hours_start IS NULL) = (quiet_hours_end IS NULL)),
  CONSTRAINT secret_targets_are_sealed CHECK (channel NOT IN ('slack', 'webhook') OR target IS NULL),
  CONSTRAINT target_is_given CHECK (channel = 'in_app' OR target IS NOT NULL OR sealed_target IS NOT NULL)
);
COMMENT ON TABLE @extschema@.notification_preferences IS
  'Who wants to be told what, and how.';
COMMENT ON COLUMN @extschema@.notification_preferences.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.notification_preferences.preference_id IS 'The preference.';
COMMENT ON COLUMN @extschema@.notification_preferences.user_id IS 'Who.';
COMMENT ON COLUMN @extschema@.notification_preferences.channel IS 'How.';
COMMENT ON COLUMN @extschema@.notification_preferences.target IS 'Where to, if that is no secret: an email address.';
COMMENT ON COLUMN @extschema@.notification_preferences.sealed_target IS 'Where to, if that is a secret (webhook and Slack addresses): sealed with the public key of the gateway, which alone can open it.';
COMMENT ON COLUMN @extschema@.notification_preferences.min_severity IS 'Nothing below it.';
COMMENT ON COLUMN @extschema@.notification_preferences.quiet_hours_start IS 'Begin of the quiet hours.';
COMMENT ON COLUMN @extschema@.notification_preferences.quiet_hours_end IS 'Their end; before the begin: on the next day. Critical alerts come through.';
COMMENT ON COLUMN @extschema@.notification_preferences.time_zone IS 'Time zone of the quiet hours.';
COMMENT ON COLUMN @extschema@.notification_preferences.digest_minutes IS 'Collect notifications for so long and send them as one; 0: at once.';
COMMENT ON COLUMN @extschema@.notification_preferences.enabled IS 'Whether it counts.';
COMMENT ON COLUMN @extschema@.notification_preferences.created_at IS 'When it was made.';
COMMENT ON COLUMN @extschema@.notification_preferences.updated_at IS 'When it was last changed.';
CREATE TRIGGER realtime_touch_updated_at BEFORE UPDATE ON @extschema@.notification_preferences
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_touch_updated_at();
CREATE TRIGGER realtime_check_time_zone BEFORE INSERT OR UPDATE OF time_zone ON @extschema@.notification_preferences
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_check_time_zone_of_row();

CREATE FUNCTION @extschema@.realtime_check_preference() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  most_of_user constant integer := 50;
  most_of_tenant constant integer := 1000;
BEGIN
  -- Values of other tables might be of types whose casts and operators are a user's code.
  IF TG_RELID <> '@extschema@.notification_preferences'::regclass THEN
    RAISE EXCEPTION 'function "realtime_check_preference" belongs to table notification_preferences only' USING ERRCODE = 'trigger_protocol_violated';
  END IF;
  IF @extschema@.realtime_session_acts_for(NULL::uuid) THEN
    RETURN NEW;
  END IF;
  -- The worker writes a notification for each of them when an alert fires.
  IF (SELECT count(*) FROM (SELECT 1 FROM @extschema@.notification_preferences p
                             WHERE p.tenant_id = NEW.tenant_id AND p.user_id = NEW.user_id AND p.preference_id <> NEW.preference_id LIMIT most_of_user) p) >= most_of_user THEN
    RAISE EXCEPTION 'user has % notification preferences already', most_of_user
      USING ERRCODE = 'program_limit_exceeded', HINT = 'Update or delete some of them.';
  END IF;
  IF (SELECT count(*) FROM (SELECT 1 FROM @extschema@.notification_preferences p
                             WHERE p.tenant_id = NEW.tenant_id AND p.preference_id <> NEW.preference_id LIMIT most_of_tenant) p) >= most_of_tenant THEN
    RAISE EXCEPTION 'tenant has % notification preferences already', most_of_tenant
      USING ERRCODE = 'program_limit_exceeded', HINT = 'Update or delete some of them.';
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_check_preference() IS 'Trigger of notification_preferences: refuses more preferences than a user or a tenant may have.';
REVOKE ALL ON FUNCTION @extschema@.realtime_check_preference() FROM PUBLIC;
CREATE TRIGGER realtime_check_preference BEFORE INSERT OR UPDATE OF tenant_id, user_id, preference_id ON @extschema@.notification_preferences
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_check_preference();

CREATE TABLE @extschema@.notification_outbox (
  tenant_id uuid NOT NULL,
  notification_id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  alert_id uuid NOT NULL,
  user_id uuid,
  preference_id uuid,
  channel @extschema@.notification_channel NOT NULL,
  kind text NOT NULL CHECK (kind IN ('firing', 'resolved', 'escalated')),
  severity @extschema@.alert_severity NOT NULL,
  payload jsonb NOT NULL,
  group_key text,
  status @extschema@.notification_status NOT NULL DEFAULT 'pending',
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  not_before timestamptz NOT NULL DEFAULT now(),
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, notification_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE @extschema@.notification_outbox IS
  'Notifications that are not delivered yet.';
COMMENT ON COLUMN @extschema@.notification_outbox.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.notification_outbox.notification_id IS 'The notification; the same in every attempt.';
COMMENT ON COLUMN @extschema@.notification_outbox.alert_id IS 'The alert it is about.';
COMMENT ON COLUMN @extschema@.notification_outbox.user_id IS 'Who is told.';
COMMENT ON COLUMN @extschema@.notification_outbox.preference_id IS 'By which preference.';
COMMENT ON COLUMN @extschema@.notification_outbox.channel IS 'How.';
COMMENT ON COLUMN @extschema@.notification_outbox.kind IS 'What is told.';
COMMENT ON COLUMN @extschema@.notification_outbox.severity IS 'Severity of the alert.';
COMMENT ON COLUMN @extschema@.notification_outbox.payload IS 'The alert as it was.';
COMMENT ON COLUMN @extschema@.notification_outbox.group_key IS 'Notifications of one key may be sent as one.';
COMMENT ON COLUMN @extschema@.notification_outbox.status IS 'Whether somebody is at it.';
COMMENT ON COLUMN @extschema@.notification_outbox.attempts IS 'How often it was tried.';
COMMENT ON COLUMN @extschema@.notification_outbox.last_error IS 'Why the last attempt failed.';
COMMENT ON COLUMN @extschema@.notification_outbox.not_before IS 'Quiet hours or a digest hold it back until then.';
COMMENT ON COLUMN @extschema@.notification_outbox.next_attempt_at IS 'When it is tried next.';
COMMENT ON COLUMN @extschema@.notification_outbox.lease_until IS 'Until when its notifier has it.';
COMMENT ON COLUMN @extschema@.notification_outbox.created_at IS 'When it was owed.';
CREATE INDEX notification_outbox_alert ON @extschema@.notification_outbox (tenant_id, alert_id);

CREATE TABLE @extschema@.notification_history (
  tenant_id uuid NOT NULL,
  notification_id uuid NOT NULL,
  alert_id uuid NOT NULL,
  user_id uuid,
  preference_id uuid,
  channel @extschema@.notification_channel NOT NULL,
  kind text NOT NULL,
  severity @extschema@.alert_severity NOT NULL,
  status @extschema@.notification_status NOT NULL,
  attempts integer NOT NULL,
  last_error text,
  next_attempt_at timestamptz,
  created_at timestamptz NOT NULL,
  delivered_at timestamptz,
  dead_lettered_at timestamptz,
  finished_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (finished_at);
COMMENT ON TABLE @extschema@.notification_history IS
  'Notifications that are delivered or given up.';
COMMENT ON COLUMN @extschema@.notification_history.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.notification_history.notification_id IS 'The notification.';
COMMENT ON COLUMN @extschema@.notification_history.alert_id IS 'The alert it is about.';
COMMENT ON COLUMN @extschema@.notification_history.user_id IS 'Who was told.';
COMMENT ON COLUMN @extschema@.notification_history.preference_id IS 'By which preference.';
COMMENT ON COLUMN @extschema@.notification_history.channel IS 'How.';
COMMENT ON COLUMN @extschema@.notification_history.kind IS 'What was told.';
COMMENT ON COLUMN @extschema@.notification_history.severity IS 'Severity of the alert.';
COMMENT ON COLUMN @extschema@.notification_history.status IS 'delivered or dead.';
COMMENT ON COLUMN @extschema@.notification_history.attempts IS 'How often it was tried.';
COMMENT ON COLUMN @extschema@.notification_history.last_error IS 'Why the last attempt that failed did.';
COMMENT ON COLUMN @extschema@.notification_history.next_attempt_at IS 'When it would have been tried next.';
COMMENT ON COLUMN @extschema@.notification_history.created_at IS 'When it was owed.';
COMMENT ON COLUMN @extschema@.notification_history.delivered_at IS 'When it was delivered.';
COMMENT ON COLUMN @extschema@.notification_history.dead_lettered_at IS 'When it was given up.';
COMMENT ON COLUMN @extschema@.notification_history.finished_at IS 'When it came here.';
CREATE INDEX notification_history_alert ON @extschema@.notification_history (tenant_id, alert_id);

CREATE FUNCTION @extschema@.realtime_quiet_until(preference @extschema@.notification_preferences, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE
           WHEN preference.quiet_hours_start IS NULL OR preference.quiet_hours_start = preference.quiet_hours_end THEN at
           WHEN preference.quiet_hours_start < preference.quiet_hours_end THEN
             CASE WHEN local.t::time >= preference.quiet_hours_start AND local.t::time < preference.quiet_hours_end
                  THEN (local.t::date + preference.quiet_hours_end) AT TIME ZONE preference.time_zone ELSE at END
           WHEN local.t::time >= preference.quiet_hours_start
             THEN (local.t::date + 1 + preference.quiet_hours_end) AT TIME ZONE preference.time_zone
           WHEN local.t::time < preference.quiet_hours_end
             THEN (local.t::date + preference.quiet_hours_end) AT TIME ZONE preference.time_zone
           ELSE at
         END
    FROM (SELECT at AT TIME ZONE preference.time_zone AS t) local
$$;
COMMENT ON FUNCTION @extschema@.realtime_quiet_until(@extschema@.notification_preferences, timestamptz) IS 'End of the quiet hours that hold at that time; the time itself when none do.';

CREATE FUNCTION @extschema@.realtime_enqueue_notifications(tenant_id uuid, alert_id uuid, kind text) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  alert @extschema@.alert_instances;
  enqueued integer;
BEGIN
  SELECT * INTO alert FROM @extschema@.alert_instances a WHERE a.tenant_id = $1 AND a.id = $2;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  INSERT INTO @extschema@.notification_outbox
         (tenant_id, alert_id, user_id, preference_id, channel, kind, severity, payload, group_key, not_before, next_attempt_at)
  SELECT $1, $2, p.user_id, p.preference_id, p.channel, $3, alert.severity,
         jsonb_build_object('alertId', alert.id, 'tenantId', alert.tenant_id, 'ruleId', alert.rule_id, 'subscriptionType', alert.subscription_type,
           'kind', $3, 'severity', alert.severity, 'status', alert.status, 'message', alert.message, 'metricValue', alert.metric_value,
           'thresholdValue', alert.threshold_value, 'correlationId', alert.correlation_id, 'triggeredAt', alert.triggered_at,
           'resolvedAt', alert.resolved_at, 'resolution', alert.resolution, 'labels', alert.labels),
         CASE WHEN due.digest THEN p.preference_id::text || ' ' || due.at ELSE alert.group_name END,
         due.at, due.at
    FROM @extschema@.notification_preferences p
   CROSS JOIN LATERAL (
     SELECT p.digest_minutes > 0 AND alert.severity < 'critical' AS digest,
            CASE WHEN alert.severity = 'critical' THEN now()
                 ELSE @extschema@.realtime_quiet_until(p,
                        CASE WHEN p.digest_minutes = 0 THEN now()
                             ELSE to_timestamp(ceil(extract(epoch FROM now()) / (p.digest_minutes * 60)) * (p.digest_minutes * 60)) END)
            END AS at) due
   WHERE p.tenant_id = $1 AND p.enabled
     AND CASE WHEN $3 = 'resolved'
              -- The end is told to whom the beginning was told, whatever they prefer by now.
              THEN EXISTS (SELECT 1 FROM @extschema@.notification_outbox o
                            WHERE o.tenant_id = $1 AND o.alert_id = $2 AND o.preference_id = p.preference_id AND o.kind IN ('firing', 'escalated'))
                OR EXISTS (SELECT 1 FROM @extschema@.notification_history h
                            WHERE h.tenant_id = $1 AND h.alert_id = $2 AND h.preference_id = p.preference_id AND h.kind IN ('firing', 'escalated'))
              ELSE alert.severity >= p.min_severity
         END;
  GET DIAGNOSTICS enqueued = ROW_COUNT;
  RETURN enqueued;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_enqueue_notifications(uuid, uuid, text) IS
  'Puts a notification of an alert (firing, escalated, resolved) into the outbox for each recipient; returns how many. Used by the worker and by the triggers of alert_instances.';
REVOKE ALL ON FUNCTION @extschema@.realtime_quiet_until(@extschema@.notification_preferences, timestamptz), @extschema@.realtime_enqueue_notifications(uuid, uuid, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_pass_is_writing() RETURNS boolean
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_pass_is_writing';
COMMENT ON FUNCTION @extschema@.realtime_pass_is_writing() IS 'Whether this session is storing the results of a pass, which enqueues notifications by itself.';
REVOKE ALL ON FUNCTION @extschema@.realtime_pass_is_writing() FROM PUBLIC;

-- Alerts that others than the worker open and end.
CREATE FUNCTION @extschema@.realtime_notify_by_hand() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  cooldown integer;
BEGIN
  IF TG_RELID <> '@extschema@.alert_instances'::regclass THEN
    RAISE EXCEPTION 'function "realtime_notify_by_hand" belongs to table alert_instances only' USING ERRCODE = 'trigger_protocol_violated';
  END IF;
  IF @extschema@.realtime_pass_is_writing() THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    -- What a dump brings back was told when it happened: alerts of rules and those that were notified, and old ones.
    IF NEW.status = 'resolved' OR NEW.kind <> 'manual' OR NEW.notified_at IS NOT NULL OR NEW.triggered_at < now() - interval '1 minute' THEN
      RETURN NULL;
    END IF;
    cooldown := COALESCE(
      (SELECT r.cooldown_minutes FROM @extschema@.alert_rules r WHERE r.tenant_id = NEW.tenant_id AND r.rule_id = NEW.rule_id),
      (SELECT r.cooldown_minutes FROM @extschema@.alert_rules r WHERE r.tenant_id IS NULL AND r.rule_id = NEW.rule_id));
    IF EXISTS (SELECT 1 FROM @extschema@.alert_instances a
                WHERE a.tenant_id = NEW.tenant_id AND a.rule_id = NEW.rule_id AND a.id <> NEW.id AND a.severity >= NEW.severity
                  AND least(a.notified_at, now()) > now() - make_interval(mins => COALESCE(cooldown, 15)))
       OR EXISTS (SELECT 1 FROM @extschema@.alert_silences s
                   WHERE s.tenant_id = NEW.tenant_id AND (s.rule_id IS NULL OR s.rule_id = NEW.rule_id)
                     AND (s.subscription_type IS NULL OR s.subscription_type = NEW.subscription_type)
                     AND @extschema@.realtime_silence_active(s, now())) THEN
      RETURN NULL;
    END IF;
    PERFORM @extschema@.realtime_enqueue_notifications(NEW.tenant_id, NEW.id, 'firing'::text);
    UPDATE @extschema@.alert_instances a SET notified_at = now() WHERE a.tenant_id = NEW.tenant_id AND a.id = NEW.id;
  ELSIF NEW.status = 'resolved' AND OLD.status <> 'resolved' AND NEW.notified_at IS NOT NULL THEN
    PERFORM @extschema@.realtime_enqueue_notifications(NEW.tenant_id, NEW.id, 'resolved'::text);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_notify_by_hand() IS 'Trigger of alert_instances: notifies of alerts that are opened and ended by others than the worker.';
REVOKE ALL ON FUNCTION @extschema@.realtime_notify_by_hand() FROM PUBLIC;
CREATE TRIGGER realtime_notify_by_hand AFTER INSERT OR UPDATE OF status ON @extschema@.alert_instances
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_notify_by_hand();

-- For whoever delivers -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.claim_notifications(most integer DEFAULT 100, lease interval DEFAULT '1 minute') RETURNS SETOF @extschema@.notification_outbox
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE @extschema@.notification_outbox o
     SET status = 'sending', attempts = o.attempts + 1, lease_until = now() + $2
    FROM (SELECT d.tenant_id, d.notification_id
            FROM @extschema@.notification_outbox d
           WHERE d.next_attempt_at <= now() AND (d.status = 'pending' OR d.lease_until <= now())
           ORDER BY d.next_attempt_at
           LIMIT greatest($1, 0)
             FOR UPDATE SKIP LOCKED) due
   WHERE o.tenant_id = due.tenant_id AND o.notification_id = due.notification_id
  RETURNING o.*
$$;
COMMENT ON FUNCTION @extschema@.claim_notifications(integer, interval) IS
  'Takes notifications that are due, for as long as the lease; commit before sending. What is not finished by then may be claimed again: delivery is at least once, with a stable notification_id.';

CREATE FUNCTION @extschema@.finish_notification(tenant_id uuid, notification_id uuid, delivered boolean, error text DEFAULT NULL) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  WITH done AS (
    DELETE FROM @extschema@.notification_outbox o WHERE o.tenant_id = $1 AND o.notification_id = $2 RETURNING o.*),
  kept AS (
    INSERT INTO @extschema@.notification_history (tenant_id, notification_id, alert_id, user_id, preference_id, channel, kind, severity, status,
           attempts, last_error, next_attempt_at, created_at, delivered_at, dead_lettered_at)
    SELECT d.tenant_id, d.notification_id, d.alert_id, d.user_id, d.preference_id, d.channel, d.kind, d.severity,
           CASE WHEN $3 THEN 'delivered' ELSE 'dead' END::@extschema@.notification_status, d.attempts, COALESCE($4, d.last_error), d.next_attempt_at, d.created_at,
           CASE WHEN $3 THEN now() END, CASE WHEN NOT $3 THEN now() END
      FROM done d
    RETURNING 1)
  SELECT EXISTS (SELECT 1 FROM kept)
$$;
COMMENT ON FUNCTION @extschema@.finish_notification(uuid, uuid, boolean, text) IS 'Moves a notification into the history: delivered, or given up with an error. False when it is not in the outbox.';

CREATE FUNCTION @extschema@.retry_notification(tenant_id uuid, notification_id uuid, error text, next_attempt_at timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  WITH kept AS (
    UPDATE @extschema@.notification_outbox o
       SET status = 'pending', last_error = $3, next_attempt_at = $4, lease_until = NULL
     WHERE o.tenant_id = $1 AND o.notification_id = $2
    RETURNING 1)
  SELECT EXISTS (SELECT 1 FROM kept)
$$;
COMMENT ON FUNCTION @extschema@.retry_notification(uuid, uuid, text, timestamptz) IS 'Puts a claimed notification back, to be tried again at that time.';
REVOKE ALL ON FUNCTION @extschema@.claim_notifications(integer, interval), @extschema@.finish_notification(uuid, uuid, boolean, text),
  @extschema@.retry_notification(uuid, uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.claim_notifications(integer, interval), @extschema@.finish_notification(uuid, uuid, boolean, text),
  @extschema@.retry_notification(uuid, uuid, text, timestamptz) TO realtime_gateway;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.notification_preferences', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.notification_outbox', '');
