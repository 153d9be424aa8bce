-- What the guide's functions do: batches, health checks, figures over time, subscriptions.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
\set tenant '123e4567-e89b-12d3-a456-426614174000'
\set other '223e4567-e89b-12d3-a456-426614174000'
-- The guide's batch, with an event more.
CREATE TEMP TABLE answers (name text, answer jsonb);
INSERT INTO answers SELECT 'guide', process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_1', 'operationType', 'mixed', 'connectionId', 'conn_1', 'items', '[
  {"type": "subscribe", "data": {"channelName": "orders_live", "filter": {"status": "open"}}},
  {"type": "bulk_update", "data": {"connectionMetrics": {"connectionId": "conn_abc123", "subscriptionType": "orders", "metrics": {"messagesReceived": 150, "avgResponseTime": 340, "errorCount": 2, "retryCount": 1}, "healthData": {"memoryUsage": 234.7}}}},
  {"type": "bulk_update", "data": {"connectionMetrics": [{"subscriptionType": "menu"}, {"subscriptionType": "menu", "connectionId": "m2"}]}},
  {"type": "sync", "data": {"healthStatus": {"subscriptionType": "reservations", "status": "degraded", "activeConnections": 3, "successRate": 0.98, "errorRate": 0.02, "avgLatencyMs": 120}}},
  {"type": "track_event", "data": {"eventType": "reconnected", "channel": "orders_live"}}]'::jsonb));
SELECT answer - 'results' - 'completedAt' FROM answers WHERE name = 'guide';
SELECT r ->> 'index', r ->> 'type', r ->> 'status', regexp_replace((r -> 'result')::text, '"(subscribedAt|recordedAt|occurredAt|eventId|lastHealthCheckAt)": "[^"]*"', '"\1": ...', 'g')
  FROM answers, jsonb_array_elements(answer -> 'results') r WHERE name = 'guide';
SELECT connection_id, channel, filter FROM realtime_subscriptions;
SELECT connection_id, subscription_type, connection_quality, health_score FROM realtime_connection_metrics ORDER BY 1, 2;
SELECT subscription_type, status, active_connections, success_rate, error_rate, avg_latency_ms, health_score, reported FROM realtime_health_status;
SELECT connection_id, event_type, channel FROM realtime_subscription_events ORDER BY event_type;
SELECT batch_id, operation_type, item_count, succeeded_count, failed_count, status, duration_ms >= 0, error FROM batch_processing_logs;
SELECT metric, value FROM realtime_metric_samples WHERE subscription_type = '*' ORDER BY 1;
-- The same once more answers the same and does nothing.
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_2', 'items', '[{"type": "track_event", "data": {"eventType": "once"}}]'::jsonb)) AS first \gset
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_2', 'items', '[{"type": "track_event", "data": {"eventType": "once"}}]'::jsonb)) = :'first'::jsonb;
SELECT count(*) FROM realtime_subscription_events WHERE event_type = 'once';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_2', 'items', '[{"type": "track_event", "data": {"eventType": "twice"}}]'::jsonb));
-- One bad item fails alone, whatever is wrong with it.
SELECT r ->> 'index', r ->> 'status', r -> 'error' ->> 'code', r -> 'error' ->> 'message'
  FROM jsonb_array_elements(process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_3', 'items', '[
  {"type": "track_event", "data": {"eventType": "good"}}, {"type": "track_event", "data": {}}, {"type": "dance"}, {"data": {}}, 5, {"type": "bulk_update", "data": {"connectionMetrics": {"connectionId": "c", "subscriptionType": "*"}}},
  {"type": "bulk_update", "data": {"connectionMetrics": {"subscriptionType": "s"}}}, {"type": "sync", "data": {"healthStatus": {"status": "great"}}}, {"type": "sync", "data": {"healthStatus": {"successRate": 2}}},
  {"type": "track_event", "data": {"tenantId": "223e4567-e89b-12d3-a456-426614174000", "eventType": "e"}}, {"type": "unsubscribe", "data": {"channelName": "none"}}, {"type": "sync", "data": {"healthStatus": "healthy"}}]'::jsonb)) -> 'results') r;
SELECT item_count, succeeded_count, failed_count, status, error FROM batch_processing_logs WHERE batch_id = 'batch_3';
SELECT count(*) FROM realtime_subscription_events WHERE event_type = 'good';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_4', 'operationType', 'track_event', 'items', '[{"eventType": "bare"}]'::jsonb)) ->> 'status';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_5', 'items', '[{"type": "dance"}]'::jsonb)) ->> 'status';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'batch_6', 'items', '[]'::jsonb)) - 'completedAt';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'items', '[]'::jsonb)) ->> 'batchId' ~ '^[0-9a-f-]{36}$';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'b', 'items', (SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 1001))));
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'b'));
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'b', 'items', 5));
SELECT process_batch('{"batchId": "b", "items": []}');
SELECT process_batch('[]');
SELECT process_batch('[{}, {}]');
SELECT process_batch('5');
SELECT process_batch(NULL);
-- Subscriptions.
SELECT subscribe(jsonb_build_object('tenantId', :'tenant', 'channel', 'menu_live', 'subscriptionType', 'menu')) - 'subscribedAt';
SELECT jsonb_array_length(subscribe(jsonb_build_array(jsonb_build_object('tenantId', :'tenant', 'channel', 'a'), jsonb_build_object('tenantId', :'tenant', 'channel', 'a'))));
SELECT unsubscribe(jsonb_build_object('tenantId', :'tenant', 'channel', 'menu_live'));
SELECT unsubscribe(jsonb_build_object('tenantId', :'tenant', 'channel', 'menu_live'));
SELECT subscribe(jsonb_build_object('tenantId', :'tenant'));
SELECT connection_id, channel FROM realtime_subscriptions ORDER BY 1, 2;
-- Health: what the pass made of the reports, and what is asked for and unknown.
SELECT realtime_run_pass();
SELECT regexp_replace(jsonb_pretty(health_check(jsonb_build_object('tenantId', :'tenant', 'subscriptionTypes', '["orders", "nothing"]'::jsonb)) - 'checkedAt'), '("lastHealthCheckAt"): "[^"]*"', '\1: ...');
SELECT health_check(jsonb_build_object('tenantId', :'tenant')) ->> 'status', jsonb_array_length(health_check(jsonb_build_object('tenantId', :'tenant')) -> 'subscriptions');
SELECT health_check(jsonb_build_object('tenantId', :'other')) - 'checkedAt';
UPDATE realtime_connections SET last_heartbeat_at = now() - interval '1 day' WHERE connection_id = 'm2';
SELECT d -> 'staleConnections' ->> 'count', d -> 'staleConnections' -> 'oldest' -> 0 ->> 'connectionId', d -> 'ruleErrors', d -> 'batches', d -> 'recommendations', d -> 'worker' ->> 'running', d ? 'database'
  FROM (SELECT health_check(jsonb_build_object('tenantId', :'tenant', 'performDiagnostics', true)) -> 'diagnostics' AS d) x;
SELECT t ->> 'table' FROM jsonb_array_elements(health_check(jsonb_build_object('tenantId', :'tenant', 'performDiagnostics', true)) -> 'diagnostics' -> 'database' -> 'tables') t WHERE t ->> 'table' LIKE 'realtime_conn%s';
SELECT health_check('{}'), 1;
SELECT health_check(jsonb_build_object('tenantId', :'tenant', 'subscriptionTypes', 'orders'));
SELECT health_check(jsonb_build_object('tenantId', :'tenant', 'subscriptionTypes', '["orders", 5]'::jsonb));
SELECT health_check(jsonb_build_object('tenantId', :'tenant', 'performDiagnostics', 'yes'));
SELECT s ->> 'status', s ->> 'connectionCount', s -> 'connections' -> 0 ->> 'connectionId', jsonb_array_length(s -> 'subscriptions') FROM (SELECT get_status(jsonb_build_object('tenantId', :'tenant', 'connectionId', 'conn_abc123')) AS s) x;
SELECT jsonb_array_length(get_status(jsonb_build_object('tenantId', :'tenant')) -> 'subscriptions');
-- Figures: the sums of the series are the totals, and the percentiles are those of the reports.
DELETE FROM realtime_metric_rollups;
INSERT INTO realtime_metric_rollups (tenant_id, subscription_type, resolution, bucket_start, reports, messages_received, messages_sent, errors, retries, bytes, latency, active_connections, stale_connections, cpu_sum, cpu_count, memory_sum, memory_count)
SELECT :'tenant', type, 60, '2026-01-01 00:00+00'::timestamptz + make_interval(mins => minute), 1, 100, 10, minute / 10, 0, 1000,
       (SELECT realtime_sketch_agg(l) FROM generate_series(1, 100) l), 2, 0, 50, 1, 200, 2
  FROM unnest(ARRAY['orders', 'menu']) type, generate_series(0, 59) minute;
SELECT m ->> 'from', m ->> 'to', m ->> 'resolutionSeconds', jsonb_array_length(m -> 'series'), jsonb_array_length(m -> 'series' -> 0 -> 'points'), (m -> 'series' -> 0 -> 'points' -> 0) - 'p50LatencyMs' - 'p95LatencyMs' - 'p99LatencyMs', m -> 'totals' ->> 'messagesReceived', m -> 'totals' ->> 'errors',
       abs((m -> 'totals' ->> 'p95LatencyMs')::float8 - 95) <= 0.96, m -> 'trends' -> 'errors', m -> 'trends' -> 'messagesReceived', m -> 'trends' -> 'healthScore'
  FROM (SELECT get_metrics(jsonb_build_object('tenantId', :'tenant', 'from', '2026-01-01T00:30:00Z', 'to', '2026-01-01T01:00:00Z', 'resolution', 60)) AS m) x;
SELECT jsonb_array_length(m -> 'series'), m -> 'series' -> 0 ->> 'subscriptionType', m ->> 'from' FROM (SELECT get_metrics(jsonb_build_object('tenantId', :'tenant', 'subscriptionTypes', '["menu"]'::jsonb, 'to', '2026-01-01T00:59:30Z', 'timeRange', '30m', 'resolution', 60)) AS m) x;
SELECT get_metrics(jsonb_build_object('tenantId', :'other')) -> 'totals' ->> 'messagesReceived', get_metrics(jsonb_build_object('tenantId', :'other')) -> 'series';
CREATE FUNCTION pg_temp.answer(payload jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM get_metrics('{"tenantId": "123e4567-e89b-12d3-a456-426614174000"}' || payload);
  RETURN 'taken';
EXCEPTION WHEN others THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT p, pg_temp.answer(p) FROM unnest(ARRAY['{"timeRange": "24h"}', '{"timeRange": "30d"}', '{"timeRange": "31d"}', '{"timeRange": "h"}', '{"timeRange": "1"}', '{"timeRange": "99999999999999999999h"}', '{"timeRange": 5}',
  '{"resolution": 5}', '{"timeRange": "7d", "resolution": 10}', '{"from": "yesterday"}', '{"from": "nonsense"}', '{"from": "infinity"}', '{"from": "2026-01-02", "to": "2026-01-01"}', '{"subscriptionTypes": {}}']::jsonb[]) p;
-- A member reads and writes its own tenant, and is told nothing of the database.
CREATE ROLE operations_member; GRANT realtime_writer TO operations_member;
INSERT INTO tenant_memberships (tenant_id, user_id) VALUES (:'tenant', '00000000-0000-4000-8000-000000000001');
SET ROLE operations_member;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'member_1', 'items', '[{"type": "track_event", "data": {"eventType": "m"}}, {"type": "subscribe", "data": {"channel": "x"}}, {"type": "sync", "data": {"healthStatus": {"subscriptionType": "m", "status": "healthy"}}}]'::jsonb)) ->> 'status';
SELECT process_batch(jsonb_build_object('tenantId', :'tenant', 'batchId', 'member_1', 'items', '[{"type": "track_event", "data": {"eventType": "m"}}, {"type": "subscribe", "data": {"channel": "x"}}, {"type": "sync", "data": {"healthStatus": {"subscriptionType": "m", "status": "healthy"}}}]'::jsonb)) ->> 'status';
SELECT process_batch(jsonb_build_object('tenantId', :'other', 'batchId', 'member_2', 'items', '[]'::jsonb));
SELECT subscribe(jsonb_build_object('tenantId', :'other', 'channel', 'x'));
SELECT unsubscribe(jsonb_build_object('tenantId', :'other', 'channel', 'x')) -> 'wasSubscribed';
SELECT health_check(jsonb_build_object('tenantId', :'tenant', 'performDiagnostics', true)) -> 'diagnostics' ? 'database';
SELECT get_status(jsonb_build_object('tenantId', :'other')) - 'checkedAt';
RESET ROLE;
RESET request.jwt.claims;
REVOKE realtime_writer FROM operations_member; DROP ROLE operations_member;
DELETE FROM tenant_memberships; DELETE FROM realtime_connection_metrics; DELETE FROM realtime_subscription_events; DELETE FROM realtime_subscriptions; DELETE FROM realtime_batches; DELETE FROM batch_processing_logs;
DELETE FROM realtime_metric_samples; DELETE FROM realtime_metric_rollups; DELETE FROM realtime_sample_rollups; DELETE FROM realtime_health_status; DELETE FROM realtime_connections; DELETE FROM realtime_ingest_positions;
