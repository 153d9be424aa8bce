-- realtime_broadcast(), and logical messages of others.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE TABLE beside (id int);
SELECT stream.start('messages');
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('messages', NULL, NULL, VARIADIC options) p
$$;
-- In order with the rows of the transaction, and only if it commits; or at once.
BEGIN;
INSERT INTO beside VALUES (1);
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'room:1', 'said', '{"text": "between", "n": [1, 2.50, null]}') > '0/0';
INSERT INTO beside VALUES (2);
COMMIT;
BEGIN;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'room:1', 'never', '{}') > '0/0';
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'room:1', 'at once', '{}', false) > '0/0';
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'room:1', 'never', '{}') > '0/0';
ROLLBACK TO s;
SELECT realtime_broadcast('22222222-2222-2222-2222-22222222222A', 'room:2', 'alone', NULL, NULL) > '0/0';
COMMIT;
SELECT peek();
SELECT DISTINCT array(SELECT json_object_keys(p.data::json)) FROM pg_logical_slot_peek_changes('messages', NULL, NULL, 'actions', 'truncate') p;
-- Its place: the commit's where it belongs to a transaction, its own where not.
SELECT o->>'transactional', o->>'lsn' IS NOT NULL, (o->>'position')::numeric < (o->>'lsn')::pg_lsn - '0/0', (o->>'position')::numeric = (o->>'lsn')::pg_lsn - '0/0', o->>'xid' IS NOT NULL, o->>'commit_timestamp' IS NOT NULL
  FROM (SELECT p.data::json AS o FROM pg_logical_slot_peek_changes('messages', NULL, NULL) p) s WHERE o->>'action' = 'BROADCAST';
-- For its tenant only; the filters for tables do not concern it.
SELECT peek('tenants', '11111111-1111-1111-1111-111111111111');
SELECT peek('tenants', '2222222222222222222222222222222A');
SELECT peek('tenants', 'one', 'include_tables', 'no.table');
SELECT peek('include_transaction', 'on', 'exclude_tables', 'public.*');
SELECT stream.skip('messages');
-- In a subtransaction directly before a row of another one, which the server may give first: positions rise nevertheless.
BEGIN;
INSERT INTO beside VALUES (1);
SAVEPOINT a;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'room:1', 'in a', '{}') > '0/0';
RELEASE a;
INSERT INTO beside VALUES (2);
SAVEPOINT b;
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'room:1', 'in b', '{}') > '0/0';
SAVEPOINT c;
INSERT INTO beside VALUES (3);
COMMIT;
SELECT count(*), bool_and(rises) FROM (SELECT (o->>'position')::numeric > lag((o->>'position')::numeric, 1, 0) OVER (ORDER BY n) AS rises
  FROM (SELECT n, p.data::json AS o FROM ROWS FROM (pg_logical_slot_peek_changes('messages', NULL, NULL)) WITH ORDINALITY p(lsn, xid, data, n)) s) s;
SELECT stream.skip('messages');
-- Payloads of every shape, as jsonb has them.
SELECT count(realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', payload::jsonb)) FROM unnest(ARRAY['null', '1.50', '"x"', '[]', '{}', '{"b": 1, "a": {"c": [1, "zwei", null, true]}}', '"a\"b\\c\n\u0001😀"', '1e400']) payload;
SELECT o->'payload' FROM stream.objects('messages') o;
-- Names with every awkward character.
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', E'a"b\\c\n\t\x01/ä😀', E'\x7f''{}', '{}') > '0/0';
SELECT o->>'topic' = E'a"b\\c\n\t\x01/ä😀', o->>'event' = E'\x7f''{}', o->'topic' FROM stream.objects('messages') o;
-- Limits: names of 1 to 1024 bytes, a payload of 16 MB as text.
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', '', 'e', '{}');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', '', '{}');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', repeat('t', 1024), repeat('ä', 512), '{}') > '0/0';
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', repeat('t', 1025), 'e', '{}');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', repeat('ä', 513), '{}');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', to_jsonb(repeat('x', 16 * 1024 * 1024 - 2))) > '0/0';
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', to_jsonb(repeat('x', 16 * 1024 * 1024 - 1)));
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', to_jsonb(repeat(E'\x01', 3 * 1024 * 1024)));
SELECT realtime_broadcast(NULL, 't', 'e', '{}');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', NULL, 'e', '{}');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', NULL, '{}');
SELECT length(o->>'topic'), length(o->>'event'), length(o->>'payload') FROM stream.objects('messages') o;

-- Messages of others: only on request, as text where they are UTF-8, else in base64.
SELECT pg_logical_emit_message(true, 'other', 'text "quoted" ä😀') IS NOT NULL;
SELECT pg_logical_emit_message(false, 'o"ther', E'at once\n') IS NOT NULL;
SELECT pg_logical_emit_message(true, '', '') IS NOT NULL;
SELECT pg_logical_emit_message(true, 'bytes', bytes) IS NOT NULL FROM unnest('{"\\xff","\\xc3","\\xc328","\\xeda080","\\xf48fbfbf","\\xf4908080","\\xc080","\\x0102","\\xffffff","\\xffffffff"}'::bytea[]) bytes;
SELECT pg_logical_emit_message(true, 'long', repeat('l', 100000)) IS NOT NULL;
SELECT peek();
SELECT peek('messages', 'off');
SELECT replace(line, repeat('l', 100000), 'l..') FROM peek('messages', 'on') line;
-- Of nobody's tenant: the filter does not hold them back, who asks for messages gets them all.
SELECT count(*) FROM peek('messages', 'on', 'tenants', 'one', 'include_tables', 'no.table', 'actions', 'insert');
SELECT DISTINCT array(SELECT json_object_keys(p.data::json)) FROM pg_logical_slot_peek_changes('messages', NULL, NULL, 'messages', 'on') p ORDER BY 1;
SELECT stream.skip('messages');
-- Whoever writes the prefix of a broadcast without its form is left out, with a warning, and stops nothing; with messages=on likewise.
SELECT pg_logical_emit_message(true, 'pg_realtime', forged) IS NOT NULL FROM unnest(ARRAY['', '{}', 'x', repeat('x', 1000)]) forged;
SELECT pg_logical_emit_message(true, 'pg_realtime', forged) IS NOT NULL FROM unnest('{"\\x00","\\xffffffffff","\\x0000000000000000","\\x10000000ffffffff"}'::bytea[]) forged;
-- The form is right, but the payload is no JSON, more than one value, or no UTF-8; or a name is no UTF-8.
\set frame 0000006458000000000000000000000000000000000000000001002431313131313131312d313131312d313131312d313131312d3131313131313131313131310005746f70696300056576656e7400000016
SELECT pg_logical_emit_message(true, 'pg_realtime', decode(:'frame', 'hex') || payload) IS NOT NULL FROM unnest(ARRAY[
  convert_to('"abcdefghijklmnopqrst"', 'UTF8'), convert_to('1,"tenant":"two","a":2', 'UTF8'), convert_to(E'1},\n{"action":"INSERT"', 'UTF8'), '\xff' || convert_to('"abcdefghijklmnopqrs"', 'UTF8'),
  convert_to('"abcdefghijklmn', 'UTF8') || '\xff' || convert_to('opqrs"', 'UTF8'), convert_to('                      ', 'UTF8'), convert_to('"abcdefghijklmnopqrstu', 'UTF8'), convert_to('[1,2,3,4,5,6,7,8,9,0}}', 'UTF8')]) payload;
SELECT pg_logical_emit_message(true, 'pg_realtime', decode(replace(:'frame', '746f706963', '74ff706963'), 'hex') || '"abcdefghijklmnopqrst"') IS NOT NULL;
SELECT pg_logical_emit_message(true, 'pg_realtime2', 'another prefix') IS NOT NULL;
INSERT INTO beside VALUES (3);
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'after', '{}') > '0/0';
SET client_min_messages = error;
SELECT peek();
SELECT peek('messages', 'on');
RESET client_min_messages;
SELECT stream.skip('messages');
-- A NUL in the bytes: text in JSON, which jsonb cannot hold.
SELECT pg_logical_emit_message(true, 'bytes', bytes) IS NOT NULL FROM unnest('{"\\x00","\\x6100","\\x00ff"}'::bytea[]) bytes;
SELECT substring(data from '"prefix".*"transactional"') FROM pg_logical_slot_get_changes('messages', NULL, NULL, 'messages', 'on');
SELECT stream.stop('messages');
DROP TABLE beside;
DROP FUNCTION peek;
