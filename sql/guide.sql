-- The statements of the integration guide as they stand there, with valid ids in the places of its placeholders.
\pset format unaligned
\pset tuples_only on
-- auth.uid() as Supabase has it.
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid $$;
-- Connection metrics.
INSERT INTO realtime_connection_metrics (
  tenant_id,
  connection_id,
  subscription_type,
  total_messages_received,
  avg_response_time_ms,
  connection_quality,
  last_heartbeat_at
) VALUES (
  '123e4567-e89b-12d3-a456-426614174000',
  'conn_abc123',
  'orders',
  150,
  340,
  'good',
  NOW()
);
-- The quality that was given is kept, the score that was not is computed.
SELECT connection_quality, health_score FROM realtime_connection_metrics;
SELECT realtime_run_pass();
SELECT status, active_connections, success_rate, avg_latency_ms FROM realtime_health_status;
-- Aggregated health.
UPDATE realtime_health_status SET
  status = 'healthy',
  active_connections = 5,
  success_rate = 0.9867,
  avg_latency_ms = 340,
  error_rate = 0.0133,
  last_health_check_at = NOW()
WHERE tenant_id = '123e4567-e89b-12d3-a456-426614174000' AND subscription_type = 'orders';
SELECT realtime_run_pass();
-- An alert.
INSERT INTO alert_instances (
  tenant_id,
  rule_id,
  severity,
  message,
  metric_value,
  threshold_value
) VALUES (
  '123e4567-e89b-12d3-a456-426614174000',
  'rule_error_rate_high',
  'high',
  'Error rate 15.5% exceeds threshold 10%',
  0.155,
  0.10
);
SELECT status, kind, message, metric_value, threshold_value, correlation_id IS NOT NULL FROM alert_instances;
-- The cooldown of a rule that never fired, and of the one that just did.
SELECT check_alert_cooldown(
  '123e4567-e89b-12d3-a456-426614174000',
  'rule_id_123',
  15
); -- Should return true/false
SELECT check_alert_cooldown(
  '123e4567-e89b-12d3-a456-426614174000',
  'rule_error_rate_high',
  15
);
\x
SELECT tenant_id, subscription_type, status, active_connections, success_rate, avg_latency_ms, error_rate, health_score, reported FROM realtime_health_status
WHERE tenant_id = '123e4567-e89b-12d3-a456-426614174000'
AND last_health_check_at >= NOW() - INTERVAL '5 minutes';
\x
-- The policy of the guide, beside those that are there.
CREATE POLICY "tenant_isolation" ON realtime_connection_metrics
FOR ALL USING (
  tenant_id IN (
    SELECT tenant_id FROM tenant_memberships
    WHERE user_id = auth.uid()
  )
);
CREATE ROLE guide_user;
GRANT realtime_writer TO guide_user;
GRANT USAGE ON SCHEMA auth TO guide_user;
INSERT INTO tenant_memberships (tenant_id, user_id) VALUES ('123e4567-e89b-12d3-a456-426614174000', '00000000-0000-4000-8000-000000000001');
SET ROLE guide_user;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000001"}';
SELECT count(*) FROM realtime_connection_metrics;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-000000000002"}';
SELECT count(*) FROM realtime_connection_metrics;
RESET ROLE;
RESET request.jwt.claims;
-- The figures of the guide: 340 ms, 0.013, 1, 23.5.
SELECT calculate_health_score(340, 0.013, 1, 23.5), assess_connection_quality(150, 2, 1, 340);
DROP POLICY "tenant_isolation" ON realtime_connection_metrics;
REVOKE realtime_writer FROM guide_user;
REVOKE USAGE ON SCHEMA auth FROM guide_user;
DROP ROLE guide_user;
DROP SCHEMA auth CASCADE;
DELETE FROM alert_instances; DELETE FROM tenant_memberships; DELETE FROM realtime_health_status; DELETE FROM realtime_connection_metrics;
DELETE FROM realtime_connections; DELETE FROM realtime_metric_rollups; DELETE FROM realtime_ingest_positions;
