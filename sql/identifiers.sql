-- Names and strings with every awkward character: valid JSON comes out, and says what went in.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SELECT stream.start('identifiers');
-- One table a name, used for the schema, the table, the column, the key of a composite, the label of an enum and the tenant at once.
CREATE TABLE stream.names AS SELECT row_number() OVER () AS id, name FROM unnest(ARRAY[
  'plain', 'Capital', 'with space', ' lead', 'trail ', '"', '""', 'a"b', '\', '\\', '\"', '/', '''', '$', '%s', '%n%s', '.', 'a.b', ',', ';', '--', '/*', '*', '#', '{}', '[]', ':', '&<>', '?', '!', '@', '|', '~', '^', '`',
  'select', 'table', 'null', 'true', 'action', 'record', 'tenant', 'user', '0', '1', '-1', '1e5',
  E'\x01', E'\b', E'\t', E'\n', E'\x0b', E'\f', E'\r', E'\r\n', E'\x1f', E'\x7f', U&'\0080', U&'\00a0', U&'\00ad', U&'\200b', U&'\2028', U&'\2029', U&'\fffd', U&'\feff', U&'\ffff', U&'\+01F600', U&'\+10FFFF', U&'e\0301',
  'ä', 'ß', '中文', 'עברית', repeat('x', 63), repeat('ä', 31), repeat('"', 63), repeat(E'\x01', 63), repeat('😀', 15), E'\\u0041', '\n', '\x41']) name;
DO $$
DECLARE n record;
BEGIN
  FOR n IN SELECT * FROM stream.names ORDER BY id LOOP
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', 'schema ' || left(n.name, 12));
    EXECUTE format('SET LOCAL search_path = %I, public', 'schema ' || left(n.name, 12));
    EXECUTE format('CREATE TYPE e AS ENUM (%L)', n.name);
    EXECUTE format('CREATE TYPE c AS (%I text)', n.name);
    -- Two columns may be called differently only.
    EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, tenant_id text, %I text, e e, c c, l text[], j jsonb)', n.name, CASE WHEN n.name IN ('id', 'tenant_id', 'e', 'c', 'l', 'j') THEN n.name || '2' ELSE n.name END);
    EXECUTE format('ALTER TABLE %I REPLICA IDENTITY FULL', n.name);
    EXECUTE format('INSERT INTO %I VALUES ($1, $2, $2, $2::e, ROW($2), ARRAY[$2, NULL], jsonb_build_object($2, $2))', n.name) USING n.id, n.name;
  END LOOP;
END
$$;
CREATE TABLE stream.sent AS SELECT data::json AS o FROM pg_logical_slot_peek_changes('identifiers', NULL, NULL) WHERE data LIKE '%"table"%"schema %' OR data LIKE '%"schema":"schema %';
SELECT count(*) FROM stream.names;
-- Differences only.
SELECT n.id, n.name, o FROM stream.names n LEFT JOIN stream.sent s ON (o->'record'->>'id')::int = n.id
 WHERE (o->>'schema' = 'schema ' || left(n.name, 12) AND o->>'table' = n.name AND o->>'tenant' = n.name AND o->'record'->>n.name = n.name AND o->'record'->>'e' = n.name AND o->'record'->'c'->>n.name = n.name
   AND o->'record'->'l'->>0 = n.name AND o->'record'->'j'->>n.name = n.name AND o->'columns'->2->>'name' = n.name AND o->'columns'->3->>'type' = 'e') IS NOT TRUE;
-- Through a tenant of that name, and a table of that name, quoted.
SELECT n.id, n.name FROM stream.names n
 WHERE (SELECT count(*) FROM pg_logical_slot_peek_changes('identifiers', NULL, NULL, 'tenants', '"' || replace(n.name, '"', '""') || '"')) <> 1
    OR (SELECT count(*) FROM pg_logical_slot_peek_changes('identifiers', NULL, NULL, 'include_tables', format('"%s"."%s"', replace('schema ' || left(n.name, 12), '"', '""'), replace(n.name, '"', '""')))) <> 1;
-- Registered, published, warned of and broadcast under such names.
SELECT count(realtime_add_table(format('%I.%I', 'schema ' || left(name, 12), name)::regclass, name)) FROM stream.names;
SELECT count(*) FROM realtime_tables JOIN stream.names ON tenant_column = name AND "table" = format('%I.%I', 'schema ' || left(name, 12), name)::regclass;
SELECT bool_and(ok) FROM realtime_check_setup() WHERE "check" LIKE 'table %';
SELECT stream.skip('identifiers');
DO $$
DECLARE n record;
BEGIN
  FOR n IN SELECT * FROM stream.names ORDER BY id LOOP
    EXECUTE format('UPDATE %I.%I SET %I = %L', 'schema ' || left(n.name, 12), n.name, n.name, 'new ' || n.name);
  END LOOP;
END
$$;
SELECT o->>'action', count(*), bool_and(o->>'tenant' = CASE o->>'action' WHEN 'INSERT' THEN 'new ' ELSE '' END || n.name)
  FROM stream.objects('identifiers') o LEFT JOIN stream.names n ON o->>'table' = n.name GROUP BY 1 ORDER BY 1;
SELECT count(realtime_remove_table(format('%I.%I', 'schema ' || left(name, 12), name)::regclass)) FROM stream.names;
SELECT count(*) FROM realtime_tables;
DROP PUBLICATION pg_realtime;
-- A publication of such a name.
CREATE PUBLICATION "p, ""q"" \ ä" FOR TABLE stream.names WHERE (id = -1);
INSERT INTO stream.names VALUES (-1, 'x'), (-2, 'x');
SELECT stream.changes('identifiers', 'publication_names', '"p, ""q"" \ ä"');
-- A hint that names a table can be run as it stands.
CREATE TABLE "it's ""a"" table" (id int PRIMARY KEY, tenant_id text);
INSERT INTO "it's ""a"" table" VALUES (1, 'one');
SELECT stream.changes('identifiers');
DROP TABLE "it's ""a"" table";
SELECT stream.stop('identifiers');
SET client_min_messages = warning;
DO $$
DECLARE n record;
BEGIN
  FOR n IN SELECT DISTINCT left(name, 12) AS name FROM stream.names WHERE id > 0 LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', 'schema ' || n.name);
  END LOOP;
END
$$;
DROP PUBLICATION "p, ""q"" \ ä";
DROP TABLE stream.names, stream.sent;
