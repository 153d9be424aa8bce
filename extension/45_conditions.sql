-- Conditions of alert rules ------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.realtime_alert_conditions(conditions jsonb)
RETURNS TABLE ("position" integer, kind text, child_count integer, metric text, aggregation text, operator text,
               threshold double precision, upper double precision, window_seconds integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  most_nodes constant integer := 64;
  deepest constant integer := 8;
  -- Nodes that are still to be visited, the next one last, with their paths and depths.
  nodes jsonb[] := ARRAY[conditions];
  paths text[] := ARRAY['conditions'];
  depths integer[] := ARRAY[1];
  node jsonb;
  path text;
  depth integer;
  children jsonb;
  name text;
  burn jsonb;
  number numeric;
BEGIN
  "position" := -1;
  WHILE cardinality(nodes) > 0 LOOP
    node := nodes[cardinality(nodes)];
    path := paths[cardinality(paths)];
    depth := depths[cardinality(depths)];
    nodes := nodes[:cardinality(nodes) - 1];
    paths := paths[:cardinality(paths) - 1];
    depths := depths[:cardinality(depths) - 1];
    "position" := "position" + 1;
    child_count := 0;
    metric := NULL; aggregation := NULL; operator := NULL; threshold := NULL; upper := NULL; window_seconds := NULL;
    IF "position" >= most_nodes THEN
      RAISE EXCEPTION 'conditions have more than % nodes', most_nodes USING ERRCODE = 'program_limit_exceeded';
    END IF;
    IF depth > deepest THEN
      RAISE EXCEPTION '% is nested deeper than % levels', path, deepest USING ERRCODE = 'program_limit_exceeded';
    END IF;
    IF jsonb_typeof(node) <> 'object' THEN
      RAISE EXCEPTION '% must be an object, not %', path, left(node::text, 100)
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Use {"all": [...]}, {"any": [...]}, {"not": {...}}, {"burn_rate": {...}} or a condition.';
    END IF;

    IF node ? 'all' OR node ? 'any' OR node ? 'not' OR node ? 'burn_rate' THEN
      IF (SELECT count(*) FROM jsonb_object_keys(node)) <> 1 THEN
        RAISE EXCEPTION '% must have exactly one of all, any, not and burn_rate', path USING ERRCODE = 'invalid_parameter_value';
      END IF;
      SELECT k INTO name FROM jsonb_object_keys(node) k;
      IF name = 'burn_rate' THEN
        burn := node -> 'burn_rate';
        IF jsonb_typeof(burn) <> 'object'
           OR EXISTS (SELECT 1 FROM unnest(ARRAY['objective', 'factor', 'long_window_seconds', 'short_window_seconds']) k
                       WHERE jsonb_typeof(burn -> k) IS DISTINCT FROM 'number') THEN
          RAISE EXCEPTION '%.burn_rate must have the numbers objective, factor, long_window_seconds and short_window_seconds', path
            USING ERRCODE = 'invalid_parameter_value';
        END IF;
        number := (burn ->> 'objective')::numeric;
        IF number <= 0 OR number >= 1 THEN
          RAISE EXCEPTION '%.burn_rate.objective must be between 0 and 1, not %', path, number USING ERRCODE = 'invalid_parameter_value';
        END IF;
        number := (burn ->> 'factor')::numeric * (1 - number);
        -- Errors burn the budget too fast over the long window, and still do over the short one.
        children := jsonb_build_array(
          jsonb_build_object('metric', 'error_rate', 'operator', '>', 'threshold', number, 'window_seconds', burn -> 'long_window_seconds'),
          jsonb_build_object('metric', 'error_rate', 'operator', '>', 'threshold', number, 'window_seconds', burn -> 'short_window_seconds'));
        kind := 'all';
      ELSIF name = 'not' THEN
        children := jsonb_build_array(node -> 'not');
        kind := 'not';
      ELSE
        children := node -> name;
        kind := name;
        IF jsonb_typeof(children) <> 'array' OR jsonb_array_length(children) = 0 THEN
          RAISE EXCEPTION '%.% must be an array of one condition or more', path, name USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF jsonb_array_length(children) > most_nodes THEN
          RAISE EXCEPTION 'conditions have more than % nodes', most_nodes USING ERRCODE = 'program_limit_exceeded';
        END IF;
      END IF;
      child_count := jsonb_array_length(children);
      FOR child IN REVERSE child_count - 1 .. 0 LOOP
        nodes := nodes || ARRAY[children -> child];
        paths := paths || (path || '.' || name || CASE name WHEN 'not' THEN '' ELSE '[' || child || ']' END);
        depths := depths || (depth + 1);
      END LOOP;
      RETURN NEXT;
      CONTINUE;
    END IF;

    kind := 'leaf';
    SELECT k INTO name FROM jsonb_object_keys(node) k
     WHERE k NOT IN ('metric', 'aggregation', 'operator', 'threshold', 'upper', 'window_seconds') LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION '% has the unknown key "%"', path, name
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid is: metric, aggregation, operator, threshold, upper, window_seconds.';
    END IF;
    metric := node ->> 'metric';
    IF jsonb_typeof(node -> 'metric') IS DISTINCT FROM 'string' OR metric !~ '^[a-z][a-z0-9_]{0,62}$' THEN
      RAISE EXCEPTION '%.metric must be the name of a metric, not %', path, COALESCE(left((node -> 'metric')::text, 100), 'missing')
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    aggregation := COALESCE(node ->> 'aggregation', 'default');
    IF aggregation NOT IN ('default', 'avg', 'min', 'max', 'sum', 'count', 'rate', 'p50', 'p90', 'p95', 'p99', 'last') THEN
      RAISE EXCEPTION '%.aggregation is not valid: "%"', path, left(aggregation, 100)
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid is: default, avg, min, max, sum, count, rate, p50, p90, p95, p99, last.';
    END IF;
    operator := COALESCE(node ->> 'operator', '>');
    IF operator NOT IN ('>', '>=', '<', '<=', '=', '!=', 'between', 'outside') THEN
      RAISE EXCEPTION '%.operator is not valid: "%"', path, left(operator, 100)
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid is: >, >=, <, <=, =, !=, between, outside.';
    END IF;
    IF jsonb_typeof(node -> 'threshold') IS DISTINCT FROM 'number' THEN
      RAISE EXCEPTION '%.threshold must be a number, not %', path, COALESCE(left((node -> 'threshold')::text, 100), 'missing')
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF node ? 'upper' AND jsonb_typeof(node -> 'upper') <> 'number' OR (operator IN ('between', 'outside')) <> (node ? 'upper') THEN
      RAISE EXCEPTION '%.upper must be a number, for between and outside only', path USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF node ? 'window_seconds' AND (jsonb_typeof(node -> 'window_seconds') <> 'number'
         OR (node ->> 'window_seconds')::numeric NOT BETWEEN 10 AND 2592000) THEN
      RAISE EXCEPTION '%.window_seconds must be between 10 and 2592000, not %', path, left((node -> 'window_seconds')::text, 100)
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF abs((node ->> 'threshold')::numeric) > 1e300 OR abs((node ->> 'upper')::numeric) > 1e300 THEN
      RAISE EXCEPTION '%.threshold is out of range', path USING ERRCODE = 'numeric_value_out_of_range';
    END IF;
    threshold := (node ->> 'threshold')::double precision;
    upper := (node ->> 'upper')::double precision;
    window_seconds := (node ->> 'window_seconds')::numeric;
    IF upper <= threshold THEN
      RAISE EXCEPTION '%.upper must be above threshold %', path, threshold USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_alert_conditions(jsonb) IS
  'The tree of alert_rules.conditions as rows, each node before its children; an error (22023, 54000) that names the node when it is not valid.';
REVOKE ALL ON FUNCTION @extschema@.realtime_alert_conditions(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_alert_conditions(jsonb) TO realtime_reader;

-- Which signals there are -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.realtime_metrics(OUT metric text, OUT aggregations text[]) RETURNS SETOF record
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_metrics';
COMMENT ON FUNCTION @extschema@.realtime_metrics() IS
  'The metrics that the extension computes, each with the aggregations that mean something for it. Metrics that users define have all of them.';
REVOKE ALL ON FUNCTION @extschema@.realtime_metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_metrics() TO realtime_reader;

CREATE FUNCTION @extschema@.realtime_nearest_name(name text, names text[]) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_nearest_name';
COMMENT ON FUNCTION @extschema@.realtime_nearest_name(text, text[]) IS
  'Of these names the one that takes the fewest edits, if it takes no more than a third of the letters; NULL when none is so near.';
REVOKE ALL ON FUNCTION @extschema@.realtime_nearest_name(text, text[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_check_signal(tenant uuid, metric text, aggregation text, is_restored boolean) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  valid text[];
  meant text;
BEGIN
  SELECT m.aggregations INTO valid FROM @extschema@.realtime_metrics() m WHERE m.metric = $2;
  IF valid IS NULL THEN
    meant := @extschema@.realtime_nearest_name($2, ARRAY(SELECT m.metric FROM @extschema@.realtime_metrics() m));
    IF $2 = 'replication_lag_seconds' THEN
      RAISE EXCEPTION 'metric "replication_lag_seconds" has no values in the database'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'The gateway shows it among its own metrics; replication_lag_bytes is known here.';
    -- A dump has no values of metrics. A caller without a right to the tenant sees none of its metrics.
    ELSIF meant IS NOT NULL AND NOT $4 AND NOT (
         @extschema@.realtime_session_acts_for($1)
         AND (EXISTS (SELECT 1 FROM @extschema@.realtime_sample_rollups s WHERE s.metric = $2 AND s.resolution = 3600 AND ($1 IS NULL OR s.tenant_id = $1))
              OR EXISTS (SELECT 1 FROM @extschema@.realtime_metric_samples s
                          WHERE s.metric = $2 AND ($1 IS NULL OR s.tenant_id = $1) AND s.recorded_at > now() - interval '1 hour'))) THEN
      RAISE EXCEPTION 'metric "%" does not exist', $2
        USING ERRCODE = 'undefined_object',
              HINT = format('Perhaps you meant "%s". A metric of your own whose name is that near exists from its first value in realtime_metric_samples.', meant);
    END IF;
  ELSIF $3 <> ALL (valid) THEN
    RAISE EXCEPTION 'aggregation "%" means nothing for metric "%"', $3, $2
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Valid is: %s.', array_to_string(valid, ', '));
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_check_signal(uuid, text, text, boolean) IS
  'Raises an error when the aggregation means nothing for the metric (22023), or when there is no such metric, no value of that name, and a metric of nearly that name (42704; not for a rule that comes from a dump).';
REVOKE ALL ON FUNCTION @extschema@.realtime_check_signal(uuid, text, text, boolean) FROM PUBLIC;

-- For the worker: a rule that came past the trigger must not end a pass.
CREATE FUNCTION @extschema@.realtime_readable_conditions(conditions jsonb)
RETURNS TABLE ("position" integer, kind text, child_count integer, metric text, aggregation text, operator text,
               threshold double precision, upper double precision, window_seconds integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT * FROM @extschema@.realtime_alert_conditions(conditions);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN QUERY SELECT 0, 'error'::text, 0, SQLERRM, NULL::text, NULL::text, NULL::double precision, NULL::double precision, NULL::integer;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_readable_conditions(jsonb) IS
  'realtime_alert_conditions(), of conditions that are not valid one row of kind error whose metric is the message.';
REVOKE ALL ON FUNCTION @extschema@.realtime_readable_conditions(jsonb) FROM PUBLIC;
