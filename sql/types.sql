-- Every built-in type: the records of the stream must be to_jsonb(row) under TimeZone UTC, ISO dates and default float, bytea
-- and interval settings, whatever the session has set. to_jsonb() itself is the judge: only differences are printed, and
-- the number of what was compared.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA types;
-- One table for a type: the values plain, in arrays, under a domain, in a composite and in arrays of composites.
CREATE FUNCTION types.fill(type text, VARIADIC literals text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  number integer := nextval('types.number');
  -- NULL is no element of an array of arrays.
  list text := CASE WHEN type LIKE '%]' THEN 'ARRAY[$1::%1$s, $1::%1$s]' ELSE 'ARRAY[$1::%1$s, NULL::%1$s, $1::%1$s]' END;
  literal text;
BEGIN
  EXECUTE format('CREATE DOMAIN types.domain_%s AS %s', number, type);
  EXECUTE format('CREATE TYPE types.composite_%s AS (plain %s, "a ""list"" \ of" %s[], nothing %2$s, domain types.domain_%1$s)', number, type, type);
  EXECUTE format('CREATE TABLE types.table_%s (id int PRIMARY KEY, plain %s, list %2$s[], rows %2$s[][], domain types.domain_%1$s,
                  domains types.domain_%1$s[], composite types.composite_%1$s, composites types.composite_%1$s[], nothing %2$s)', number, type);
  EXECUTE format('ALTER TABLE types.table_%s REPLICA IDENTITY FULL', number);
  EXECUTE format('COMMENT ON TABLE types.table_%s IS %L', number, type);
  FOREACH literal IN ARRAY literals LOOP
    EXECUTE format('INSERT INTO types.table_%2$s VALUES (nextval(''types.id''), $1::%1$s, ' || list || ', ARRAY[' || list || ',' || list || '],
                    $1::%1$s, ARRAY[$1::types.domain_%2$s], ROW($1::%1$s, ' || list || ', NULL, $1::types.domain_%2$s),
                    ARRAY[ROW($1::%1$s, NULL, $1::%1$s, NULL)::types.composite_%2$s, NULL], NULL)', type, number) USING literal;
  END LOOP;
  -- The old rows, by replica identity FULL.
  EXECUTE format('UPDATE types.table_%s SET id = -id', number);
END
$$;
CREATE SEQUENCE types.number;
CREATE SEQUENCE types.id;
CREATE TYPE types.mood AS ENUM ('sad', 'o"k', 'ha\ppy', 'süß', '');
CREATE TYPE types.pair AS (x int, "Y y" numeric);
CREATE DOMAIN types.positive AS int CHECK (VALUE > 0);
CREATE DOMAIN types.more_positive AS types.positive CHECK (VALUE > 1);
CREATE DOMAIN types.vector AS float8[];
CREATE DOMAIN types.document AS json;
CREATE DOMAIN types.documentb AS jsonb;
CREATE DOMAIN types.couple AS types.pair;
CREATE DOMAIN types.moods AS types.mood[];
CREATE TYPE types.span AS RANGE (subtype = types.positive);
CREATE TYPE types.text_span AS RANGE (subtype = text, collation = "C");

SELECT stream.start('types');
SELECT count(types.fill(type, VARIADIC literals)) FROM (VALUES
  ('boolean', '{t,f}'::text[]),
  ('smallint', '{0,-32768,32767}'),
  ('integer', '{0,-2147483648,2147483647,10,-100}'),
  ('bigint', '{0,-9223372036854775808,9223372036854775807,99,100,1000000000000}'),
  ('oid', '{0,4294967295}'),
  ('xid', '{0,4294967295}'), ('xid8', '{18446744073709551615}'), ('cid', '{7}'), ('tid', '{"(4294967295,65535)"}'),
  ('pg_lsn', '{0/0,FFFFFFFF/FFFFFFFF}'), ('pg_snapshot', '{"10:20:10,14,15"}'), ('txid_snapshot', '{"10:20:10,14,15"}'),
  ('regclass', '{pg_class,types.number}'), ('regtype', '{integer,types.mood,text[]}'), ('regproc', '{now}'),
  ('regprocedure', '{lower(text)}'), ('regoper', '{!!}'), ('regoperator', '{"+(integer,integer)"}'), ('regrole', '{pg_monitor}'),
  ('regnamespace', '{types}'), ('regcollation', '{\"C\"}'), ('regconfig', '{simple}'), ('regdictionary', '{simple}'),
  ('numeric', '{0,-0,0.0,0.000,1,-1,9,10,99,100,9999,10000,10001,99999999,100000000,1.5,-1.50,0.1,0.01,0.001,0.0001,0.00001,0.00000000000000000001,
                12345678901234567890123456789012345678901234567890.12345678901234567890,-0.00001230,1e20,1e40,NaN,Infinity,-Infinity}'),
  ('numeric', '{1e131071,-1e131071,1e-16383,9e-16383,1e1000,1e255,1e256,1e-255,1e-256,1.00000000000000000000000000000000000000000000000000000000000000000e10}'),
  ('numeric(10,-3)', '{12345,-500,499,999999}'), ('numeric(3,5)', '{0.00123,-0.00999,0}'), ('numeric(20,10)', '{1,-1.5,1234567890.0123456789}'),
  ('real', '{0,-0,1,0.1,-1.5,3.4028235e38,1.17549435e-38,1e-45,123456.79,1234567.9,1e15,1e16,1e-4,1e-5,NaN,Infinity,-Infinity,16777217}'),
  ('double precision', '{0,-0,1,0.1,0.30000000000000004,-1.5,1.7976931348623157e308,2.2250738585072014e-308,5e-324,1e14,1e15,1e16,123456789012345680,9007199254740993,1e-4,1e-5,NaN,Infinity,-Infinity}'),
  ('money', '{0,-0.01,92233720368547758.07,-92233720368547758.08,1234.5}'),
  ('"char"', E'{a,\\"}'), ('name', '{x,"a b"}'), ('char(5)', '{"",a,abcde}'), ('varchar(5)', '{"",a,"ab c "}'),
  ('text', ARRAY['', ' ', 'plain', '"', '\', '/', 'a"b\c', E'\b\f\n\r\t', E'\x01\x02\x03\x1e\x1f\x7f', E'\u0080\u009f\u00e4\u20ac\ufffd\uffff', U&'\+01F600 \+10FFFF', U&'\2028\2029', '<script>&''', '{"not": "json"}',
    repeat('x', 15), repeat('x', 16), repeat('x', 17), repeat('x', 31) || '"', repeat('ä', 40) || E'\n', repeat('long "text" ', 50)]),
  ('bytea', ARRAY['', '\x00', '\x5c', '\x27', '\x00ff22616263', '\x' || repeat('0123456789abcdef', 20)]),
  ('bit(5)', '{00000,10101,11111}'), ('bit(8)', '{10000001}'), ('bit(9)', '{100000011}'), ('bit varying', '{"",1,0,10101010,101010101,1111111111111111}'),
  ('uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff,01234567-89ab-cdef-0123-456789ABCDEF}'),
  ('date', '{2000-01-01,1999-12-31,2000-02-29,1900-02-28,1900-03-01,2024-02-29,0001-01-01,"0001-12-31 BC","0001-01-01 BC","0005-02-29 BC","4714-11-24 BC",9999-12-31,10000-01-01,5874897-12-31,infinity,-infinity,1582-10-15,1970-01-01}'),
  ('time', '{00:00,24:00,23:59:59.999999,12:00:00.1,12:00:00.000001,01:02:03.456}'), ('time(2)', '{12:34:56.789}'),
  ('timetz', '{00:00+00,24:00-15:59,23:59:59.999999+15:59:59,12:00:00.5+05:30}'),
  ('timestamp', '{2000-01-01,"1999-12-31 23:59:59.999999","2000-02-29 12:00:00.1","4714-11-24 00:00:00 BC","0001-12-31 23:59:59.5 BC","0001-01-01 00:00:00 BC","0001-01-01",9999-12-31,"10000-01-01 01:02:03","294276-12-31 23:59:59.999999",infinity,-infinity,"1582-10-04 00:00:00.000001"}'),
  ('timestamp(0)', '{"2026-01-02 03:04:05.6"}'),
  ('timestamptz', '{"2000-01-01 00:00+00","1999-12-31 23:59:59.999999-12","2024-07-01 12:00:00.1+05:30","4714-11-24 00:00:00+00 BC","0001-12-31 23:59:59.5+00 BC","294276-12-31 23:59:59.999999+00",infinity,-infinity,"1883-11-18 12:00:00+00","2038-01-19 03:14:08+00"}'),
  ('interval', '{0,"1 year 2 mons 3 days 04:05:06.789","-1 year -2 mons +3 days -04:05:06.000001","178000000 years","-178000000 years","1 day -00:00:01","P1Y-2M","100 days 24:00:00"}'),
  ('interval day to second(2)', '{"3 days 04:05:06.789"}'),
  ('inet', '{0.0.0.0/0,192.168.1.5/24,10.1.2.3,::1,2001:db8::ffff/64}'), ('cidr', '{192.168/16,::/0}'), ('macaddr', '{08:00:2b:01:02:03}'), ('macaddr8', '{08:00:2b:01:02:03:04:05}'),
  ('point', '{"(1.5,-2e300)","(0.1,NaN)"}'), ('line', '{"{1,2,3}"}'), ('lseg', '{"[(0.1,0),(1,1)]"}'), ('path', '{"[(0,0),(0.30000000000000004,1)]","((0,0),(1,1))"}'),
  ('polygon', '{"((0,0),(1,0.1),(1,1))"}'), ('circle', '{"<(0.1,0),2.5>"}'),
  ('tsvector', ARRAY['', $q$'a':1A,2 'b''c' 'd\\e'$q$]), ('tsquery', ARRAY['', $q$'a' & !('b' | 'c':*A) <2> 'd'$q$]),
  ('xml', ARRAY['<a b="c">d &amp; "e"</a>', E'text\nonly']), ('jsonpath', ARRAY['$.a[*] ? (@.b > 1.5)."c \" d"']),
  ('pg_catalog.aclitem', '{pg_monitor=r/pg_monitor}'), ('refcursor', '{c}'), ('int2vector', ARRAY['', '1 2 3']), ('oidvector', ARRAY['', '1 2 3']),
  ('integer[]', '{"{}","{1,2}","[2:3]={1,2}","{{1,2},{3,NULL}}","[0:1][-1:0]={{1,2},{3,4}}","{{{1}}}","{{{{1,2}}}}"}'),
  ('text[]', ARRAY['{}', '{"a,b","c\"d","e\\f",NULL,"NULL",""}', '{{"{","}"},{" x "," "}}']),
  ('timestamptz[]', '{"{2024-07-01 12:00+02,infinity,NULL}"}'), ('jsonb[]', ARRAY['{"{\"a\": [1, null]}","[]","null",NULL}']),
  ('int4range', '{empty,"[1,5)","(,)","[1,)","(,1)"}'), ('int8range', '{"[1,9223372036854775806]"}'), ('numrange', '{"(1.50,2]"}'),
  ('tsrange', '{"[2020-01-01,infinity)"}'), ('tstzrange', '{"[2020-01-01 00:00+00,2020-01-02 00:00+09)","[infinity,]"}'), ('daterange', ARRAY['["0002-01-01 BC",2020-01-01]']),
  ('int4multirange', '{"{}","{[1,3),[5,7)}"}'), ('int8multirange', '{"{(,)}"}'), ('nummultirange', '{"{[1.5,2.5),(3,)}"}'),
  ('tsmultirange', '{"{[2020-01-01,2020-01-02)}"}'), ('tstzmultirange', '{"{[2020-01-01 00:00+00,2020-01-02 00:00+00),[2021-01-01 00:00+00,)}"}'), ('datemultirange', '{"{[2020-01-01,2020-01-02)}"}'),
  ('types.mood', ARRAY['sad', 'o"k', 'ha\ppy', 'süß', '']), ('types.moods', ARRAY['{sad,"o\"k",NULL,""}']),
  ('types.pair', ARRAY['(1,2.50)', '(,)', '(,NaN)']), ('types.couple', ARRAY['(1,2.50)']), ('types.pair[]', ARRAY['{"(1,2)",NULL}']),
  ('types.positive', '{1}'), ('types.more_positive', '{2}'), ('types.vector', '{"{0.1,NaN,NULL,1e300}"}'), ('types.span', '{"[1,5)"}'), ('types.text_span', ARRAY['["a ""quoted""",b\\c)'])
) v(type, literals);
SELECT count(types.fill(type, VARIADIC literals)) FROM unnest('{jsonb,json,types.document,types.documentb}'::text[]) type, (VALUES (ARRAY[
  '{}', '[]', 'null', 'true', 'false', '0', '-0', '1.50', '1e3', '-1E-7', '12345678901234567890.0123456789', '""', '"a\"b\\c\/d\b\f\n\r\t"',
  '"\u00e4\u20ac\ud83d\ude00\u0001\u001f"', '"ä€😀"', '{"a": 1, "b": [1, 2, {"c": null}], "": {"d": {}}}', '[[[[[[[]]]]]]]', '[1, [2, [3, [4]]], "x", {}, []]',
  E'{\n  "two" :\t1,\r\n  "two" : 2, "one":[ 1 ,2 ]\n}', '{"b": 1, "aa": 2, "B": 3, "a\"": 4}', repeat('[', 200) || repeat(']', 200),
  '[' || (SELECT string_agg(i::text, ',') FROM generate_series(1, 300) i) || ']',
  '{' || (SELECT string_agg(format('"key %s": {"v": "%s", "n": %s}', i, repeat('y', i % 40), i * 1.25), ',') FROM generate_series(1, 60) i) || '}'])) v(literals);

-- The whole range of what the fast paths compute themselves, by the thousand.
CREATE TABLE types.sweep (id int PRIMARY KEY, d date, t timestamp, z timestamptz, n numeric, f float8, r real, i bigint, m time, j jsonb, u uuid, b bytea);
ALTER TABLE types.sweep REPLICA IDENTITY FULL;
INSERT INTO types.sweep
SELECT i, '4714-11-24 BC'::date + (i * 4294961), '4714-11-24 BC'::timestamp + i * '218334 days 04:05:06.000007'::interval,
       '2000-01-01 00:00+00'::timestamptz + (i - 250) * '102 days 01:01:01.100001'::interval,
       ((h.bits >> 8)::numeric * power(10::numeric, i % 61 - 30))::numeric, (h.bits::float8) * power(10::float8, i % 500 - 250), (h.bits::float8 * power(10::float8, i % 40 - 30))::real,
       h.bits >> (i % 63), time '00:00' + (h.bits & 68719476735) * interval '1 microsecond', jsonb_build_object('n', h.bits, 'f', h.bits::numeric / 1e7, 's', md5(i::text), 'l', jsonb_build_array(i, i / 7.0, NULL)),
       md5(i::text)::uuid, decode(md5(i::text), 'hex')
  FROM generate_series(1, 500) i, LATERAL (SELECT ('x' || substr(md5(i::text), 1, 16))::bit(64)::bigint AS bits) h;
UPDATE types.sweep SET id = -id;
COMMENT ON TABLE types.sweep IS 'sweep';

-- Generated, dropped and later added columns, also inside of a composite; rows from before and after.
CREATE TYPE types.changing AS (a int, b text, c int);
CREATE TABLE types.columns (id int PRIMARY KEY, dropped text, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, shape types.changing);
ALTER TABLE types.columns REPLICA IDENTITY FULL;
COMMENT ON TABLE types.columns IS 'columns';
INSERT INTO types.columns (id, dropped, a, shape) VALUES (100001, 'x', 1, ROW(1, 'x', 2));
ALTER TABLE types.columns DROP COLUMN dropped;
ALTER TYPE types.changing DROP ATTRIBUTE b, ADD ATTRIBUTE d timestamptz;
ALTER TABLE types.columns ADD COLUMN later int DEFAULT 7, ADD COLUMN later_null text, ADD COLUMN later_text text DEFAULT 'some "text"', ADD COLUMN later_list int[] DEFAULT '{1,2}';
INSERT INTO types.columns (id, a, shape) VALUES (100002, 2, ROW(1, 2, '2020-01-01'));
UPDATE types.columns SET id = -id;

-- What the stream said of each row as it is now, and of its older self (whose id had the other sign), against the judge.
CREATE TEMP TABLE seen (relation text, action text, id int, record json, old_record json);
CREATE FUNCTION types.observe() RETURNS void LANGUAGE sql AS $$
  DELETE FROM seen;
  INSERT INTO seen
  SELECT o->>'table', o->>'action', abs((o->'record'->>'id')::int), o->'record', CASE WHEN json_typeof(o->'old_record') = 'object' THEN o->'old_record' END
    FROM (SELECT p.data::json AS o FROM pg_logical_slot_peek_changes('types', NULL, NULL, 'include_tables', 'types.*') p) s
$$;
CREATE FUNCTION types.compare() RETURNS SETOF text LANGUAGE plpgsql
SET TimeZone = 'UTC' SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex'
SET search_path = 'pg_catalog' SET quote_all_identifiers = off SET lc_monetary = 'C' AS $$
DECLARE
  item record;
  found record;
  tables bigint := 0;
  rows bigint := 0;
  columns bigint := 0;
BEGIN
  FOR item IN SELECT c.oid::regclass AS relation, c.relname, obj_description(c.oid) AS type FROM pg_class c
               WHERE c.relnamespace = 'types'::regnamespace AND c.relkind = 'r' ORDER BY c.oid LOOP
    -- The INSERT into "columns" is from before the table changed, so only its UPDATE can be compared.
    EXECUTE format($q$
      WITH pairs AS MATERIALIZED (
        SELECT s.action || ' ' || v.which AS what, judged.id, to_jsonb(judged) - 'id' AS expected, v.record::jsonb - 'id' AS got
          FROM %s judged JOIN pg_temp.seen s ON s.relation = %L AND s.id = abs(judged.id) AND (s.action = 'UPDATE' OR s.relation <> 'columns')
         CROSS JOIN LATERAL (VALUES ('record', s.record), ('old_record', s.old_record)) v(which, record)
         WHERE v.record IS NOT NULL)
      SELECT count(*) AS rows, sum((SELECT count(*) FROM jsonb_object_keys(p.got))) AS columns, array_agg(d.text ORDER BY p.what, p.id) FILTER (WHERE d.text IS NOT NULL) AS differences
        FROM pairs p
       CROSS JOIN LATERAL (SELECT string_agg(format('%%s of %%s, %%s: stream %%s, to_jsonb %%s', p.what, p.id, COALESCE(e.key, g.key), COALESCE(g.value::text, 'nothing'), COALESCE(e.value::text, 'nothing')), '; ' ORDER BY COALESCE(e.key, g.key)) AS text
                             FROM jsonb_each(p.expected) e FULL JOIN jsonb_each(p.got) g ON g.key = e.key
                            WHERE e.value::text IS DISTINCT FROM g.value::text) d$q$, item.relation, item.relname) INTO found;
    RETURN QUERY SELECT item.type || ': ' || difference FROM unnest(found.differences[1:2]) difference;
    IF array_length(found.differences, 1) > 2 THEN
      RETURN NEXT format('%s: %s more rows that differ', item.type, array_length(found.differences, 1) - 2);
    END IF;
    tables := tables + 1;
    rows := rows + found.rows;
    columns := columns + found.columns;
  END LOOP;
  RETURN NEXT format('%s tables, %s rows, %s values compared', tables, rows, columns);
END
$$;
-- The settings of pg_regress, which are not the defaults either.
SHOW TimeZone;
SHOW DateStyle;
SELECT types.observe();
SELECT types.compare();
-- Would the judge notice?
UPDATE seen SET record = jsonb_set(record::jsonb, '{plain}', '"2000-01-02"') WHERE record->>'plain' = '2000-01-01' AND action = 'INSERT';
UPDATE seen SET record = jsonb_set(record::jsonb, '{domain}', '1.50') WHERE record->>'domain' = '1.5' AND action = 'INSERT' AND relation = (SELECT relname FROM pg_class WHERE relnamespace = 'types'::regnamespace AND obj_description(oid) = 'numeric' ORDER BY oid LIMIT 1);
UPDATE seen SET old_record = old_record::jsonb - 'nothing' WHERE old_record->>'plain' = '10.1.2.3';
SELECT types.compare();
SET DateStyle = 'German';
SET TimeZone = 'Asia/Tokyo';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET IntervalStyle = 'sql_standard';
SET xmlbinary = 'hex';
SET xmloption = 'document';
SET quote_all_identifiers = on;
SET search_path = types, public;
SELECT types.observe();
-- The session's settings are its own again.
SELECT timestamptz '2020-01-01 00:00+00', '\x00'::bytea, 0.1::float8 + 0.2::float8, interval '1 year';
SELECT types.compare();
SET DateStyle = 'SQL, DMY';
SET TimeZone = '<+0545>-05:45';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = 3;
SELECT types.observe();
SELECT types.compare();
SET DateStyle = 'ISO';
SET TimeZone = 'UTC';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 0;
SELECT types.observe();
SELECT types.compare();
RESET ALL;
SET client_min_messages = warning;

-- The judge compares without regard to spelling, so that is shown here: order of keys, digits, white space of json.
SELECT stream.skip('types');
CREATE TABLE types.spelling (z int, "a b" numeric(5,2), "Ä" json, "_" jsonb, "1" int[], y text);
INSERT INTO types.spelling VALUES (1, 1, E'{ "b": 1,\n\t"a":  2.0, "b" : 3 }', '{"b": 1, "a": 2.0}', '{{1},{2}}', E'ä\u2028\x7f\t');
INSERT INTO types.spelling VALUES (2, 'NaN', '"\/"', '1.00', '[5:6]={1,NULL}', E'\\');
SELECT o->>'columns', o->>'record' FROM stream.objects('types') o;
-- json may hold what neither jsonb nor text can.
INSERT INTO types.spelling ("Ä") VALUES ('"\u0000"');
SELECT substring(data from '"record".*') FROM pg_logical_slot_get_changes('types', NULL, NULL);
-- A cast to json that somebody made is what to_jsonb() calls, but here it would run with the rights of whoever streams:
-- the value is its text.
CREATE TYPE types.secret AS (a int);
CREATE TYPE types.colour AS ENUM ('red');
CREATE FUNCTION types.to_json(types.colour) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT ''"called"''::json';
CREATE CAST (types.colour AS json) WITH FUNCTION types.to_json(types.colour);
CREATE TABLE types.cast_to_json (c types.colour);
INSERT INTO types.cast_to_json VALUES ('red') RETURNING to_jsonb(cast_to_json);
SELECT stream.changes('types');
-- The names of types in "columns" are those of pg_type.
CREATE TABLE types.named (a int[], b types.mood, c types.positive, d varchar(3), e numeric(3,1)[], f types.pair[], g "char", h timestamp(3) with time zone);
INSERT INTO types.named DEFAULT VALUES;
SELECT o->'columns' FROM stream.objects('types') o;
-- A row without any column, and one whose columns are all gone.
CREATE TABLE types.empty ();
INSERT INTO types.empty DEFAULT VALUES;
CREATE TABLE types.emptied (a int);
INSERT INTO types.emptied VALUES (1);
ALTER TABLE types.emptied DROP COLUMN a;
INSERT INTO types.emptied DEFAULT VALUES;
SELECT stream.changes('types');
SELECT stream.stop('types');
DROP TABLE seen;
DROP SCHEMA types CASCADE;
