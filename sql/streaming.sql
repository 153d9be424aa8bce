-- Streaming of transactions before they commit: in pieces, whose content is together what a consumer without it gets.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA streaming;
SET search_path = streaming, public;
SET logical_decoding_work_mem = '64kB';
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE small (id int PRIMARY KEY, tenant_id text);
ALTER TABLE small REPLICA IDENTITY FULL;
SELECT stream.start('streaming');
CREATE TEMP TABLE sent (number bigint, object json);
-- What a consumer has stored in the end, who keeps pieces apart by transaction and subtransaction and drops what is aborted.
CREATE FUNCTION result(slot name, VARIADIC options text[]) RETURNS TABLE (number bigint, line text) LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM pg_temp.sent;
  INSERT INTO sent SELECT p.n, p.data::json FROM ROWS FROM (pg_logical_slot_peek_changes(slot, NULL, NULL, VARIADIC options)) WITH ORDINALITY p(lsn, xid, data, n);
  RETURN QUERY
  WITH parts AS MATERIALIZED (
    SELECT s.number, s.object, s.object->>'action' AS action, s.object->>'xid' AS xid, COALESCE(s.object->>'subxid', s.object->>'xid') AS subxid
      FROM sent s),
  aborts AS MATERIALIZED (
    SELECT p.subxid, max(p.number) AS number FROM parts p WHERE p.action = 'STREAM_ABORT' GROUP BY 1),
  commits AS MATERIALIZED (
    SELECT p.xid, min(p.number) AS number FROM parts p WHERE p.action = 'STREAM_COMMIT' GROUP BY 1),
  kept AS (
    SELECT p.number, p.object, COALESCE(c.number, p.number) AS committed
      FROM parts p LEFT JOIN commits c ON c.xid = p.xid LEFT JOIN aborts a ON a.subxid = p.subxid LEFT JOIN aborts whole ON whole.subxid = p.xid
     WHERE p.action NOT LIKE 'STREAM%' AND p.number > COALESCE(a.number, 0) AND p.number > COALESCE(whole.number, 0))
  SELECT row_number() OVER (ORDER BY k.committed, k.number), stream.line(k.object) FROM kept k ORDER BY 1;
END
$$;
-- One of many rows, subtransactions that are aborted, nested ones, other transactions in between.
BEGIN;
INSERT INTO t SELECT i, repeat('first ', 20) FROM generate_series(1, 400) i;
SAVEPOINT a;
INSERT INTO t SELECT i, repeat('aborted ', 20) FROM generate_series(1001, 1400) i;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'aborted', '{}') > '0/0';
SAVEPOINT b;
INSERT INTO t SELECT i, repeat('aborted ', 20) FROM generate_series(2001, 2400) i;
RELEASE b;
ROLLBACK TO a;
INSERT INTO t SELECT i, repeat('kept ', 20) FROM generate_series(3001, 3400) i;
SAVEPOINT c;
UPDATE t SET v = 'updated' WHERE id <= 1000;
DELETE FROM t WHERE id BETWEEN 3001 AND 3200;
RELEASE c;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', '{}') > '0/0';
TRUNCATE small;
INSERT INTO t SELECT i, 'last' FROM generate_series(5001, 5400) i;
COMMIT;
INSERT INTO small VALUES (1, 'one');
BEGIN;
INSERT INTO t SELECT i, repeat('all aborted ', 20) FROM generate_series(7001, 7400) i;
ROLLBACK;
INSERT INTO small VALUES (2, 'two');
CREATE TEMP TABLE plain AS SELECT * FROM result('streaming', 'streaming', 'off');
SELECT count(*) FILTER (WHERE object->>'action' LIKE 'STREAM%') FROM sent;
CREATE TEMP TABLE streamed AS SELECT * FROM result('streaming', 'streaming', 'on');
SELECT count(*) FROM plain;
SELECT number, left(line, 200) FROM (TABLE plain EXCEPT TABLE streamed) d LIMIT 5;
SELECT number, left(line, 200) FROM (TABLE streamed EXCEPT TABLE plain) d LIMIT 5;
-- It was indeed sent in pieces, each of one transaction, with what was aborted among it; and properly bracketed.
SELECT count(*) FILTER (WHERE object->>'action' = 'STREAM_START') > 5 AS starts, count(*) FILTER (WHERE object->>'action' = 'STREAM_START') = count(*) FILTER (WHERE object->>'action' = 'STREAM_STOP') AS as_many_stops,
       count(*) FILTER (WHERE object->>'action' = 'STREAM_COMMIT') AS commits, count(*) FILTER (WHERE object->>'action' = 'STREAM_ABORT') > 0 AS aborts, bool_or(object->'record'->>'v' LIKE 'aborted %') AS sent_in_vain
  FROM sent;
-- Pieces do not nest; what is not yet committed stands inside of one, everything else outside.
WITH brackets AS (
  SELECT object->>'action' AS action, object->>'lsn' IS NULL AND object->>'action' NOT LIKE 'STREAM%' AS uncommitted,
         sum(CASE object->>'action' WHEN 'STREAM_START' THEN 1 WHEN 'STREAM_STOP' THEN -1 ELSE 0 END) OVER (ORDER BY number) AS depth FROM sent)
SELECT min(depth), max(depth), bool_and(depth = 1) FILTER (WHERE uncommitted), bool_and(depth = 0) FILTER (WHERE NOT uncommitted AND action <> 'STREAM_START') FROM brackets;
-- In a piece neither LSN nor time of the commit is known; the subtransaction is named where it is one; the end tells.
SELECT DISTINCT object->>'action' AS action, array(SELECT json_object_keys(object)) AS keys, object->>'lsn' IS NOT NULL AS lsn, object->>'commit_timestamp' IS NOT NULL AS timestamp
  FROM sent WHERE object->>'action' IN ('STREAM_START', 'STREAM_STOP', 'STREAM_COMMIT', 'STREAM_ABORT', 'INSERT') ORDER BY 1, 2;
SELECT bool_and(object->>'lsn' IS NULL) FROM sent WHERE object->>'action' = 'UPDATE';
SELECT count(DISTINCT object->>'position') = count(*) FROM sent WHERE object->>'position' IS NOT NULL;
-- Whoever filters all of it away hears nothing of it, not of its end either.
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('streaming', NULL, NULL, 'streaming', 'on', 'tenants', 'one') p;
-- Nor do messages hold two transactions.
SELECT count(*) > 5, max(transactions) FROM pg_logical_slot_peek_changes('streaming', NULL, NULL, 'streaming', 'on', 'batch', 'on') p,
  LATERAL (SELECT count(DISTINCT line::json->>'xid') AS transactions FROM regexp_split_to_table(p.data, E'\n') line) t;
SELECT stream.skip('streaming');

-- DDL inside, long values, tenants that change, a table made in it.
CREATE FUNCTION noise(seed text, length int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(string_agg(md5(seed || i), '' ORDER BY i), length) FROM generate_series(1, length / 32 + 1) i
$$;
BEGIN;
CREATE TABLE made (id int PRIMARY KEY, tenant_id text, long text);
ALTER TABLE made REPLICA IDENTITY FULL;
INSERT INTO made SELECT i, 'one', noise(i::text, 3000) FROM generate_series(1, 100) i;
ALTER TABLE made ADD COLUMN added int DEFAULT 5;
UPDATE made SET tenant_id = 'two' WHERE id <= 50;
SAVEPOINT s;
ALTER TABLE made RENAME long TO renamed;
INSERT INTO made SELECT i, 'one', noise(i::text, 3000) FROM generate_series(101, 200) i;
ROLLBACK TO s;
ALTER TABLE made ALTER id TYPE text;
INSERT INTO made SELECT 'x' || i, 'one', noise(i::text, 3000) FROM generate_series(101, 200) i;
COMMIT;
DELETE FROM plain;
DELETE FROM streamed;
INSERT INTO plain SELECT * FROM result('streaming', 'streaming', 'off');
INSERT INTO streamed SELECT * FROM result('streaming', 'streaming', 'on');
SELECT count(*) FROM plain;
SELECT number, left(line, 200) FROM (TABLE plain EXCEPT TABLE streamed) d LIMIT 5;
SELECT number, left(line, 200) FROM (TABLE streamed EXCEPT TABLE plain) d LIMIT 5;
DELETE FROM plain;
DELETE FROM streamed;
INSERT INTO plain SELECT * FROM result('streaming', 'streaming', 'off', 'tenants', 'two');
INSERT INTO streamed SELECT * FROM result('streaming', 'streaming', 'on', 'tenants', 'two');
SELECT count(*) FROM plain;
SELECT number, left(line, 200) FROM (TABLE plain EXCEPT TABLE streamed) d LIMIT 5;
SELECT number, left(line, 200) FROM (TABLE streamed EXCEPT TABLE plain) d LIMIT 5;
SELECT stream.stop('streaming');
DROP TABLE sent;
SET client_min_messages = warning;
DROP SCHEMA streaming CASCADE;
