-- Databases that are not UTF-8: JSON in UTF-8 that says the same characters comes out of each of them.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SELECT current_database() AS home \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS encoding_latin1;
DROP DATABASE IF EXISTS encoding_euc_jp;
DROP DATABASE IF EXISTS encoding_sql_ascii;
CREATE DATABASE encoding_latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE encoding_euc_jp ENCODING 'EUC_JP' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE encoding_sql_ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';

\connect encoding_latin1
\pset format unaligned
\pset tuples_only on
SET client_encoding = 'UTF8';
CREATE EXTENSION pg_realtime;
SELECT pg_create_logical_replication_slot('encoding_latin1', 'pg_realtime') IS NOT NULL;
CREATE TYPE "Größe" AS ENUM ('groß', 'klein');
CREATE TYPE "Paar" AS ("ä" text, x int);
CREATE TABLE "Tische ÄÖÜ" (id int PRIMARY KEY, "Name ß" text, c char(3), l text[], j json, b jsonb, e "Größe", p "Paar", tenant_id text, y bytea, r name, k text);
ALTER TABLE "Tische ÄÖÜ" REPLICA IDENTITY FULL;
INSERT INTO "Tische ÄÖÜ" VALUES (1, 'für "Ä" \ ÿ', 'é', '{"ñ",NULL}', '{"ü": "¿", "e": "\u00fc"}', '{"ü": ["ö", 1.50]}', 'groß', ('ç', 1), 'Käufer', '\xe4ff', 'Ø', repeat('ä', 20000));
UPDATE "Tische ÄÖÜ" SET "Name ß" = E'\u00a0\u0080';
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 'Räume', 'öffnen', '{"ü": "ß"}') > '0/0';
SELECT pg_logical_emit_message(true, 'Präfix', 'Grüße') IS NOT NULL;
SELECT pg_logical_emit_message(true, 'Präfix', convert_to('Grüße', 'UTF8')) IS NOT NULL;
-- The text is ASCII, so that no conversion for the client can change it.
SELECT data ~ '^[\x01-\x7e]*$', regexp_replace(regexp_replace(data, '"(lsn|position|xid|commit_timestamp)":("[^"]*"|\d+),?', '', 'g'), '(\\u00e4){200,}', '..', 'g') FROM pg_logical_slot_peek_changes('encoding_latin1', NULL, NULL, 'messages', 'on', 'include_types', 'off');
SELECT o->>'schema', o->>'table', o->>'tenant', o->'record'->>'Name ß' = 'für "Ä" \ ÿ', o->'record'->>'c' = 'é  ', o->'record'->'l'->>0, o->'record'->'j'->>'ü', o->'record'->'b'->'ü'->>0, o->'record'->>'e', o->'record'->'p'->>'ä', o->'record'->>'y', o->'record'->>'r', o->'record'->>'k' = repeat('ä', 20000)
  FROM (SELECT data::json AS o FROM pg_logical_slot_peek_changes('encoding_latin1', NULL, NULL, 'actions', 'insert')) s WHERE o->>'action' = 'INSERT';
-- What the options name is in the server's encoding too.
SELECT count(*) FROM pg_logical_slot_peek_changes('encoding_latin1', NULL, NULL, 'tenants', 'Käufer');
SELECT count(*) FROM pg_logical_slot_peek_changes('encoding_latin1', NULL, NULL, 'include_tables', 'public."Tische ÄÖÜ"', 'actions', 'update');
-- Every character there is, in one value.
INSERT INTO "Tische ÄÖÜ" (id, "Name ß") SELECT 2, string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 255) i WHERE i NOT BETWEEN 128 AND 159;
SELECT o->'record'->>'Name ß' = (SELECT string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 255) i WHERE i NOT BETWEEN 128 AND 159), length(o->'record'->>'Name ß')
  FROM (SELECT data::json AS o FROM pg_logical_slot_peek_changes('encoding_latin1', NULL, NULL)) s WHERE o->'record'->>'id' = '2';
-- A warning with such a name, an ERROR with such an option.
CREATE PUBLICATION "Öffentlich" FOR TABLE "Tische ÄÖÜ";
ALTER TABLE "Tische ÄÖÜ" REPLICA IDENTITY DEFAULT;
INSERT INTO "Tische ÄÖÜ" (id) VALUES (3);
SELECT count(*) FROM pg_logical_slot_get_changes('encoding_latin1', NULL, NULL, 'publication_names', 'Öffentlich,"Ünbekannt"');
SELECT data FROM pg_logical_slot_peek_changes('encoding_latin1', NULL, NULL, 'Größe', '1');
SELECT realtime_add_table('"Tische ÄÖÜ"', 'Name ß');
SELECT "table", tenant_column FROM realtime_tables;
SELECT pg_drop_replication_slot('encoding_latin1');

\connect encoding_euc_jp
\pset format unaligned
\pset tuples_only on
SET client_encoding = 'UTF8';
CREATE EXTENSION pg_realtime;
SELECT pg_create_logical_replication_slot('encoding_euc_jp', 'pg_realtime') IS NOT NULL;
CREATE TABLE "注文" (id int PRIMARY KEY, "品名" text, l text[], b jsonb, tenant_id text, k text);
ALTER TABLE "注文" REPLICA IDENTITY FULL;
INSERT INTO "注文" VALUES (1, '寿司 "特上" \ 表', '{"日本","語"}', '{"鍵": "値"}', '店', repeat('長い', 20000));
UPDATE "注文" SET "品名" = 'ソ能';
DELETE FROM "注文";
SELECT data ~ '^[\x01-\x7e]*$' FROM pg_logical_slot_peek_changes('encoding_euc_jp', NULL, NULL);
SELECT o->>'action', o->>'table', o->>'tenant', o->'record'->>'品名', o->'record'->'l'->>1, o->'record'->'b'->>'鍵', o->'record'->>'k' = repeat('長い', 20000), o->'old_record'->>'品名'
  FROM (SELECT data::json AS o FROM pg_logical_slot_peek_changes('encoding_euc_jp', NULL, NULL)) s;
SELECT count(*) FROM pg_logical_slot_peek_changes('encoding_euc_jp', NULL, NULL, 'tenants', '店', 'include_tables', 'public.注文');
SELECT pg_drop_replication_slot('encoding_euc_jp');

-- SQL_ASCII knows nothing of its bytes: UTF-8 stays, any other byte becomes U+FFFD. A tenant that would lose bytes by it is none: two
-- of them would be one.
\connect encoding_sql_ascii
\pset format unaligned
\pset tuples_only on
CREATE EXTENSION pg_realtime;
SELECT pg_create_logical_replication_slot('encoding_sql_ascii', 'pg_realtime') IS NOT NULL;
CREATE TABLE bytes (id int PRIMARY KEY, v text, j json, b jsonb, tenant_id text);
ALTER TABLE bytes REPLICA IDENTITY FULL;
INSERT INTO bytes VALUES (1, E'\xc3\xa4', E'"\xc3\xa4"', E'{"\xc3\xa4": "\xf0\x9f\x98\x80"}', E'\xc3\xa4'), (2, E'a\xe4b', E'"a\xffb"', E'{"a\xe4": "\xf0\x9f"}', E'\xe4'), (3, E'\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80', NULL, NULL, NULL);
SELECT data ~ '^[\x01-\x7e]*$', regexp_replace(data, '"(lsn|position|xid|commit_timestamp)":("[^"]*"|\d+),?', '', 'g') FROM pg_logical_slot_peek_changes('encoding_sql_ascii', NULL, NULL, 'include_types', 'off');
SELECT count(*) FROM pg_logical_slot_peek_changes('encoding_sql_ascii', NULL, NULL, 'tenants', E'\xc3\xa4');
SELECT count(*) FROM pg_logical_slot_peek_changes('encoding_sql_ascii', NULL, NULL, 'tenants', E'\xe4');
SELECT pg_drop_replication_slot('encoding_sql_ascii');
\connect :home
DROP DATABASE encoding_latin1;
DROP DATABASE encoding_euc_jp;
DROP DATABASE encoding_sql_ascii;
