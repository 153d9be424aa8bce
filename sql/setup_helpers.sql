-- What the other tests of this folder stand on: the extension, and functions that print changes without the values that
-- differ from run to run.
CREATE EXTENSION pg_realtime;
CREATE SCHEMA stream;
-- Named slots of this database only; every test makes its own and drops it.
CREATE FUNCTION stream.start(slot name, two_phase boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
  SELECT pg_create_logical_replication_slot(slot, 'pg_realtime', false, two_phase)
$$;
CREATE FUNCTION stream.stop(slot name) RETURNS void LANGUAGE sql AS $$
  SELECT pg_drop_replication_slot(slot)
$$;
-- Skips what happened since.
CREATE FUNCTION stream.skip(slot name) RETURNS void LANGUAGE sql AS $$
  SELECT pg_replication_slot_advance(slot, pg_current_wal_lsn())
$$;
-- The messages of a slot as JSON, taken from it. Every call checks what must hold for all of them: one object without a
-- line break in each, and the pair (lsn, position) always growing.
CREATE FUNCTION stream.objects(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF json
LANGUAGE plpgsql AS $$
DECLARE
  message text;
  object json;
  place numeric[];
  last_place numeric[];
BEGIN
  FOR message IN SELECT g.data FROM pg_logical_slot_get_changes(slot, NULL, NULL, VARIADIC options) g LOOP
    IF message ~ '[\n\r]' THEN
      RAISE EXCEPTION 'line break in %', message;
    END IF;
    object := message::json;
    IF object->>'lsn' IS NOT NULL AND object->>'position' IS NOT NULL THEN
      place := ARRAY[(object->>'lsn')::pg_lsn - '0/0'::pg_lsn, (object->>'position')::numeric];
      IF place <= last_place THEN
        RAISE EXCEPTION 'place % after % in %', place, last_place, message;
      END IF;
      last_place := place;
    END IF;
    RETURN NEXT object;
  END LOOP;
END
$$;
-- One line a change: action, table, whose, the rows exactly as sent, and every further key that is the same in each run.
CREATE FUNCTION stream.line(object json) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', object->>'action',
                   (object->>'schema') || '.' || (object->>'table'),
                   '[' || COALESCE(object->>'tenant', CASE WHEN object->>'table' IS NOT NULL THEN '-' END) || ']',
                   CASE WHEN json_typeof(object->'record') = 'object' THEN object->>'record' END,
                   CASE WHEN json_typeof(object->'old_record') = 'object' THEN 'old ' || (object->>'old_record') END,
                   NULLIF(object::jsonb
                          - '{action,schema,table,tenant,record,old_record,columns}'::text[]
                          - '{lsn,position,xid,subxid,commit_timestamp,end_lsn}'::text[], '{}'))
$$;
CREATE FUNCTION stream.changes(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT stream.line(o) FROM stream.objects(slot, VARIADIC options) o
$$;
SELECT stream.line('{"action":"INSERT","schema":"s","table":"t","tenant":null,"lsn":"0/1","position":1,"xid":3,"record":{"a" : 1.00},"old_record":null,"omitted":"why"}');
