-- From a report to an alert and back, by passes that are run by hand.
\pset format unaligned
\pset tuples_only on
\set tenant '''a0000000-0000-4000-8000-000000000001'''
\set other '''a0000000-0000-4000-8000-000000000002'''
INSERT INTO notification_preferences (tenant_id, user_id, channel, target, min_severity) VALUES
  (:tenant, 'a0000000-0000-4000-8000-0000000000aa', 'email', 'everything@example.com', 'info'),
  (:tenant, 'a0000000-0000-4000-8000-0000000000bb', 'email', 'bad@example.com', 'critical');
INSERT INTO alert_rules (tenant_id, rule_id, name, metric, aggregation, operator, threshold_value, severity, cooldown_minutes, message_template)
VALUES (:tenant, 'load_high', 'Load', 'load', 'last', '>', 10, 'high', 0, '{{rule_name}} is {{value}} on {{subscription_type}}, {{unknown}}'),
       (NULL, 'errors', 'Errors', 'error_rate', 'default', '>', 0.1, 'medium', 15, NULL),
       (:other, 'errors', 'Hides the global one', 'error_rate', 'default', '>', 0.9, 'medium', 15, NULL);
CREATE VIEW alerts AS SELECT rule_id, subscription_type, severity, status, kind, message, resolution, notified_at IS NOT NULL AS notified FROM alert_instances ORDER BY triggered_at, rule_id, tenant_id;
CREATE VIEW outbox AS SELECT p.target, o.kind, o.severity, o.payload ->> 'message' FROM notification_outbox o JOIN notification_preferences p USING (tenant_id, preference_id) ORDER BY o.created_at, p.target, o.kind;
-- Nothing breaches.
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 5);
SELECT realtime_run_pass();
TABLE alerts;
-- A breach, once, for whoever wants to know of its severity.
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 50);
SELECT realtime_run_pass();
SELECT realtime_run_pass();
TABLE alerts;
TABLE outbox;
SELECT state, firing_notified, last_value FROM alert_states;
-- Somebody takes care of it.
SELECT (acknowledge_alert(id, 'on it')).status FROM alert_instances WHERE rule_id = 'load_high';
-- Its end is told to whom its beginning was told.
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 1);
SELECT realtime_run_pass();
TABLE alerts;
TABLE outbox;
\set VERBOSITY sqlstate
SELECT acknowledge_alert(id) FROM alert_instances WHERE rule_id = 'load_high';
\set VERBOSITY terse
SELECT resolve_alert('00000000-0000-0000-0000-000000000000');
-- Cumulative counters; the global rule, and the rule that hides it.
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, error_count)
VALUES (:tenant, 'menu', 'c', 100, 50), (:other, 'menu', 'c', 100, 50);
SELECT realtime_run_pass();
SELECT * FROM alerts WHERE rule_id = 'errors';
SELECT tenant_id, status, error_rate, active_connections, reported FROM realtime_health_status ORDER BY 1;
SELECT tenant_id, total_messages_received, error_count, resets FROM realtime_connections ORDER BY 1;
SELECT resolution, reports, messages_received, errors FROM realtime_metric_rollups WHERE tenant_id = :tenant ORDER BY 1;
-- What a transaction that is rolled back wrote is never judged; what was judged is not judged again.
BEGIN;
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:other, 'orders', 'load', 50);
ROLLBACK;
SELECT realtime_run_pass();
SELECT count(*) FROM realtime_sample_rollups WHERE tenant_id = :other;
SELECT sum(count) FROM realtime_sample_rollups WHERE tenant_id = :tenant AND resolution = 3600;
-- A pass that is rolled back leaves everything to the next one.
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES (:tenant, 'orders', 'load', 60);
BEGIN;
SELECT realtime_run_pass();
SELECT count(*) FROM alert_instances WHERE rule_id = 'load_high' AND status = 'firing';
ROLLBACK;
SELECT count(*) FROM alert_instances WHERE rule_id = 'load_high' AND status = 'firing';
SELECT realtime_run_pass();
SELECT count(*) FROM alert_instances WHERE rule_id = 'load_high' AND status = 'firing';
SELECT sum(count) FROM realtime_sample_rollups WHERE tenant_id = :tenant AND resolution = 3600;
-- Ended by hand while it is still breached: a new one opens.
SELECT (resolve_alert(id, 'restarted')).resolution FROM alert_instances WHERE rule_id = 'load_high' AND status = 'firing';
SELECT realtime_run_pass();
SELECT status, resolution FROM alerts WHERE rule_id = 'load_high';
-- A rule that is taken away ends its alerts.
DELETE FROM alert_rules WHERE rule_id = 'load_high';
SELECT realtime_run_pass();
SELECT status, resolution FROM alerts WHERE rule_id = 'load_high';
-- A silence mutes and does not judge.
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES (:tenant, 'muted', 'load', 'last', 10, 0);
SELECT silence_alerts(:tenant, 'muted') IS NOT NULL;
SELECT realtime_run_pass();
SELECT * FROM alerts WHERE rule_id = 'muted';
SELECT unsilence_alerts(silence_id) FROM alert_silences;
SELECT realtime_run_pass();
SELECT * FROM alerts WHERE rule_id = 'muted';
-- Rules that cannot be judged are refused where they are written.
INSERT INTO alert_rules (tenant_id, rule_id, metric, operator, threshold_value) VALUES (:tenant, 'x', 'load', 'between', 10);
INSERT INTO alert_rules (tenant_id, rule_id, metric, operator, threshold_value, clear_threshold) VALUES (:tenant, 'x', 'load', '>', 10, 11);
INSERT INTO alert_rules (tenant_id, rule_id, metric, operator, threshold_value) VALUES (:tenant, 'x', 'load', 'like', 10);
INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value) VALUES (:tenant, 'x', 'load', 'NaN');
INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value, window_seconds) VALUES (:tenant, 'x', 'load', 1, 5);
INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value, conditions) VALUES (:tenant, 'x', 'load', 1, '{"metric": 1}');
INSERT INTO alert_silences (tenant_id, ends_at, time_zone) VALUES (:tenant, now() + '1 hour', 'Mars/Olympus');
-- Values that a user writes into the health status are judged, too.
UPDATE realtime_health_status SET error_rate = 0.95, health_score = NULL WHERE tenant_id = :other AND subscription_type = 'menu';
SELECT realtime_run_pass();
SELECT rule_id, subscription_type, metric_value FROM alert_instances WHERE tenant_id = :other;
SELECT reported, health_score FROM realtime_health_status WHERE tenant_id = :other;
-- Who delivers claims, gives back, and finishes.
SELECT count(*) > 0 FROM claim_notifications(1000);
SELECT count(*) FROM claim_notifications(1000);
SELECT bool_and(retry_notification(tenant_id, notification_id, 'refused', now())) FROM notification_outbox WHERE kind = 'resolved';
SELECT bool_and(finish_notification(tenant_id, notification_id, kind = 'firing', 'gone')) FROM notification_outbox;
SELECT DISTINCT kind, status, attempts, last_error, delivered_at IS NULL, dead_lettered_at IS NULL FROM notification_history ORDER BY 1, 2, 3, 4;
-- Quiet hours, in the user's time zone, and over midnight.
SELECT h, realtime_quiet_until(ROW(NULL, NULL, NULL, 'email', 'x', NULL, 'info', '22:00', '07:00', 'America/New_York', 0, true, NULL, NULL)::notification_preferences,
         '2026-01-15 00:00Z'::timestamptz + make_interval(hours => h)) AT TIME ZONE 'UTC' FROM unnest(ARRAY[0, 2, 3, 11, 12, 13]) h;
SELECT h, realtime_silence_active(ROW(NULL, NULL, NULL, NULL, '2026-01-01', '2027-01-01', '', '{5}', '22:00', '02:00', 'UTC', NULL, NULL)::alert_silences,
         '2026-01-16 00:00Z'::timestamptz + make_interval(hours => h)) FROM unnest(ARRAY[1, 21, 22, 25, 26]) h;
-- A cooldown counts alerts and slots.
SELECT check_alert_cooldown(:tenant, 'errors', 15), check_alert_cooldown(:tenant, 'errors', 0), check_alert_cooldown(:tenant, 'nothing', 15);
SELECT try_start_alert_cooldown(:tenant, 'nothing', 15), try_start_alert_cooldown(:tenant, 'nothing', 15), check_alert_cooldown(:tenant, 'nothing', 15);
SELECT check_alert_cooldown(:tenant, 'errors', -1);
SELECT check_alert_cooldown(NULL, 'errors', 1);
-- Changes of a user's table, counted for each tenant.
CREATE TABLE tracked (id int, tenant_id uuid);
CREATE TRIGGER track AFTER INSERT ON tracked REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION realtime_track_changes();
INSERT INTO tracked SELECT g, CASE WHEN g < 4 THEN :tenant ELSE :other END::uuid FROM generate_series(1, 10) g;
SELECT subscription_type, metric, value FROM realtime_metric_samples WHERE subscription_type = 'tracked' ORDER BY tenant_id;
CREATE TRIGGER wrong AFTER UPDATE ON tracked FOR EACH STATEMENT EXECUTE FUNCTION realtime_track_changes();
UPDATE tracked SET id = id;
DROP TABLE tracked;
-- Nothing of it stays.
DROP VIEW alerts, outbox;
DELETE FROM alert_rules; DELETE FROM alert_instances; DELETE FROM alert_states; DELETE FROM alert_silences; DELETE FROM notification_preferences;
DELETE FROM notification_outbox; DELETE FROM notification_history; DELETE FROM alert_cooldowns; DELETE FROM realtime_health_status;
DELETE FROM realtime_connections; DELETE FROM realtime_metric_samples; DELETE FROM realtime_connection_metrics;
DELETE FROM realtime_metric_rollups; DELETE FROM realtime_sample_rollups; DELETE FROM realtime_ingest_positions;
