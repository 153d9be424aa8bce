-- Types, and the functions on which metrics are judged --------------------------------------------------------------------

CREATE TYPE @extschema@.connection_quality AS ENUM ('excellent', 'good', 'poor', 'critical');
COMMENT ON TYPE @extschema@.connection_quality IS 'What assess_connection_quality() finds, best first.';
CREATE TYPE @extschema@.realtime_health AS ENUM ('healthy', 'degraded', 'unhealthy', 'unknown', 'offline');
COMMENT ON TYPE @extschema@.realtime_health IS
  'healthy: score 85 or more; degraded: 50 to 85; unhealthy: below; unknown: heartbeats are missing; offline: no connection for longer.';

CREATE TYPE @extschema@.realtime_sketch;
CREATE FUNCTION @extschema@.realtime_sketch_in(cstring) RETURNS @extschema@.realtime_sketch
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_in';
CREATE FUNCTION @extschema@.realtime_sketch_out(@extschema@.realtime_sketch) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_out';
CREATE FUNCTION @extschema@.realtime_sketch_recv(internal) RETURNS @extschema@.realtime_sketch
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_recv';
CREATE FUNCTION @extschema@.realtime_sketch_send(@extschema@.realtime_sketch) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_send';
CREATE TYPE @extschema@.realtime_sketch (
  INPUT = @extschema@.realtime_sketch_in, OUTPUT = @extschema@.realtime_sketch_out, RECEIVE = @extschema@.realtime_sketch_recv, SEND = @extschema@.realtime_sketch_send,
  INTERNALLENGTH = VARIABLE, STORAGE = extended
);
COMMENT ON TYPE @extschema@.realtime_sketch IS
  'A summary of a distribution (DDSketch): its quantiles are right within 1 % of their value, in whatever order sketches are merged.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_in(cstring) IS 'Input of realtime_sketch: base64 of its stored form.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_out(@extschema@.realtime_sketch) IS 'Output of realtime_sketch: base64 of its stored form.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_recv(internal) IS 'Binary input of realtime_sketch.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_send(@extschema@.realtime_sketch) IS 'Binary output of realtime_sketch.';

CREATE FUNCTION @extschema@.realtime_sketch_add(sketch @extschema@.realtime_sketch, value double precision, weight bigint DEFAULT 1) RETURNS @extschema@.realtime_sketch
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_add';
COMMENT ON FUNCTION @extschema@.realtime_sketch_add(@extschema@.realtime_sketch, double precision, bigint) IS
  'The sketch with a value more, which counts weight times; NULL as sketch begins a new one. The value must be finite.';
CREATE FUNCTION @extschema@.realtime_sketch_union(@extschema@.realtime_sketch, @extschema@.realtime_sketch) RETURNS @extschema@.realtime_sketch
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_union';
COMMENT ON FUNCTION @extschema@.realtime_sketch_union(@extschema@.realtime_sketch, @extschema@.realtime_sketch) IS 'The sketch of the values of both.';
CREATE FUNCTION @extschema@.realtime_sketch_quantile(sketch @extschema@.realtime_sketch, fraction double precision) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_quantile';
COMMENT ON FUNCTION @extschema@.realtime_sketch_quantile(@extschema@.realtime_sketch, double precision) IS
  'The value below which this fraction (0 to 1) of the values lies, within 1 %; NULL for an empty sketch.';
CREATE FUNCTION @extschema@.realtime_sketch_count(@extschema@.realtime_sketch) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_count';
COMMENT ON FUNCTION @extschema@.realtime_sketch_count(@extschema@.realtime_sketch) IS 'How many values are in a sketch, by their weight; it stops at 2^63 - 1.';
CREATE FUNCTION @extschema@.realtime_sketch_sum(@extschema@.realtime_sketch) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_sum';
COMMENT ON FUNCTION @extschema@.realtime_sketch_sum(@extschema@.realtime_sketch) IS 'Sum of the values of a sketch, each times its weight; it stops at the greatest double precision.';
CREATE FUNCTION @extschema@.realtime_sketch_min(@extschema@.realtime_sketch) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_min';
COMMENT ON FUNCTION @extschema@.realtime_sketch_min(@extschema@.realtime_sketch) IS 'Least value of a sketch, exact; NULL when it is empty.';
CREATE FUNCTION @extschema@.realtime_sketch_max(@extschema@.realtime_sketch) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_max';
COMMENT ON FUNCTION @extschema@.realtime_sketch_max(@extschema@.realtime_sketch) IS 'Greatest value of a sketch, exact; NULL when it is empty.';

CREATE FUNCTION @extschema@.realtime_sketch_accumulate(internal, double precision) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_accumulate';
CREATE FUNCTION @extschema@.realtime_sketch_merge_step(internal, @extschema@.realtime_sketch) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_merge_step';
CREATE FUNCTION @extschema@.realtime_sketch_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_combine';
CREATE FUNCTION @extschema@.realtime_sketch_serialize(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_serialize';
CREATE FUNCTION @extschema@.realtime_sketch_deserialize(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_deserialize';
CREATE FUNCTION @extschema@.realtime_sketch_final(internal) RETURNS @extschema@.realtime_sketch
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_sketch_final';
COMMENT ON FUNCTION @extschema@.realtime_sketch_accumulate(internal, double precision) IS 'Step of aggregate realtime_sketch_agg().';
COMMENT ON FUNCTION @extschema@.realtime_sketch_merge_step(internal, @extschema@.realtime_sketch) IS 'Step of aggregate realtime_sketch_merge().';
COMMENT ON FUNCTION @extschema@.realtime_sketch_combine(internal, internal) IS 'Puts states of parallel aggregation together.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_serialize(internal) IS 'State of an aggregate as bytes, for parallel aggregation.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_deserialize(bytea, internal) IS 'State of an aggregate from bytes, for parallel aggregation.';
COMMENT ON FUNCTION @extschema@.realtime_sketch_final(internal) IS 'Result of the sketch aggregates; NULL where there was no value.';
CREATE AGGREGATE @extschema@.realtime_sketch_agg(double precision) (
  SFUNC = @extschema@.realtime_sketch_accumulate, STYPE = internal, FINALFUNC = @extschema@.realtime_sketch_final, COMBINEFUNC = @extschema@.realtime_sketch_combine,
  SERIALFUNC = @extschema@.realtime_sketch_serialize, DESERIALFUNC = @extschema@.realtime_sketch_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.realtime_sketch_agg(double precision) IS 'Sketch of the values; NULL values are left out.';
CREATE AGGREGATE @extschema@.realtime_sketch_merge(@extschema@.realtime_sketch) (
  SFUNC = @extschema@.realtime_sketch_merge_step, STYPE = internal, FINALFUNC = @extschema@.realtime_sketch_final, COMBINEFUNC = @extschema@.realtime_sketch_combine,
  SERIALFUNC = @extschema@.realtime_sketch_serialize, DESERIALFUNC = @extschema@.realtime_sketch_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.realtime_sketch_merge(@extschema@.realtime_sketch) IS 'One sketch of many: percentiles over any span, never averages of percentiles.';

CREATE FUNCTION @extschema@.calculate_health_score(response_time double precision, error_rate double precision, retry_count integer, memory_usage double precision)
RETURNS numeric(4,1)
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_calculate_health_score';
COMMENT ON FUNCTION @extschema@.calculate_health_score(double precision, double precision, integer, double precision) IS
  'Health from 0 to 100 of response time (ms), error rate (0 to 1), retries and memory (percent of the limit): a weighted geometric mean that no growing input can raise. NULL leaves an input out; all NULL is NULL.';
CREATE FUNCTION @extschema@.assess_connection_quality(messages_received bigint, error_count bigint, retry_count integer, avg_response_time double precision)
RETURNS @extschema@.connection_quality
LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pg_realtime_assess_connection_quality';
COMMENT ON FUNCTION @extschema@.assess_connection_quality(bigint, bigint, integer, double precision) IS
  'critical: errors above 10 % of the messages or more than 5 retries; poor: above 2000 ms or any error; good: above 1000 ms; else excellent. NULL counts as 0.';
