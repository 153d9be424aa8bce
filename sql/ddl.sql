-- Tables that change while they are streamed: every change is told with the columns it was made with.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA ddl;
SET search_path = ddl, public;
SELECT stream.start('ddl');
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', stream.line(p.data::json), (SELECT string_agg((c->>'name') || ':' || (c->>'type'), ',') FROM json_array_elements(p.data::json->'columns') c))
    FROM pg_logical_slot_peek_changes('ddl', NULL, NULL, VARIADIC options) p
$$;
-- Between transactions, all decoded in one session.
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'a');
ALTER TABLE t ADD COLUMN n int;
INSERT INTO t VALUES (2, 'b', 2);
ALTER TABLE t ADD COLUMN d int DEFAULT 7 NOT NULL;
INSERT INTO t VALUES (3, 'c', 3);
UPDATE t SET v = 'x' WHERE id = 1;
ALTER TABLE t DROP COLUMN v;
UPDATE t SET n = 5 WHERE id = 1;
ALTER TABLE t RENAME COLUMN n TO m;
INSERT INTO t VALUES (4, 4);
ALTER TABLE t ALTER COLUMN m TYPE text USING 'text ' || m;
INSERT INTO t VALUES (5, 'five');
UPDATE t SET d = 8 WHERE id = 2;
ALTER TABLE t RENAME TO "T 2";
INSERT INTO "T 2" VALUES (6, 'six');
ALTER SCHEMA ddl RENAME TO ddl_2;
INSERT INTO ddl_2."T 2" VALUES (7, 'seven');
ALTER SCHEMA ddl_2 RENAME TO ddl;
ALTER TABLE "T 2" SET SCHEMA public;
INSERT INTO public."T 2" VALUES (8, 'eight');
ALTER TABLE public."T 2" SET SCHEMA ddl;
ALTER TABLE "T 2" RENAME TO t;
INSERT INTO t VALUES (9, 'nine');
DROP TABLE t;
CREATE TABLE t (other text);
INSERT INTO t VALUES ('a table of the same name');
DROP TABLE t;
SELECT peek();
SELECT stream.skip('ddl');
-- Within one.
BEGIN;
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'a');
ALTER TABLE t ADD COLUMN n int DEFAULT 5;
INSERT INTO t VALUES (2, 'b', 2);
SAVEPOINT s;
ALTER TABLE t DROP COLUMN v, ADD COLUMN never int;
INSERT INTO t VALUES (3, 3, 3);
ROLLBACK TO s;
INSERT INTO t VALUES (4, 'd', 4);
SAVEPOINT s2;
ALTER TABLE t RENAME v TO w;
INSERT INTO t VALUES (5, 'e', 5);
RELEASE s2;
ALTER TABLE t ALTER id TYPE bigint;
INSERT INTO t VALUES (5000000000, 'f', 6);
UPDATE t SET n = 0 WHERE id = 1;
ALTER TABLE t RENAME TO u;
INSERT INTO u VALUES (7, 'g', 7);
CREATE SCHEMA ddl_3;
ALTER TABLE u SET SCHEMA ddl_3;
INSERT INTO ddl_3.u VALUES (8, 'h', 8);
DROP TABLE ddl_3.u;
DROP SCHEMA ddl_3;
CREATE TABLE t (w int);
INSERT INTO t VALUES (1);
COMMIT;
SELECT peek();
SELECT stream.skip('ddl');
DROP TABLE t;
-- A change of the table that is rolled back was none.
CREATE TABLE t (id int PRIMARY KEY, v text);
SELECT stream.skip('ddl');
INSERT INTO t VALUES (1, 'a');
BEGIN;
ALTER TABLE t ADD COLUMN n int;
ROLLBACK;
INSERT INTO t VALUES (2, 'b');
SELECT peek();
SELECT stream.skip('ddl');
-- Rewrites show no rows: ALTER TYPE, VACUUM FULL, CLUSTER, materialized views, ADD COLUMN with a volatile default.
ALTER TABLE t ALTER v TYPE varchar(10);
ALTER TABLE t ADD COLUMN r float8 DEFAULT random();
VACUUM FULL t;
CLUSTER t USING t_pkey;
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
REFRESH MATERIALIZED VIEW m;
CREATE TABLE as_selected AS SELECT id FROM t;
SELECT peek();
SELECT stream.skip('ddl');
-- Types that change: an enum's labels, a composite's attributes, the name of a type. A domain is called by its base type.
CREATE TYPE mood AS ENUM ('good');
CREATE TYPE pair AS (x int, y int);
CREATE DOMAIN number AS int;
CREATE TABLE typed (m mood, p pair, n number);
INSERT INTO typed VALUES ('good', (1, 2), 3);
ALTER TYPE mood RENAME VALUE 'good' TO 'fine';
ALTER TYPE mood ADD VALUE 'bad';
ALTER TYPE pair ADD ATTRIBUTE z text;
ALTER TYPE pair RENAME ATTRIBUTE x TO "X x";
INSERT INTO typed VALUES ('bad', (1, 2, 'z'), 3), ('fine', (4, 5, NULL), 6);
ALTER TYPE pair DROP ATTRIBUTE y;
ALTER TYPE mood RENAME TO "Mood, ""new""";
ALTER DOMAIN number RENAME TO numbered;
INSERT INTO typed VALUES ('bad', (1, 'z'), 3);
SELECT peek();
SELECT stream.skip('ddl');
-- Gone by the time it is decoded: the table, its type, its schema.
CREATE SCHEMA gone;
CREATE TYPE gone.colour AS ENUM ('red');
CREATE TABLE gone.t (id int PRIMARY KEY, c gone.colour, l gone.colour[]);
INSERT INTO gone.t VALUES (1, 'red', '{red,NULL}');
UPDATE gone.t SET c = NULL;
DELETE FROM gone.t;
TRUNCATE gone.t;
SET client_min_messages = warning;
DROP SCHEMA gone CASCADE;
RESET client_min_messages;
SELECT peek();
SELECT stream.skip('ddl');
-- Many tables that change and go, in one transaction: each is told as it was.
DO $$
BEGIN
  FOR i IN 1..300 LOOP
    EXECUTE format('CREATE TABLE many_%s (id int, c%s int)', i, i);
    EXECUTE format('INSERT INTO many_%s VALUES (%s, %s)', i, i, i);
    EXECUTE format('ALTER TABLE many_%s RENAME c%s TO d%s', i, i, i);
    EXECUTE format('INSERT INTO many_%s VALUES (%s, %s)', i, i, i);
    IF i % 2 = 0 THEN
      EXECUTE format('DROP TABLE many_%s', i);
    END IF;
  END LOOP;
END
$$;
SELECT count(*), count(DISTINCT o->>'table'), bool_and(o->>'record' = format('{"id":%s,"%s%s":%s}', i, CASE WHEN n % 2 = 1 THEN 'c' ELSE 'd' END, i, i))
  FROM (SELECT n, (n + 1) / 2 AS i, p.data::json AS o FROM ROWS FROM (pg_logical_slot_peek_changes('ddl', NULL, NULL)) WITH ORDINALITY p(lsn, xid, data, n)) s;
SELECT stream.stop('ddl');
SET client_min_messages = warning;
DROP SCHEMA ddl CASCADE;
