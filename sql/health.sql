-- The functions on which metrics are judged.
\pset format unaligned
\pset tuples_only on
SELECT v.*, calculate_health_score(rt, e, r, m) AS computed
  FROM (VALUES (340, .013, 1, 23.5, 90.6), (0, 0, 0, 0, 100.0), (500, 0, 0, 0, 92.5), (1000, 0, 0, 0, 78.5), (2000, 0, 0, 0, 56.9),
               (30000, 0, 0, 0, 20.0), (340, .05, 1, 23.5, 82.0), (340, .144, 1, 23.5, 67.1), (340, .5, 1, 23.5, 39.2), (340, 1, 1, 23.5, 0.0),
               (340, .013, 5, 23.5, 83.4), (340, .013, 10, 23.5, 75.1), (340, .013, 1, 85, 84.5), (340, .013, 1, 95, 75.7),
               (340, .013, 1, 100, 57.2), (2000, .05, 5, 90, 40.0), (5000, .2, 10, 95, 14.0)) v(rt, e, r, m, expected)
 WHERE calculate_health_score(rt, e, r, m) IS DISTINCT FROM expected;
SELECT calculate_health_score(340, 0.013, 1, 23.5);
SELECT calculate_health_score(340, NULL, 1, NULL), calculate_health_score(NULL, NULL, NULL, NULL) IS NULL;
SELECT calculate_health_score('NaN', 0, 0, 0);
SELECT calculate_health_score(0, 'infinity', 0, 0);
SELECT calculate_health_score(-5, -1, -3, 1000);
SELECT assess_connection_quality(150, 16, 0, 340), assess_connection_quality(150, 2, 1, 340), assess_connection_quality(150, 0, 0, 1500),
       assess_connection_quality(150, 0, 0, 340), assess_connection_quality(NULL, NULL, NULL, NULL);
-- Sketches: within one percent of the exact percentiles, however they are put together.
CREATE TEMP TABLE latencies AS SELECT g % 10 AS part, exp(sin(g) * 3) * 100 AS ms FROM generate_series(1, 20000) g;
SELECT fraction, abs(realtime_sketch_quantile(whole, fraction) - exact) <= exact * 0.0101, abs(realtime_sketch_quantile(merged, fraction) - exact) <= exact * 0.0101
  FROM (SELECT realtime_sketch_agg(ms) AS whole FROM latencies) w,
       (SELECT realtime_sketch_merge(sketch) AS merged FROM (SELECT realtime_sketch_agg(ms) AS sketch FROM latencies GROUP BY part) p) m,
       LATERAL (SELECT f.fraction, percentile_disc(f.fraction) WITHIN GROUP (ORDER BY ms) AS exact
                  FROM latencies, unnest(ARRAY[0.01, 0.5, 0.95, 0.99, 1]) f(fraction) GROUP BY f.fraction) e
 ORDER BY 1;
SELECT realtime_sketch_count(s), realtime_sketch_sum(s), realtime_sketch_min(s), realtime_sketch_max(s)
  FROM (SELECT realtime_sketch_add(realtime_sketch_add(NULL, 5, 10), -2) AS s) x;
SELECT realtime_sketch_count(realtime_sketch_union(realtime_sketch_add(NULL, 1), realtime_sketch_add(NULL, 2)));
SELECT s::text::realtime_sketch::text = s::text FROM (SELECT realtime_sketch_agg(ms) AS s FROM latencies) x;
SELECT realtime_sketch_agg(ms) IS NULL, realtime_sketch_merge(NULL) IS NULL FROM latencies WHERE false;
SELECT 'not a sketch'::realtime_sketch;
SELECT 'AAAA'::realtime_sketch;
SELECT realtime_sketch_quantile(realtime_sketch_add(NULL, 1), 1.5);
SELECT realtime_sketch_add(NULL, 'NaN');
SELECT realtime_sketch_add(NULL, 1, 0);
