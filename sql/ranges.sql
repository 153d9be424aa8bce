-- Numbers beyond their ranges are refused at the door, and whatever is in the tables all the same stops nobody's alerts.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
\set one '''a0000000-0000-4000-8000-000000000001'''
\set other '''a0000000-0000-4000-8000-000000000002'''
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES (:other, 'high', 'load', 'last', 10, 0);
CREATE FUNCTION pg_temp.answer(payload jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM collect_metrics('{"tenantId": "a0000000-0000-4000-8000-000000000001", "connectionId": "c", "subscriptionType": "s"}' || payload);
  RETURN 'taken';
EXCEPTION WHEN others THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.answer(p) FROM unnest(ARRAY['{"healthData": {"connectionCount": 2147483647}}', '{"healthData": {"connectionCount": 1000001}}',
  '{"metrics": {"messagesReceived": 9223372036854775807}}', '{"metrics": {"bytesTransferred": 9007199254740993}}', '{"metrics": {"avgResponseTime": 1e308}}',
  '{"healthData": {"cpuUsage": 1e13}}', '{"healthData": {"memoryUsage": 1.1e12}}']::jsonb[]) p;
SELECT process_batch('{"tenantId": "a0000000-0000-4000-8000-000000000001", "items": [{"type": "bulk_update", "data": {"connectionMetrics":
  {"connectionId": "c", "subscriptionType": "s", "metrics": {"errorCount": 9223372036854775807}}}}, {"type": "sync", "data": {"healthStatus": {"subscriptionType": "s", "avgLatencyMs": 1e300}}}]}')
  #> '{results}' #>> '{}' LIKE '%must be an integer between 0 and 9007199254740992%must be a number between 0 and 1000000000000%';
-- A time zone with an offset of its own is none: a process would remember each of them.
CREATE FUNCTION pg_temp.zone(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO alert_silences (tenant_id, ends_at, weekdays, time_zone) VALUES ('a0000000-0000-4000-8000-000000000001', now() + interval '1 day', '{1}', name);
  RETURN 'taken';
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN SQLERRM;
END $$;
SELECT pg_temp.zone(z) FROM unnest(ARRAY['UTC', 'europe/berlin', 'Etc/GMT+5', 'CET', 'AAA1:02:03', '<+01>-1', '+02:00', 'Nowhere']) z;
DELETE FROM alert_silences;
-- A member who writes into the tables.
CREATE ROLE ranges_member; GRANT realtime_writer TO ranges_member;
INSERT INTO tenant_memberships (tenant_id, user_id) VALUES (:one, '00000000-0000-4000-8000-000000000001');
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'taken';
EXCEPTION WHEN check_violation THEN
  RETURN regexp_replace(SQLERRM, '.*constraint', 'constraint');
END $$;
INSERT INTO notification_preferences (tenant_id, user_id, channel) SELECT :one, gen_random_uuid(), 'in_app' FROM generate_series(1, 1000);
SET ROLE ranges_member;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}';
INSERT INTO notification_preferences (tenant_id, channel) VALUES (:one, 'in_app');
RESET ROLE; DELETE FROM notification_preferences; SET ROLE ranges_member;
INSERT INTO notification_preferences (tenant_id, channel) SELECT :one, 'in_app' FROM generate_series(1, 50);
INSERT INTO notification_preferences (tenant_id, channel) VALUES (:one, 'in_app');
DELETE FROM notification_preferences;
SELECT pg_temp.refused(format('INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, %s) VALUES (%L, ''s'', ''c'', %L)', c, :one, v))
  FROM (VALUES ('connection_count', '2147483647'), ('total_messages_received', '9223372036854775807'), ('total_messages_sent', '9007199254740993'), ('error_count', '-1'),
               ('bytes_transferred', '9223372036854775807'), ('avg_response_time_ms', '1e308'), ('cpu_usage', 'infinity'), ('memory_usage', 'NaN')) t(c, v);
SELECT pg_temp.refused(format('INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (%L, ''s'', ''load'', %L)', :one, v))
  FROM unnest(ARRAY['1e308', '-1e13', 'NaN', 'infinity']) v;
SELECT pg_temp.refused(format('INSERT INTO realtime_health_status (tenant_id, subscription_type, %s) VALUES (%L, ''s'', %L)', c, :one, v))
  FROM (VALUES ('active_connections', '2147483647'), ('avg_latency_ms', '1e308'), ('bytes_per_second', '1e13'), ('retry_rate', 'NaN')) t(c, v);
SELECT pg_temp.refused(format('INSERT INTO batch_processing_logs (tenant_id, batch_id, %s) VALUES (%L, ''b'', %L)', c, :one, v))
  FROM (VALUES ('item_count', '2147483647'), ('duration_ms', 'infinity')) t(c, v);
-- The most that is taken: every sum of it is stored.
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, total_messages_sent, error_count, retry_count, bytes_transferred,
                                         avg_response_time_ms, cpu_usage, memory_usage, connection_count)
SELECT :one, 's', 'c' || g, 9007199254740992, 9007199254740992, 9007199254740992, 2147483647, 9007199254740992, 1e12, 1e12, 1e12, 1000000 FROM generate_series(1, 2000) g;
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) SELECT :one, 's', 'load', 1e12 FROM generate_series(1, 5);
RESET request.jwt.claims;
RESET ROLE;
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:other, 'orders', 'load', 50);
SELECT realtime_run_pass();
SELECT tenant_id, rule_id, status FROM alert_instances;
SELECT status, active_connections, error_rate, avg_latency_ms, messages_per_second, bytes_per_second, retry_rate, cpu_usage, memory_usage FROM realtime_health_status WHERE tenant_id = :one;
SELECT resolution, reports, messages_received, messages_sent, errors, retries, bytes, active_connections, realtime_sketch_count(latency), realtime_sketch_sum(latency), cpu_sum FROM realtime_metric_rollups WHERE tenant_id = :one ORDER BY 1;
SELECT get_metrics('{"tenantId": "a0000000-0000-4000-8000-000000000001", "subscriptionType": "s"}') #>> '{totals,messagesReceived}';
DELETE FROM alert_instances; DELETE FROM alert_states; DELETE FROM realtime_connection_metrics; DELETE FROM realtime_connections; DELETE FROM realtime_metric_rollups; DELETE FROM realtime_sample_rollups;
DELETE FROM realtime_health_status; DELETE FROM realtime_metric_samples;
-- Rows that came in before there were limits.
BEGIN;
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
            WHERE contype = 'c' AND conrelid IN ('realtime_connection_metrics'::regclass, 'realtime_metric_samples'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.relation, c.conname);
  END LOOP;
END $$;
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, total_messages_sent, error_count, retry_count, bytes_transferred,
                                         avg_response_time_ms, cpu_usage, memory_usage, connection_count)
SELECT :one, 's', 'c' || g, 9223372036854775807, 9223372036854775807, 9223372036854775807, 2147483647, 9223372036854775807, 1e308, 1e308, 1e308, 2147483647 FROM generate_series(1, 3) g;
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, avg_response_time_ms, cpu_usage, memory_usage, connection_count)
VALUES (:one, 's', 'c4', -9223372036854775808, 'NaN', 'infinity', '-infinity', -2147483648);
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) SELECT :one, 's', 'load', v FROM unnest(ARRAY[1e308, 1e308, -1e308, 'infinity', 'NaN']::float8[]) v;
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:other, 'orders', 'load', 50);
SELECT realtime_run_pass();
SELECT tenant_id, rule_id, status FROM alert_instances;
SELECT status, active_connections, messages_per_second, avg_latency_ms FROM realtime_health_status WHERE tenant_id = :one;
ROLLBACK;
-- Sketches keep what they make readable, and read what earlier versions wrote: a sum that is infinite, a weight that wrapped around to 0.
SELECT realtime_sketch_count(s), realtime_sketch_sum(s), realtime_sketch_max(s), s::text::realtime_sketch::text = s::text
  FROM (SELECT realtime_sketch_add(realtime_sketch_add(realtime_sketch_add(NULL, 1e308, 9223372036854775807), 1.5e308, 9223372036854775807), 2, 9223372036854775807) AS s) t;
SELECT realtime_sketch_sum(realtime_sketch_agg(v)), realtime_sketch_quantile(realtime_sketch_agg(v), 0.5) > 1e307 FROM unnest(ARRAY[1e308, 1.7e308, 1e308]::float8[]) v;
CREATE FUNCTION pg_temp.stored(sum text, weight text) RETURNS realtime_sketch LANGUAGE sql AS $$
  SELECT encode(decode('01' || '00' || sum || '000000000000f03f' || '0000000000005940' || '02' || '0201' || 'cc03' || weight || '00', 'hex'), 'base64')::realtime_sketch
$$;
SELECT realtime_sketch_count(s), realtime_sketch_sum(s) FROM (VALUES (pg_temp.stored('000000000000f07f', '05')), (pg_temp.stored('000000000000f0ff', '00')),
  (pg_temp.stored('0000000000407f40', 'ffffffffffffffffff01'))) t(s);
SELECT round(realtime_sketch_sum(pg_temp.stored('000000000000f87f', '05'))::numeric / 501, 1);
REVOKE realtime_writer FROM ranges_member; DROP ROLE ranges_member;
DELETE FROM tenant_memberships; DELETE FROM alert_rules; DELETE FROM realtime_ingest_positions;
