-- Random values of every type that a column can have. Everything draws from random(), so setseed() repeats a run.

CREATE SCHEMA property;
CREATE EXTENSION hstore SCHEMA property;
CREATE EXTENSION citext SCHEMA property;

CREATE FUNCTION property.below(most float8) RETURNS integer
LANGUAGE sql VOLATILE AS 'SELECT floor(random() * most)::integer';

CREATE FUNCTION property.one_of(VARIADIC items text[]) RETURNS text
LANGUAGE sql VOLATILE AS 'SELECT items[1 + property.below(cardinality(items))]';

-- Of characters that JSON, UTF-8 or SQL treat in a special way.
CREATE FUNCTION property.awkward_text() RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT string_agg(CASE property.below(6)
           WHEN 0 THEN chr(1 + property.below(31))
           WHEN 1 THEN property.one_of('"', '\', '/', '''', '\u0041', '<', '&', ',', '{', '}', '$', E'\n', E'\t', ' ', '%s')
           WHEN 2 THEN chr(127 + property.below(700))
           WHEN 3 THEN property.one_of(chr(8232), chr(8233), chr(65279), chr(65535), chr(55295), chr(57344), chr(1114111))
           WHEN 4 THEN chr(128512 + property.below(60))
           ELSE chr(97 + property.below(26)) END, '')
    FROM generate_series(1, 1 + property.below(40))
$$;

-- Does not compress, so that it leaves the row as soon as it is long.
CREATE FUNCTION property.noise(bytes integer) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT left(string_agg(md5(random()::text), ''), bytes) FROM generate_series(0, bytes / 32)
$$;

CREATE FUNCTION property.random_text() RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  dice float8 := random();
BEGIN
  IF dice < 0.04 THEN RETURN property.noise(2000 + property.below(2500)); END IF;
  IF dice < 0.06 THEN RETURN repeat(property.awkward_text(), 100 + property.below(150)); END IF;
  IF dice < 0.10 THEN RETURN ''; END IF;
  IF dice < 0.40 THEN RETURN property.awkward_text(); END IF;
  RETURN property.noise(1 + property.below(30));
END
$$;

CREATE FUNCTION property.random_integer(bits integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  dice integer := property.below(8);
  largest numeric := 2::numeric ^ (bits - 1) - 1;
BEGIN
  RETURN CASE dice WHEN 0 THEN largest WHEN 1 THEN -largest - 1 WHEN 2 THEN 0
           ELSE trunc((random() * 2 - 1)::numeric * largest / 10::numeric ^ property.below(bits * 0.28)) END;
END
$$;

CREATE FUNCTION property.digits(count integer) RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT left(string_agg(CASE WHEN random() < 0.15 THEN '0000' ELSE property.below(10000)::text END, ''), count)
    FROM generate_series(1, count)
$$;

CREATE FUNCTION property.random_numeric() RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  CASE property.below(16)
    WHEN 0 THEN RETURN property.one_of('NaN', 'Infinity', '-Infinity')::numeric;
    WHEN 1 THEN RETURN property.one_of('0', '0.0', '0.00000', '-0.10', '1', '10000', '100000000', '0.0001', '0.00010')::numeric;
    WHEN 2 THEN RETURN (property.digits(1 + property.below(300)) || '.' || property.digits(1 + property.below(300)))::numeric;
    WHEN 3 THEN RETURN (property.digits(1 + property.below(20)) || 'e' || property.below(400) - 200)::numeric;
    WHEN 4 THEN RETURN -(property.digits(1 + property.below(12)))::numeric;
    WHEN 5 THEN RETURN ('0.' || repeat('0', property.below(40)) || property.digits(1 + property.below(12)))::numeric;
    ELSE RETURN ((random() - 0.3) * 10 ^ property.below(9))::numeric(20, 4);
  END CASE;
END
$$;

CREATE FUNCTION property.random_float8() RETURNS float8
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF random() < 0.3 THEN
    RETURN property.one_of('NaN', 'Infinity', '-Infinity', '0', '-0', '5e-324', '1.7976931348623157e308', '1e15', '1e16', '1e-5',
      '0.0001', '123456789012345680', '9007199254740993', '1e22', '1e23', '0.1', '2.2250738585072014e-308', '-1.5')::float8;
  END IF;
  RETURN (random() - 0.5) * 10::float8 ^ (property.below(40) - 20);
END
$$;

CREATE FUNCTION property.random_float4() RETURNS float4
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF random() < 0.3 THEN
    RETURN property.one_of('NaN', 'Infinity', '-Infinity', '0', '-0', '1e-45', '3.4028235e38', '1e6', '1e7', '16777217', '0.1',
      '1.17549435e-38', '123456.7')::float4;
  END IF;
  RETURN ((random() - 0.5) * 10::float8 ^ (property.below(30) - 15))::float4;
END
$$;

CREATE FUNCTION property.random_timestamp() RETURNS timestamp
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF random() < 0.15 THEN
    RETURN property.one_of('infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999', '0001-01-01 BC',
      '0001-01-01', '2000-01-01', '1999-12-31 23:59:59.999999', '9999-12-31 23:59:59', '10000-01-01', '1970-01-01 00:00:00.1',
      '2000-02-29 12:00:00.000001', '2023-03-26 02:30:00')::timestamp;
  END IF;
  RETURN timestamp '2000-01-01' + (random() - 0.5) * 10 ^ property.below(8) * interval '1 minute';
END
$$;

CREATE FUNCTION property.random_time() RETURNS time
LANGUAGE sql VOLATILE AS $$
  SELECT CASE property.below(8) WHEN 0 THEN '24:00' WHEN 1 THEN '00:00' WHEN 2 THEN '23:59:59.999999' WHEN 3 THEN '12:00:00.5'
           ELSE time '00:00' + random() * interval '1 day' END::time
$$;

CREATE FUNCTION property.random_interval() RETURNS interval
LANGUAGE sql VOLATILE AS $$
  SELECT CASE property.below(5) WHEN 0 THEN interval '0' WHEN 1 THEN interval '-178000000 years' WHEN 2 THEN interval '1 mon -1 day +00:00:01'
           ELSE make_interval(months => property.below(50) - 25, days => property.below(80) - 40, secs => (random() - 0.5) * 10 ^ property.below(7)) END
$$;

CREATE FUNCTION property.random_bytea() RETURNS bytea
LANGUAGE sql VOLATILE AS $$
  SELECT decode(CASE WHEN random() < 0.05 THEN property.noise(2 * (1500 + property.below(2000)))
                     ELSE property.noise(2 * property.below(40)) END, 'hex')
$$;

-- Keys may repeat and blanks vary, as type json keeps what was written.
CREATE FUNCTION property.random_json(depth integer) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  items integer := CASE WHEN depth > 2 AND random() < 0.05 THEN 30 + property.below(80) ELSE property.below(4) END;
  blank text := property.one_of('', '', ' ', E'\n\t', '  ');
  result text;
BEGIN
  CASE property.below(CASE WHEN depth <= 0 THEN 6 ELSE 10 END)
    WHEN 0 THEN RETURN property.one_of('null', 'true', 'false');
    WHEN 1 THEN RETURN property.one_of('0', '-0', '1.50', '1e5', '-1E-7', '12345678901234567890.123', '0.000', '1e300');
    WHEN 2 THEN RETURN COALESCE((SELECT n::text FROM property.random_numeric() n WHERE n::text !~ '[a-z]'), '7');
    WHEN 3 THEN RETURN property.one_of('"\u00e9\n\/"', '"\ud83d\ude00"', '""', '"\\\"\u001f"');
    WHEN 4, 5 THEN RETURN to_json(property.random_text())::text;
    WHEN 6, 7 THEN
      SELECT string_agg(blank || property.random_json(depth - 1) || blank, ',') INTO result FROM generate_series(1, items);
      RETURN '[' || COALESCE(result, blank) || ']';
    ELSE
      SELECT string_agg(blank || to_json(CASE WHEN random() < 0.7 THEN property.noise(property.below(4)) ELSE property.awkward_text() END)
                        || blank || ':' || COALESCE(property.random_json(depth - 1), 'null'), ',')
        INTO result FROM generate_series(1, items);
      RETURN '{' || COALESCE(result, blank) || '}';
  END CASE;
END
$$;

CREATE FUNCTION property.random_point() RETURNS point
LANGUAGE sql VOLATILE AS 'SELECT point(property.below(100) - 50, property.below(1000) / 8.0)';

-- The built-in types that need nothing but a list or a line: an expression that makes a value of each.
CREATE TABLE property.expressions (type regtype PRIMARY KEY, expression text NOT NULL);
INSERT INTO property.expressions VALUES
  ('bool', 'random() < 0.5'),
  ('int2', 'property.random_integer(16)'), ('int4', 'property.random_integer(32)'), ('int8', 'property.random_integer(64)'),
  ('float4', 'property.random_float4()'), ('float8', 'property.random_float8()'), ('numeric', 'property.random_numeric()'),
  ('money', 'property.random_integer(40)::numeric / 100'),
  ('text', 'property.random_text()'), ('varchar', 'property.random_text()'), ('bpchar', 'property.random_text()'),
  ('name', 'left(property.awkward_text(), 15)'), ('"char"', 'chr(1 + property.below(127))'), ('property.citext', 'property.random_text()'),
  ('property.hstore', 'property.hstore(ARRAY[property.random_text(), property.random_text(), ''b'', NULL])'),
  ('bytea', 'property.random_bytea()'), ('uuid', 'md5(random()::text)'),
  ('bit', '(property.below(2))::text'), ('varbit', 'left(property.random_integer(64)::bit(64)::text, property.below(64))'),
  ('date', '(CASE property.below(6) WHEN 0 THEN ''4713-01-01 BC'' WHEN 1 THEN ''5874897-12-31'' ELSE property.random_timestamp()::text END)'),
  ('time', 'property.random_time()'), ('timetz', 'property.random_time()::text || property.one_of(''+00'', ''-03:30'', ''+14'', ''-11:22:33'')'),
  ('timestamp', 'property.random_timestamp()'), ('timestamptz', 'property.random_timestamp()'), ('interval', 'property.random_interval()'),
  ('json', 'property.random_json(3)'), ('jsonb', 'property.random_json(4)'),
  ('jsonpath', 'property.one_of(''$'', ''$.a[*] ? (@ > 1)'', ''strict $."x y"'')'),
  ('xml', 'property.one_of(''<a b="1">t&amp;u</a>'', ''text'', ''<x/><y/>'')'),
  ('inet', 'property.one_of(''10.0.0.1'', ''10.1.2.3/8'', ''::1'', ''2001:db8::/32'')'),
  ('cidr', 'property.one_of(''10.0.0.0/8'', ''192.168.1.0/24'', ''2001:db8::/32'')'),
  ('macaddr', 'left(md5(random()::text), 12)'), ('macaddr8', 'left(md5(random()::text), 16)'),
  ('point', 'property.random_point()'), ('line', 'line(point(0,0), point(1 + property.below(5), property.below(7)))'),
  ('lseg', 'lseg(property.random_point(), property.random_point())'), ('box', 'box(property.random_point(), property.random_point())'),
  ('path', 'property.one_of(''[(0,0),(1,2.5)]'', ''((0,0),(1,1),(2,0))'')'), ('polygon', 'polygon(box(property.random_point(), property.random_point()))'),
  ('circle', 'circle(property.random_point(), property.below(9))'),
  ('oid', 'property.random_integer(32) & 2147483647'), ('xid', '(property.random_integer(32) & 2147483647)::text'), ('cid', 'property.below(99)::text'),
  ('tid', 'format(''(%s,%s)'', property.below(99), property.below(99))'), ('xid8', '(property.random_integer(48) & 281474976710655)::text'),
  ('oidvector', 'property.one_of('''', ''1 2 3'')'), ('int2vector', 'property.one_of('''', ''-1 5'')'),
  ('regclass', 'property.one_of(''pg_class'', ''pg_type'')'), ('regtype', 'property.one_of(''int4'', ''text[]'', ''-'')'),
  ('regproc', 'property.one_of(''now'', ''-'')'), ('regprocedure', '''lower(text)'''), ('regoper', '''||/'''), ('regoperator', '''+(int4,int4)'''),
  ('regrole', '''postgres'''), ('regnamespace', '''pg_catalog'''), ('regcollation', '''"C"'''), ('regconfig', 'property.one_of(''simple'', ''english'')'),
  ('regdictionary', '''simple'''),
  ('pg_lsn', 'format(''%s/%s'', to_hex(property.below(99)), to_hex(property.below(1e9)))'), ('refcursor', 'property.awkward_text()'),
  ('aclitem', 'property.one_of(''postgres=arw/postgres'', ''=r/postgres'')'), ('tsvector', 'property.one_of(''a:1 b:2A'', ''''''it s'''':3'', '''')'),
  ('tsquery', 'property.one_of(''a & !b'', ''a <2> b:*'', '''')'),
  ('pg_snapshot', '''10:20:10,14'''), ('txid_snapshot', '''10:20:10,14''');

-- A type of the catalog that is missing above would be a hole in this test.
DO $$
DECLARE
  missing text;
BEGIN
  SELECT string_agg(t.typname, ', ' ORDER BY t.typname) INTO missing
    FROM pg_type t
   WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' AND t.typcategory <> 'A' AND t.typrelid = 0 AND t.typelem = 0
     AND NOT EXISTS (SELECT 1 FROM property.expressions e WHERE e.type = t.oid)
     -- These have no input function that accepts anything.
     AND t.typname NOT IN ('pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'pg_brin_bloom_summary',
                           'pg_brin_minmax_multi_summary', 'gtsvector');
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'no random values for types: %', missing;
  END IF;
END
$$;

-- An SQL expression that makes a random value of a type, NULL included.
CREATE FUNCTION property.expression(type regtype, modifier integer DEFAULT -1, depth integer DEFAULT 0) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  kind pg_type;
  name text := format_type(type, NULLIF(modifier, -1));
  item text;
BEGIN
  SELECT * INTO kind FROM pg_type t WHERE t.oid = type;
  IF kind.typtype = 'd' THEN
    RETURN format('(%s)::%s', property.expression(kind.typbasetype, kind.typtypmod, depth), name);
  ELSIF kind.typcategory = 'A' AND type NOT IN ('int2vector'::regtype, 'oidvector'::regtype) THEN
    item := property.expression(kind.typelem, modifier, depth + 1);
    -- The shape is chosen here, not for each row: planning long expressions would take most of the time.
    RETURN format(CASE property.below(6)
      WHEN 0 THEN '''{}''::%1$s' WHEN 1 THEN 'array_fill(%2$s, ARRAY[2, 1, 2])' WHEN 2 THEN 'array_fill(%2$s, ARRAY[2], ARRAY[-3])'
      WHEN 3 THEN 'ARRAY[[NULL, %2$s], [%2$s, NULL]]::%1$s' ELSE 'ARRAY[%2$s, NULL, %2$s]::%1$s' END, name, item);
  ELSIF kind.typtype = 'e' THEN
    item := format('(enum_range(NULL::%1$s))[1 + property.below(cardinality(enum_range(NULL::%1$s)))]', name);
  ELSIF kind.typtype = 'c' THEN
    SELECT format('ROW(%s)::%s', string_agg(property.expression(a.atttypid, a.atttypmod, depth + 1), ', ' ORDER BY a.attnum), name)
      INTO item FROM pg_attribute a WHERE a.attrelid = kind.typrelid AND a.attnum > 0 AND NOT a.attisdropped;
  ELSIF kind.typtype = 'r' THEN
    SELECT format('(SELECT %s(least(a, b), greatest(a, b), property.one_of(''[)'', ''[]'', ''()'', ''(]'')) FROM (SELECT %s AS a, %s AS b) pair)',
                  name, CASE WHEN r.rngsubtype = 'numeric'::regtype THEN 'round(random()::numeric * 100, 2)'
                             WHEN r.rngsubtype IN ('int4'::regtype, 'int8'::regtype) THEN format('(property.below(1000) - 500)::%s', r.rngsubtype::regtype)
                             WHEN r.rngsubtype = 'date'::regtype THEN 'date ''2020-01-01'' + property.below(900)'
                             ELSE property.expression(r.rngsubtype, -1, depth + 1) END,
                  CASE WHEN r.rngsubtype = 'numeric'::regtype THEN 'NULL::numeric'
                       WHEN r.rngsubtype = 'date'::regtype THEN '''infinity''::date'
                       WHEN r.rngsubtype IN ('int4'::regtype, 'int8'::regtype) THEN format('(property.below(1000) - 500)::%s', r.rngsubtype::regtype)
                       ELSE property.expression(r.rngsubtype, -1, depth + 1) END)
      INTO item FROM pg_range r WHERE r.rngtypid = type;
  ELSIF kind.typtype = 'm' THEN
    SELECT format('%s(%s)', name, property.expression(r.rngtypid, -1, depth + 1)) INTO item FROM pg_range r WHERE r.rngmultitypid = type;
  ELSE
    SELECT e.expression INTO item FROM property.expressions e WHERE e.type = expression.type;
    IF type = 'numeric'::regtype AND modifier <> -1 THEN
      item := 'property.below(1e5) / 7.0'; -- one that fits
    END IF;
    -- Through text, so that any expression can become any type.
    item := format('((%s)::text)::%s', item, name);
  END IF;
  RETURN format('(CASE WHEN random() < 0.12 THEN NULL ELSE %s END)', item);
END
$$;
