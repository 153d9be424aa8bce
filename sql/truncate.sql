-- TRUNCATE: one object a table, for every consumer, because all tenants lose their rows.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA truncates;
SET search_path = truncates, public;
SELECT stream.start('truncate');
CREATE TABLE a (id serial PRIMARY KEY, tenant_id text);
CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a);
CREATE TABLE c (id int PRIMARY KEY, b_id int REFERENCES b);
ALTER TABLE a REPLICA IDENTITY FULL;
INSERT INTO a (tenant_id) VALUES ('one'), ('two');
INSERT INTO b VALUES (1, 1);
INSERT INTO c VALUES (1, 1);
SELECT stream.skip('truncate');
TRUNCATE c;
TRUNCATE b, c;
TRUNCATE a CASCADE;
TRUNCATE a, b, c RESTART IDENTITY;
TRUNCATE a RESTART IDENTITY CASCADE;
TRUNCATE ONLY c;
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('truncate', NULL, NULL) p;
-- The keys of the object, and places of their own for the tables of one TRUNCATE.
SELECT DISTINCT array(SELECT json_object_keys(p.data::json)) FROM pg_logical_slot_peek_changes('truncate', NULL, NULL) p;
SELECT count(*), count(DISTINCT p.data::json->>'position') FROM pg_logical_slot_peek_changes('truncate', NULL, NULL) p;
-- With a filter of tenants, too; not through a publication that does not publish it, nor for tables it leaves out.
SELECT count(*) FROM pg_logical_slot_peek_changes('truncate', NULL, NULL, 'tenants', 'one') p;
SELECT count(*) FROM pg_logical_slot_peek_changes('truncate', NULL, NULL, 'actions', 'insert,update,delete') p;
SELECT DISTINCT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('truncate', NULL, NULL, 'include_tables', 'truncates.c') p ORDER BY 1;
SELECT stream.skip('truncate');
CREATE PUBLICATION truncated FOR TABLE a;
CREATE PUBLICATION kept FOR TABLE b WITH (publish = 'insert, update, delete');
TRUNCATE a, b, c;
SELECT stream.changes('truncate', 'publication_names', 'truncated,kept');
-- Row filters do not hold it back.
CREATE PUBLICATION filtered FOR TABLE a WHERE (false);
TRUNCATE a CASCADE;
SELECT stream.changes('truncate', 'publication_names', 'filtered');
-- Between changes of its transaction, rolled back, of tables made and dropped there, and of an empty table.
BEGIN;
INSERT INTO a VALUES (1, 'one');
TRUNCATE a CASCADE;
INSERT INTO a VALUES (2, 'one');
SAVEPOINT s;
TRUNCATE a CASCADE;
ROLLBACK TO s;
CREATE TABLE made (id int);
INSERT INTO made VALUES (1);
TRUNCATE made;
INSERT INTO made VALUES (2);
TRUNCATE made;
COMMIT;
BEGIN;
TRUNCATE made;
ROLLBACK;
TRUNCATE made;
TRUNCATE made;
BEGIN;
TRUNCATE made;
DROP TABLE made;
COMMIT;
SELECT stream.changes('truncate');
-- Inherited tables, temporary, unlogged.
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
CREATE TEMP TABLE temporary (id int);
CREATE UNLOGGED TABLE unlogged (id int);
TRUNCATE parent, temporary, unlogged;
TRUNCATE ONLY parent;
SELECT stream.changes('truncate');
SELECT stream.stop('truncate');
SET client_min_messages = warning;
DROP PUBLICATION truncated, kept, filtered;
DROP SCHEMA truncates CASCADE;
