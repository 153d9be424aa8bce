-- Random tables, and the log of what each transaction saw of its own changes.

CREATE TABLE property.log (
  sequence bigint PRIMARY KEY,
  xid bigint NOT NULL,
  action text NOT NULL,
  schema_name name NOT NULL, -- of the root of a partition tree where that is what the publication shows
  table_name name NOT NULL,
  new_row jsonb,
  old_row jsonb,
  identity name[]            -- columns of the replica identity; NULL: there is none
);
ALTER TABLE property.log ALTER new_row SET STORAGE EXTERNAL, ALTER old_row SET STORAGE EXTERNAL; -- compressing takes longer
CREATE INDEX ON property.log (xid);
CREATE SEQUENCE property.log_sequence;

CREATE TABLE property.refused (sqlstate text, message text, statement text);

CREATE FUNCTION property.identity_of(relation oid) RETURNS name[]
LANGUAGE sql STABLE AS $$
  SELECT CASE c.relreplident
           WHEN 'f' THEN (SELECT array_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
           WHEN 'n' THEN NULL
           ELSE (SELECT array_agg(a.attname)
                   FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
                  WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)
         END
    FROM pg_class c WHERE c.oid = relation
$$;

CREATE FUNCTION property.published_root() RETURNS boolean
LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT 1 FROM pg_publication WHERE pubviaroot)';

-- AFTER ROW triggers fire in the order in which the rows were written.
CREATE FUNCTION property.record() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  shown oid := TG_RELID;
BEGIN
  IF property.published_root() THEN
    shown := COALESCE(pg_partition_root(TG_RELID), TG_RELID);
    IF TG_OP = 'TRUNCATE' AND shown <> TG_RELID THEN
      RETURN NULL; -- the root stands for its partitions
    END IF;
  END IF;
  INSERT INTO property.log
  SELECT nextval('property.log_sequence'), pg_current_xact_id()::text::bigint, TG_OP, n.nspname, c.relname,
         CASE WHEN TG_OP IN ('INSERT', 'UPDATE') THEN to_jsonb(NEW) END, CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN to_jsonb(OLD) END,
         CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN property.identity_of(TG_RELID) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = shown;
  RETURN NULL;
END
$$;

CREATE FUNCTION property.random_name(number integer) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT property.one_of('c', 'c', 'c', 'Spalte "', 'a b', 'größe', '日本', 'select', E'tab\t', E'line\n', 'back\', 'x''y', '{$.', '😀',
                         rpad('long', 57, '_')) || number
$$;

-- The types of one worker, which change while it works.
CREATE PROCEDURE property.create_types(place text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE replace($types$
    CREATE SCHEMA @; CREATE SEQUENCE @.names; CREATE SEQUENCE @.keys;
    CREATE TYPE @.mood AS ENUM ('glad', 'so "so"', 'größer', 'sad');
    CREATE DOMAIN @.short AS varchar(7); CREATE DOMAIN @.price AS numeric(12,3);
    CREATE DOMAIN @.feeling AS @.mood; CREATE DOMAIN @.numbers AS integer[]; CREATE DOMAIN @.shorter AS @.short;
    CREATE TYPE @.pair AS (a integer, "b ""c""" text);
    CREATE DOMAIN @.checked_pair AS @.pair;
    CREATE TYPE @.nested AS (p @.pair, list @.pair[], m @.mood, f @.feeling, j jsonb, t timestamptz, d float8, n @.numbers, i interval);
    CREATE TYPE @.words AS RANGE (subtype = text, collation = "C"); CREATE TYPE @.floats AS RANGE (subtype = float8)
  $types$, '@', place);
END
$$;

-- A type as it is written in CREATE TABLE.
CREATE FUNCTION property.random_type(place text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  dice float8 := random();
  name text;
BEGIN
  IF dice < 0.3 THEN
    name := property.one_of('int2', 'int4', 'int8', 'bool', 'text', 'numeric', 'timestamptz', 'jsonb', 'uuid', 'float8', 'bytea', 'date');
  ELSIF dice < 0.6 THEN
    SELECT e.type::text INTO name FROM property.expressions e ORDER BY e.type OFFSET property.below((SELECT count(*) FROM property.expressions)) LIMIT 1;
  ELSIF dice < 0.7 THEN
    name := property.one_of('varchar(9)', 'char(4)', 'numeric(14,5)', 'numeric(8,-2)', 'bit(11)', 'varbit(20)', 'timestamp(2)', 'time(0)',
                            'interval day to second(1)', 'timestamptz(0)', 'timetz(3)');
  ELSIF dice < 0.8 THEN
    name := property.one_of('int4range', 'numrange', 'daterange', 'tsrange', 'tstzrange', 'int8range', 'int4multirange', 'nummultirange',
                            'tstzmultirange', place || '.words', place || '.floats');
  ELSE
    name := place || '.' || property.one_of('mood', 'short', 'price', 'feeling', 'numbers', 'shorter', 'pair', 'checked_pair', 'nested');
  END IF;
  RETURN name || CASE WHEN random() < 0.2 THEN '[]' ELSE '' END;
END
$$;

CREATE FUNCTION property.random_column(place text) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT format('%I %s', property.random_name(nextval(place || '.names')::integer), property.random_type(place))
$$;

CREATE FUNCTION property.set_random_identity(relation regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  unique_index name;
BEGIN
  -- A published table without identity refuses UPDATE and DELETE.
  SELECT c.relname INTO unique_index FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE i.indrelid = relation AND i.indisunique AND NOT i.indisprimary LIMIT 1;
  EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', relation,
    CASE property.below(5) WHEN 0 THEN 'FULL' WHEN 1 THEN 'FULL'
      WHEN 2 THEN CASE WHEN NOT property.published_root() THEN 'NOTHING'
                       WHEN property.identity_of(relation) IS NULL THEN 'FULL' ELSE 'DEFAULT' END
      WHEN 3 THEN CASE WHEN unique_index IS NULL THEN 'FULL' ELSE 'USING INDEX ' || quote_ident(unique_index) END
      ELSE CASE WHEN property.published_root() AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary)
                THEN 'FULL' ELSE 'DEFAULT' END END);
END
$$;

CREATE FUNCTION property.create_table(place text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  number bigint := nextval(place || '.names');
  name text := format('%s.%I', place, property.random_name(number::integer));
  partitioned boolean := random() < 0.3;
  columns text[];
  part text;
BEGIN
  -- The key is short, or long enough to be stored out of line although it fits an index.
  columns := ARRAY[
    CASE WHEN random() < 0.7 THEN format('id int8 NOT NULL DEFAULT nextval(%L)', place || '.keys')
         ELSE format('id text NOT NULL DEFAULT nextval(%L) || property.noise(property.below(2)*2200)', place || '.keys') END,
    format('code text NOT NULL DEFAULT nextval(%L)', place || '.keys'),
    'bucket int2 NOT NULL DEFAULT property.below(4)'];
  columns := columns || ARRAY(SELECT property.random_column(place) FROM generate_series(1, 1 + property.below(9)));
  IF NOT partitioned AND random() < 0.3 THEN
    columns := columns || 'generated text GENERATED ALWAYS AS (upper(code)) STORED'::text;
  END IF;
  EXECUTE format('CREATE TABLE %s (%s) %s', name, (SELECT string_agg(c, ', ' ORDER BY random()) FROM unnest(columns) c),
                 CASE WHEN partitioned THEN 'PARTITION BY LIST (bucket)' ELSE '' END);
  IF random() < 0.5 THEN
    EXECUTE format('ALTER TABLE %s ALTER id TYPE text, ALTER id SET STORAGE EXTERNAL', name);
  END IF;
  IF random() < 0.8 OR property.published_root() THEN
    EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (%s)', name, property.one_of('id, bucket', 'bucket, id'));
  END IF;
  IF random() < 0.6 THEN
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s)', name, property.one_of('code, bucket', 'bucket, code'));
  END IF;
  EXECUTE format('CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION property.record()', name);
  EXECUTE format('CREATE TRIGGER record_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION property.record()', name);
  IF NOT partitioned THEN
    PERFORM property.set_random_identity(name::regclass);
    RETURN;
  END IF;
  -- Partitions have their columns in another order, with gaps.
  FOR bound IN 0 .. 2 LOOP
    part := format('%s.%I', place, 'part ' || number || '_' || bound);
    SELECT format('CREATE TABLE %s (gone text, %s)', part,
                  string_agg(format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE '' END),
                             ', ' ORDER BY random()))
      INTO STRICT part FROM pg_attribute a WHERE a.attrelid = name::regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE part;
    part := format('%s.%I', place, 'part ' || number || '_' || bound);
    EXECUTE format('ALTER TABLE %s DROP gone', part);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s %s', name, part,
                   CASE bound WHEN 2 THEN 'DEFAULT' ELSE format('FOR VALUES IN (%s)', bound) END);
    EXECUTE format('CREATE TRIGGER record_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION property.record()', part);
    PERFORM property.set_random_identity(part::regclass);
  END LOOP;
END
$$;
