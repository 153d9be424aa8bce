-- Row filters of publications: pgoutput's rule, by which an UPDATE that carries a row into the filter is an INSERT, and one
-- that carries it out a DELETE.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA filters;
SET search_path = filters, public;
SELECT stream.start('filters');
CREATE TABLE orders (id int PRIMARY KEY, status text, total numeric);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE PUBLICATION open_orders FOR TABLE orders WHERE (status = 'open');
CREATE PUBLICATION large_orders FOR TABLE orders WHERE (total > 100);
CREATE PUBLICATION inserted_orders FOR TABLE orders WHERE (id < 0) WITH (publish = 'insert');
CREATE PUBLICATION all_orders FOR TABLE orders;
CREATE FUNCTION through(names text, tenants text DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT stream.line(p.data::json)
    FROM pg_logical_slot_peek_changes('filters', NULL, NULL, VARIADIC ARRAY['publication_names', names] || CASE WHEN tenants IS NULL THEN '{}' ELSE ARRAY['tenants', tenants] END) p
$$;
INSERT INTO orders VALUES (1, 'open', 50), (2, 'closed', 150), (3, 'open', 150), (4, NULL, NULL), (-5, 'closed', 5);
UPDATE orders SET total = total + 1;
UPDATE orders SET status = 'closed' WHERE id = 1;
UPDATE orders SET status = 'open' WHERE id = 2;
UPDATE orders SET status = NULL WHERE id = 2;
UPDATE orders SET status = 'open', total = 1 WHERE id = 2;
UPDATE orders SET total = 500, status = 'closed' WHERE id = 2;
DELETE FROM orders;
TRUNCATE orders;
SELECT through('open_orders');
SELECT through('large_orders');
-- Several: a row passes by any of them, per action; one without a filter lets everything pass.
SELECT through('open_orders,large_orders');
SELECT through('open_orders,inserted_orders');
SELECT count(*) FROM through('all_orders');
SELECT count(*) FROM through('open_orders,all_orders');
-- FOR ALL TABLES and TABLES IN SCHEMA have no filter and so lift it.
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA filters;
SELECT stream.skip('filters');
INSERT INTO orders VALUES (1, 'closed', 1);
SELECT through('open_orders');
SELECT through('open_orders,everything');
SELECT through('open_orders,of_schema');
SELECT stream.skip('filters');
DROP PUBLICATION everything, of_schema, all_orders, inserted_orders;

-- By the key alone: UPDATEs that leave the key alone have no old row, and none is needed.
CREATE TABLE keyed (id int PRIMARY KEY, v text);
CREATE PUBLICATION small_keys FOR TABLE keyed WHERE (id < 10);
INSERT INTO keyed VALUES (1, 'x'), (20, 'y');
UPDATE keyed SET v = 'z';
UPDATE keyed SET id = 2 WHERE id = 1;
UPDATE keyed SET id = 11 WHERE id = 2;
UPDATE keyed SET id = 3 WHERE id = 20;
UPDATE keyed SET id = 12 WHERE id = 11;
DELETE FROM keyed;
SELECT through('small_keys');
SELECT stream.skip('filters');

-- A filter on a long value that does not change: decided by the old row's.
CREATE TABLE long (id int PRIMARY KEY, body text, n int);
ALTER TABLE long REPLICA IDENTITY FULL, ALTER body SET STORAGE EXTERNAL;
CREATE PUBLICATION long_a FOR TABLE long WHERE (left(body, 1) = 'a');
INSERT INTO long VALUES (1, repeat('a', 5000), 1), (2, repeat('b', 5000), 1);
UPDATE long SET n = 2;
UPDATE long SET body = repeat('b', 6000) WHERE id = 1;
UPDATE long SET body = repeat('a', 6000) WHERE id = 2;
UPDATE long SET n = 3;
DELETE FROM long;
SELECT regexp_replace(line, '(a|b)\1{99,}', '\1..', 'g') FROM through('long_a') line;
SELECT stream.skip('filters');
-- Likewise where the row moves into the filter by its key and the long value is not in the identity.
CREATE TABLE long_keyed (id int PRIMARY KEY, body text);
ALTER TABLE long_keyed ALTER body SET STORAGE EXTERNAL;
CREATE PUBLICATION long_keys FOR TABLE long_keyed WHERE (id < 10);
INSERT INTO long_keyed VALUES (20, repeat('a', 5000));
UPDATE long_keyed SET id = 1;
SELECT through('long_keys');
SELECT stream.skip('filters');

-- Together with tenants: both decide.
CREATE TABLE shared (id int, tenant_id text, status text, PRIMARY KEY (tenant_id, id));
ALTER TABLE shared REPLICA IDENTITY FULL;
CREATE PUBLICATION open_shared FOR TABLE shared WHERE (status = 'open');
INSERT INTO shared VALUES (1, 'one', 'open'), (2, 'one', 'closed'), (3, 'two', 'open');
UPDATE shared SET status = 'open' WHERE id = 2;
UPDATE shared SET tenant_id = 'two' WHERE id = 1;
UPDATE shared SET tenant_id = 'two', status = 'closed' WHERE id = 2;
UPDATE shared SET tenant_id = 'one', status = 'open' WHERE id = 2;
UPDATE shared SET tenant_id = 'one', status = 'closed' WHERE id = 3;
UPDATE shared SET tenant_id = 'two' WHERE id = 3;
SELECT through('open_shared');
SELECT through('open_shared', 'one');
SELECT through('open_shared', 'two');
SELECT stream.skip('filters');

-- Every kind of expression a filter may have, by a row type whose columns were dropped and added.
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE TABLE wide (id int PRIMARY KEY, gone int, c text COLLATE "C", list int[], document jsonb, day date, flag boolean, n numeric DEFAULT 5);
ALTER TABLE wide REPLICA IDENTITY FULL;
ALTER TABLE wide DROP COLUMN gone;
ALTER TABLE wide ADD COLUMN later int DEFAULT 7;
CREATE PUBLICATION wide_rows FOR TABLE wide WHERE (c IS NOT NULL AND document->>'a' = 'b' AND day > '2020-01-01' AND NOT flag AND later = 7 AND coalesce(n, 0) BETWEEN 1 AND 10 AND c IN ('x', 'y') AND (CASE WHEN id > 5 THEN false ELSE true END));
INSERT INTO wide VALUES (1, 'x', '{1}', '{"a": "b"}', '2024-01-01', false), (2, NULL, '{1}', '{"a": "b"}', '2024-01-01', false), (3, 'x', '{2}', '{"a": "b"}', '2019-01-01', false), (4, 'x', '{1}', '{"a": "c"}', '2024-01-01', false), (5, 'x', '{1}', '{"a": "b"}', '2024-01-01', true), (6, 'x', '{1}', '{"a": "b"}', '2024-01-01', false);
UPDATE wide SET later = 8 WHERE id = 1;
SELECT through('wide_rows');
SELECT stream.skip('filters');
-- An expression that fails is an ERROR of the stream; the slot can be read by others all the same.
CREATE PUBLICATION failing FOR TABLE orders WHERE (10 / total > 1);
TRUNCATE orders;
SELECT stream.skip('filters');
INSERT INTO orders VALUES (1, 'open', 0);
SELECT through('failing');
SELECT through('open_orders');
SELECT stream.skip('filters');

-- Changed in mid-stream, in one transaction.
BEGIN;
INSERT INTO orders VALUES (2, 'open', 1);
ALTER PUBLICATION open_orders SET TABLE orders WHERE (status = 'closed');
INSERT INTO orders VALUES (3, 'open', 1), (4, 'closed', 1);
UPDATE orders SET status = 'closed' WHERE id = 2;
ALTER PUBLICATION open_orders SET TABLE orders;
INSERT INTO orders VALUES (5, 'any', 1);
COMMIT;
SELECT through('open_orders');
SELECT stream.stop('filters');
SET client_min_messages = warning;
DROP PUBLICATION open_orders, large_orders, small_keys, long_a, long_keys, open_shared, wide_rows, failing;
DROP SCHEMA filters CASCADE;
