-- Publications, honoured as pgoutput honours them; but one that is missing is a warning and no dead end.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA published;
CREATE SCHEMA more;
SET search_path = published, public;
SELECT stream.start('publications');
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE more.c (id int PRIMARY KEY, v text);
CREATE PUBLICATION for_a FOR TABLE a;
CREATE PUBLICATION for_b FOR TABLE b WITH (publish = 'insert');
CREATE PUBLICATION for_more FOR TABLES IN SCHEMA more WITH (publish = 'update, truncate');
CREATE PUBLICATION for_all FOR ALL TABLES WITH (publish = 'delete');
CREATE PUBLICATION "For, ""b""" FOR TABLE b;
CREATE PUBLICATION for_none;
CREATE FUNCTION work() RETURNS void LANGUAGE sql AS $$
  INSERT INTO a VALUES (1, 'x');
  INSERT INTO b VALUES (1, 'x');
  INSERT INTO more.c VALUES (1, 'x');
  UPDATE a SET v = 'y';
  UPDATE b SET v = 'y';
  UPDATE more.c SET v = 'y';
  DELETE FROM a;
  DELETE FROM b;
  DELETE FROM more.c;
$$;
-- Peeks, so that each list of publications sees the same WAL.
CREATE FUNCTION through(names text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('publications', NULL, NULL, 'publication_names', names) p
$$;
SELECT work();
TRUNCATE a, b, more.c;
SELECT through('for_a');
SELECT through('for_b');
SELECT through('for_more');
SELECT through('for_all');
SELECT through('for_a,for_b , "for_more"');
SELECT through('For_B, for_all');
SELECT through('"For, ""b"""');
SELECT through('for_none');
-- Without the option: every table, while there is no publication pg_realtime.
SELECT count(*) FROM pg_logical_slot_peek_changes('publications', NULL, NULL);
-- Malformed lists.
SELECT through('');
SELECT through(',');
SELECT through('"for_a');
SELECT through('for a');
SELECT stream.skip('publications');

-- Missing: a warning at each session's first look, and the others go on.
SELECT work();
SELECT through('missing');
SELECT through('missing,for_b,"Missing, too"');
SELECT stream.skip('publications');

-- Created later than the slot and the changes: those from before it stay unsent.
INSERT INTO a VALUES (1, 'before');
CREATE PUBLICATION later FOR TABLE a;
INSERT INTO a VALUES (2, 'after');
DROP PUBLICATION later;
INSERT INTO a VALUES (3, 'dropped');
CREATE PUBLICATION later FOR TABLE b;
INSERT INTO a VALUES (4, 'of b only');
INSERT INTO b VALUES (4, 'of b only');
SELECT through('later');
SELECT stream.skip('publications');

-- Changes of a publication take effect at their place in the WAL, also within a transaction.
CREATE PUBLICATION moving FOR TABLE a;
INSERT INTO a VALUES (10, 'a');
INSERT INTO b VALUES (10, 'not yet');
BEGIN;
ALTER PUBLICATION moving ADD TABLE b;
INSERT INTO b VALUES (11, 'b');
ALTER PUBLICATION moving DROP TABLE a;
INSERT INTO a VALUES (11, 'no more');
SAVEPOINT s;
ALTER PUBLICATION moving SET TABLE more.c;
INSERT INTO b VALUES (12, 'never');
INSERT INTO more.c VALUES (12, 'never');
ROLLBACK TO s;
INSERT INTO b VALUES (13, 'b');
ALTER PUBLICATION moving SET (publish = 'update');
INSERT INTO b VALUES (14, 'no inserts');
UPDATE b SET v = 'update' WHERE id = 13;
COMMIT;
ALTER PUBLICATION moving SET (publish = 'insert, delete');
UPDATE b SET v = 'no updates' WHERE id = 13;
DELETE FROM b WHERE id = 13;
ALTER PUBLICATION moving ADD TABLES IN SCHEMA more;
INSERT INTO more.c VALUES (15, 'c');
CREATE TABLE more.d (id int PRIMARY KEY);
INSERT INTO more.d VALUES (1);
ALTER TABLE more.d SET SCHEMA published;
INSERT INTO d VALUES (2);
ALTER TABLE a SET SCHEMA more;
INSERT INTO more.a VALUES (16, 'of the schema');
ALTER TABLE more.a SET SCHEMA published;
INSERT INTO a VALUES (17, 'no more');
ALTER SCHEMA more RENAME TO moved;
INSERT INTO moved.c VALUES (18, 'c');
ALTER SCHEMA moved RENAME TO more;
ALTER PUBLICATION moving RENAME TO moved;
INSERT INTO more.c VALUES (19, 'not of this name');
ALTER PUBLICATION moved RENAME TO moving;
INSERT INTO more.c VALUES (20, 'c');
ALTER PUBLICATION moving DROP TABLES IN SCHEMA more;
INSERT INTO more.c VALUES (21, 'no more');
SELECT through('moving');
SELECT stream.skip('publications');

-- Options of the plugin and of the publication both restrict.
TRUNCATE a, b, more.c;
SELECT work();
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('publications', NULL, NULL, 'publication_names', 'for_a,for_b', 'actions', 'insert,delete') p;
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('publications', NULL, NULL, 'publication_names', 'for_all,for_a', 'exclude_tables', 'more.*') p;

-- The default publication, from its first table on.
SELECT stream.skip('publications');
INSERT INTO b VALUES (30, 'every table');
SELECT realtime_add_table('a', access => 'public');
INSERT INTO b VALUES (31, 'not registered');
INSERT INTO a VALUES (31, 'registered');
SELECT stream.changes('publications');
ALTER PUBLICATION pg_realtime ADD TABLE b;
INSERT INTO b VALUES (32, 'published, not registered');
SELECT stream.changes('publications');
ALTER PUBLICATION pg_realtime DROP TABLE a;
INSERT INTO a VALUES (33, 'registered, not published');
SELECT stream.changes('publications');
SELECT realtime_remove_table('a');
DROP PUBLICATION pg_realtime;
INSERT INTO a VALUES (34, 'every table');
SELECT stream.changes('publications');
CREATE PUBLICATION pg_realtime FOR ALL TABLES;
SELECT realtime_add_table('a', access => 'public');
INSERT INTO a VALUES (35, 'x');
INSERT INTO b VALUES (35, 'x');
SELECT stream.changes('publications');
SELECT realtime_remove_table('a');
DROP PUBLICATION pg_realtime;

-- A sequence, a temporary, an unlogged and a foreign table, a view, a materialized view: no changes of rows.
CREATE SEQUENCE numbers;
CREATE TEMP TABLE temporary (id int);
CREATE UNLOGGED TABLE unlogged (id int);
CREATE MATERIALIZED VIEW materialized AS SELECT nextval('numbers');
INSERT INTO temporary VALUES (1);
INSERT INTO unlogged VALUES (1);
REFRESH MATERIALIZED VIEW materialized;
SELECT stream.changes('publications');
ALTER TABLE unlogged SET LOGGED;
INSERT INTO unlogged VALUES (2);
SELECT stream.changes('publications');
SELECT stream.stop('publications');
SET client_min_messages = warning;
DROP PUBLICATION for_a, for_b, for_more, for_all, "For, ""b""", for_none, later, moving;
DROP SCHEMA published, more CASCADE;
