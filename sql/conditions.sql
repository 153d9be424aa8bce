-- Trees of conditions, and what is wrong with them.
\pset format unaligned
\pset tuples_only on
SELECT * FROM realtime_alert_conditions('{"any": [{"metric": "avg_latency_ms", "threshold": 100}, {"not": {"all": [{"metric": "load", "aggregation": "p95", "operator": "between", "threshold": 1, "upper": 2, "window_seconds": 300}]}}]}');
SELECT * FROM realtime_alert_conditions('{"burn_rate": {"objective": 0.99, "factor": 14.4, "long_window_seconds": 3600, "short_window_seconds": 300}}');
SELECT realtime_alert_conditions('[]');
SELECT realtime_alert_conditions('{}');
SELECT realtime_alert_conditions('{"all": []}');
SELECT realtime_alert_conditions('{"all": [{"metric": "a", "threshold": 1}, {"metric": "B", "threshold": 1}]}');
SELECT realtime_alert_conditions('{"all": [1], "any": [1]}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": "1"}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 1, "operator": "~"}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 1, "aggregation": "median"}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 1, "window": 1}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 1, "window_seconds": 1}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 1, "operator": "between"}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 2, "upper": 1, "operator": "between"}');
SELECT realtime_alert_conditions('{"metric": "a", "threshold": 1e400}');
SELECT realtime_alert_conditions('{"burn_rate": {"objective": 2, "factor": 1, "long_window_seconds": 60, "short_window_seconds": 10}}');
SELECT realtime_alert_conditions('{"burn_rate": 1}');
SELECT realtime_alert_conditions((repeat('{"not":', 10) || '{"metric": "a", "threshold": 1}' || repeat('}', 10))::jsonb);
SELECT realtime_alert_conditions(jsonb_build_object('all', (SELECT jsonb_agg('{"metric": "a", "threshold": 1}'::jsonb) FROM generate_series(1, 64))));
