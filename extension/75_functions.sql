-- Functions with JSON payloads: the body of an HTTP call is the argument of the function of the same name ----------------------
--
-- They run with the rights of the caller, and row-level security decides whose rows they see and write. Common errors: 22023
-- names what is wrong in the payload, 42501 another tenant, 54000 too many items.

CREATE FUNCTION collect_metrics(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, @extschema@, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_collect_metrics';
COMMENT ON FUNCTION collect_metrics(jsonb) IS
  'Takes a report of a connection, or an array of at most 1000: {tenantId, connectionId, subscriptionType, metrics: {messagesReceived, messagesSent, avgResponseTime (ms), errorCount, retryCount, bytesTransferred}, healthData: {cpuUsage (percent), memoryUsage (MB), connectionCount}}. Counters are cumulative. Returns {tenantId, connectionId, subscriptionType, connectionQuality, healthScore, recordedAt}, or an array of that. Errors: 22023 names what is wrong, 42501 another tenant, 54000 too many.';

CREATE FUNCTION track_event(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, @extschema@, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_track_event';
COMMENT ON FUNCTION track_event(jsonb) IS
  'Appends an event, or an array of at most 1000, to realtime_subscription_events: {tenantId, eventType, connectionId, subscriptionType, channel, detail, correlationId}. Returns {eventId, occurredAt}, or an array of that. Errors: 22023 names what is wrong, 42501 another tenant, 54000 too many.';

CREATE FUNCTION subscribe(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, @extschema@, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_subscribe';
COMMENT ON FUNCTION subscribe(jsonb) IS
  'Notes in realtime_subscriptions that a connection is subscribed to a channel, one or an array of at most 1000: {tenantId, channelName (or channel), connectionId, subscriptionType, filter}. Returns {connectionId, channel, subscribedAt}, or an array of that. The same once more changes nothing but its time. Errors as track_event().';

CREATE FUNCTION unsubscribe(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, @extschema@, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_unsubscribe';
COMMENT ON FUNCTION unsubscribe(jsonb) IS
  'Removes what subscribe() noted, one or an array of at most 1000: {tenantId, channelName (or channel), connectionId}. Returns {connectionId, channel, wasSubscribed}, or an array of that. Errors as track_event().';

CREATE FUNCTION process_batch(payload jsonb) RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, @extschema@, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_process_batch';
COMMENT ON FUNCTION process_batch(jsonb) IS
  'Works on up to 1000 items (clients send 50): {tenantId, batchId, operationType, connectionId, items: [{type, data}]}. Types: subscribe and unsubscribe (data as for the functions of that name), bulk_update (data.connectionMetrics: reports as for collect_metrics()), sync (data.healthStatus: {subscriptionType, status, activeConnections, successRate, errorRate, avgLatencyMs, p50LatencyMs, p95LatencyMs, p99LatencyMs, healthScore}, stored in realtime_health_status), track_event. Tenant and connection of the batch count for items that name none; an item without type is of operationType, and without data is the data itself. An item that fails fails alone. Returns {batchId, status: completed|partial|failed, itemCount, succeededCount, failedCount, completedAt, results: [{index, type, status: ok|error, result, error: {code, message, hint}}]}. Repeated with the same batchId within a day it does nothing and returns the first answer; 22023 when the request is another one. Logged in batch_processing_logs.';

CREATE FUNCTION health_check(payload jsonb) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, @extschema@, pg_temp SET timezone = 'UTC'
AS 'MODULE_PATHNAME', 'pg_realtime_health_check';
COMMENT ON FUNCTION health_check(jsonb) IS
  'Health of a tenant: {tenantId, subscriptionTypes (default: all), performDiagnostics}. Returns {tenantId, checkedAt, status (the worst), healthScore (the least), activeConnections, subscriptions: [...], alerts: {firing, acknowledged, worst}}, and with performDiagnostics also diagnostics: {worker, staleConnections, ruleErrors, batches, recommendations}, for members of pg_monitor and realtime_gateway with database: {slots, worker, tables}.';

CREATE FUNCTION get_status(payload jsonb) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, @extschema@, pg_temp SET timezone = 'UTC'
AS 'MODULE_PATHNAME', 'pg_realtime_get_status';
COMMENT ON FUNCTION get_status(jsonb) IS
  'What is going on at a tenant: {tenantId, connectionId (default: all), subscriptionTypes (default: all)}. Returns {tenantId, checkedAt, status, healthScore, connectionCount, connections, subscriptions, alerts (open ones)}, of each list the first 100.';

CREATE FUNCTION get_metrics(payload jsonb) RETURNS jsonb
LANGUAGE c STABLE SET search_path = pg_catalog, @extschema@, pg_temp SET timezone = 'UTC'
AS 'MODULE_PATHNAME', 'pg_realtime_get_metrics';
COMMENT ON FUNCTION get_metrics(jsonb) IS
  'Figures over time: {tenantId, subscriptionTypes (default: all), timeRange (15m, 24h, 7d; default 1h) or from and to, resolution (10, 60 or 3600 seconds; default by the length)}. Returns {tenantId, from, to, resolutionSeconds, series: [{subscriptionType, points: [{time, messagesReceived, errorRate, p95LatencyMs, ...}]}], totals, trends: {figure: {current, previous (the same time before), change}}}. At most 2000 points a series.';

REVOKE ALL ON FUNCTION collect_metrics(jsonb), track_event(jsonb), subscribe(jsonb), unsubscribe(jsonb), process_batch(jsonb),
  health_check(jsonb), get_status(jsonb), get_metrics(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION health_check(jsonb), get_status(jsonb), get_metrics(jsonb) TO realtime_reader;
GRANT EXECUTE ON FUNCTION collect_metrics(jsonb), track_event(jsonb), subscribe(jsonb), unsubscribe(jsonb), process_batch(jsonb)
  TO realtime_writer;
