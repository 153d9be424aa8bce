-- What a rule would have decided, without deciding it.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET timezone = 'UTC';
\set tenant '123e4567-e89b-12d3-a456-426614174000'
-- The guide's rule: above 10 % for half a minute.
SELECT * FROM test_alert_rule('{"metric": "error_rate", "threshold_value": 0.1, "for_seconds": 30, "keep_firing_seconds": 20, "severity": "high", "cooldown_minutes": 0}',
  '[{"at": "2026-01-01T00:00:00Z", "value": 0.05}, {"at": "2026-01-01T00:00:10Z", "value": 0.155}, {"at": "2026-01-01T00:01:00Z", "value": 0.02}]');
-- Missing data, several conditions, escalation, hysteresis.
SELECT * FROM test_alert_rule('{"metric": "load", "threshold_value": 5, "no_data_action": "alert", "no_data_for_seconds": 60}', '[{"at": "2026-01-01T00:00:00Z", "value": 1}, {"at": "2026-01-01T00:00:10Z", "value": null}, {"at": "2026-01-01T00:05:00Z", "value": 1}]');
SELECT * FROM test_alert_rule('{"metric": "error_rate", "threshold_value": 0.1, "conditions": {"any": [{"metric": "messages_per_second", "operator": ">", "threshold": 10}]}}',
  '[{"at": "2026-01-01T00:00:00Z", "values": {"error_rate": 0.5, "messages_per_second": 1}}, {"at": "2026-01-01T00:00:10Z", "values": {"messages_per_second": 20}}]');
SELECT at, event, notification, severity FROM test_alert_rule('{"metric": "load", "threshold_value": 5, "escalate_after_minutes": 10}', '[{"at": "2026-01-01T00:00:00Z", "value": 9}]');
SELECT at, event, value FROM test_alert_rule('{"metric": "load", "operator": "<", "threshold_value": -5, "clear_threshold": -1}', '[{"at": "2026-01-01T00:00:00Z", "value": -9}, {"at": "2026-01-01T00:00:01Z", "value": -3}, {"at": "2026-01-01T00:00:02Z", "value": 0}]');
-- An existing rule.
INSERT INTO alert_rules (tenant_id, rule_id, name, metric, aggregation, threshold_value, window_seconds, message_template) VALUES (:'tenant', 'queue', 'Queue', 'queue_depth', 'max', 100, 20, '{{rule_name}} of {{subscription_type}} is {{value}}');
SELECT event FROM test_alert_rule((SELECT to_jsonb(r) FROM alert_rules r), '[{"at": "2026-01-01T00:00:00Z", "value": 200}]');
-- Replayed over what was stored.
INSERT INTO realtime_sample_rollups (tenant_id, subscription_type, metric, resolution, bucket_start, count, sum, min, max, last, distribution)
SELECT tenant::uuid, 'orders', 'queue_depth', 10, '2026-01-01 00:00+00'::timestamptz + make_interval(secs => 10 * n), 1, v, v, v, v, realtime_sketch_add(NULL, v)
  FROM unnest(ARRAY[:'tenant', '223e4567-e89b-12d3-a456-426614174000']) tenant, LATERAL (SELECT n, CASE WHEN n BETWEEN 30 AND 40 THEN 500.0 ELSE 1.0 END AS v FROM generate_series(0, 89) n) x;
SELECT * FROM replay_alert_rule((SELECT to_jsonb(r) FROM alert_rules r), '2026-01-01 00:00+00', '2026-01-01 00:15+00');
SELECT * FROM replay_alert_rule((SELECT to_jsonb(r) || '{"threshold_value": 1000}' FROM alert_rules r), '2026-01-01 00:00+00', '2026-01-01 00:15+00');
SELECT tenant_id, event FROM replay_alert_rule((SELECT to_jsonb(r) - 'tenant_id' FROM alert_rules r), '2026-01-01 00:00+00', '2026-01-01 00:15+00') WHERE event = 'fire' ORDER BY 1;
SELECT at, event FROM replay_alert_rule((SELECT to_jsonb(r) FROM alert_rules r), '2026-01-01 00:06+00', '2026-01-01 00:15+00');
-- From reports: the worker's own buckets give the worker's own alert.
INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value) VALUES (:'tenant', 'errors', 'error_rate', 0.5);
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, error_count) VALUES (:'tenant', 'orders', 'c', 100, 90);
SELECT realtime_run_pass();
SELECT a.rule_id, a.metric_value, r.event, r.value, r.message = a.message
  FROM alert_instances a, replay_alert_rule((SELECT to_jsonb(r) FROM alert_rules r WHERE rule_id = 'errors'), now() - interval '1 minute', now() + interval '10 seconds') r;
-- What is wrong is named.
CREATE FUNCTION pg_temp.answer(rule jsonb, samples jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM test_alert_rule(rule, samples);
  RETURN 'taken';
EXCEPTION WHEN others THEN
  RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.answer(r, '[]') FROM unnest(ARRAY['{}', '5', '{"metric": "load"}', '{"metric": "load", "threshold_value": 1, "treshold": 2}', '{"metric": "load", "threshold_value": "x"}', '{"metric": "Load", "threshold_value": 1}',
  '{"metric": "load", "threshold_value": 1, "operator": "between"}', '{"metric": "load", "threshold_value": 1, "window_seconds": 1}', '{"metric": "load", "threshold_value": 1, "conditions": {"any": []}}', '{"metric": "load", "threshold_value": 1, "severity": "worst"}']::jsonb[]) r;
SELECT pg_temp.answer('{"metric": "load", "threshold_value": 1}', s) FROM unnest(ARRAY['{}', '5', '[5]', '[{}]', '[{"at": "x"}]', '[{"at": "2026-01-01", "value": "1"}]', '[{"at": "2026-01-02"}, {"at": "2026-01-01"}]', '[{"at": "2026-01-01", "values": 5}]', '[{"at": "2026-01-01", "value": 1e999}]']::jsonb[]) s;
SELECT replay_alert_rule('{"metric": "load", "threshold_value": 1}', '2026-01-02', '2026-01-01');
SELECT replay_alert_rule('{"metric": "load", "threshold_value": 1}', '2026-01-02', 'infinity');
-- A member replays its own history only.
CREATE ROLE rehearsal_member; GRANT realtime_reader TO rehearsal_member;
INSERT INTO tenant_memberships (tenant_id, user_id, role) VALUES (:'tenant', '00000000-0000-4000-8000-000000000001', 'viewer');
SET ROLE rehearsal_member;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}';
SELECT tenant_id, event FROM replay_alert_rule('{"metric": "queue_depth", "aggregation": "max", "threshold_value": 100, "conditions": {"not": {"metric": "queue_depth", "aggregation": "max", "operator": ">", "threshold": 9000}}}', '2026-01-01 00:00+00', '2026-01-01 00:15+00') WHERE event = 'fire';
SELECT count(*) FROM replay_alert_rule('{"tenant_id": "223e4567-e89b-12d3-a456-426614174000", "metric": "queue_depth", "threshold_value": 100}', '2026-01-01 00:00+00', '2026-01-01 00:15+00');
RESET ROLE;
RESET request.jwt.claims;
REVOKE realtime_reader FROM rehearsal_member; DROP ROLE rehearsal_member;
DELETE FROM tenant_memberships; DELETE FROM alert_rules; DELETE FROM realtime_connection_metrics;
SELECT realtime_run_pass();
DELETE FROM alert_instances; DELETE FROM alert_states; DELETE FROM realtime_metric_rollups; DELETE FROM realtime_sample_rollups; DELETE FROM realtime_health_status; DELETE FROM realtime_connections; DELETE FROM realtime_ingest_positions;
