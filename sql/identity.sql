-- Replica identities: what is known of the old row, and what is said where nothing is.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA identity;
SET search_path = identity, public;
SELECT stream.start('identity');
CREATE TABLE by_key (b text, a int PRIMARY KEY, c text);
CREATE TABLE by_two (b text, a int, c text, PRIMARY KEY (b, a));
CREATE TABLE by_index (a int PRIMARY KEY, b text NOT NULL, c text);
CREATE UNIQUE INDEX by_index_b ON by_index (b) INCLUDE (c);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_b;
CREATE TABLE by_row (a int PRIMARY KEY, b text, c text);
ALTER TABLE by_row REPLICA IDENTITY FULL;
CREATE TABLE by_nothing (a int PRIMARY KEY, b text, c text);
ALTER TABLE by_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE without_key (a int, b text, c text);
CREATE TABLE row_without_key (a int, b text, c text);
ALTER TABLE row_without_key REPLICA IDENTITY FULL;
CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE, b text);
CREATE TABLE generated (a int, b int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY, c text);

INSERT INTO by_key VALUES ('x', 1, 'one');
UPDATE by_key SET c = 'two';
UPDATE by_key SET c = c;
UPDATE by_key SET a = 2;
UPDATE by_key SET a = a;
UPDATE by_key SET c = NULL, b = NULL;
DELETE FROM by_key;
SELECT stream.changes('identity');
INSERT INTO by_two VALUES ('x', 1, 'one');
UPDATE by_two SET c = 'two';
UPDATE by_two SET a = 2;
DELETE FROM by_two;
SELECT stream.changes('identity');
INSERT INTO by_index VALUES (1, 'x', 'one');
UPDATE by_index SET c = 'two';
UPDATE by_index SET a = 2;
UPDATE by_index SET b = 'y';
DELETE FROM by_index;
SELECT stream.changes('identity');
INSERT INTO by_row VALUES (1, 'x', NULL);
UPDATE by_row SET c = 'two', b = NULL;
UPDATE by_row SET c = c;
DELETE FROM by_row;
SELECT stream.changes('identity');
INSERT INTO by_nothing VALUES (1, 'x', 'one');
UPDATE by_nothing SET c = 'two';
UPDATE by_nothing SET a = 2;
DELETE FROM by_nothing;
SELECT stream.changes('identity');
INSERT INTO without_key VALUES (1, 'x', 'one');
UPDATE without_key SET c = 'two';
DELETE FROM without_key;
SELECT stream.changes('identity');
INSERT INTO row_without_key VALUES (1, 'x', 'one'), (1, 'x', 'one'), (NULL, NULL, NULL);
UPDATE row_without_key SET c = 'two' WHERE a = 1;
DELETE FROM row_without_key;
SELECT stream.changes('identity');
-- A deferrable key cannot serve as an identity: it may be violated for a while.
INSERT INTO deferred VALUES (1, 'x');
UPDATE deferred SET b = 'y';
UPDATE deferred SET a = 2;
DELETE FROM deferred;
SELECT stream.changes('identity');
INSERT INTO generated VALUES (1, DEFAULT, 'x');
UPDATE generated SET a = 2;
UPDATE generated SET c = 'y';
DELETE FROM generated;
SELECT stream.changes('identity');

-- Changed between two changes of one transaction: each is told as the WAL has it.
BEGIN;
INSERT INTO by_key VALUES ('x', 1, 'one');
UPDATE by_key SET c = 'two';
ALTER TABLE by_key REPLICA IDENTITY FULL;
UPDATE by_key SET c = 'three';
ALTER TABLE by_key REPLICA IDENTITY NOTHING;
UPDATE by_key SET a = 2;
ALTER TABLE by_key REPLICA IDENTITY DEFAULT;
DELETE FROM by_key;
COMMIT;
SELECT stream.changes('identity');
-- The key is dropped, and another one is made.
INSERT INTO by_key VALUES ('x', 1, 'one');
ALTER TABLE by_key DROP CONSTRAINT by_key_pkey;
UPDATE by_key SET a = 2;
ALTER TABLE by_key ADD PRIMARY KEY (b);
UPDATE by_key SET a = 3;
UPDATE by_key SET b = 'y';
DELETE FROM by_key;
SELECT stream.changes('identity');
-- The index of an identity is dropped: nothing is left of it.
INSERT INTO by_index VALUES (1, 'x', 'one');
DROP INDEX by_index_b;
UPDATE by_index SET b = 'y';
DELETE FROM by_index;
SELECT stream.changes('identity');
-- Speculative insertions that lost, rows locked only, and rows updated twice.
INSERT INTO by_row VALUES (1, 'x', 'one') ON CONFLICT DO NOTHING;
INSERT INTO by_row VALUES (1, 'y', 'two') ON CONFLICT DO NOTHING;
INSERT INTO by_row VALUES (1, 'z', 'three') ON CONFLICT (a) DO UPDATE SET c = excluded.c;
SELECT a FROM by_row FOR UPDATE;
BEGIN;
UPDATE by_row SET c = 'four';
SAVEPOINT s;
UPDATE by_row SET c = 'never';
DELETE FROM by_row;
ROLLBACK TO s;
UPDATE by_row SET c = 'five';
COMMIT;
MERGE INTO by_row USING (VALUES (1, 'merged'), (2, 'new')) v(a, c) ON v.a = by_row.a
  WHEN MATCHED THEN UPDATE SET c = v.c WHEN NOT MATCHED THEN INSERT VALUES (v.a, NULL, v.c);
COPY by_row FROM stdin;
3	copied	one
4	copied	\N
\.
SELECT stream.changes('identity');
SELECT stream.stop('identity');
SET client_min_messages = warning;
DROP SCHEMA identity CASCADE;
