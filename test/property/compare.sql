-- What a slot gave against what the transactions saw.

CREATE TABLE property.received (variant text NOT NULL, number bigserial, line text NOT NULL);
ALTER TABLE property.received ALTER line SET STORAGE EXTERNAL;

-- The changes that count: what a streamed transaction took back is gone.
CREATE FUNCTION property.changes_of(of_variant text)
RETURNS TABLE (number bigint, xid bigint, ordinal bigint, change jsonb)
LANGUAGE sql STABLE AS $$
  WITH parsed AS MATERIALIZED (
    SELECT r.number, r.line::jsonb AS change FROM property.received r WHERE r.variant = of_variant
  ), aborted AS MATERIALIZED (
    SELECT DISTINCT p.change->'xid' AS xid, p.change->'subxid' AS subxid FROM parsed p WHERE p.change->>'action' = 'STREAM_ABORT'
  )
  SELECT p.number, (p.change->>'xid')::bigint, row_number() OVER (PARTITION BY p.change->'xid' ORDER BY p.number), p.change
    FROM parsed p
   WHERE p.change->>'action' IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
     AND NOT EXISTS (SELECT 1 FROM aborted a
                      WHERE a.xid = p.change->'xid' AND a.subxid IN (COALESCE(p.change->'subxid', p.change->'xid'), p.change->'xid'))
$$;

-- Compared as text, because jsonb takes 1.0 and 1.00 for equal.
CREATE FUNCTION property.difference(wanted property.log, change jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  unchanged text[] := ARRAY(SELECT jsonb_array_elements_text(COALESCE(change->'unchanged_toast', '[]')));
  old_row jsonb := (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(wanted.old_row) e WHERE e.key = ANY (wanted.identity));
  keys text[] := ARRAY(SELECT jsonb_object_keys(COALESCE(wanted.new_row, wanted.old_row)) ORDER BY 1);
BEGIN
  IF wanted.sequence IS NULL THEN RETURN 'nobody made this change'; END IF;
  IF change IS NULL THEN RETURN 'the change is missing'; END IF;
  IF change->>'action' <> wanted.action THEN RETURN 'action'; END IF;
  IF change->>'schema' <> wanted.schema_name OR change->>'table' <> wanted.table_name THEN RETURN 'table'; END IF;
  IF wanted.action = 'TRUNCATE' THEN RETURN NULL; END IF;
  IF NULLIF(change->'record', 'null')::text IS DISTINCT FROM (wanted.new_row - unchanged)::text THEN RETURN 'record'; END IF;
  IF NULLIF(change->'old_record', 'null')::text IS DISTINCT FROM old_row::text THEN RETURN 'old_record'; END IF;
  IF (change->>'replica_identity' IS NOT NULL) <> (wanted.action <> 'INSERT' AND wanted.identity IS NULL) THEN RETURN 'replica_identity'; END IF;
  IF keys <> ARRAY(SELECT c->>'name' FROM jsonb_array_elements(change->'columns') c ORDER BY 1) THEN RETURN 'columns'; END IF;
  IF EXISTS (SELECT 1 FROM unnest(unchanged) u
              WHERE wanted.action <> 'UPDATE' OR (wanted.new_row->u)::text IS DISTINCT FROM (wanted.old_row->u)::text OR u = ANY (wanted.identity)
                 OR length(wanted.new_row->>u) < 8) THEN
    RETURN 'unchanged_toast';
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION property.compare(of_variant text, OUT compared bigint, OUT differences bigint, OUT first_difference text)
LANGUAGE plpgsql AS $$
DECLARE
  misplaced bigint;
BEGIN
  CREATE TEMP TABLE pairs ON COMMIT DROP AS
    WITH wanted AS (SELECT l, l.xid, row_number() OVER (PARTITION BY l.xid ORDER BY l.sequence) AS ordinal FROM property.log l)
    SELECT w.l AS wanted, c.number, c.change, property.difference(w.l, c.change) AS what
      FROM wanted w FULL JOIN property.changes_of(of_variant) c USING (xid, ordinal);
  SELECT count(*) FILTER (WHERE (p.wanted).sequence IS NOT NULL), count(*) FILTER (WHERE p.what IS NOT NULL) INTO compared, differences FROM pairs p;
  SELECT format(E'%s differs:\n  wanted   %s\n  received %s', p.what, left(to_jsonb(p.wanted)::text, 20000), left(p.change::text, 20000))
    INTO first_difference FROM pairs p WHERE p.what IS NOT NULL ORDER BY (p.wanted).sequence, p.number LIMIT 1;

  -- (lsn, position) is a cursor: it grows from each change to the next. In streamed ones lsn is not known, within a transaction
  -- position grows all the same.
  SELECT count(*) INTO misplaced
    FROM (SELECT (p.change->>'lsn')::pg_lsn AS lsn, lag((p.change->>'lsn')::pg_lsn) OVER in_order AS lsn_before,
                 (p.change->>'position')::numeric AS position, lag((p.change->>'position')::numeric) OVER in_order AS position_before,
                 p.change->>'xid' AS xid, lag(p.change->>'xid') OVER in_order AS xid_before
            FROM pairs p WHERE p.change IS NOT NULL WINDOW in_order AS (ORDER BY p.number)) o
   WHERE (xid = xid_before AND position <= position_before) OR lsn < lsn_before OR (lsn = lsn_before AND position <= position_before);
  IF misplaced > 0 THEN
    differences := differences + misplaced;
    first_difference := COALESCE(first_difference, format('%s changes have a cursor that is not above the one before', misplaced));
  END IF;
END
$$;
