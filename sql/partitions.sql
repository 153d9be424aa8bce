-- Partitioned tables: streamed as partitions or as their root, whatever the order of the partitions' columns is.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE SCHEMA partitions;
SET search_path = partitions, public;
SELECT stream.start('partitions');
CREATE TABLE root (id int, gone int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
ALTER TABLE root DROP COLUMN gone;
CREATE TABLE east PARTITION OF root FOR VALUES IN ('east');
-- Attached: columns in another order, with dropped ones between.
CREATE TABLE west (v text, x int, region text NOT NULL, y int, id int NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE west DROP COLUMN x, DROP COLUMN y;
ALTER TABLE root ATTACH PARTITION west FOR VALUES IN ('west');
CREATE TABLE middle PARTITION OF root FOR VALUES IN ('north', 'south') PARTITION BY LIST (region);
CREATE TABLE north PARTITION OF middle FOR VALUES IN ('north');
CREATE TABLE south (v text, id int NOT NULL, region text NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE middle ATTACH PARTITION south FOR VALUES IN ('south');
CREATE PUBLICATION leaves FOR TABLE root;
CREATE PUBLICATION as_root FOR TABLE root WITH (publish_via_partition_root);
CREATE PUBLICATION as_middle FOR TABLE middle WITH (publish_via_partition_root);
CREATE PUBLICATION leaf_west FOR TABLE west WHERE (id < 10);
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root);
CREATE PUBLICATION filtered_root FOR TABLE root (id, region) WHERE (v = 'x') WITH (publish_via_partition_root);
ALTER PUBLICATION filtered_root SET TABLE root (id, region, v) WHERE (id < 10);
CREATE FUNCTION through(names text, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT stream.line(p.data::json)
    FROM pg_logical_slot_peek_changes('partitions', NULL, NULL, VARIADIC ARRAY['publication_names', names] || options) p
$$;
INSERT INTO root VALUES (1, 'east', 'x'), (2, 'west', 'x'), (3, 'north', 'x'), (40, 'south', 'x');
UPDATE root SET v = 'y';
UPDATE root SET id = 20 WHERE id = 2;
-- A row that moves is deleted here and inserted there.
UPDATE root SET region = 'west' WHERE id = 1;
UPDATE root SET region = 'south' WHERE id = 3;
DELETE FROM root;
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('partitions', NULL, NULL) p;
SELECT through('leaves') EXCEPT ALL SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('partitions', NULL, NULL) p;
SELECT count(*) FROM through('leaves');
SELECT through('as_root');
SELECT through('as_middle');
SELECT through('leaf_west');
SELECT through('filtered_root');
-- The top-most root over all publications wins.
SELECT through('as_middle,as_root') EXCEPT ALL SELECT through('as_root');
SELECT count(*) FROM through('as_middle,as_root');
SELECT through('everything') EXCEPT ALL SELECT through('as_root');
SELECT count(*) FROM through('everything');
SELECT through('leaves,as_middle', 'actions', 'insert');
SELECT through('leaf_west,as_root', 'actions', 'insert');
-- Tables are chosen by the name under which they are published.
SELECT through('as_root', 'include_tables', 'partitions.root', 'actions', 'insert');
SELECT through('as_root', 'include_tables', 'partitions.west', 'actions', 'insert');
SELECT through('leaves', 'include_tables', 'partitions.west', 'actions', 'insert');
-- The columns are those of the root.
SELECT DISTINCT p.data::json->>'columns' FROM pg_logical_slot_peek_changes('partitions', NULL, NULL, 'publication_names', 'as_root') p;
SELECT stream.skip('partitions');

-- Partitions that come and go.
CREATE TABLE later (region text NOT NULL, id int NOT NULL, v text, PRIMARY KEY (id, region));
INSERT INTO later VALUES ('later', 1, 'before');
ALTER TABLE root ATTACH PARTITION later FOR VALUES IN ('later');
INSERT INTO root VALUES (2, 'later', 'attached');
ALTER TABLE root DETACH PARTITION later;
INSERT INTO later VALUES ('later', 3, 'detached');
BEGIN;
ALTER TABLE root ATTACH PARTITION later FOR VALUES IN ('later');
INSERT INTO root VALUES (4, 'later', 'attached again');
ALTER TABLE root RENAME TO root_2;
ALTER TABLE root_2 RENAME v TO w;
INSERT INTO root_2 VALUES (5, 'later', 'renamed');
COMMIT;
SELECT through('as_root');
SELECT through('everything');
SELECT stream.skip('partitions');
ALTER TABLE root_2 RENAME TO root;
-- TRUNCATE of the root names the root, and its partitions where they are published as themselves.
TRUNCATE root;
TRUNCATE middle;
TRUNCATE west;
SELECT through('as_root');
SELECT through('as_middle');
SELECT through('leaves');
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('partitions', NULL, NULL) p;
SELECT stream.skip('partitions');

-- Registered by its root: identity of every partition, tenant and access by the root; those attached later too.
CREATE TABLE orders (id int, tenant_id text, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE orders_2 (v text, day date NOT NULL, tenant_id text, id int NOT NULL, PRIMARY KEY (id, day));
ALTER TABLE orders ATTACH PARTITION orders_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT realtime_add_table('orders');
SELECT * FROM realtime_tables;
SELECT relname, relreplident FROM pg_class WHERE relname LIKE 'orders%' AND relkind IN ('r', 'p') ORDER BY 1;
INSERT INTO orders VALUES (1, 'one', '2026-01-05', 'x'), (2, 'two', '2026-02-05', 'x');
UPDATE orders SET tenant_id = 'two' WHERE id = 1;
UPDATE orders SET day = '2026-02-06' WHERE id = 1;
UPDATE orders SET day = '2026-01-06', tenant_id = 'one' WHERE id = 2;
DELETE FROM orders;
SELECT stream.line(p.data::json) FROM pg_logical_slot_peek_changes('partitions', NULL, NULL) p;
SELECT stream.changes('partitions', 'tenants', 'one');
-- A partition that comes later has an identity of its own: told by a warning and realtime_check_setup(), mended by registering again.
CREATE TABLE orders_3 PARTITION OF orders FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
INSERT INTO orders VALUES (3, 'one', '2026-03-05', 'x');
DELETE FROM orders;
SELECT stream.changes('partitions', 'tenants', 'one');
SELECT * FROM realtime_check_setup() WHERE "check" LIKE 'table %';
SELECT realtime_add_table('orders');
INSERT INTO orders VALUES (3, 'one', '2026-03-05', 'x');
DELETE FROM orders;
SELECT stream.changes('partitions', 'tenants', 'one');
SELECT * FROM realtime_check_setup() WHERE "check" LIKE 'table %';
-- A partition's own registration goes before its root's.
SELECT realtime_add_table('orders_1', access => 'public');
INSERT INTO orders VALUES (4, 'one', '2026-01-05', 'x');
SELECT stream.changes('partitions', 'tenants', 'two');
SELECT realtime_remove_table('orders_1');
SELECT realtime_remove_table('orders');
-- The root's registration changes under a running stream: its partitions follow at once.
CREATE TABLE watched (id int, tenant_id text, PRIMARY KEY (id, tenant_id)) PARTITION BY LIST (id);
CREATE TABLE watched_1 PARTITION OF watched DEFAULT;
SELECT realtime_add_table('watched', access => 'public');
SELECT stream.skip('partitions');
INSERT INTO watched VALUES (1, 'one');
SELECT realtime_add_table('watched');
INSERT INTO watched VALUES (2, 'one');
SELECT realtime_add_table('watched', access => 'public');
INSERT INTO watched VALUES (3, 'one');
SELECT stream.changes('partitions', 'tenants', 'two');
SELECT realtime_remove_table('watched');
-- Inheritance is no partitioning: a child is a table of its own.
CREATE TABLE parent (id int PRIMARY KEY, tenant_id text);
CREATE TABLE child (v text) INHERITS (parent);
SELECT realtime_add_table('parent', access => 'public');
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, NULL, 'x');
SELECT stream.changes('partitions');
SELECT realtime_remove_table('parent');
SELECT stream.stop('partitions');
SET client_min_messages = warning;
DROP PUBLICATION pg_realtime, leaves, as_root, as_middle, leaf_west, everything, filtered_root;
DROP SCHEMA partitions CASCADE;
