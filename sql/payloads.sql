-- Payloads as the guide has them, and everything that can be wrong with one.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SELECT collect_metrics('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "connectionId": "conn_abc123", "subscriptionType": "orders",
  "metrics": {"messagesReceived": 150, "messagesSent": 25, "avgResponseTime": 340, "errorCount": 2, "retryCount": 1, "bytesTransferred": 45670},
  "healthData": {"cpuUsage": 15.5, "memoryUsage": 234.7, "connectionCount": 5}}') - 'recordedAt';
SELECT total_messages_received, total_messages_sent, avg_response_time_ms, error_count, retry_count, bytes_transferred, cpu_usage, memory_usage, connection_count FROM realtime_connection_metrics;
SELECT jsonb_array_length(collect_metrics((SELECT jsonb_agg(jsonb_build_object('tenantId', '123e4567-e89b-12d3-a456-426614174000', 'connectionId', 'c' || g, 'subscriptionType', 'menu')) FROM generate_series(1, 50) g)));
SELECT collect_metrics('[]');
SELECT track_event('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "eventType": "subscribed", "channel": "orders_live", "detail": {"a": 1}}') ? 'eventId';
SELECT event_type, channel, detail FROM realtime_subscription_events;
-- One bad one spoils the call, and says which and why.
CREATE TEMP TABLE bad (patch jsonb);
INSERT INTO bad VALUES ('{"tenantId": null}'), ('{"tenantId": "x"}'), ('{"tenantId": 5}'), ('{"connectionId": ""}'), ('{"connectionId": null}'), ('{"subscriptionType": []}'),
  ('{"metrics": 1}'), ('{"metrics": {"errorCount": -1}}'), ('{"metrics": {"errorCount": "2"}}'), ('{"metrics": {"errorCount": 1.5}}'), ('{"metrics": {"messagesReceived": 1e30}}'),
  ('{"metrics": {"avgResponseTime": 1e400}}'), ('{"metrics": {"retryCount": 3000000000}}'), ('{"healthData": {"connectionCount": -5}}'), ('{"healthData": {"cpuUsage": true}}');
CREATE FUNCTION pg_temp.answer(payload jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM collect_metrics(payload);
  RETURN 'taken';
EXCEPTION WHEN others THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.answer('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "connectionId": "c", "subscriptionType": "s"}' || patch) FROM bad;
SELECT pg_temp.answer(p) FROM unnest(ARRAY['null', '1', '"x"', '{}', '[1]', '[{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "connectionId": "c", "subscriptionType": "s"}, {}]']::jsonb[]) p;
SELECT pg_temp.answer((SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 1001)));
SELECT pg_temp.answer(NULL);
SELECT pg_temp.answer('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "connectionId": "c", "subscriptionType": "*"}');
SELECT count(*) FROM realtime_connection_metrics WHERE subscription_type = 's';
SELECT track_event('{"tenantId": "123e4567-e89b-12d3-a456-426614174000"}');
SELECT track_event('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "eventType": "e", "detail": 1}');
-- As a member, and for another tenant.
CREATE ROLE payload_member; GRANT realtime_writer TO payload_member;
INSERT INTO tenant_memberships (tenant_id, user_id) VALUES ('123e4567-e89b-12d3-a456-426614174000', '00000000-0000-4000-8000-000000000001');
SET ROLE payload_member;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}';
SELECT collect_metrics('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "connectionId": "c", "subscriptionType": "s"}') ->> 'healthScore';
SELECT track_event('{"tenantId": "123e4567-e89b-12d3-a456-426614174000", "eventType": "e"}') ? 'eventId';
SELECT collect_metrics('{"tenantId": "223e4567-e89b-12d3-a456-426614174000", "connectionId": "c", "subscriptionType": "s"}');
SELECT track_event('{"tenantId": "223e4567-e89b-12d3-a456-426614174000", "eventType": "e"}');
RESET ROLE;
RESET request.jwt.claims;
REVOKE realtime_writer FROM payload_member; DROP ROLE payload_member;
DELETE FROM tenant_memberships; DELETE FROM realtime_connection_metrics; DELETE FROM realtime_subscription_events;
