-- Functions with JSON payloads: the body of an HTTP call is the argument of the function of the same name ----------------------
--
-- They run with the rights of the caller, and row-level security decides whose rows they see and write. Common errors: 22023
-- names what is wrong in the payload, 42501 another tenant, 54000 too many items.

CREATE FUNCTION @extschema@.collect_metrics(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_collect_metrics';
COMMENT ON FUNCTION @extschema@.collect_metrics(jsonb) IS
  'Takes a report of a connection, or an array of at most 1000: {tenantId, connectionId, subscriptionType, metrics: {messagesReceived, messagesSent, avgResponseTime (ms), errorCount, retryCount, bytesTransferred}, healthData: {cpuUsage (percent), memoryUsage (MB), connectionCount}}. Counters are cumulative. Returns {tenantId, connectionId, subscriptionType, connectionQuality, healthScore, recordedAt}, or an array of that. Errors: 22023 names what is wrong, 42501 another tenant, 54000 too many.';

CREATE FUNCTION @extschema@.track_event(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_track_event';
COMMENT ON FUNCTION @extschema@.track_event(jsonb) IS
  'Appends an event, or an array of at most 1000, to realtime_subscription_events: {tenantId, eventType, connectionId, subscriptionType, channel, detail, correlationId}. Returns {eventId, occurredAt}, or an array of that. Errors: 22023 names what is wrong, 42501 another tenant, 54000 too many.';

CREATE FUNCTION @extschema@.subscribe(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_subscribe';
COMMENT ON FUNCTION @extschema@.subscribe(jsonb) IS
  'Notes in realtime_subscriptions that a connection is subscribed to a channel, one or an array of at most 1000: {tenantId, channelName (or channel), connectionId, subscriptionType, filter}. Returns {connectionId, channel, subscribedAt}, or an array of that. The same once more changes nothing but its time. Errors as track_event().';

CREATE FUNCTION @extschema@.unsubscribe(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_unsubscribe';
COMMENT ON FUNCTION @extschema@.unsubscribe(jsonb) IS
  'Removes what subscribe() noted, one or an array of at most 1000: {tenantId, channelName (or channel), connectionId}. Returns {connectionId, channel, wasSubscribed}, or an array of that. Errors as track_event().';

CREATE FUNCTION @extschema@.process_batch(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_process_batch';
COMMENT ON FUNCTION @extschema@.process_batch(jsonb) IS
  'Works on up to 1000 items (clients send 50): {tenantId, batchId, operationType, connectionId, items: [{type, data}]}. Types: subscribe and unsubscribe (data as for the functions of that name), bulk_update (data.connectionMetrics: reports as for collect_metrics()), sync (data.healthStatus: {subscriptionType, status, activeConnections, successRate, errorRate, avgLatencyMs, p50LatencyMs, p95LatencyMs, p99LatencyMs, healthScore}, stored in realtime_health_status), track_event. Tenant and connection of the batch count for items that name none; an item without type is of operationType, and without data is the data itself. An item that fails fails alone. Returns {batchId, status: completed|partial|failed, itemCount, succeededCount, failedCount, completedAt, results: [{index, type, status: ok|error, result, error: {code, message, hint}}]}. Repeated with the same batchId within a day it does nothing and returns the first answer; 22023 when the request is another one. Logged in batch_processing_logs.';

CREATE FUNCTION @extschema@.health_check(payload jsonb) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS 'MODULE_PATHNAME', 'pg_realtime_health_check';
COMMENT ON FUNCTION @extschema@.health_check(jsonb) IS
  'Health of a tenant: {tenantId, subscriptionTypes (default: all), performDiagnostics}. Returns {tenantId, checkedAt, status (the worst), healthScore (the least), activeConnections, subscriptions: [...], alerts: {firing, acknowledged, worst}}, and with performDiagnostics also diagnostics: {worker, staleConnections, ruleErrors, quarantine, batches, recommendations}, for members of pg_monitor and realtime_gateway with database: {slots, worker, tables}.';

CREATE FUNCTION @extschema@.get_status(payload jsonb) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS 'MODULE_PATHNAME', 'pg_realtime_get_status';
COMMENT ON FUNCTION @extschema@.get_status(jsonb) IS
  'What is going on at a tenant: {tenantId, connectionId (default: all), subscriptionTypes (default: all)}. Returns {tenantId, checkedAt, status, healthScore, connectionCount, connections, subscriptions, alerts (open ones)}, of each list the first 100.';

CREATE FUNCTION @extschema@.get_metrics(payload jsonb) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS 'MODULE_PATHNAME', 'pg_realtime_get_metrics';
COMMENT ON FUNCTION @extschema@.get_metrics(jsonb) IS
  'Figures over time: {tenantId, subscriptionTypes (default: all), timeRange (15m, 24h, 7d; default 1h) or from and to, resolution (10, 60 or 3600 seconds; default by the length)}. Returns {tenantId, from, to, resolutionSeconds, series: [{subscriptionType, points: [{time, messagesReceived, errorRate, p95LatencyMs, ...}]}], totals, trends: {figure: {current, previous (the same time before), change}}}. At most 2000 points a series.';

REVOKE ALL ON FUNCTION @extschema@.collect_metrics(jsonb), @extschema@.track_event(jsonb), @extschema@.subscribe(jsonb), @extschema@.unsubscribe(jsonb), @extschema@.process_batch(jsonb),
  @extschema@.health_check(jsonb), @extschema@.get_status(jsonb), @extschema@.get_metrics(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.health_check(jsonb), @extschema@.get_status(jsonb), @extschema@.get_metrics(jsonb) TO realtime_reader;
GRANT EXECUTE ON FUNCTION @extschema@.collect_metrics(jsonb), @extschema@.track_event(jsonb), @extschema@.subscribe(jsonb), @extschema@.unsubscribe(jsonb), @extschema@.process_batch(jsonb)
  TO realtime_writer;

-- What a rule would have done -------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.realtime_complete_alert_rule(rule jsonb) RETURNS @extschema@.alert_rules
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  unknown text;
  defaults text;
  complete @extschema@.alert_rules;
BEGIN
  IF jsonb_typeof(rule) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'rule must be an object, not %', left(COALESCE(rule::text, 'null'), 100) USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give it the columns of alert_rules, for example {"metric": "error_rate", "threshold_value": 0.1}.';
  END IF;
  SELECT k INTO unknown FROM jsonb_object_keys(rule) k
   WHERE NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = '@extschema@.alert_rules'::regclass AND a.attname = k AND a.attnum > 0 AND NOT a.attisdropped)
   ORDER BY k LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'rule.% is no column of alert_rules', unknown USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF rule -> 'metric' IS NULL OR rule -> 'threshold_value' IS NULL OR 'null' IN (rule -> 'metric', rule -> 'threshold_value') THEN
    RAISE EXCEPTION 'rule.metric and rule.threshold_value must be given' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- The table knows its defaults.
  SELECT string_agg(COALESCE(pg_get_expr(d.adbin, d.adrelid), 'NULL'), ', ' ORDER BY a.attnum) INTO defaults
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = '@extschema@.alert_rules'::regclass AND a.attnum > 0 AND NOT a.attisdropped;
  EXECUTE format('SELECT * FROM jsonb_populate_record(ROW(%s)::@extschema@.alert_rules, $1)', defaults) INTO complete USING jsonb_strip_nulls(rule);
  RETURN complete;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_complete_alert_rule(jsonb) IS
  'A rule as alert_rules would hold it: the columns that are given, and the defaults of the others. Errors: 22023 names an unknown or missing column.';

CREATE FUNCTION @extschema@.test_alert_rule(rule jsonb, samples jsonb)
RETURNS TABLE (at timestamptz, state @extschema@.alert_state, event text, notification text, severity @extschema@.alert_severity, value double precision, message text)
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_test_alert_rule';
COMMENT ON FUNCTION @extschema@.test_alert_rule(jsonb, jsonb) IS
  'What a rule does when its metric has given values: rule has the columns of alert_rules (to_jsonb(r) of an existing one will do), samples is an array of {at, value} in the order of time, or {at, values: {metric: value}} for rules with several conditions; null is missing data. A value counts until the next one, the last one for an hour. Returns a row for each moment in which the state changes, something fires, ends or escalates, or somebody would be notified. Nothing is stored. Errors: 22023 names what is wrong.';

CREATE FUNCTION @extschema@.replay_alert_rule(rule jsonb, "from" timestamptz, "to" timestamptz)
RETURNS TABLE (tenant_id uuid, subscription_type text, at timestamptz, state @extschema@.alert_state, event text, notification text, severity @extschema@.alert_severity,
               value double precision, message text)
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_replay_alert_rule';
COMMENT ON FUNCTION @extschema@.replay_alert_rule(jsonb, timestamptz, timestamptz) IS
  'What a rule would have done between two times, by the stored history of its tenant (without tenant_id: of all tenants that the caller sees), in steps of 10 s. The rule is given as to test_alert_rule(), which describes the columns of the result. Silences and other rules are left out. Nothing is stored. Errors: 22023 names what is wrong, 54000 more than 100000 rows.';

REVOKE ALL ON FUNCTION @extschema@.realtime_complete_alert_rule(jsonb), @extschema@.test_alert_rule(jsonb, jsonb), @extschema@.replay_alert_rule(jsonb, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_complete_alert_rule(jsonb), @extschema@.test_alert_rule(jsonb, jsonb), @extschema@.replay_alert_rule(jsonb, timestamptz, timestamptz) TO realtime_reader;
