-- Partitions and retention ----------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.realtime_partitioned_tables()
RETURNS TABLE (relation regclass, partition_column name, span interval, keep interval)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  -- Reports and what follows from them are personal data: 30 days are the most, whatever a tenant's settings say.
  VALUES ('@extschema@.realtime_connection_metrics'::regclass, 'recorded_at'::name, interval '1 day', interval '30 days'),
         ('@extschema@.realtime_metric_samples', 'recorded_at', '1 day', '30 days'),
         ('@extschema@.realtime_metric_rollups', 'bucket_start', '1 day', '30 days'),
         ('@extschema@.realtime_sample_rollups', 'bucket_start', '1 day', '30 days'),
         ('@extschema@.realtime_subscription_events', 'occurred_at', '1 day', '30 days'),
         ('@extschema@.batch_processing_logs', 'started_at', '1 day', '30 days'),
         ('@extschema@.notification_history', 'finished_at', '1 month', '1 year')
$$;
COMMENT ON FUNCTION @extschema@.realtime_partitioned_tables() IS 'The tables that are partitioned by time, by which column, into which spans, and for how long they are kept at most.';
REVOKE ALL ON FUNCTION @extschema@.realtime_partitioned_tables() FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_close_partition(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- Policies are those of the table it is a part of; read by itself it shows nothing.
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
  EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC', relation);
  -- A partition has a replica identity of its own. Beside a publication of all tables, UPDATE and DELETE need one.
  IF NOT @extschema@.realtime_identity_has_column(relation, NULL::name) THEN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', relation);
  END IF;
  -- A member of the extension like its table: a dump leaves both out, and CREATE EXTENSION makes both anew. Were it none, a
  -- dump would bring back a partition that the worker of the restored database has made already.
  IF NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = relation AND d.deptype = 'e') THEN
    EXECUTE format('ALTER EXTENSION pg_realtime ADD TABLE %s', relation);
  END IF;
  EXECUTE format('COMMENT ON TABLE %s IS %L', relation, 'Partition of a table of pg_realtime; made by realtime_maintain_partitions(), dropped by purge_expired_data().');
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_close_partition(regclass) IS 'Lets nobody read a partition except through its table. Used by realtime_maintain_partitions().';
REVOKE ALL ON FUNCTION @extschema@.realtime_close_partition(regclass) FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_partition_name(relation regclass, suffix text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  schema_name name;
  table_name name;
BEGIN
  SELECT n.nspname, c.relname INTO schema_name, table_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  -- A user's table may have the name already: it is no partition, and does not keep the partition from being made.
  IF to_regclass(format('%I.%I', schema_name, left(table_name, 40) || suffix)) IS NOT NULL
     OR to_regtype(format('%I.%I', schema_name, left(table_name, 40) || suffix)) IS NOT NULL THEN
    suffix := suffix || '_' || left(md5(random()::text), 8);
  END IF;
  RETURN format('%I.%I', schema_name, left(table_name, 40) || suffix);
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_partition_name(regclass, text) IS
  'A name for a new partition that nothing has yet, quoted and with its schema. Used by realtime_maintain_partitions().';
REVOKE ALL ON FUNCTION @extschema@.realtime_partition_name(regclass, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_maintain_partitions(spans_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '2s'
AS $$
DECLARE
  furthest constant integer := 31;
  partitioned record;
  partition_name text;
  default_name text;
  range_start timestamptz;
  range_end timestamptz;
  made integer := 0;
BEGIN
  IF spans_ahead IS NULL OR spans_ahead NOT BETWEEN 0 AND furthest THEN
    RAISE EXCEPTION 'spans_ahead must be between 0 and %, not %', furthest, COALESCE(spans_ahead::text, 'null')
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Each day ahead is a partition of every table. The worker makes those of the coming days by itself; rows of other days are kept, too.';
  END IF;
  -- One at a time. An advisory lock could be held by everybody.
  LOCK TABLE ONLY @extschema@.realtime_connection_metrics IN SHARE UPDATE EXCLUSIVE MODE;
  FOR partitioned IN SELECT * FROM @extschema@.realtime_partitioned_tables() LOOP
    SELECT p.partdefid::regclass::text INTO default_name FROM pg_partitioned_table p WHERE p.partrelid = partitioned.relation AND p.partdefid <> 0;
    IF NOT FOUND THEN
      -- For rows of times that have no partition, so that none is ever refused.
      default_name := @extschema@.realtime_partition_name(partitioned.relation, '_default'::text);
      EXECUTE format('CREATE TABLE %s PARTITION OF %s DEFAULT', default_name, partitioned.relation);
      PERFORM @extschema@.realtime_close_partition(default_name::regclass);
      made := made + 1;
    END IF;
    FOR ahead IN 0 .. spans_ahead LOOP
      range_start := date_trunc(CASE partitioned.span WHEN '1 day' THEN 'day' ELSE 'month' END, now()) + ahead * partitioned.span;
      range_end := range_start + partitioned.span;
      CONTINUE WHEN EXISTS (
        SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = partitioned.relation
           AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz = range_start);
      partition_name := @extschema@.realtime_partition_name(partitioned.relation, to_char(range_start, '"_"YYYYMMDD'));
      EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', partition_name, partitioned.relation);
      -- What came before its partition did moves over; PostgreSQL would refuse to attach it otherwise.
      EXECUTE format('WITH moved AS (DELETE FROM %1$s WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *) INSERT INTO %5$s SELECT * FROM moved',
                     default_name, partitioned.partition_column, range_start, range_end, partition_name);
      EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', partitioned.relation, partition_name, range_start, range_end);
      PERFORM @extschema@.realtime_close_partition(partition_name::regclass);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_maintain_partitions(integer) IS
  'Makes the partitions of the coming days (months for the notification history) ahead, and moves rows into them that came before they were there. Run by the worker; returns how many were made.';
REVOKE ALL ON FUNCTION @extschema@.realtime_maintain_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_maintain_partitions(integer) TO realtime_gateway;

CREATE FUNCTION @extschema@.realtime_bounded_interval(kept interval) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT make_interval(secs => least(greatest(extract(epoch FROM kept), 0), 3155760000)::double precision)
$$;
COMMENT ON FUNCTION @extschema@.realtime_bounded_interval(interval) IS
  'An interval in seconds, from none to 100 years. Ten thousand years less nearly as many days are no longer than a month, and cannot be subtracted from a time.';
REVOKE ALL ON FUNCTION @extschema@.realtime_bounded_interval(interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.purge_expired_data(as_of timestamptz DEFAULT pg_catalog.now()) RETURNS TABLE (relation text, partitions_dropped bigint, rows_deleted bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '2s'
AS $$
#variable_conflict use_column
DECLARE
  partitioned record;
  part record;
  removed bigint;
  statement text;
BEGIN
  as_of := least(as_of, now());
  FOR partitioned IN SELECT * FROM @extschema@.realtime_partitioned_tables() LOOP
    relation := (SELECT c.relname FROM pg_class c WHERE c.oid = partitioned.relation);
    partitions_dropped := 0;
    rows_deleted := 0;
    FOR part IN
      SELECT c.oid::regclass AS relation,
             (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz AS range_end
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = partitioned.relation
    LOOP
      BEGIN
        IF part.range_end <= as_of - partitioned.keep THEN
          BEGIN
            EXECUTE format('ALTER EXTENSION pg_realtime DROP TABLE %s', part.relation);
            EXECUTE format('DROP TABLE %s', part.relation);
            partitions_dropped := partitions_dropped + 1;
          EXCEPTION
            WHEN lock_not_available THEN
              NULL; -- a session reads the partition; the next round drops it
            WHEN dependent_objects_still_exist THEN
              -- A view or a column of a user is made of it. That must not keep data for longer, and is not ours to drop.
              EXECUTE format('DELETE FROM ONLY %s', part.relation);
              GET DIAGNOSTICS removed = ROW_COUNT;
              rows_deleted := rows_deleted + removed;
          END;
        ELSIF part.range_end IS NULL THEN
          EXECUTE format('DELETE FROM %s WHERE %I < $1 - %L::interval', part.relation, partitioned.partition_column, partitioned.keep) USING as_of;
          GET DIAGNOSTICS removed = ROW_COUNT;
          rows_deleted := rows_deleted + removed;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'could not purge partition "%": %', part.relation, SQLERRM;
      END;
    END LOOP;
    IF partitioned.keep <= interval '30 days' THEN
      BEGIN
        EXECUTE format('DELETE FROM %s m USING @extschema@.tenant_settings s WHERE s.tenant_id = m.tenant_id AND s.metrics_retention < %L::interval'
                       ' AND m.%I < $1 - @extschema@.realtime_bounded_interval(s.metrics_retention)', partitioned.relation, partitioned.keep, partitioned.partition_column) USING as_of;
        GET DIAGNOSTICS removed = ROW_COUNT;
        rows_deleted := rows_deleted + removed;
      EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'could not purge table "%": %', relation, SQLERRM;
      END;
    END IF;
    RETURN NEXT;
  END LOOP;

  partitions_dropped := 0;
  FOR relation, statement IN
    VALUES
      ('realtime_connections', 'DELETE FROM @extschema@.realtime_connections WHERE last_heartbeat_at < $1 - interval ''1 day'''),
      ('realtime_batches', 'DELETE FROM @extschema@.realtime_batches WHERE created_at < $1 - interval ''1 day'''),
      ('realtime_subscriptions', 'DELETE FROM @extschema@.realtime_subscriptions WHERE subscribed_at < $1 - interval ''30 days'''),
      ('alert_cooldowns', 'DELETE FROM @extschema@.alert_cooldowns WHERE started_at < $1 - interval ''366 days'''),
      ('alert_silences', 'DELETE FROM @extschema@.alert_silences WHERE ends_at < $1 - interval ''1 year'''),
      ('alert_instances', 'DELETE FROM @extschema@.alert_instances a WHERE a.status = ''resolved'' AND a.resolved_at < $1'
         ' - COALESCE((SELECT @extschema@.realtime_bounded_interval(s.alert_retention) FROM @extschema@.tenant_settings s WHERE s.tenant_id = a.tenant_id), interval ''365 days'')'),
      ('notification_outbox', 'DELETE FROM @extschema@.notification_outbox o WHERE o.created_at < $1 - interval ''30 days''')
  LOOP
    BEGIN
      EXECUTE statement USING as_of;
      GET DIAGNOSTICS rows_deleted = ROW_COUNT;
    EXCEPTION WHEN OTHERS THEN
      rows_deleted := 0;
      RAISE WARNING 'could not purge table "%": %', relation, SQLERRM;
    END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.purge_expired_data(timestamptz) IS
  'Deletes what is older than its retention: whole partitions after 30 days, rows of tenants that keep less, alerts after the tenant''s alert_retention, answers of batches after a day. as_of is the time at which it is asked, never later than now. Run by the worker; returns what was removed of which table.';
REVOKE ALL ON FUNCTION @extschema@.purge_expired_data(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.purge_expired_data(timestamptz) TO realtime_gateway;

-- With its argument: a function of that name that takes none may be there, and would be called instead.
SELECT @extschema@.realtime_maintain_partitions(3);
