-- Which rules and payloads are refused: names that do not exist, aggregations that mean nothing, and what is too large.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
\set tenant '''a0000000-0000-4000-8000-000000000001'''
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN 'taken';
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ' ' || SQLERRM || COALESCE(' | ' || NULLIF(hint, ''), '');
END $$;
CREATE FUNCTION pg_temp.rule(VARIADIC columns text[]) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.answer(format('INSERT INTO alert_rules (tenant_id, rule_id, threshold_value, %s) VALUES (''a0000000-0000-4000-8000-000000000001'', ''r'', 1, %s)',
    (SELECT string_agg(columns[i], ', ' ORDER BY i) FROM generate_series(1, cardinality(columns), 2) i),
    (SELECT string_agg(quote_literal(columns[i + 1]), ', ' ORDER BY i) FROM generate_series(1, cardinality(columns), 2) i)))
$$;
-- A name that is nearly that of a metric, an aggregation, an operator.
SELECT pg_temp.rule('metric', m) FROM unnest(ARRAY['error_rte', 'eror_rate', 'p96_latency_ms', 'memory_usages', 'replication_lag_seconds']) m;
SELECT pg_temp.rule('metric', 'error_rate', 'operator', o) FROM unnest(ARRAY['=>', '>>', '<>', '==', 'betwen', 'like']) o;
SELECT pg_temp.rule('metric', 'error_rate', 'aggregation', a) FROM unnest(ARRAY['agv', 'p59', 'median', 'Max']) a;
SELECT pg_temp.rule('metric', 'load', 'conditions', '{"any": [{"metric": "cpu_usag", "threshold": 1}]}');
SELECT pg_temp.rule('metric', 'load', 'conditions', '{"any": [{"metric": "cpu_usage", "aggregation": "sum", "threshold": 1}]}');
-- A metric of one's own may have such a name once it has a value.
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 's', 'memory_usages', 1);
BEGIN;
SELECT pg_temp.rule('metric', 'memory_usages'), pg_temp.rule('metric', 'cpu_usages');
ROLLBACK;
-- What each metric can be aggregated by.
SELECT metric, array_to_string(aggregations, ' ') FROM realtime_metrics();
SELECT pg_temp.rule('metric', 'p95_latency_ms', 'aggregation', 'p50');
SELECT pg_temp.rule('metric', 'health_score', 'aggregation', 'sum');
SELECT pg_temp.rule('metric', 'batch_failure_rate', 'aggregation', 'last');
SELECT count(*) FROM realtime_metrics(), unnest(ARRAY['default', 'avg', 'min', 'max', 'sum', 'count', 'rate', 'p50', 'p90', 'p95', 'p99', 'last']) a
 WHERE (a = ANY (aggregations)) <> (pg_temp.answer(format('INSERT INTO alert_rules (tenant_id, metric, aggregation, threshold_value) VALUES (''a0000000-0000-4000-8000-000000000001'', %L, %L, 1)', metric, a)) = 'taken');
DELETE FROM alert_rules;
-- What is too large.
SELECT pg_temp.rule('metric', 'load', c, v) FROM (VALUES ('name', repeat('x', 256)), ('description', repeat('x', 4097)), ('labels', '{"a": "' || repeat('x', 9000) || '"}'),
  ('message_template', repeat('x', 4097)), ('inhibited_by', array_fill('r'::text, ARRAY[33])::text), ('inhibited_by', array_fill(repeat('x', 255), ARRAY[32])::text),
  ('inhibited_by', ARRAY[repeat('x', 256)]::text)) t(c, v);
SELECT pg_temp.answer(format('INSERT INTO alert_silences (tenant_id, ends_at, %s) VALUES (''a0000000-0000-4000-8000-000000000001'', ''infinity'', %L)', c, v))
  FROM (VALUES ('reason', repeat('x', 4097)), ('rule_id', repeat('x', 256)), ('subscription_type', repeat('x', 256)), ('weekdays', array_fill(1, ARRAY[8])::text)) t(c, v);
SELECT pg_temp.answer('INSERT INTO tenant_settings (tenant_id, max_alert_rules) VALUES (''a0000000-0000-4000-8000-000000000001'', 1000000)');
CREATE ROLE signals_member; GRANT realtime_writer TO signals_member;
INSERT INTO tenant_memberships (tenant_id, user_id) VALUES (:tenant, '00000000-0000-4000-8000-000000000001');
SET SESSION AUTHORIZATION signals_member;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}';
INSERT INTO alert_silences (tenant_id, ends_at) SELECT :tenant, now() + '1 hour' FROM generate_series(1, 1000);
INSERT INTO alert_silences (tenant_id, ends_at) VALUES (:tenant, now() + '1 hour');
RESET SESSION AUTHORIZATION;
RESET request.jwt.claims;
DELETE FROM alert_silences;
-- A rule that came past the trigger with conditions that cannot be read ends no pass.
SET session_replication_role = replica;
INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value, conditions) VALUES (:tenant, 'unreadable', 'load', 1, '{"metric": 1}');
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value) VALUES (:tenant, 'meaningless', 'health_score', 'sum', 1);
RESET session_replication_role;
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES (:tenant, 'good', 'load', 'last', 10, 15);
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 50);
SELECT realtime_run_pass();
SELECT rule_id, last_error FROM alert_rules ORDER BY 1;
SELECT rule_id, subscription_type, status, notified_at IS NOT NULL FROM alert_instances;
UPDATE alert_rules SET enabled = false WHERE rule_id IN ('unreadable', 'meaningless');
-- The cooldown of a rule is that of each subscription: another one is notified at once, the same one is not.
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 1), (:tenant, 'menu', 'load', 50);
SELECT realtime_run_pass();
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 50);
SELECT realtime_run_pass();
SELECT subscription_type, status, notified_at IS NOT NULL FROM alert_instances ORDER BY subscription_type, triggered_at;
-- That of functions and of alerts by hand is one for all subscriptions.
SELECT check_alert_cooldown(:tenant, 'good', 15), check_alert_cooldown(:tenant, 'other', 15);
SELECT create_alert(:tenant, 'good', 'medium', 'by hand', subscription_type => 'reservations') IS NOT NULL;
SELECT subscription_type, notified_at IS NOT NULL FROM alert_instances WHERE kind = 'manual';
-- Members of payloads that do not exist.
SELECT pg_temp.answer(format('SELECT %s(%L)', f, '{"tenantId": "a0000000-0000-4000-8000-000000000001"}'::jsonb || p::jsonb)) FROM (VALUES
  ('collect_metrics', '{"connectionId": "c", "subscriptionType": "s", "metrics": {"messageReceived": 1}}'), ('collect_metrics', '{"connectionID": "c", "subscriptionType": "s"}'),
  ('collect_metrics', '{"connectionId": "c", "subscriptionType": "s", "healthData": {"cpu": 1}}'), ('collect_metrics', '{"connectionId": "c", "subscriptionType": "s", "metrics": {"x": 1}}'),
  ('collect_metrics', '{"action": "collect_metrics", "connectionId": "c", "subscriptionType": "s", "metrics": {"connectionsActive": 1, "healthScore": 90}}'),
  ('track_event', '{"event_type": "e"}'), ('track_event', '{"eventType": "e", "detail": {"anything": {"goes": 1}}}'), ('subscribe', '{"chanel": "c"}'), ('unsubscribe', '{"channel": "c", "filter": {}}'),
  ('health_check', '{"performDiagnostic": true}'), ('get_status', '{"connection": "c"}'), ('get_metrics', '{"timerange": "1h"}'), ('process_batch', '{"item": []}')) t(f, p);
SELECT r -> 'error' ->> 'message', r -> 'error' ->> 'hint' FROM jsonb_array_elements(process_batch('{"tenantId": "a0000000-0000-4000-8000-000000000001", "items": [
  {"type": "sync", "data": {"healthStatus": {"subscriptionType": "s", "statu": "healthy"}}}, {"typ": "sync"}, {"type": "bulk_update", "datas": {}, "data": {}},
  {"type": "bulk_update", "data": {"connectionMetric": {}}}, {"type": "track_event", "eventType": "e"}]}') -> 'results') r;
REVOKE realtime_writer FROM signals_member; DROP ROLE signals_member;
DELETE FROM alert_rules; DELETE FROM alert_instances; DELETE FROM alert_states; DELETE FROM realtime_metric_samples; DELETE FROM realtime_connection_metrics; DELETE FROM realtime_sample_rollups;
DELETE FROM realtime_metric_rollups; DELETE FROM realtime_connections; DELETE FROM realtime_health_status; DELETE FROM tenant_memberships; DELETE FROM realtime_ingest_positions;
DELETE FROM realtime_subscription_events; DELETE FROM batch_processing_logs; DELETE FROM realtime_batches;
