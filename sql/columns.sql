-- Column lists of publications.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA columns;
SET search_path = columns, public;
SELECT stream.start('columns');
-- A tenant that is not in the identity is warned of, which is another test's matter.
CREATE TABLE t (id int PRIMARY KEY, gone text, a text, b text, "C c" text, tenant_id text);
ALTER TABLE t DROP COLUMN gone;
CREATE PUBLICATION id_a FOR TABLE t (id, a);
CREATE PUBLICATION id_a_b FOR TABLE t (b, a, id);
CREATE PUBLICATION a_id FOR TABLE t (a, id);
CREATE PUBLICATION only_id FOR TABLE t (id);
CREATE PUBLICATION awkward FOR TABLE t (id, "C c") WHERE (id < 10);
CREATE PUBLICATION every_column FOR TABLE t;
CREATE PUBLICATION inserts FOR TABLE t (b) WITH (publish = 'insert');
CREATE FUNCTION through(names text, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', stream.line(p.data::json), (SELECT string_agg(c->>'name', ',') FROM json_array_elements(p.data::json->'columns') c))
    FROM pg_logical_slot_peek_changes('columns', NULL, NULL, VARIADIC ARRAY['publication_names', names] || options) p
$$;
INSERT INTO t VALUES (1, 'a', 'b', 'c', 'one');
UPDATE t SET a = 'a2', b = 'b2';
UPDATE t SET b = 'b3';
UPDATE t SET id = 2;
DELETE FROM t;
SET client_min_messages = error;
SELECT through('id_a');
SELECT through('awkward');
SELECT through('every_column');
SELECT through('inserts');
-- Equal lists are one, whatever their order.
SELECT through('id_a,a_id');
RESET client_min_messages;
-- Lists that differ: what all of them publish, and a warning.
SELECT through('id_a,id_a_b', 'actions', 'insert');
SELECT through('only_id,id_a_b,id_a', 'actions', 'insert');
SELECT through('every_column,id_a', 'actions', 'insert');
SELECT through('id_a,every_column', 'actions', 'insert');
SELECT through('id_a,awkward', 'actions', 'insert');
-- The tenant is known even where its column is not published.
SELECT through('id_a', 'tenants', 'one', 'actions', 'insert');
SELECT through('id_a', 'tenants', 'two', 'actions', 'insert');
SELECT stream.skip('columns');

-- A list names a long value that does not change, or does not.
CREATE TABLE long (id int PRIMARY KEY, a text, b text);
ALTER TABLE long ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
CREATE PUBLICATION long_a FOR TABLE long (id, a);
INSERT INTO long VALUES (1, repeat('a', 3000), repeat('b', 3000));
UPDATE long SET id = 2;
SELECT replace(line, repeat('a', 3000), 'a..') FROM through('long_a') line;
SELECT stream.skip('columns');
-- REPLICA IDENTITY FULL with a list: PostgreSQL refuses UPDATE and DELETE, INSERT goes on.
ALTER TABLE t REPLICA IDENTITY FULL;
INSERT INTO t VALUES (3, 'a', 'b', 'c', 'one');
UPDATE t SET a = 'x';
SELECT through('id_a');
ALTER TABLE t REPLICA IDENTITY DEFAULT;
SELECT stream.skip('columns');
SET client_min_messages = error;
-- A list stays with its columns through RENAME; a later column is not in it; it changes in mid-stream.
ALTER TABLE t RENAME a TO z;
ALTER TABLE t ADD COLUMN later int DEFAULT 5;
INSERT INTO t (id, z, later) VALUES (4, 'z', 6);
ALTER PUBLICATION id_a SET TABLE t (id, later);
INSERT INTO t (id, z, later) VALUES (5, 'z', 6);
ALTER PUBLICATION id_a SET TABLE t;
INSERT INTO t (id, z, later) VALUES (6, 'z', 6);
SELECT through('id_a');
SELECT stream.stop('columns');
SET client_min_messages = warning;
DROP PUBLICATION id_a, id_a_b, a_id, only_id, awkward, every_column, inserts, long_a;
DROP SCHEMA columns CASCADE;
