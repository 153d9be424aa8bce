\echo Use "CREATE EXTENSION pg_realtime" to load this file. \quit

-- Objects that other roles create in the extension's schema must not get into ours: PostgreSQL would prefer, say, an
-- operator there whose types fit better than those of its own. So the schema is named wherever an object of ours is meant.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Nothing in the schema may have one of our names, which the Makefile puts in below. A function of one would not be in
-- the way where its arguments differ; but calls that are meant for ours might reach it.
DO $$
DECLARE
  taken text;
BEGIN
  SELECT pg_describe_object(o.catalog, o.object, 0) INTO taken
    FROM (SELECT 'pg_class'::regclass, c.oid, c.relname FROM pg_class c WHERE c.relnamespace = '@extschema@'::regnamespace
          UNION ALL
          SELECT 'pg_type'::regclass, t.oid, t.typname FROM pg_type t WHERE t.typnamespace = '@extschema@'::regnamespace AND t.typrelid = 0
          UNION ALL
          SELECT 'pg_proc'::regclass, p.oid, p.proname FROM pg_proc p WHERE p.pronamespace = '@extschema@'::regnamespace) o(catalog, object, name)
   WHERE o.name = ANY ('{@names@}'::name[])
   ORDER BY o.name
   LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% already exists', taken USING ERRCODE = 'duplicate_object',
      HINT = 'Give the extension a schema of its own: CREATE SCHEMA realtime; CREATE EXTENSION pg_realtime SCHEMA realtime;';
  END IF;
END
$$;

-- Loads the library in this session, which makes its security label provider known: a dump that is being restored sets
-- labels right after this, and pg_dump switches off the validator that would have loaded it.
LOAD '$libdir/pg_realtime';

CREATE FUNCTION @extschema@.realtime_library_version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_version';
COMMENT ON FUNCTION @extschema@.realtime_library_version() IS
  'Version of the shared library that this session has loaded; calling it loads the library.';

-- Which tables are streamed, and whose their rows are -------------------------------------------------------------------
--
-- A registration is a pair of security labels (on the table: its access; on a column: that it is the tenant column) plus
-- membership in publication pg_realtime. PostgreSQL keeps labels and publications through RENAME, DROP, pg_dump and
-- rolled back transactions, so there is no table of our own that could disagree. docs/architecture.md has the reasons.

CREATE VIEW @extschema@.realtime_tables AS
SELECT c.oid::regclass AS "table",
       l.label AS access,
       (SELECT a.attname
          FROM pg_catalog.pg_seclabel t
          JOIN pg_catalog.pg_attribute a ON a.attrelid = t.objoid AND a.attnum = t.objsubid
         WHERE t.provider = 'pg_realtime' AND t.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND t.objoid = c.oid AND t.objsubid > 0) AS tenant_column,
       CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' ELSE 'nothing' END
         AS replica_identity
  FROM pg_catalog.pg_seclabel l
  JOIN pg_catalog.pg_class c ON c.oid = l.objoid
 WHERE l.provider = 'pg_realtime' AND l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objsubid = 0;
COMMENT ON VIEW @extschema@.realtime_tables IS
  'Tables registered with realtime_add_table(): access (tenant or public), tenant column and replica identity.';
COMMENT ON COLUMN @extschema@.realtime_tables."table" IS 'The registered table.';
COMMENT ON COLUMN @extschema@.realtime_tables.access IS 'tenant: rows go to their tenant only; public: rows go to every subscriber.';
COMMENT ON COLUMN @extschema@.realtime_tables.tenant_column IS 'Column that holds the tenant of a row; NULL for public tables.';
COMMENT ON COLUMN @extschema@.realtime_tables.replica_identity IS 'What UPDATE and DELETE log of the old row: default (primary key), index, full or nothing.';
REVOKE ALL ON @extschema@.realtime_tables FROM PUBLIC;

CREATE FUNCTION @extschema@.realtime_identity_has_column(relation regclass, column_name name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  -- With column_name NULL: whether the relation has any replica identity at all.
  SELECT CASE c.relreplident
           WHEN 'f' THEN true
           WHEN 'n' THEN false
           ELSE EXISTS (
             SELECT 1
               FROM pg_index i
              WHERE i.indrelid = c.oid
                AND (CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)
                AND i.indimmediate AND i.indisvalid
                AND (column_name IS NULL OR EXISTS (
                      SELECT 1
                        FROM generate_series(0, i.indnkeyatts - 1) k
                        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[k]
                       WHERE a.attname = column_name)))
         END
    FROM pg_class c
   WHERE c.oid = relation
$$;
COMMENT ON FUNCTION @extschema@.realtime_identity_has_column(regclass, name) IS
  'Whether the replica identity of a table contains a column, so that the old row of a DELETE tells it; NULL asks for any identity.';

CREATE FUNCTION @extschema@.realtime_fit_replica_identity(relation regclass, column_name name) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  identity_index name;
BEGIN
  IF @extschema@.realtime_identity_has_column(relation, column_name) THEN
    RETURN;
  END IF;
  -- An index that may serve: unique, immediate, not partial, no expressions, only NOT NULL columns. The smaller the better.
  SELECT ic.relname
    INTO identity_index
    FROM pg_index i
    JOIN pg_class ic ON ic.oid = i.indexrelid
   WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid
     AND i.indpred IS NULL AND i.indexprs IS NULL
     AND NOT EXISTS (SELECT 1
                       FROM generate_series(0, i.indnkeyatts - 1) k
                       JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = i.indkey[k]
                      WHERE NOT a.attnotnull)
     AND (column_name IS NULL OR EXISTS (
           SELECT 1
             FROM generate_series(0, i.indnkeyatts - 1) k
             JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = i.indkey[k]
            WHERE a.attname = column_name))
     -- Who keeps rows by their primary key has to find it in what is left of a deleted one.
     AND NOT EXISTS (SELECT 1
                       FROM pg_index p, generate_series(0, p.indnkeyatts - 1) k
                      WHERE p.indrelid = relation AND p.indisprimary
                        AND NOT p.indkey[k] = ANY (i.indkey[0:i.indnkeyatts - 1]))
   ORDER BY i.indisprimary DESC, i.indnkeyatts, ic.relname
   LIMIT 1;
  IF identity_index IS NOT NULL THEN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', relation, identity_index);
    RAISE NOTICE 'replica identity of table % is now index "%"', relation, identity_index
      USING DETAIL = 'UPDATE and DELETE log its columns of the old row.';
  ELSE
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', relation);
    RAISE NOTICE 'replica identity of table % is now FULL', relation
      USING DETAIL = CASE WHEN column_name IS NULL THEN 'UPDATE and DELETE log the whole old row, because the table has no unique index of NOT NULL columns.'
                          ELSE 'UPDATE and DELETE log the whole old row, because no unique index of NOT NULL columns contains the tenant column and the primary key.' END,
            HINT = CASE WHEN column_name IS NULL THEN 'A primary key makes the log smaller; run realtime_add_table() again after creating it and setting REPLICA IDENTITY DEFAULT.'
                        ELSE 'A unique index on the key and the tenant column makes the log smaller; run realtime_add_table() again after creating it and setting REPLICA IDENTITY DEFAULT.' END;
  END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_fit_replica_identity(regclass, name) IS
  'Makes the replica identity of a table contain a column: an existing unique index where one fits, else FULL. Used by realtime_add_table().';

CREATE FUNCTION @extschema@.realtime_forget_tenant_column(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  labelled name;
BEGIN
  FOR labelled IN
    SELECT a.attname
      FROM pg_seclabel l JOIN pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid
     WHERE l.provider = 'pg_realtime' AND l.classoid = 'pg_class'::regclass AND l.objoid = relation AND l.objsubid > 0
  LOOP
    EXECUTE format('SECURITY LABEL FOR pg_realtime ON COLUMN %s.%I IS NULL', relation, labelled);
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_forget_tenant_column(regclass) IS
  'Takes the label of the tenant column off a table. Used by realtime_add_table() and realtime_remove_table().';

CREATE FUNCTION @extschema@.realtime_add_table("table" regclass, tenant_column name DEFAULT 'tenant_id', access text DEFAULT 'tenant')
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  relation pg_class;
  column_type regtype;
  member regclass;
  identity_column name;
BEGIN
  PERFORM @extschema@.realtime_library_version(); -- makes the label provider known to this session
  PERFORM pg_advisory_xact_lock(hashtextextended('pg_realtime registration', 0)); -- one registration at a time
  IF "table" IS NULL THEN
    RAISE EXCEPTION 'table must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  IF access IS NULL OR access NOT IN ('tenant', 'public') THEN
    RAISE EXCEPTION 'invalid access: %', COALESCE('"' || access || '"', 'null')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid is: tenant, public.';
  END IF;
  SELECT * INTO relation FROM pg_class c WHERE c.oid = "table";
  IF NOT FOUND OR relation.relkind NOT IN ('r', 'p') THEN
    RAISE EXCEPTION '"%" is not a table', "table" USING ERRCODE = 'wrong_object_type';
  END IF;
  IF relation.relpersistence <> 'p' THEN
    RAISE EXCEPTION 'table "%" cannot be streamed', "table"
      USING ERRCODE = 'wrong_object_type',
            DETAIL = 'Changes of temporary and unlogged tables are not in the WAL.';
  END IF;
  IF access = 'tenant' THEN
    IF tenant_column IS NULL THEN
      RAISE EXCEPTION 'tenant column must not be null' USING ERRCODE = 'null_value_not_allowed',
        HINT = 'Name the column, or register the table with access => ''public''.';
    END IF;
    SELECT COALESCE(NULLIF(t.typbasetype, 0), t.oid)
      INTO column_type
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = "table" AND a.attname = tenant_column AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'column "%" of table "%" does not exist', tenant_column, "table"
        USING ERRCODE = 'undefined_column',
              HINT = 'Name the tenant column: realtime_add_table(table, tenant_column).';
    END IF;
    WHILE EXISTS (SELECT 1 FROM pg_type t WHERE t.oid = column_type AND t.typtype = 'd') LOOP
      SELECT t.typbasetype INTO column_type FROM pg_type t WHERE t.oid = column_type;
    END LOOP;
    IF column_type NOT IN ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype,
                           'int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN
      RAISE EXCEPTION 'tenant column "%" of table "%" has type %', tenant_column, "table", column_type
        USING ERRCODE = 'datatype_mismatch', HINT = 'A tenant is a uuid, text, varchar, smallint, integer or bigint.';
    END IF;
    identity_column := tenant_column;
  END IF;

  IF NOT EXISTS (SELECT 1 FROM pg_publication p WHERE p.pubname = 'pg_realtime') THEN
    EXECUTE 'CREATE PUBLICATION pg_realtime WITH (publish_via_partition_root = true)';
    EXECUTE 'COMMENT ON PUBLICATION pg_realtime IS ''Tables that pg_realtime streams; maintained by realtime_add_table().''';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_publication p WHERE p.pubname = 'pg_realtime' AND p.puballtables)
     AND NOT EXISTS (SELECT 1 FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
                      WHERE p.pubname = 'pg_realtime' AND r.prrelid = "table") THEN
    EXECUTE format('ALTER PUBLICATION pg_realtime ADD TABLE ONLY %s', "table");
  END IF;

  PERFORM @extschema@.realtime_forget_tenant_column("table");
  EXECUTE format('SECURITY LABEL FOR pg_realtime ON TABLE %s IS %L', "table", access);
  IF access = 'tenant' THEN
    EXECUTE format('SECURITY LABEL FOR pg_realtime ON COLUMN %s.%I IS ''tenant''', "table", tenant_column);
  END IF;

  PERFORM @extschema@.realtime_fit_replica_identity("table", identity_column);
  FOR member IN
    SELECT t.relid
      FROM pg_partition_tree("table") t JOIN pg_class c ON c.oid = t.relid
     WHERE t.relid <> "table" AND c.relkind IN ('r', 'p')
  LOOP
    PERFORM @extschema@.realtime_fit_replica_identity(member, identity_column);
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_add_table(regclass, name, text) IS
  'Streams a table: adds it to publication pg_realtime, records its access (tenant: rows go to the tenant in tenant_column; public: to everyone) and makes its replica identity tell the tenant of a DELETE. Needs ownership of table and publication. May be called again to change column or access.';

-- A partition has a replica identity of its own, which PostgreSQL does not take from its parent. One that is created or
-- attached after its root was registered is fitted here; otherwise its DELETEs would reach no tenant. Only where the root
-- has such an identity: while a dump is restored, partitions are attached before the keys exist that are their identity.
CREATE FUNCTION @extschema@.realtime_fit_new_partitions() RETURNS event_trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  command record;
  root record;
  member record;
BEGIN
  FOR command IN
    SELECT DISTINCT d.objid
      FROM pg_event_trigger_ddl_commands() d
     WHERE d.classid = 'pg_class'::regclass AND d.object_type = 'table' AND NOT d.in_extension
  LOOP
    FOR root IN
      SELECT t.access, t.tenant_column
        FROM pg_partition_ancestors(command.objid) a
        JOIN @extschema@.realtime_tables t ON t."table" = a.relid
       WHERE @extschema@.realtime_identity_has_column(t."table", t.tenant_column)
       LIMIT 1
    LOOP
      FOR member IN
        SELECT t.relid
          FROM pg_partition_tree(command.objid) t JOIN pg_class c ON c.oid = t.relid
         WHERE t.isleaf AND c.relispartition AND c.relkind = 'r' AND c.relpersistence = 'p'
           AND (root.access = 'public' OR root.tenant_column IS NOT NULL)
      LOOP
        PERFORM @extschema@.realtime_fit_replica_identity(member.relid, root.tenant_column);
      END LOOP;
    END LOOP;
  END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_fit_new_partitions() IS
  'Event trigger function: makes the replica identity of partitions that join a registered table tell the tenant of a DELETE.';
REVOKE ALL ON FUNCTION @extschema@.realtime_fit_new_partitions() FROM PUBLIC;

CREATE EVENT TRIGGER realtime_fit_new_partitions ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
  EXECUTE FUNCTION @extschema@.realtime_fit_new_partitions();
COMMENT ON EVENT TRIGGER realtime_fit_new_partitions IS
  'Fits the replica identity of partitions that are created in or attached to a table registered with realtime_add_table().';

CREATE FUNCTION @extschema@.realtime_remove_table("table" regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM @extschema@.realtime_library_version(); -- makes the label provider known to this session
  PERFORM pg_advisory_xact_lock(hashtextextended('pg_realtime registration', 0)); -- one registration at a time
  IF "table" IS NULL THEN
    RAISE EXCEPTION 'table must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_seclabel l
                  WHERE l.provider = 'pg_realtime' AND l.classoid = 'pg_class'::regclass
                    AND l.objoid = "table" AND l.objsubid = 0) THEN
    RAISE EXCEPTION 'table "%" is not registered', "table"
      USING ERRCODE = 'undefined_object', HINT = 'View realtime_tables lists what is.';
  END IF;
  IF EXISTS (SELECT 1 FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
              WHERE p.pubname = 'pg_realtime' AND r.prrelid = "table") THEN
    EXECUTE format('ALTER PUBLICATION pg_realtime DROP TABLE ONLY %s', "table");
  END IF;
  PERFORM @extschema@.realtime_forget_tenant_column("table");
  EXECUTE format('SECURITY LABEL FOR pg_realtime ON TABLE %s IS NULL', "table");
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_remove_table(regclass) IS
  'Stops streaming a table that realtime_add_table() registered. Its replica identity stays as it is.';

-- Broadcast ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.realtime_broadcast(tenant_id uuid, topic text, event text, payload jsonb, transactional boolean DEFAULT true)
RETURNS pg_lsn
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pg_realtime_broadcast';
COMMENT ON FUNCTION @extschema@.realtime_broadcast(uuid, text, text, jsonb, boolean) IS
  'Sends a message to one tenant''s subscribers of a topic through the WAL, without a table write; returns its WAL address. Transactional (the default): in order with the rows of this transaction, and only if it commits. Topic and event have 1 to 1024 bytes, the payload at most 16 MB as JSON text.';

-- Set-up ------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.realtime_check_setup()
RETURNS TABLE ("check" text, ok boolean, detail text, hint text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  version_number integer := current_setting('server_version_num')::integer;
  -- The first minor release of each major version that has the allow-list for output plugins.
  knows_allow_list boolean := version_number % 10000 >= CASE version_number / 10000
                                WHEN 15 THEN 19 WHEN 16 THEN 15 WHEN 17 THEN 11 WHEN 18 THEN 6 ELSE 0 END;
  value text;
  item record;
  count_used integer;
BEGIN
  "check" := 'wal_level';
  value := current_setting('wal_level');
  ok := value = 'logical';
  detail := format('wal_level is %s', value);
  hint := CASE WHEN NOT ok THEN 'ALTER SYSTEM SET wal_level = logical; then restart the server.' END;
  RETURN NEXT;

  "check" := 'output_plugin_libraries';
  SELECT s.setting INTO value FROM pg_settings s WHERE s.name = 'output_plugin_libraries';
  IF FOUND THEN
    ok := EXISTS (SELECT 1 FROM regexp_split_to_table(value, '\s*,\s*') t WHERE btrim(t, ' "') = 'pg_realtime');
    detail := format('output_plugin_libraries is %s', value);
    hint := CASE WHEN NOT ok THEN
      format('ALTER SYSTEM SET output_plugin_libraries = %s, pg_realtime; SELECT pg_reload_conf();', value) END;
  ELSIF NOT knows_allow_list THEN
    ok := true;
    detail := 'this server does not restrict output plugins';
    hint := NULL;
  ELSE
    ok := NULL;
    detail := 'only a superuser or a member of pg_read_all_settings can see output_plugin_libraries';
    hint := 'Run realtime_check_setup() as superuser.';
  END IF;
  RETURN NEXT;

  "check" := 'shared_preload_libraries';
  SELECT s.setting INTO value FROM pg_settings s WHERE s.name = 'shared_preload_libraries';
  ok := CASE WHEN FOUND THEN EXISTS (
          SELECT 1 FROM regexp_split_to_table(value, '\s*,\s*') t WHERE btrim(t, ' "') IN ('pg_realtime', '$libdir/pg_realtime')) END;
  detail := CASE WHEN ok IS NULL THEN 'only a superuser or a member of pg_read_all_settings can see shared_preload_libraries'
                 WHEN ok THEN 'pg_realtime is preloaded'
                 ELSE 'pg_realtime is not preloaded: the change stream works, the background worker does not run, and pg_upgrade and SECURITY LABEL in other sessions do not know the label provider' END;
  hint := CASE WHEN ok IS NULL THEN 'Run realtime_check_setup() as superuser.'
               WHEN NOT ok THEN 'Add pg_realtime to shared_preload_libraries and restart the server.' END;
  RETURN NEXT;

  "check" := 'replication_slots';
  SELECT count(*) INTO count_used FROM pg_replication_slots;
  ok := count_used < current_setting('max_replication_slots')::integer
        OR EXISTS (SELECT 1 FROM pg_replication_slots s WHERE s.plugin = 'pg_realtime' AND s.database = current_database());
  detail := format('%s of %s replication slots are used', count_used, current_setting('max_replication_slots'));
  hint := CASE WHEN NOT ok THEN 'Raise max_replication_slots and restart the server, or drop a slot that is not needed.' END;
  RETURN NEXT;

  "check" := 'wal_senders';
  ok := current_setting('max_wal_senders')::integer > 0;
  detail := format('max_wal_senders is %s', current_setting('max_wal_senders'));
  hint := CASE WHEN NOT ok THEN 'ALTER SYSTEM SET max_wal_senders = 10; then restart the server.' END;
  RETURN NEXT;

  "check" := 'replication_privilege';
  SELECT r.rolsuper OR r.rolreplication INTO ok FROM pg_roles r WHERE r.rolname = current_user;
  detail := format('role "%s" %s use replication slots', current_user, CASE WHEN ok THEN 'may' ELSE 'may not' END);
  hint := CASE WHEN NOT ok THEN format('ALTER ROLE %I REPLICATION; or connect the consumer as a role that has it.', current_user) END;
  RETURN NEXT;

  "check" := 'publication';
  SELECT p.puballtables::text INTO value FROM pg_publication p WHERE p.pubname = 'pg_realtime';
  ok := FOUND;
  SELECT count(*) INTO count_used FROM pg_publication_tables t WHERE t.pubname = 'pg_realtime';
  detail := CASE WHEN NOT ok AND EXISTS (SELECT 1 FROM @extschema@.realtime_tables) THEN 'publication pg_realtime does not exist although tables are registered: nothing is streamed'
                 WHEN NOT ok THEN 'publication pg_realtime does not exist: without option publication_names every user table is streamed'
                 WHEN value = 'true' THEN 'publication pg_realtime publishes all tables'
                 ELSE format('publication pg_realtime has %s tables', count_used) END;
  hint := CASE WHEN NOT ok THEN 'SELECT realtime_add_table(...) for each table to be streamed.' END;
  RETURN NEXT;

  FOR item IN
    SELECT t."table", t.access, t.tenant_column, tree.relid AS member,
           EXISTS (SELECT 1 FROM pg_publication p
                    WHERE p.pubname = 'pg_realtime'
                      AND (p.puballtables
                           OR EXISTS (SELECT 1 FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = t."table")
                           OR EXISTS (SELECT 1 FROM pg_publication_namespace n JOIN pg_class c ON c.oid = t."table"
                                       WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace))) AS published,
           @extschema@.realtime_identity_has_column(tree.relid, t.tenant_column) AS identified
      FROM @extschema@.realtime_tables t
     CROSS JOIN LATERAL (SELECT COALESCE(x.relid, t."table") AS relid, COALESCE(x.isleaf, true) AS isleaf
                           FROM (SELECT 1) one LEFT JOIN pg_partition_tree(t."table") x ON true) tree
     WHERE tree.isleaf
     ORDER BY t."table"::text, tree.relid::text
  LOOP
    "check" := format('table %s', item.member);
    ok := item.published AND item.identified AND (item.access = 'public' OR item.tenant_column IS NOT NULL);
    detail := CASE
      WHEN NOT item.published THEN 'it is registered but not in publication pg_realtime'
      WHEN item.access = 'tenant' AND item.tenant_column IS NULL THEN 'its tenant column was dropped: its rows reach nobody'
      WHEN NOT item.identified AND item.access = 'public' THEN 'it has no replica identity: PostgreSQL refuses UPDATE and DELETE on it'
      WHEN NOT item.identified THEN 'its replica identity does not tell the tenant of a DELETE: such changes reach nobody'
      WHEN item.access = 'public' THEN 'rows go to every subscriber'
      ELSE format('rows go to the tenant in column %I', item.tenant_column) END;
    hint := CASE WHEN ok THEN NULL
                 WHEN item.access = 'public' THEN format('SELECT realtime_add_table(%L, access => ''public'');', item."table")
                 WHEN item.tenant_column IS NULL THEN format('SELECT realtime_add_table(%L, ''name_of_the_tenant_column'');', item."table")
                 ELSE format('SELECT realtime_add_table(%L, %L);', item."table", item.tenant_column) END;
    RETURN NEXT;
  END LOOP;

  FOR item IN
    SELECT r.prrelid::regclass AS relation
      FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
     WHERE p.pubname = 'pg_realtime'
       AND NOT EXISTS (SELECT 1 FROM @extschema@.realtime_tables t WHERE t."table" = r.prrelid)
     ORDER BY 1
  LOOP
    "check" := format('table %s', item.relation);
    ok := false;
    detail := 'it is in publication pg_realtime but not registered: its rows reach no tenant through the gateway';
    hint := format('SELECT realtime_add_table(%L);', item.relation);
    RETURN NEXT;
  END LOOP;

  FOR item IN
    SELECT s.slot_name, s.active, s.wal_status, s.temporary,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                           s.restart_lsn) AS retained,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                           s.confirmed_flush_lsn) AS lag
      FROM pg_replication_slots s
     WHERE s.plugin = 'pg_realtime' AND s.database = current_database()
     ORDER BY s.slot_name
  LOOP
    "check" := format('slot %s', item.slot_name);
    ok := item.wal_status IS DISTINCT FROM 'lost' AND item.wal_status IS DISTINCT FROM 'unreserved'
          AND (item.active OR COALESCE(item.retained, 0) < 1024::numeric * 1024 * 1024);
    detail := format('%s, %s behind, keeps %s of WAL, WAL is %s',
                     CASE WHEN item.active THEN 'active' ELSE 'not active' END,
                     pg_size_pretty(COALESCE(item.lag, 0)), pg_size_pretty(COALESCE(item.retained, 0)), item.wal_status);
    hint := CASE WHEN ok THEN NULL
                 WHEN item.wal_status = 'lost' THEN format('SELECT pg_drop_replication_slot(%L); its consumer must start over.', item.slot_name)
                 ELSE format('Start its consumer, or SELECT pg_drop_replication_slot(%L) if there is none.', item.slot_name) END;
    RETURN NEXT;
  END LOOP;

  "check" := 'wal_limit';
  ok := current_setting('max_slot_wal_keep_size') <> '-1';
  detail := CASE WHEN ok THEN format('a slot may keep at most %s of WAL', current_setting('max_slot_wal_keep_size'))
                 ELSE 'a slot whose consumer is away may fill the disk' END;
  hint := CASE WHEN NOT ok THEN 'ALTER SYSTEM SET max_slot_wal_keep_size = ''20GB''; SELECT pg_reload_conf();' END;
  RETURN NEXT;

  "check" := 'worker';
  ok := CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
             THEN EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = current_database() AND a.backend_type = 'pg_realtime worker') END;
  detail := CASE WHEN ok THEN 'reports are judged as they are committed'
                 WHEN NOT ok THEN 'no worker runs: reports are judged only when realtime_run_pass() is called'
                 ELSE 'only members of pg_read_all_stats can see whether a worker runs' END;
  hint := CASE WHEN NOT ok THEN 'Add pg_realtime to shared_preload_libraries and restart the server; without it call realtime_run_pass() every few seconds.' END;
  RETURN NEXT;

  "check" := 'broadcast_privilege';
  ok := NOT has_function_privilege('public', 'pg_catalog.pg_logical_emit_message(boolean, text, text)', 'EXECUTE')
    AND NOT has_function_privilege('public', 'pg_catalog.pg_logical_emit_message(boolean, text, bytea)', 'EXECUTE');
  detail := CASE WHEN ok THEN 'only privileged roles can write logical messages'
                 ELSE 'every role of this database can forge broadcasts with pg_logical_emit_message()' END;
  hint := CASE WHEN NOT ok THEN 'REVOKE EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean, text, text), pg_catalog.pg_logical_emit_message(boolean, text, bytea) FROM PUBLIC;' END;
  RETURN NEXT;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_check_setup() IS
  'Looks for every misconfiguration that keeps changes from being streamed, or lets them reach nobody; hint is the line that mends it. ok is NULL where the caller lacks the privilege to see.';

-- Privileges: closed first ------------------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION @extschema@.realtime_library_version() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_identity_has_column(regclass, name) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_fit_replica_identity(regclass, name) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_forget_tenant_column(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_add_table(regclass, name, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_remove_table(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_broadcast(uuid, text, text, jsonb, boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_check_setup() FROM PUBLIC;

-- What the functions above need of each other. They show nothing that the catalogs do not show to everybody, and change
-- only tables of their caller, so that one GRANT of the function that is wanted is enough.
GRANT EXECUTE ON FUNCTION @extschema@.realtime_library_version() TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_identity_has_column(regclass, name) TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_fit_replica_identity(regclass, name) TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.realtime_forget_tenant_column(regclass) TO PUBLIC;
GRANT SELECT ON @extschema@.realtime_tables TO PUBLIC;
