-- Every option: what it does, and the ERROR for an unknown, repeated or malformed one.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA options;
CREATE SCHEMA "Other Schema";
SET search_path = options, public;
SELECT stream.start('options');
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('options', NULL, NULL, VARIADIC options) p
$$;
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE "B, ""b"".b" (id int PRIMARY KEY);
CREATE TABLE "Other Schema"."a" (id int PRIMARY KEY);
CREATE TABLE "*" (id int PRIMARY KEY);
BEGIN;
INSERT INTO a VALUES (1, 'x');
UPDATE a SET v = 'y';
DELETE FROM a;
TRUNCATE a;
INSERT INTO "B, ""b"".b" VALUES (1);
INSERT INTO "Other Schema".a VALUES (1);
INSERT INTO "*" VALUES (1);
COMMIT;
-- Without any; the columns of an object and their order.
SELECT peek();
SELECT json_object_keys(data::json) FROM (SELECT data FROM pg_logical_slot_peek_changes('options', NULL, 1) LIMIT 1) p;
SELECT (o->>'lsn')::pg_lsn > '0/0', (o->>'position')::numeric < (o->>'lsn')::pg_lsn - '0/0', o->>'xid' = xid::text, (o->>'commit_timestamp')::timestamptz BETWEEN now() - interval '1 hour' AND now(), o->>'commit_timestamp' ~ '^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00$'
  FROM (SELECT xid, data::json AS o FROM pg_logical_slot_peek_changes('options', NULL, 1)) p LIMIT 1;

-- Unknown, repeated, malformed.
SELECT peek('nonsense', '1');
SELECT peek('Format', 'json');
SELECT peek('', '');
SELECT peek('batch', 'on', 'batch', 'off');
SELECT peek('format', 'json', 'include_types', 'off', 'format', 'json');
SELECT peek('format');
SELECT peek(VARIADIC ARRAY['format', NULL]);
SELECT peek('format', 'xml');
SELECT peek('format', '');
SELECT peek('publication_names', '');
SELECT peek('tenants', '"');
SELECT peek('include_tables', 'a');
SELECT peek('include_tables', 'options.');
SELECT peek('include_tables', '.a');
SELECT peek('include_tables', 'options.a,');
SELECT peek('include_tables', 'options.a.b');
SELECT peek('include_tables', '*.*.*');
SELECT peek('exclude_tables', '"options"');
SELECT peek('actions', '');
SELECT peek('actions', 'insert,merge');
SELECT peek('include_transaction', 'maybe');
SELECT peek('include_types', '2');
SELECT peek('origin', 'some');
SELECT peek('messages', '');
SELECT peek('streaming', 'parallel');
SELECT peek('two_phase', 'x');
SELECT peek('batch', 'always');
SELECT peek('max_change_bytes', 'much');
SELECT peek('max_change_bytes', '0');
SELECT peek('max_change_bytes', '1023');
SELECT peek('max_change_bytes', '-5');
SELECT peek('max_change_bytes', '1GB');
SELECT peek('max_change_bytes', '99999999999999999999');
SELECT peek('max_change_bytes', '1.5');
-- A mistake at the start leaves the slot as it was.
SELECT count(*) FROM peek();

-- include_tables, exclude_tables: quoted as identifiers are; exclusion wins.
SELECT peek('include_tables', 'options.a', 'actions', 'insert');
SELECT peek('include_tables', 'OPTIONS.A', 'actions', 'insert');
SELECT peek('include_tables', '"OPTIONS".A', 'actions', 'insert');
SELECT peek('include_tables', ' options . "B, ""b"".b" , "Other Schema" . * ');
SELECT peek('include_tables', 'options."*"');
SELECT peek('include_tables', 'options.*', 'exclude_tables', 'options.a,"Other Schema".*');
SELECT peek('exclude_tables', 'options.*');
SELECT peek('exclude_tables', 'options.*,"Other Schema".a');
SELECT peek('include_tables', '"*".*');
-- A name that is cut at 63 bytes elsewhere is none here: nothing matches.
SELECT peek('include_tables', 'options.' || repeat('a', 70));
-- actions
SELECT peek('actions', 'insert', 'include_tables', 'options.a');
SELECT peek('actions', 'UPDATE , "delete"', 'include_tables', 'options.a');
SELECT peek('actions', 'truncate,truncate');
-- include_transaction: BEGIN and COMMIT around what is sent, and nothing for what sends nothing.
SELECT peek('include_transaction', 'on', 'include_tables', 'options.a');
SELECT peek('include_transaction', 'yes', 'include_tables', 'nowhere.*');
SELECT o->>'action', array(SELECT json_object_keys(o)), (o->>'lsn')::pg_lsn < (o->>'end_lsn')::pg_lsn, o->>'xid' = xid::text, o->>'commit_timestamp' LIKE '20%+00:00'
  FROM (SELECT xid, data::json AS o FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include_transaction', '1', 'actions', 'truncate')) p;
-- include_types
SELECT bool_or(o->'columns' IS NULL), bool_and(o->'columns' IS NULL) FROM (SELECT data::json AS o FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include_types', 'off')) p;
SELECT o->>'action', o->'columns' FROM (SELECT data::json AS o FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include_types', 'on', 'include_tables', 'options.a')) p;
-- batch: many changes in one message, but never two transactions in one.
INSERT INTO a SELECT i, 'batch' FROM generate_series(2, 4) i;
SELECT array_length(lines, 1), (SELECT count(DISTINCT l::json->>'xid') FROM unnest(lines) l), lines[1] LIKE '{"action":"INSERT"%}' FROM (SELECT regexp_split_to_array(data, E'\n') AS lines FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'batch', 'on')) p;
SELECT array_length(lines, 1) FROM (SELECT regexp_split_to_array(data, E'\n') AS lines FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'batch', 'on', 'include_transaction', 'on', 'actions', 'truncate')) p;
SELECT array_length(lines, 1) FROM (SELECT regexp_split_to_array(data, E'\n') AS lines FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'batch', 'auto', 'actions', 'insert')) p;
SELECT array_length(lines, 1) FROM (SELECT regexp_split_to_array(data, E'\n') AS lines FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'batch', 'off', 'actions', 'insert')) p;
SELECT stream.skip('options');
INSERT INTO a SELECT i, repeat('x', 1000) FROM generate_series(1001, 1500) i;
SELECT count(*) > 5, max(length(data)) BETWEEN 60000 AND 65536, sum(array_length(regexp_split_to_array(data, E'\n'), 1)), bool_and(data !~ E'^\n|\n$|\n\n') FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'batch', 'on') p;
SELECT stream.skip('options');

-- max_change_bytes: a larger row leaves as its identity and says so; its old row likewise.
CREATE TABLE large (id int PRIMARY KEY, v text);
CREATE TABLE large_full (id int PRIMARY KEY, v text);
ALTER TABLE large_full REPLICA IDENTITY FULL;
CREATE TABLE large_key (v text PRIMARY KEY);
CREATE FUNCTION brief() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT regexp_replace(stream.line(p.data::json), 'x{99,}', 'x..', 'g') FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'max_change_bytes', '1kB') p
$$;
INSERT INTO large VALUES (1, repeat('x', 900)), (2, repeat('x', 2000)), (3, 'after');
UPDATE large SET v = repeat('x', 3000) WHERE id = 3;
UPDATE large SET id = -id;
UPDATE large SET v = 'small';
DELETE FROM large;
INSERT INTO large_full VALUES (1, repeat('x', 2000));
UPDATE large_full SET v = 'small';
DELETE FROM large_full;
INSERT INTO large_key VALUES (repeat('x', 2000));
UPDATE large_key SET v = 'small';
DELETE FROM large_key;
SELECT brief();
SELECT count(*) FROM peek('max_change_bytes', '1024');
SELECT bool_or(line LIKE '%omitted%') FROM peek('max_change_bytes', '64MB') line;
SELECT bool_or(line LIKE '%omitted%') FROM peek('max_change_bytes', '1023MB') line;
SELECT bool_or(line LIKE '%omitted%') FROM peek('max_change_bytes', '1022MB') line;
SELECT bool_or(line LIKE '%omitted%') FROM peek() line;
SELECT stream.skip('options');
-- origin: what was replicated into this server is left out by none.
SELECT pg_replication_origin_create('somewhere') IS NOT NULL;
SELECT pg_replication_origin_session_setup('somewhere');
INSERT INTO a VALUES (5000, 'replicated');
SELECT pg_replication_origin_session_reset();
INSERT INTO a VALUES (5001, 'our own');
SELECT peek('origin', 'none');
SELECT peek('origin', 'any');
SELECT peek();
SELECT pg_replication_origin_drop('somewhere');
SELECT stream.skip('options');
-- memberships: who belongs to whom, although the extension's tables are not streamed; a leaving member by the key.
SELECT stream.skip('options');
INSERT INTO tenant_memberships VALUES ('11111111-1111-4111-8111-111111111111', '99999999-9999-4999-8999-999999999999', 'viewer', '2026-01-01 00:00+00');
INSERT INTO alert_silences (tenant_id, starts_at, ends_at, reason) VALUES ('11111111-1111-4111-8111-111111111111', now(), now() + interval '1 hour', 'not streamed');
UPDATE tenant_memberships SET role = 'member';
DELETE FROM tenant_memberships;
DELETE FROM alert_silences;
SELECT peek();
SELECT peek('memberships', 'on');
SELECT peek('memberships', 'on', 'publication_names', 'none_such', 'include_tables', 'no.such');
-- In a frame their access is n: the letter behind length, kind and number of the relation.
SELECT DISTINCT convert_from(substring(data FROM position(convert_to('tenant_memberships', 'UTF8') IN data) - 2 - 2 - length('public') - 4 FOR 1), 'UTF8')
  FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, 'format', 'frame', 'memberships', 'on')
 WHERE position(convert_to('tenant_memberships', 'UTF8') IN data) > 0;
SELECT stream.skip('options');
-- format: frames are bytes, so only the binary functions give them.
INSERT INTO a VALUES (6000, 'x');
SELECT peek('format', 'frame');
SELECT count(*), sum(length(data)) > 0 FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, 'format', 'frame');
SELECT stream.line(convert_from(data, 'UTF8')::json) FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, 'format', 'JSON') p;
SELECT stream.stop('options');
SET client_min_messages = warning;
DROP SCHEMA options, "Other Schema" CASCADE;
