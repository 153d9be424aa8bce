-- What the extension consists of: every object with a comment, closed to PUBLIC, with a fixed search_path, in one schema.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
-- The count first, so that the rest is not true of nothing.
CREATE TEMP TABLE members AS
SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, d.objsubid) AS description
  FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' WHERE e.extname = 'pg_realtime'
   -- Partitions by day come and go.
   AND pg_describe_object(d.classid, d.objid, d.objsubid) !~ '_\d{8}(\[\])?$';
SELECT description FROM members ORDER BY 1;
-- Without a comment (a row type goes with its table).
SELECT description FROM members WHERE obj_description(objid, classid::regclass::name) IS NULL AND classid <> 'pg_type'::regclass ORDER BY 1;
SELECT obj_description(oid, 'pg_extension') IS NOT NULL FROM pg_extension WHERE extname = 'pg_realtime';
-- Columns of tables and views without a comment.
SELECT m.description, a.attname FROM members m JOIN pg_attribute a ON m.classid = 'pg_class'::regclass AND a.attrelid = m.objid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE NOT (SELECT c.relispartition FROM pg_class c WHERE c.oid = m.objid) AND col_description(a.attrelid, a.attnum) IS NULL ORDER BY 1, 2;
-- Functions whose search_path is not pg_catalog, and the temporary schema behind it.
SELECT description, proconfig FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid
 WHERE NOT EXISTS (SELECT 1 FROM unnest(proconfig) c WHERE c ~ '^search_path=pg_catalog, pg_temp$') ORDER BY 1;
-- Functions that act with their owner's rights.
SELECT description FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid WHERE prosecdef ORDER BY 1;
-- What PUBLIC may do: what the functions need of each other, and what the catalogs show anyway.
SELECT description FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid WHERE has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1;
SELECT description FROM members JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid WHERE has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') ORDER BY 1;
-- Outside of the extension's schema.
SELECT description FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid, pg_extension WHERE extname = 'pg_realtime' AND pronamespace <> extnamespace;
SELECT description FROM members JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid, pg_extension WHERE extname = 'pg_realtime' AND relnamespace <> extnamespace;
SELECT extrelocatable, extversion ~ '^\d+\.\d+\.\d+$', extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'pg_realtime') FROM pg_extension WHERE extname = 'pg_realtime';
-- Names of arguments, defaults and results, as they are documented.
SELECT p.oid::regprocedure, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), provolatile, proparallel FROM members JOIN pg_proc p ON classid = 'pg_proc'::regclass AND p.oid = objid ORDER BY 1::text;
-- Into a schema of its own, where everything works without a search_path that names it; and away again without a trace.
DROP EXTENSION pg_realtime;
CREATE SCHEMA "The Extension";
CREATE EXTENSION pg_realtime SCHEMA "The Extension";
CREATE TABLE public.t (id int PRIMARY KEY, tenant_id text);
SET client_min_messages = warning;
SELECT "The Extension".realtime_add_table('public.t');
SELECT * FROM "The Extension".realtime_tables;
SELECT count(*) > 5 FROM "The Extension".realtime_check_setup();
SELECT "The Extension".realtime_broadcast('11111111-1111-1111-1111-111111111111', 't', 'e', '{}') > '0/0';
SELECT "The Extension".realtime_remove_table('public.t');
SELECT stream.start('catalog');
-- Its own tables are no user's tables.
SELECT count(*) > 20 FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' WHERE c.relkind IN ('r', 'p') AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime');
DROP EXTENSION pg_realtime;
-- A slot does without the extension; only registering and broadcasting need it.
DROP PUBLICATION pg_realtime;
INSERT INTO public.t VALUES (1, 'one');
SELECT stream.changes('catalog');
SELECT stream.stop('catalog');
SELECT count(*) FROM pg_seclabel WHERE provider = 'pg_realtime';
CREATE EXTENSION pg_realtime;
DROP TABLE public.t;
DROP SCHEMA "The Extension";
