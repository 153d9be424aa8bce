-- Random changes: statements, definitions that change between them, subtransactions that roll back.

CREATE FUNCTION property.pick_table(place text) RETURNS regclass
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  tables regclass[] := ARRAY(SELECT c.oid FROM pg_class c WHERE c.relnamespace = place::regnamespace AND c.relkind IN ('r', 'p')
                               AND NOT c.relispartition ORDER BY c.oid);
BEGIN
  RETURN tables[1 + property.below(cardinality(tables))];
END
$$;

CREATE FUNCTION property.pick_column(relation regclass) RETURNS pg_attribute
LANGUAGE sql VOLATILE AS $$
  SELECT a FROM pg_attribute a
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('id', 'code', 'bucket', 'generated')
   ORDER BY random() LIMIT 1
$$;

CREATE FUNCTION property.rows_to_change(relation regclass) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT format('(tableoid, ctid) IN (SELECT tableoid, ctid FROM %s ORDER BY random() LIMIT %s)', relation,
                CASE property.below(8) WHEN 0 THEN 40 WHEN 1 THEN 12 ELSE 1 + property.below(4) END)
$$;

-- Column names and expressions for new rows; columns with a default are left out now and then.
CREATE FUNCTION property.random_row(relation regclass, OUT names text, OUT expressions text)
LANGUAGE sql VOLATILE AS $$
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
         string_agg(CASE WHEN a.attname = 'bucket' THEN 'property.below(5)' ELSE property.expression(a.atttypid, a.atttypmod) END, ', ' ORDER BY a.attnum)
    FROM pg_attribute a
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     AND a.attname NOT IN ('id', 'code') AND (a.attname = 'bucket' OR random() < 0.85)
$$;

CREATE FUNCTION property.random_update(relation regclass) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT format('UPDATE %s SET %s WHERE %s', relation,
           COALESCE((SELECT string_agg(format('%I = %s', a.attname,
                              CASE WHEN a.attname IN ('id', 'code') THEN 'DEFAULT' WHEN a.attname = 'bucket' THEN 'property.below(5)'
                                   WHEN random() < 0.1 THEN quote_ident(a.attname) ELSE property.expression(a.atttypid, a.atttypmod) END), ', ')
                       FROM pg_attribute a
                      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                        AND random() < CASE WHEN a.attname IN ('id', 'code', 'bucket') THEN 0.08 ELSE 0.3 END), 'code = code'),
           property.rows_to_change(relation))
$$;

CREATE FUNCTION property.random_statement(place text, relation regclass, folder text) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  dice float8 := random();
  fields record;
  file text := format('%s/%s.copy', folder, place);
BEGIN
  IF dice < 0.36 THEN
    RETURN ARRAY[property.random_update(relation)];
  ELSIF dice < 0.56 THEN
    RETURN ARRAY[format('DELETE FROM %s WHERE %s', relation, property.rows_to_change(relation))];
  END IF;
  fields := property.random_row(relation);
  fields.expressions := format('SELECT %s FROM generate_series(1, %s)', fields.expressions,
                               CASE property.below(10) WHEN 0 THEN 60 WHEN 1 THEN 20 ELSE 1 + property.below(3) END);
  IF dice < 0.90 THEN
    RETURN ARRAY[format('INSERT INTO %s (%s) %s', relation, fields.names, fields.expressions)];
  ELSIF dice < 0.96 THEN
    -- Many rows in one WAL record.
    RETURN ARRAY[format('COPY (%s) TO %L', fields.expressions, file), format('COPY %s (%s) FROM %L', relation, fields.names, file)];
  END IF;
  RETURN ARRAY[format('INSERT INTO %1$s (code, bucket) SELECT code, bucket FROM %1$s ORDER BY random() LIMIT 3 ON CONFLICT %2$s', relation,
    CASE WHEN EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'code'
                       WHERE i.indrelid = relation AND i.indisunique)
         THEN '(code, bucket) DO UPDATE SET code = excluded.code || ''!''' ELSE 'DO NOTHING' END)];
END
$$;

-- DDL on a table or a type of the worker.
CREATE FUNCTION property.random_definition(place text, relation regclass) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  picked pg_attribute := property.pick_column(relation);
  added text := property.random_column(place);
  number bigint := nextval(place || '.names');
  field name;
BEGIN
  CASE property.below(18)
    WHEN 0 THEN RETURN format('ALTER TABLE %s ADD COLUMN %s', relation, added);
    WHEN 1, 2 THEN
      -- With a constant default, so that old rows get it without being written again.
      EXECUTE format('SELECT (%s)::text', property.expression(split_part(property.random_type(place), '[', 1)::regtype)) INTO added;
      RETURN format('ALTER TABLE %s ADD COLUMN %I text DEFAULT %L', relation, property.random_name(number::integer), added);
    WHEN 3 THEN RETURN format('ALTER TABLE %s ADD COLUMN %I numeric NOT NULL DEFAULT %s', relation, property.random_name(number::integer), property.below(900) / 8.0);
    WHEN 4 THEN RETURN format('ALTER TABLE %s ADD COLUMN %I float8 DEFAULT random()', relation, property.random_name(number::integer));
    WHEN 5, 6 THEN RETURN format('ALTER TABLE %s DROP COLUMN %I', relation, picked.attname);
    WHEN 7 THEN RETURN format('ALTER TABLE %s RENAME COLUMN %I TO %I', relation, picked.attname, property.random_name(number::integer));
    WHEN 8 THEN RETURN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %2$I DROP NOT NULL, ALTER COLUMN %2$I TYPE text', relation, picked.attname);
    WHEN 9 THEN RETURN format('ALTER TABLE %s RENAME TO %I', relation, property.random_name(number::integer));
    WHEN 10, 11 THEN
      RETURN format('SELECT property.set_random_identity(t.relid) FROM (SELECT relid FROM pg_partition_tree(%1$L) WHERE isleaf UNION SELECT %1$s::oid::regclass) t '
                    'JOIN pg_class c ON c.oid = t.relid AND c.relkind = ''r''', relation::oid);
    WHEN 12 THEN RETURN format('ALTER TYPE %s.mood ADD VALUE %L', place, left(property.awkward_text(), 10) || number);
    WHEN 13 THEN
      EXECUTE format('SELECT e FROM unnest(enum_range(NULL::%s.mood)) e ORDER BY random() LIMIT 1', place) INTO added;
      RETURN format('ALTER TYPE %s.mood RENAME VALUE %L TO %L', place, added, left(property.awkward_text(), 10) || number);
    WHEN 14 THEN RETURN format('ALTER TYPE %s.pair ADD ATTRIBUTE %I %s', place, property.random_name(number::integer),
                               property.one_of('text', 'numeric', 'timestamptz', 'int4[]', 'bytea'));
    WHEN 15 THEN
      SELECT a.attname INTO field FROM pg_attribute a WHERE a.attrelid = (place || '.pair')::regclass AND NOT a.attisdropped AND a.attname <> 'a' ORDER BY random() LIMIT 1;
      RETURN COALESCE(format(property.one_of('ALTER TYPE %s.pair DROP ATTRIBUTE %I', 'ALTER TYPE %s.pair RENAME ATTRIBUTE %I TO %I'),
                             place, field, property.random_name(number::integer)), 'SELECT 1');
    WHEN 16 THEN RETURN CASE WHEN random() < 0.3 THEN format('TRUNCATE %s', relation)
                             ELSE format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', relation, picked.attname, property.one_of('EXTERNAL', 'MAIN', 'EXTENDED')) END;
    ELSE RETURN CASE WHEN random() < 0.5 THEN format('SELECT property.create_table(%L)', place)
                     WHEN (SELECT count(*) FROM pg_class c WHERE c.relnamespace = place::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition) > 4
                     THEN format('DROP TABLE %s', relation) ELSE format('TRUNCATE %s', relation) END;
  END CASE;
END
$$;

-- One statement. What PostgreSQL refuses (a value out of range, a storage that a type cannot have, a column to drop that
-- is not there) is counted: it must stay rare.
CREATE FUNCTION property.change_something(place text, folder text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  relation regclass := property.pick_table(place);
  statements text[];
  item text;
BEGIN
  BEGIN
    statements := CASE WHEN random() < 0.06 THEN ARRAY[property.random_definition(place, relation)]
                       ELSE property.random_statement(place, relation, folder) END;
    FOREACH item IN ARRAY statements LOOP
      EXECUTE item;
    END LOOP;
  EXCEPTION WHEN OTHERS THEN
    INSERT INTO property.refused VALUES (SQLSTATE, SQLERRM, item);
  END;
END
$$;

CREATE FUNCTION property.change_in_subtransactions(place text, folder text, depth integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  FOR step IN 1 .. 1 + property.below(CASE WHEN random() < 0.05 THEN 40 ELSE 5 END) LOOP
    IF depth < 4 AND random() < 0.2 THEN
      BEGIN
        PERFORM property.change_in_subtransactions(place, folder, depth + 1);
        IF random() < 0.4 THEN
          RAISE EXCEPTION USING ERRCODE = 'UNDO1';
        END IF;
      EXCEPTION WHEN SQLSTATE 'UNDO1' THEN NULL;
      END;
    ELSE
      PERFORM property.change_something(place, folder);
    END IF;
  END LOOP;
END
$$;

CREATE PROCEDURE property.work(place text, seed float8, changes bigint, folder text)
LANGUAGE plpgsql AS $$
DECLARE
  made bigint := 0;
BEGIN
  PERFORM setseed(seed);
  CALL property.create_types(place);
  FOR number IN 1 .. 6 LOOP
    PERFORM property.create_table(place);
  END LOOP;
  COMMIT;
  WHILE made < changes LOOP
    PERFORM property.change_in_subtransactions(place, folder, 1);
    IF random() < 0.04 THEN
      ROLLBACK;
    ELSE
      made := made + (SELECT count(*) FROM property.log l WHERE l.xid = pg_current_xact_id()::text::bigint);
      COMMIT;
    END IF;
  END LOOP;
END
$$;
