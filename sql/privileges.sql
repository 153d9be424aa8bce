-- Who may do what: nobody anything by default.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_realtime_nobody, regress_realtime_owner, regress_realtime_stream;
CREATE ROLE regress_realtime_nobody;
CREATE ROLE regress_realtime_owner;
CREATE ROLE regress_realtime_stream REPLICATION;
RESET client_min_messages;
CREATE SCHEMA privileges AUTHORIZATION regress_realtime_owner;
GRANT USAGE ON SCHEMA privileges TO regress_realtime_nobody;
GRANT CREATE ON DATABASE :"DBNAME" TO regress_realtime_owner;
SET ROLE regress_realtime_owner;
CREATE TABLE privileges.t (id int PRIMARY KEY, tenant_id text NOT NULL);
RESET ROLE;
-- Nothing but what the catalogs show anyway, and what changes only tables of one's own.
SET ROLE regress_realtime_nobody;
SELECT realtime_add_table('privileges.t');
SELECT realtime_remove_table('privileges.t');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', '{}');
SELECT * FROM realtime_check_setup();
SELECT realtime_identity_has_column('privileges.t', 'id');
SELECT realtime_fit_replica_identity('privileges.t', 'id');
SELECT * FROM realtime_tables;
SELECT pg_create_logical_replication_slot('privileges', 'pg_realtime');
RESET ROLE;
-- What is granted one by one.
GRANT EXECUTE ON FUNCTION realtime_add_table, realtime_remove_table, realtime_check_setup TO regress_realtime_nobody, regress_realtime_owner;
GRANT EXECUTE ON FUNCTION realtime_broadcast TO regress_realtime_nobody;
-- Somebody else's table is refused, and nothing is left of the attempt.
SET ROLE regress_realtime_nobody;
SELECT realtime_add_table('privileges.t');
SELECT realtime_fit_replica_identity('privileges.t', 'tenant_id');
SELECT realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', '{}') > '0/0';
SELECT count(*) FROM realtime_tables;
SELECT "check", ok FROM realtime_check_setup() WHERE "check" IN ('output_plugin_libraries', 'replication_privilege');
RESET ROLE;
SELECT count(*) FROM pg_publication WHERE pubname = 'pg_realtime';
SELECT count(*) FROM pg_seclabel WHERE provider = 'pg_realtime';
-- The owner may, who then owns the publication; others need that too.
SET ROLE regress_realtime_owner;
SELECT realtime_add_table('privileges.t');
SELECT * FROM realtime_tables;
RESET ROLE;
SELECT pubowner::regrole FROM pg_publication WHERE pubname = 'pg_realtime';
GRANT ALL ON SCHEMA privileges TO regress_realtime_nobody;
SET ROLE regress_realtime_nobody;
CREATE TABLE privileges.other (id int PRIMARY KEY, tenant_id text);
SELECT realtime_add_table('privileges.other');
SELECT realtime_remove_table('privileges.t');
SECURITY LABEL FOR pg_realtime ON TABLE privileges.t IS 'public';
SECURITY LABEL FOR pg_realtime ON COLUMN privileges.t.id IS 'tenant';
RESET ROLE;
SELECT * FROM realtime_tables;
-- Labels: only the known ones, only on tables and columns.
SECURITY LABEL FOR pg_realtime ON TABLE privileges.t IS 'private';
SECURITY LABEL FOR pg_realtime ON TABLE privileges.t IS '';
SECURITY LABEL FOR pg_realtime ON COLUMN privileges.t.id IS 'public';
SECURITY LABEL FOR pg_realtime ON COLUMN privileges.t.id IS 'Tenant';
SECURITY LABEL FOR pg_realtime ON SCHEMA privileges IS 'tenant';
SECURITY LABEL FOR pg_realtime ON FUNCTION now() IS 'public';
SECURITY LABEL FOR pg_realtime ON ROLE regress_realtime_nobody IS 'tenant';
CREATE VIEW privileges.v AS SELECT 1 AS one;
SECURITY LABEL FOR pg_realtime ON VIEW privileges.v IS 'public';
SECURITY LABEL FOR pg_realtime ON TABLE privileges.other IS 'public';
SECURITY LABEL FOR pg_realtime ON TABLE privileges.other IS NULL;
SECURITY LABEL FOR pg_realtime ON COLUMN privileges.other.id IS NULL;
SELECT objoid::regclass, objsubid, label FROM pg_seclabel WHERE provider = 'pg_realtime' ORDER BY objoid::regclass::text, 2;
-- REPLICATION is what reads a slot, whatever the tables' own privileges are.
SET ROLE regress_realtime_stream;
SELECT pg_create_logical_replication_slot('privileges', 'pg_realtime') IS NOT NULL;
RESET ROLE;
INSERT INTO privileges.t VALUES (1, 'one');
SET ROLE regress_realtime_stream;
SELECT count(*) FROM privileges.t;
SELECT data LIKE '%"tenant":"one"%' FROM pg_logical_slot_get_changes('privileges', NULL, NULL);
RESET ROLE;
-- A cast to json that the table's owner made does not run with the rights of the role that streams.
SET ROLE regress_realtime_owner;
CREATE TYPE privileges.trap AS ENUM ('x');
CREATE FUNCTION privileges.trap(privileges.trap) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'running as %', current_user; RETURN '"trapped"'; END $$;
CREATE CAST (privileges.trap AS json) WITH FUNCTION privileges.trap(privileges.trap);
ALTER TABLE privileges.t ADD COLUMN trap privileges.trap, ADD COLUMN traps privileges.trap[];
INSERT INTO privileges.t VALUES (2, 'one', 'x', '{x}');
RESET ROLE;
SELECT data::json->'record' FROM pg_logical_slot_get_changes('privileges', NULL, NULL);
-- Nor does a C function that such a cast borrows, whose result is no json.
SET ROLE regress_realtime_owner;
DROP CAST (privileges.trap AS json);
CREATE CAST (privileges.trap AS json) WITH FUNCTION pg_catalog.to_json(anyelement);
INSERT INTO privileges.t VALUES (3, 'one', 'x', '{x}');
RESET ROLE;
SELECT data::json->'record' FROM pg_logical_slot_get_changes('privileges', NULL, NULL);
SELECT pg_drop_replication_slot('privileges');
SET client_min_messages = warning;
DROP PUBLICATION pg_realtime;
DROP SCHEMA privileges CASCADE;
REVOKE ALL ON FUNCTION realtime_add_table, realtime_remove_table, realtime_identity_has_column, realtime_fit_replica_identity, realtime_check_setup, realtime_broadcast FROM regress_realtime_nobody, regress_realtime_owner;
REVOKE ALL ON realtime_tables FROM regress_realtime_nobody, regress_realtime_owner;
DROP OWNED BY regress_realtime_owner, regress_realtime_nobody;
DROP ROLE regress_realtime_nobody, regress_realtime_owner, regress_realtime_stream;
