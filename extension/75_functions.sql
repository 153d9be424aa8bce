-- Functions with JSON payloads: the body of an HTTP call is the argument of the function of the same name -----------------------

CREATE FUNCTION realtime_payload_number(source jsonb, key text, path text, most numeric DEFAULT 9223372036854775807, whole boolean DEFAULT true)
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  number numeric;
BEGIN
  IF source IS NULL OR NOT source ? key OR source -> key = 'null' THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(source -> key) <> 'number' THEN
    RAISE EXCEPTION '%.% must be a number, not %', path, key, left((source -> key)::text, 100) USING ERRCODE = 'invalid_parameter_value';
  END IF;
  number := (source ->> key)::numeric;
  IF number < 0 OR number > most OR whole AND number <> trunc(number) THEN
    RAISE EXCEPTION '%.% must be % between 0 and %, not %', path, key, CASE WHEN whole THEN 'an integer' ELSE 'a number' END, most, left(number::text, 100)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN number;
END
$$;
COMMENT ON FUNCTION realtime_payload_number(jsonb, text, text, numeric, boolean) IS
  'A number of a payload: NULL when it is missing; an error (22023) that names it when it is none, negative or too large.';

CREATE FUNCTION realtime_payload_text(source jsonb, key text, path text, required boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF source IS NULL OR NOT source ? key OR source -> key = 'null' THEN
    IF required THEN
      RAISE EXCEPTION '%.% is missing', path, key USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN NULL;
  END IF;
  IF jsonb_typeof(source -> key) <> 'string' OR length(source ->> key) NOT BETWEEN 1 AND 255 THEN
    RAISE EXCEPTION '%.% must be a text of 1 to 255 characters, not %', path, key, left((source -> key)::text, 100)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN source ->> key;
END
$$;
COMMENT ON FUNCTION realtime_payload_text(jsonb, text, text, boolean) IS
  'A text of a payload: NULL when it is missing and not required; an error (22023) that names it when it is none, empty or too long.';

CREATE FUNCTION realtime_payload_tenant(source jsonb, path text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN @extschema@.realtime_payload_text(source, 'tenantId', path, true)::uuid;
EXCEPTION WHEN invalid_text_representation THEN
  RAISE EXCEPTION '%.tenantId must be a uuid, not "%"', path, left(source ->> 'tenantId', 100) USING ERRCODE = 'invalid_parameter_value';
END
$$;
COMMENT ON FUNCTION realtime_payload_tenant(jsonb, text) IS 'The tenant of a payload; an error (22023) when it is missing or no uuid.';

CREATE FUNCTION realtime_payload_items(payload jsonb, most integer) RETURNS TABLE (item jsonb, path text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF jsonb_typeof(payload) = 'array' AND jsonb_array_length(payload) > most THEN
    RAISE EXCEPTION 'payload has % items, more than %', jsonb_array_length(payload), most
      USING ERRCODE = 'program_limit_exceeded', HINT = 'Send them in several calls.';
  END IF;
  FOR item, path IN
    SELECT e.value, format('payload[%s]', e.ordinality - 1)
      FROM jsonb_array_elements(CASE jsonb_typeof(payload) WHEN 'array' THEN payload ELSE '[]' END) WITH ORDINALITY e
    UNION ALL
    SELECT payload, 'payload' WHERE jsonb_typeof(payload) IS DISTINCT FROM 'array'
  LOOP
    IF jsonb_typeof(item) IS DISTINCT FROM 'object' THEN
      RAISE EXCEPTION '% must be an object, not %', path, COALESCE(left(item::text, 100), 'null') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION realtime_payload_items(jsonb, integer) IS 'The objects of a payload that is one object or an array of them, each with its path for error messages.';

CREATE FUNCTION realtime_payload_object(source jsonb, key text, path text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT source ? key OR source -> key = 'null' THEN
    RETURN '{}';
  END IF;
  IF jsonb_typeof(source -> key) <> 'object' THEN
    RAISE EXCEPTION '%.% must be an object, not %', path, key, left((source -> key)::text, 100) USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN source -> key;
END
$$;
COMMENT ON FUNCTION realtime_payload_object(jsonb, text, text) IS 'An object of a payload; an empty one when it is missing, an error (22023) when it is something else.';

CREATE FUNCTION collect_metrics(payload jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH reports AS (
    SELECT i.path, i.item, m.metrics, h.health
      FROM @extschema@.realtime_payload_items(payload, 1000) i
     CROSS JOIN LATERAL (SELECT @extschema@.realtime_payload_object(i.item, 'metrics', i.path) AS metrics) m
     CROSS JOIN LATERAL (SELECT @extschema@.realtime_payload_object(i.item, 'healthData', i.path) AS health) h),
  written AS (
    INSERT INTO @extschema@.realtime_connection_metrics AS c
           (tenant_id, connection_id, subscription_type, total_messages_received, total_messages_sent, avg_response_time_ms,
            error_count, retry_count, bytes_transferred, cpu_usage, memory_usage, connection_count)
    SELECT @extschema@.realtime_payload_tenant(r.item, r.path),
           @extschema@.realtime_payload_text(r.item, 'connectionId', r.path, true),
           @extschema@.realtime_payload_text(r.item, 'subscriptionType', r.path, true),
           COALESCE(@extschema@.realtime_payload_number(r.metrics, 'messagesReceived', r.path || '.metrics'), 0),
           COALESCE(@extschema@.realtime_payload_number(r.metrics, 'messagesSent', r.path || '.metrics'), 0),
           @extschema@.realtime_payload_number(r.metrics, 'avgResponseTime', r.path || '.metrics', 1e12, false),
           COALESCE(@extschema@.realtime_payload_number(r.metrics, 'errorCount', r.path || '.metrics'), 0),
           COALESCE(@extschema@.realtime_payload_number(r.metrics, 'retryCount', r.path || '.metrics', 2147483647), 0),
           COALESCE(@extschema@.realtime_payload_number(r.metrics, 'bytesTransferred', r.path || '.metrics'), 0),
           @extschema@.realtime_payload_number(r.health, 'cpuUsage', r.path || '.healthData', 1e6, false),
           @extschema@.realtime_payload_number(r.health, 'memoryUsage', r.path || '.healthData', 1e12, false),
           @extschema@.realtime_payload_number(r.health, 'connectionCount', r.path || '.healthData', 2147483647)
      FROM reports r
    RETURNING jsonb_build_object('tenantId', c.tenant_id, 'connectionId', c.connection_id, 'subscriptionType', c.subscription_type,
                'connectionQuality', c.connection_quality, 'healthScore', c.health_score, 'recordedAt', c.recorded_at) AS answer)
  SELECT CASE jsonb_typeof(payload) WHEN 'array' THEN COALESCE(jsonb_agg(w.answer), '[]') ELSE jsonb_agg(w.answer) -> 0 END FROM written w
$$;
COMMENT ON FUNCTION collect_metrics(jsonb) IS
  'Takes a report of a connection, or an array of at most 1000: {tenantId, connectionId, subscriptionType, metrics: {messagesReceived, messagesSent, avgResponseTime (ms), errorCount, retryCount, bytesTransferred}, healthData: {cpuUsage (percent), memoryUsage (MB), connectionCount}}. Counters are cumulative. Returns {tenantId, connectionId, subscriptionType, connectionQuality, healthScore, recordedAt}, or an array of that. Errors: 22023 names what is wrong, 42501 another tenant, 54000 too many.';

CREATE FUNCTION track_event(payload jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH events AS MATERIALIZED (
    SELECT gen_random_uuid() AS event_id, i.* FROM @extschema@.realtime_payload_items(payload, 1000) i),
  written AS (
    INSERT INTO @extschema@.realtime_subscription_events AS v
           (event_id, tenant_id, connection_id, subscription_type, event_type, channel, detail, correlation_id)
    SELECT e.event_id,
           @extschema@.realtime_payload_tenant(e.item, e.path),
           @extschema@.realtime_payload_text(e.item, 'connectionId', e.path),
           @extschema@.realtime_payload_text(e.item, 'subscriptionType', e.path),
           @extschema@.realtime_payload_text(e.item, 'eventType', e.path, true),
           @extschema@.realtime_payload_text(e.item, 'channel', e.path),
           @extschema@.realtime_payload_object(e.item, 'detail', e.path),
           @extschema@.realtime_payload_text(e.item, 'correlationId', e.path)
      FROM events e
    RETURNING jsonb_build_object('eventId', v.event_id, 'occurredAt', v.occurred_at) AS answer)
  SELECT CASE jsonb_typeof(payload) WHEN 'array' THEN COALESCE(jsonb_agg(w.answer), '[]') ELSE jsonb_agg(w.answer) -> 0 END FROM written w
$$;
COMMENT ON FUNCTION track_event(jsonb) IS
  'Appends an event, or an array of at most 1000, to realtime_subscription_events: {tenantId, eventType, connectionId, subscriptionType, channel, detail, correlationId}. Returns {eventId, occurredAt}, or an array of that. Errors: 22023 names what is wrong, 42501 another tenant, 54000 too many.';

REVOKE ALL ON FUNCTION realtime_payload_number(jsonb, text, text, numeric, boolean), realtime_payload_text(jsonb, text, text, boolean),
  realtime_payload_tenant(jsonb, text), realtime_payload_items(jsonb, integer), realtime_payload_object(jsonb, text, text),
  collect_metrics(jsonb), track_event(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION realtime_payload_number(jsonb, text, text, numeric, boolean), realtime_payload_text(jsonb, text, text, boolean),
  realtime_payload_tenant(jsonb, text), realtime_payload_items(jsonb, integer), realtime_payload_object(jsonb, text, text),
  collect_metrics(jsonb), track_event(jsonb) TO realtime_writer;
