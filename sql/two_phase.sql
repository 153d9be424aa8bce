-- Two-phase commit: with the option (and a slot made for it) at PREPARE TRANSACTION, else at COMMIT PREPARED.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SELECT current_setting('max_prepared_transactions')::int < 5 AS impossible \gset
\if :impossible
\echo the server has too few max_prepared_transactions
\quit
\endif
CREATE SCHEMA two_phase;
SET search_path = two_phase, public;
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE other (id int PRIMARY KEY);
SELECT stream.start('plain');
SELECT stream.start('two_phase', true);
-- While it is prepared, and after it is decided.
BEGIN;
INSERT INTO t VALUES (1, 'prepared');
SAVEPOINT s;
INSERT INTO t VALUES (2, 'never');
ROLLBACK TO s;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', '{}') > '0/0';
UPDATE t SET v = 'updated';
TRUNCATE other;
PREPARE TRANSACTION 'gid "1" \ ä';
INSERT INTO t VALUES (3, 'meanwhile');
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('plain', NULL, NULL) p;
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('two_phase', NULL, NULL, 'two_phase', 'on') p;
-- What is known of the commit: nothing until it is.
SELECT o->>'action', o->>'lsn' IS NULL AS lsn, o->>'commit_timestamp' IS NULL AS timestamp, o->>'position' IS NOT NULL AS position, o->>'xid' = xid::text AS xid, o->>'gid' AS gid
  FROM (SELECT xid, data::json AS o FROM pg_logical_slot_peek_changes('two_phase', NULL, NULL, 'two_phase', 'on') p) s;
SELECT stream.changes('two_phase', 'two_phase', 'on');
COMMIT PREPARED 'gid "1" \ ä';
SELECT stream.changes('two_phase', 'two_phase', 'on');
SELECT stream.changes('plain');
-- Rolled back.
BEGIN;
INSERT INTO t VALUES (4, 'prepared');
PREPARE TRANSACTION 'two';
SELECT stream.changes('two_phase', 'two_phase', 'on');
ROLLBACK PREPARED 'two';
SELECT stream.changes('two_phase', 'two_phase', 'on');
SELECT stream.changes('plain');
-- Both decided before anybody looks.
BEGIN;
INSERT INTO t VALUES (5, 'committed');
PREPARE TRANSACTION 'three';
BEGIN;
INSERT INTO t VALUES (6, 'rolled back');
PREPARE TRANSACTION 'four';
COMMIT PREPARED 'three';
ROLLBACK PREPARED 'four';
SELECT stream.changes('two_phase', 'two_phase', 'on');
SELECT stream.changes('plain');
-- The keys of what decides.
BEGIN;
INSERT INTO t VALUES (7, 'x');
PREPARE TRANSACTION 'five';
COMMIT PREPARED 'five';
SELECT o->>'action', array(SELECT json_object_keys(o)), o->>'gid', (o->>'lsn')::pg_lsn < (o->>'end_lsn')::pg_lsn, o->>'commit_timestamp' LIKE '20%+00:00'
  FROM (SELECT data::json AS o FROM pg_logical_slot_get_changes('two_phase', NULL, NULL, 'two_phase', 'on') p) s WHERE o->>'action' <> 'INSERT';
SELECT stream.skip('plain');
-- Nothing in it that is sent: no PREPARE either, but the end is always told, because an earlier session may have sent more.
BEGIN;
INSERT INTO t VALUES (8, 'x');
PREPARE TRANSACTION 'six';
SELECT stream.changes('two_phase', 'two_phase', 'on', 'include_tables', 'no.table');
COMMIT PREPARED 'six';
SELECT stream.changes('two_phase', 'two_phase', 'on', 'include_tables', 'no.table');
-- Rolled back before anybody looks, and the table has to be looked up: PostgreSQL stops such a look-up with an ERROR that it
-- catches itself, so nothing of the transaction is sent but its end, and the stream goes on.
BEGIN;
CREATE TABLE gone (id int PRIMARY KEY);
INSERT INTO gone VALUES (1);
PREPARE TRANSACTION 'gone';
ROLLBACK PREPARED 'gone';
INSERT INTO t VALUES (20, 'goes on');
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('two_phase', NULL, NULL, 'two_phase', 'on') p;
SELECT stream.changes('two_phase', 'two_phase', 'on');
-- A table made in it.
BEGIN;
CREATE TABLE made (id int PRIMARY KEY);
INSERT INTO made VALUES (1);
PREPARE TRANSACTION 'seven';
SELECT stream.changes('two_phase', 'two_phase', 'on');
COMMIT PREPARED 'seven';
SELECT stream.changes('two_phase', 'two_phase', 'on');
SELECT stream.skip('plain');
-- A slot that was made without it, later read with it, and the other way round.
BEGIN;
INSERT INTO t VALUES (9, 'before');
PREPARE TRANSACTION 'eight';
SELECT stream.changes('plain', 'two_phase', 'on');
SELECT two_phase FROM pg_replication_slots WHERE slot_name = 'plain';
COMMIT PREPARED 'eight';
SELECT stream.changes('plain', 'two_phase', 'on');
BEGIN;
INSERT INTO t VALUES (10, 'after');
PREPARE TRANSACTION 'nine';
SELECT stream.changes('plain', 'two_phase', 'on');
COMMIT PREPARED 'nine';
SELECT stream.changes('plain');
SELECT stream.skip('two_phase');
BEGIN;
INSERT INTO t VALUES (11, 'x');
PREPARE TRANSACTION 'ten';
SELECT stream.changes('two_phase');
ROLLBACK PREPARED 'ten';
SELECT stream.changes('two_phase');
-- By tenant and publication as ever.
CREATE TABLE owned (id int PRIMARY KEY, tenant_id text);
ALTER TABLE owned REPLICA IDENTITY FULL;
SELECT stream.skip('two_phase');
BEGIN;
INSERT INTO owned VALUES (1, 'one'), (2, 'two');
PREPARE TRANSACTION 'eleven';
SELECT stream.changes('two_phase', 'two_phase', 'on', 'tenants', 'two');
COMMIT PREPARED 'eleven';
SELECT stream.changes('two_phase', 'two_phase', 'on', 'tenants', 'two');
SELECT stream.stop('two_phase');
SELECT stream.stop('plain');
SET client_min_messages = warning;
DROP SCHEMA two_phase CASCADE;
