-- Values that are stored out of line: sent whole when they are new, taken from the old row where the identity has them, and
-- named in "unchanged_toast" otherwise, never left out in silence.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA toast;
SET search_path = toast, public;
-- Large, and no text that compression makes small.
CREATE FUNCTION noise(seed text, length int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(string_agg(md5(seed || i), '' ORDER BY i), length) FROM generate_series(1, length / 32 + 1) i
$$;
-- A line in which long values are replaced by their length and fingerprint.
CREATE FUNCTION line(object json) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', object->>'action', object->>'table',
         (SELECT string_agg(key || '=' || brief, ' ' ORDER BY n) FROM json_each_text(CASE WHEN json_typeof(object->'record') = 'object' THEN object->'record' END) WITH ORDINALITY e(key, value, n),
           LATERAL (SELECT CASE WHEN length(value) > 100 THEN format('%s..(%s, %s)', left(value, 4), length(value), left(md5(value), 6)) ELSE COALESCE(value, 'null') END AS brief) b),
         'old', (SELECT string_agg(key || '=' || brief, ' ' ORDER BY n) FROM json_each_text(CASE WHEN json_typeof(object->'old_record') = 'object' THEN object->'old_record' END) WITH ORDINALITY e(key, value, n),
           LATERAL (SELECT CASE WHEN length(value) > 100 THEN format('%s..(%s, %s)', left(value, 4), length(value), left(md5(value), 6)) ELSE COALESCE(value, 'null') END AS brief) b),
         'unchanged ' || (object->>'unchanged_toast'))
$$;
SELECT stream.start('toast');
CREATE TABLE plain (id int PRIMARY KEY, a text, b text, n int);
CREATE TABLE whole (id int PRIMARY KEY, a text, b text, n int);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE keyed (id text PRIMARY KEY, a text, n int);
INSERT INTO plain VALUES (1, noise('a', 100000), noise('b', 5000), 1), (2, repeat('compressible ', 10000), 'short', 1), (3, repeat('inline', 100), NULL, 1);
INSERT INTO whole TABLE plain;
INSERT INTO keyed VALUES (noise('k', 2000), noise('a', 10000), 1);
SELECT line(o) FROM stream.objects('toast') o;
-- What the stream has to show.
SELECT id, length(a), left(md5(a), 6), length(b), left(md5(b), 6) FROM plain;
-- Nothing, one and all of the long values change.
UPDATE plain SET n = 2;
UPDATE whole SET n = 2;
UPDATE keyed SET n = 2;
SELECT line(o) FROM stream.objects('toast') o;
UPDATE plain SET a = noise('c', 50000), n = 3 WHERE id = 1;
UPDATE whole SET a = noise('c', 50000), n = 3 WHERE id = 1;
UPDATE plain SET b = noise('d', 3000), a = NULL WHERE id = 1;
UPDATE whole SET b = noise('d', 3000), a = NULL WHERE id = 1;
UPDATE plain SET a = 'short' WHERE id = 2;
UPDATE whole SET a = 'short' WHERE id = 2;
UPDATE keyed SET a = 'short';
SELECT line(o) FROM stream.objects('toast') o;
-- The key changes, so that an old row is logged: of the key alone.
UPDATE plain SET id = -id;
UPDATE whole SET id = -id;
UPDATE keyed SET a = noise('a', 10000);
UPDATE keyed SET id = 'k';
SELECT line(o) FROM stream.objects('toast') o;
UPDATE plain SET b = upper(b), a = noise('e', 10000) WHERE id = -1;
UPDATE plain SET id = -5 WHERE id = -1;
DELETE FROM plain;
DELETE FROM whole;
DELETE FROM keyed;
SELECT line(o) FROM stream.objects('toast') o;
-- Long values of other types, the long row judged by to_jsonb(); and stored external, main and plain.
CREATE TYPE pair AS (x text, y text);
CREATE TABLE kinds (id int PRIMARY KEY, list text[], pair pair, json json, jsonb jsonb, bytes bytea, number numeric, bits varbit, span tstzmultirange, xml xml, vector tsvector);
INSERT INTO kinds SELECT 1, ARRAY[noise('a', 3000), NULL, noise('b', 3000)], ROW(noise('c', 3000), noise('d', 3000))::pair, to_json(noise('e', 3000)), to_jsonb(noise('f', 3000)), decode(noise('a', 6000), 'hex'), repeat('1234567890', 600)::numeric,
  (SELECT string_agg(('x' || md5(i::text))::bit(128)::text, '')::varbit FROM generate_series(1, 200) i), (SELECT range_agg(tstzrange('2020-01-01 00:00+00'::timestamptz + i * interval '1 day', '2020-01-01 01:00+00'::timestamptz + i * interval '1 day')) FROM generate_series(1, 500) i),
  ('<a>' || noise('g', 5000) || '</a>')::xml, (SELECT string_agg(md5(i::text) || ':' || i, ' ')::tsvector FROM generate_series(1, 200) i);
CREATE TABLE full_kinds (LIKE kinds INCLUDING ALL);
ALTER TABLE full_kinds REPLICA IDENTITY FULL;
INSERT INTO full_kinds TABLE kinds;
UPDATE kinds SET id = 2;
UPDATE full_kinds SET id = 2;
CREATE FUNCTION judge() RETURNS SETOF text LANGUAGE sql SET TimeZone = 'UTC' SET DateStyle = 'ISO' SET search_path = toast, public AS $$
  SELECT concat_ws(' ', o->>'table', o->>'action', (o->'record')::jsonb - 'id' = to_jsonb(f) - 'id', 'old ' || (NULLIF((o->'old_record')::jsonb, 'null') - 'id' = to_jsonb(f) - 'id'), 'unchanged ' || (o->>'unchanged_toast'))
    FROM stream.objects('toast') o, full_kinds f
$$;
SELECT judge();
CREATE TABLE storage (id int PRIMARY KEY, a text, b text, c text);
ALTER TABLE storage ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE MAIN, ALTER c SET STORAGE PLAIN;
INSERT INTO storage VALUES (1, repeat('a', 5000), repeat('b', 5000), repeat('c', 5000));
UPDATE storage SET id = 2;
SELECT line(o) FROM stream.objects('toast') o;
-- A tenant that is itself out of line is still its row's, whether it changes or not.
CREATE TABLE tenants (id int PRIMARY KEY, tenant_id text, long text);
ALTER TABLE tenants REPLICA IDENTITY FULL;
ALTER TABLE tenants ALTER tenant_id SET STORAGE EXTERNAL, ALTER long SET STORAGE PLAIN;
INSERT INTO tenants VALUES (1, 'one', noise('a', 2000)), (2, repeat('t', 500), noise('b', 2000));
UPDATE tenants SET id = -id;
UPDATE tenants SET tenant_id = 'two' WHERE id = -1;
UPDATE tenants SET tenant_id = repeat('u', 500) WHERE id = -2;
DELETE FROM tenants;
SELECT left(o->>'tenant', 5), line(o) FROM stream.objects('toast') o;
-- A row that changes hands without the value: its new tenant is told that it has not been sent.
CREATE TABLE handed (tenant_id text, id int, long text, PRIMARY KEY (tenant_id, id));
INSERT INTO handed VALUES ('one', 1, noise('a', 5000));
UPDATE handed SET tenant_id = 'two';
SELECT o->>'tenant', line(o) FROM stream.objects('toast') o;
-- A rewritten table: the rewrite itself is no change, and later updates find their values.
INSERT INTO plain VALUES (1, noise('a', 100000), noise('b', 5000), 1);
ALTER TABLE plain ALTER n TYPE bigint;
UPDATE plain SET n = 5;
VACUUM FULL plain;
UPDATE plain SET n = 6;
CLUSTER plain USING plain_pkey;
UPDATE plain SET n = 7, b = noise('x', 5000);
SELECT line(o) FROM stream.objects('toast') o;
SELECT stream.stop('toast');
SET client_min_messages = warning;
DROP SCHEMA toast CASCADE;
