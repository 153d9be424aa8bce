-- Whose a row is: types of tenant columns, the filter, rows that change hands, and the registration of a table.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA shop;
SET search_path = shop, public;
SELECT stream.start('tenants');

-- Every type that can be a tenant, through a column called tenant_id, without any registration.
CREATE DOMAIN tenant_key AS uuid NOT NULL;
CREATE DOMAIN tenant_key_again AS tenant_key;
CREATE DOMAIN tenant_code AS varchar(10);
CREATE TABLE by_uuid (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE by_domain (id int PRIMARY KEY, tenant_id tenant_key_again);
CREATE TABLE by_text (id int PRIMARY KEY, tenant_id text);
CREATE TABLE by_varchar (id int PRIMARY KEY, tenant_id varchar(20));
CREATE TABLE by_code (id int PRIMARY KEY, tenant_id tenant_code);
CREATE TABLE by_smallint (id int PRIMARY KEY, tenant_id smallint);
CREATE TABLE by_integer (id int PRIMARY KEY, tenant_id integer);
CREATE TABLE by_bigint (id int PRIMARY KEY, tenant_id bigint);
CREATE TABLE by_numeric (id int PRIMARY KEY, tenant_id numeric);
CREATE TABLE by_name (id int PRIMARY KEY, "Tenant_id" uuid);
CREATE TABLE by_nothing (id int PRIMARY KEY);
CREATE FUNCTION insert_all() RETURNS void LANGUAGE sql AS $$
  INSERT INTO by_uuid VALUES (1, '11111111-1111-1111-1111-111111111111'), (2, '22222222-2222-2222-2222-22222222222A'), (3, NULL);
  INSERT INTO by_domain VALUES (1, '11111111-1111-1111-1111-111111111111'), (2, '22222222-2222-2222-2222-22222222222A');
  INSERT INTO by_text VALUES (1, 'one'), (2, 'two'), (3, NULL), (4, ''), (5, 'a,b'), (6, 'say "x"'), (7, '7'), (8, '11111111-1111-1111-1111-111111111111'), (9, ' one'), (10, 'ONE'), (11, 'fünf');
  INSERT INTO by_varchar VALUES (1, 'one'), (2, 'two');
  INSERT INTO by_code VALUES (1, 'one'), (2, 'two');
  INSERT INTO by_smallint VALUES (1, 1), (2, -7), (3, NULL);
  INSERT INTO by_integer VALUES (1, 1), (2, -7), (3, 2147483647);
  INSERT INTO by_bigint VALUES (1, 1), (2, 7), (3, -9223372036854775808);
  INSERT INTO by_numeric VALUES (1, 1);
  INSERT INTO by_name VALUES (1, '11111111-1111-1111-1111-111111111111');
  INSERT INTO by_nothing VALUES (1);
$$;
DO $$
  DECLARE item regclass;
  BEGIN
    FOR item IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' LOOP
      EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', item);
    END LOOP;
  END
$$;
SELECT insert_all();
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('tenants', NULL, NULL) p;
-- The filter, in every spelling. A tenant that cannot be one of a uuid column is a mistake worth a warning, once a table.
CREATE FUNCTION passing(tenants text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg((o->>'table') || ' ' || (o->'record'->>'id'), ', ' ORDER BY n)
    FROM ROWS FROM (pg_logical_slot_peek_changes('tenants', NULL, NULL, 'tenants', tenants)) WITH ORDINALITY p(lsn, xid, data, n), LATERAL (SELECT p.data::json AS o) j
$$;
SELECT passing('11111111-1111-1111-1111-111111111111');
SELECT passing('22222222-2222-2222-2222-22222222222a,{11111111-1111-1111-1111-111111111111}');
SELECT passing('"11111111111111111111111111111111" , 22222222222222222222222222222222');
SET client_min_messages = error;
SELECT passing('one');
SELECT passing(' "one" ,two');
SELECT passing('" one"');
SELECT passing('ONE');
SELECT passing('"a,b"');
SELECT passing('a,b');
SELECT passing('"say ""x""",fünf');
SELECT passing('7');
SELECT passing('-7');
SELECT passing('1,2147483647,-9223372036854775808');
SELECT passing('01');
SELECT passing('99999999999999999999,0');
SELECT passing('null,NULL');
RESET client_min_messages;
SELECT passing('11111111-1111-1111-1111-111111111111,one');
-- More tenants than fit into a first hash table.
SELECT passing(string_agg(md5(i::text), ',') || ',11111111-1111-1111-1111-111111111111') FROM generate_series(1, 1000) i;
-- Spellings that are none.
SELECT passing('');
SELECT passing(',');
SELECT passing('one,');
SELECT passing('""');
SELECT passing('"one');
SELECT passing('"one"x');
SELECT passing('one "two"');
SELECT stream.skip('tenants');
DROP TABLE by_uuid, by_domain, by_text, by_varchar, by_code, by_smallint, by_integer, by_bigint, by_numeric, by_name, by_nothing;

-- Registration. The table's identity is made to tell the tenant: by an index where there is one, else FULL.
CREATE TABLE orders (id int PRIMARY KEY, tenant_id text, total numeric);
CREATE TABLE items (id int, tenant_id text NOT NULL, note text, PRIMARY KEY (tenant_id, id));
CREATE TABLE seats (id int PRIMARY KEY, owner text NOT NULL, note text, UNIQUE (owner, id), UNIQUE (note, owner));
CREATE TABLE news (id int PRIMARY KEY, note text);
CREATE TABLE heap (note text);
SELECT realtime_add_table('orders');
SELECT realtime_add_table('items');
SELECT realtime_add_table('seats', 'owner');
SELECT realtime_add_table('news', access => 'public');
SELECT realtime_add_table('heap', access => 'public');
SELECT * FROM realtime_tables ORDER BY "table"::text;
SELECT pubname, schemaname, tablename FROM pg_publication_tables WHERE pubname = 'pg_realtime' ORDER BY 3;
SELECT pubviaroot, puballtables, obj_description(oid) FROM pg_publication WHERE pubname = 'pg_realtime';
INSERT INTO orders VALUES (1, 'one', 1.10), (2, 'two', 2.20), (3, NULL, 3.30);
INSERT INTO items VALUES (1, 'one', 'x'), (2, 'two', 'y');
INSERT INTO seats VALUES (1, 'one', 'x'), (2, 'two', 'y');
INSERT INTO news VALUES (1, 'x');
INSERT INTO heap VALUES ('x');
-- Rows that change hands, lose their owner and find one.
UPDATE orders SET total = total + 1;
UPDATE orders SET tenant_id = 'two' WHERE id = 1;
UPDATE orders SET tenant_id = NULL WHERE id = 1;
UPDATE orders SET tenant_id = 'one' WHERE id = 1;
UPDATE orders SET tenant_id = NULL, total = 0 WHERE id = 3;
UPDATE items SET tenant_id = 'two' WHERE id = 1;
UPDATE items SET id = 5 WHERE id = 2;
UPDATE items SET note = 'z' WHERE id = 5;
UPDATE seats SET owner = 'one' WHERE id = 2;
UPDATE news SET note = 'y';
UPDATE heap SET note = 'y';
DELETE FROM orders;
DELETE FROM items;
DELETE FROM seats;
DELETE FROM news;
DELETE FROM heap;
TRUNCATE orders, news;
CREATE TABLE everything AS SELECT n, stream.line(p.data::json) AS line FROM ROWS FROM (pg_logical_slot_peek_changes('tenants', NULL, NULL)) WITH ORDINALITY p(lsn, xid, data, n);
SELECT line FROM everything ORDER BY n;
-- One tenant's view is what stands under its name above, public rows, and nothing else; likewise the other's.
CREATE TABLE views AS SELECT tenant, n, stream.line(p.data::json) AS line FROM (VALUES ('one'), ('two'), ('three')) v(tenant),
  ROWS FROM (pg_logical_slot_peek_changes('tenants', NULL, NULL, 'tenants', tenant)) WITH ORDINALITY p(lsn, xid, data, n);
SELECT tenant, count(*) FROM views GROUP BY 1 ORDER BY 1;
SELECT tenant, v.line FROM views v WHERE line !~ ('\[' || tenant || '\]|shop.news|shop.heap|TRUNCATE shop.orders') ORDER BY 1, n;
SELECT t.tenant, array_agg(e.line ORDER BY e.n) = (SELECT array_agg(v.line ORDER BY v.n) FROM views v WHERE v.tenant = t.tenant) AS same
  FROM (VALUES ('one'), ('two'), ('three')) t(tenant), everything e
 WHERE e.line ~ ('\[' || t.tenant || '\]|shop.news|shop.heap|TRUNCATE shop.orders') GROUP BY 1 ORDER BY 1;
DROP TABLE everything, views;
SELECT stream.skip('tenants');

-- Public tables have no tenant, even with a column that is called so.
ALTER TABLE news ADD COLUMN tenant_id text;
INSERT INTO news VALUES (1, 'x', 'one');
SELECT stream.changes('tenants', 'tenants', 'two');

-- The registration follows its table through names and goes with the column; a registration that is rolled back was none.
ALTER TABLE seats RENAME COLUMN owner TO "Owner ""2""";
ALTER TABLE seats RENAME TO "Seats 2";
CREATE SCHEMA "other Shop";
ALTER TABLE "Seats 2" SET SCHEMA "other Shop";
INSERT INTO "other Shop"."Seats 2" VALUES (1, 'one', 'x'), (2, 'two', 'y');
DELETE FROM "other Shop"."Seats 2";
SELECT stream.changes('tenants', 'tenants', 'one');
SELECT * FROM realtime_tables ORDER BY "table"::text;
INSERT INTO orders VALUES (1, 'one', 1.10);
ALTER TABLE orders DROP COLUMN tenant_id;
INSERT INTO orders VALUES (2, 2.20);
ALTER TABLE orders ADD COLUMN tenant_id text;
INSERT INTO orders VALUES (3, 3.30, 'one');
SELECT stream.changes('tenants');
SELECT * FROM realtime_tables WHERE "table" = 'orders'::regclass;
BEGIN;
SELECT realtime_add_table('orders');
INSERT INTO orders VALUES (4, 4.40, 'one');
ROLLBACK;
BEGIN;
INSERT INTO orders VALUES (5, 5.50, 'one');
SELECT realtime_add_table('orders');
INSERT INTO orders VALUES (6, 6.60, 'one');
COMMIT;
SELECT stream.changes('tenants', 'tenants', 'one');
-- Again, with another column and another access: the earlier ones are replaced.
SELECT realtime_add_table('items', 'note');
SELECT realtime_add_table('news', 'tenant_id');
SELECT realtime_add_table('heap', 'note');
SELECT * FROM realtime_tables ORDER BY "table"::text;
-- An index without the primary key would not tell which row a DELETE was about.
CREATE TABLE menus (id int PRIMARY KEY, tenant_id text NOT NULL, slug text NOT NULL, UNIQUE (tenant_id, slug));
SELECT realtime_add_table('menus');
SELECT * FROM realtime_tables WHERE "table" = 'menus'::regclass;
DROP TABLE menus;
SELECT objoid::regclass, objsubid, label FROM pg_seclabel WHERE provider = 'pg_realtime' ORDER BY objoid::regclass::text, 2;
INSERT INTO items VALUES (1, 'one', 'x');
INSERT INTO news VALUES (2, 'x', 'one');
SELECT stream.changes('tenants');
-- Removed: neither labelled nor published; twice is an error.
SELECT realtime_remove_table('items');
SELECT realtime_remove_table('items');
INSERT INTO items VALUES (2, 'one', 'x');
SELECT stream.changes('tenants');
SELECT objoid::regclass, objsubid, label FROM pg_seclabel WHERE provider = 'pg_realtime' ORDER BY objoid::regclass::text, 2;
SELECT tablename FROM pg_publication_tables WHERE pubname = 'pg_realtime' ORDER BY 1;
-- A table that is dropped takes its registration along.
DROP TABLE news;
SELECT objoid::regclass, objsubid, label FROM pg_seclabel WHERE provider = 'pg_realtime' ORDER BY objoid::regclass::text, 2;
-- What cannot be registered.
CREATE VIEW a_view AS SELECT 1;
CREATE SEQUENCE a_sequence;
CREATE TEMP TABLE a_temporary (tenant_id uuid);
CREATE UNLOGGED TABLE an_unlogged (tenant_id uuid);
CREATE TABLE wrong (id int, tenant_id numeric, tenants uuid[]);
SELECT realtime_add_table('a_view');
SELECT realtime_add_table('a_sequence');
SELECT realtime_add_table('a_temporary');
SELECT realtime_add_table('an_unlogged');
SELECT realtime_add_table('pg_class', access => 'public');
SELECT realtime_add_table('wrong');
SELECT realtime_add_table('wrong', 'tenants');
SELECT realtime_add_table('wrong', 'nothing');
SELECT realtime_add_table('wrong', 'ctid');
SELECT realtime_add_table('wrong', NULL);
SELECT realtime_add_table(NULL);
SELECT realtime_add_table('wrong', access => 'private');
SELECT realtime_add_table('wrong', access => NULL);
SELECT realtime_remove_table(NULL);
SELECT realtime_remove_table('wrong');

-- A table that nobody registered and whose identity does not tell the tenant: its DELETE reaches no tenant, and says so.
CREATE TABLE careless (id int PRIMARY KEY, tenant_id text, note text);
CREATE PUBLICATION careless FOR TABLE careless;
SELECT stream.skip('tenants');
INSERT INTO careless VALUES (1, 'one', 'x');
UPDATE careless SET note = 'y';
UPDATE careless SET tenant_id = 'two';
UPDATE careless SET id = 2;
DELETE FROM careless;
SELECT line FROM ROWS FROM (pg_logical_slot_peek_changes('tenants', NULL, NULL, 'publication_names', 'careless')) p, LATERAL stream.line(p.data::json) line;
SELECT stream.changes('tenants', 'publication_names', 'careless', 'tenants', 'two');

-- A tenant of more bytes than anybody calls one.
INSERT INTO careless VALUES (3, repeat('t', 1000), 'x'), (4, repeat('t', 10000), 'x');
SELECT o->'record'->>'id', length(o->>'tenant') FROM stream.objects('tenants', 'publication_names', 'careless') o;
-- Of a partitioned table it is said once, however many partitions have changes.
CREATE TABLE parts (id int PRIMARY KEY, tenant_id text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (20) TO (30);
CREATE PUBLICATION parts FOR TABLE parts;
INSERT INTO parts VALUES (1, 'one'), (11, 'one'), (21, 'one');
SELECT count(*) FROM stream.objects('tenants', 'publication_names', 'parts') o WHERE o->>'action' = 'INSERT';
SELECT stream.stop('tenants');
DROP PUBLICATION careless, parts, pg_realtime;
SET client_min_messages = warning;
DROP SCHEMA shop, "other Shop" CASCADE;
