-- realtime_check_setup(): what is wrong, and the line that mends it.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
-- A session that has nothing of the library loaded can register all the same.
\connect
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA setup;
SET search_path = setup, public;
CREATE TABLE orders (id int, tenant_id text NOT NULL, PRIMARY KEY (tenant_id, id));
SELECT realtime_add_table('orders');
\connect
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET search_path = setup, public;
SELECT realtime_remove_table('orders');
DROP PUBLICATION pg_realtime;
CREATE FUNCTION checks() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' | ', "check", ok::text, regexp_replace(detail, '\d+ (bytes|kB|MB|GB)', 'N bytes', 'g'), hint) FROM realtime_check_setup()
   WHERE "check" LIKE 'table %' OR "check" LIKE 'slot %' OR "check" IN ('publication', 'broadcast_privilege')
$$;
-- The server is set up as setup/cluster does.
SELECT "check", ok FROM realtime_check_setup() WHERE "check" IN ('wal_level', 'replication_slots', 'wal_senders', 'replication_privilege');
SELECT ok IS NOT FALSE FROM realtime_check_setup() WHERE "check" = 'output_plugin_libraries';
-- ok without a hint, not ok with one; the columns have no surprises.
SELECT "check", ok, hint FROM realtime_check_setup() WHERE (ok IS TRUE) = (hint IS NOT NULL);
SELECT count(*) FROM (SELECT "check" FROM realtime_check_setup() GROUP BY 1 HAVING count(*) > 1) d;
-- Nothing registered.
SELECT checks();
-- All well, by each access and identity.
SELECT realtime_add_table('orders');
CREATE TABLE news (id int PRIMARY KEY);
SELECT realtime_add_table('news', access => 'public');
SELECT stream.start('setup');
SELECT checks();
-- Every table mistake, and the line that mends it, run as it stands.
CREATE TABLE "Not registered" (id int PRIMARY KEY, tenant_id text);
ALTER PUBLICATION pg_realtime ADD TABLE "Not registered";
CREATE TABLE unpublished (id int PRIMARY KEY, tenant_id text);
CREATE TABLE unidentified (id int PRIMARY KEY, owner uuid);
CREATE TABLE dropped (id int PRIMARY KEY, owner text);
CREATE TABLE nothing (id int PRIMARY KEY);
CREATE TABLE dropped_key (id int PRIMARY KEY);
SET client_min_messages = warning;
SELECT realtime_add_table('unpublished'), realtime_add_table('unidentified', 'owner'), realtime_add_table('dropped', 'owner'), realtime_add_table('nothing', access => 'public'), realtime_add_table('dropped_key', access => 'public');
ALTER PUBLICATION pg_realtime DROP TABLE unpublished;
ALTER TABLE unidentified REPLICA IDENTITY DEFAULT;
ALTER TABLE dropped DROP COLUMN owner;
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
ALTER TABLE dropped_key DROP CONSTRAINT dropped_key_pkey;
SELECT checks();
-- The hints of all but the one whose tenant is gone.
CREATE TABLE hints AS SELECT "check", hint FROM realtime_check_setup() WHERE "check" LIKE 'table %' AND NOT ok AND detail NOT LIKE '%dropped%';
SELECT "check", hint FROM hints ORDER BY 1;
DO $$
DECLARE item record;
BEGIN
  FOR item IN SELECT * FROM hints ORDER BY 1 LOOP
    BEGIN
      EXECUTE item.hint;
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING '% could not be mended: %', item."check", SQLERRM;
    END;
  END LOOP;
END
$$;
SELECT "check", ok FROM realtime_check_setup() WHERE "check" LIKE 'table %';
-- Publications that reach the tables in another way.
DROP PUBLICATION pg_realtime;
SELECT checks();
CREATE PUBLICATION pg_realtime FOR TABLES IN SCHEMA setup;
SELECT checks();
DROP PUBLICATION pg_realtime;
CREATE PUBLICATION pg_realtime FOR ALL TABLES;
SELECT checks();
-- The way to forge broadcasts, closed.
BEGIN;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean, text, text), pg_catalog.pg_logical_emit_message(boolean, text, bytea) FROM PUBLIC;
SELECT line FROM checks() line WHERE line LIKE 'broadcast%';
ROLLBACK;
SELECT stream.stop('setup');
DROP PUBLICATION pg_realtime;
DROP SCHEMA setup CASCADE;
