-- Who belongs to which tenant -----------------------------------------------------------------------------------------------

-- Roles belong to the whole server: they may exist already, and DROP EXTENSION leaves them. Their names cannot begin with pg_,
-- which PostgreSQL keeps for itself. None of them can log in; GRANT them to those who do.
DO $$
DECLARE
  role record;
BEGIN
  FOR role IN
    SELECT * FROM (VALUES
      ('realtime_reader', 'pg_realtime: may read what belongs to the tenants of the caller'),
      ('realtime_writer', 'pg_realtime: may also write it'),
      ('realtime_gateway', 'pg_realtime: may do what the gateway has to do')) r(name, comment)
  LOOP
    BEGIN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role.name);
      EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', role.name, role.comment);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database, or another session just now
    END;
  END LOOP;
  IF NOT pg_catalog.pg_has_role('realtime_writer', 'realtime_reader', 'MEMBER') THEN
    GRANT realtime_reader TO realtime_writer;
  END IF;
END
$$;

CREATE TABLE @extschema@.tenant_memberships (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id)
);
COMMENT ON TABLE @extschema@.tenant_memberships IS
  'Which user belongs to which tenant. Everything a member may see or do follows from it.';
COMMENT ON COLUMN @extschema@.tenant_memberships.tenant_id IS 'Whose row it is.';
COMMENT ON COLUMN @extschema@.tenant_memberships.user_id IS 'The user: claim sub of the token.';
COMMENT ON COLUMN @extschema@.tenant_memberships.role IS 'owner and admin manage memberships and settings, member reads and writes, viewer only reads.';
COMMENT ON COLUMN @extschema@.tenant_memberships.created_at IS 'When the user joined.';
-- The policies ask for the tenants of a user.
CREATE INDEX tenant_memberships_user ON @extschema@.tenant_memberships (user_id, tenant_id);

CREATE TABLE @extschema@.tenant_settings (
  tenant_id uuid PRIMARY KEY,
  metrics_retention interval NOT NULL DEFAULT '30 days' CHECK (metrics_retention > '0' AND metrics_retention <= '30 days'),
  alert_retention interval NOT NULL DEFAULT '365 days' CHECK (alert_retention > '0' AND alert_retention <= '100 years'),
  max_alert_rules integer NOT NULL DEFAULT 1000 CHECK (max_alert_rules BETWEEN 0 AND 10000),
  time_zone text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) <= 255),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE @extschema@.tenant_settings IS
  'Settings of a tenant; one that has no row has the defaults.';
COMMENT ON COLUMN @extschema@.tenant_settings.tenant_id IS 'Whose settings they are.';
COMMENT ON COLUMN @extschema@.tenant_settings.metrics_retention IS 'How long reports, rollups and events of connections are kept. They are personal data: never longer than 30 days.';
COMMENT ON COLUMN @extschema@.tenant_settings.alert_retention IS 'How long alerts that ended are kept.';
COMMENT ON COLUMN @extschema@.tenant_settings.max_alert_rules IS 'How many alert rules the tenant may have; 10000 at most.';
COMMENT ON COLUMN @extschema@.tenant_settings.time_zone IS 'Time zone of the tenant.';
COMMENT ON COLUMN @extschema@.tenant_settings.updated_at IS 'When the settings were last changed.';

CREATE FUNCTION @extschema@.realtime_user_id() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pg_realtime_user_id';
COMMENT ON FUNCTION @extschema@.realtime_user_id() IS
  'The user on whose behalf the session works: claim sub of request.jwt.claims, as PostgREST and Supabase set it, or request.jwt.claim.sub where the former is not set. NULL when there is none or it is no uuid.';

CREATE FUNCTION @extschema@.realtime_tenant_ids() RETURNS uuid[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pg_realtime_tenant_ids';
COMMENT ON FUNCTION @extschema@.realtime_tenant_ids() IS
  'Tenants of the caller: those in which realtime_user_id() has a membership, and those that the claim pg_realtime.tenant_claim of request.jwt.claims names. The policies of all tables ask it, once a statement.';

CREATE FUNCTION @extschema@.realtime_writable_tenant_ids() RETURNS uuid[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pg_realtime_writable_tenant_ids';
COMMENT ON FUNCTION @extschema@.realtime_writable_tenant_ids() IS 'Tenants of the caller in which it may write: not those where the role is viewer. A tenant that only the claim names has the role member.';

CREATE FUNCTION @extschema@.realtime_administered_tenant_ids() RETURNS uuid[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pg_realtime_administered_tenant_ids';
COMMENT ON FUNCTION @extschema@.realtime_administered_tenant_ids() IS 'Tenants in which realtime_user_id() is owner or admin.';

CREATE FUNCTION @extschema@.realtime_claimed_tenants() RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'pg_realtime_claimed_tenants';
COMMENT ON FUNCTION @extschema@.realtime_claimed_tenants() IS
  'Tenants that the claim pg_realtime.tenant_claim of request.jwt.claims names, as texts: for policies of tables whose tenants are no uuids.';

-- For functions that run with their owner's rights, where the current user says nothing about the caller.
CREATE FUNCTION @extschema@.realtime_session_acts_for(tenant uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN @extschema@.realtime_user_id() IS NULL AND COALESCE(current_setting('request.jwt.claims', true), '') = ''
              THEN pg_has_role(session_user, 'realtime_gateway', 'USAGE')
              ELSE COALESCE(tenant = ANY (@extschema@.realtime_writable_tenant_ids()), false) END
$$;
COMMENT ON FUNCTION @extschema@.realtime_session_acts_for(uuid) IS
  'Whether the session may write for the tenant. With claims: the caller is a member and more than a viewer. Without claims: the session logged in as the gateway or a superuser.';

REVOKE ALL ON FUNCTION @extschema@.realtime_session_acts_for(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.realtime_user_id(), @extschema@.realtime_tenant_ids(), @extschema@.realtime_writable_tenant_ids(),
  @extschema@.realtime_administered_tenant_ids(), @extschema@.realtime_claimed_tenants() FROM PUBLIC;
-- They tell callers only about themselves, and every policy needs them.
GRANT EXECUTE ON FUNCTION @extschema@.realtime_user_id(), @extschema@.realtime_tenant_ids(), @extschema@.realtime_writable_tenant_ids(),
  @extschema@.realtime_administered_tenant_ids(), @extschema@.realtime_claimed_tenants() TO PUBLIC;

CREATE FUNCTION @extschema@.realtime_touch_updated_at() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.realtime_touch_updated_at() IS 'Trigger: keeps updated_at.';
REVOKE ALL ON FUNCTION @extschema@.realtime_touch_updated_at() FROM PUBLIC;
CREATE TRIGGER realtime_touch_updated_at BEFORE UPDATE ON @extschema@.tenant_settings
  FOR EACH ROW EXECUTE FUNCTION @extschema@.realtime_touch_updated_at();

SELECT pg_catalog.pg_extension_config_dump('@extschema@.tenant_memberships', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.tenant_settings', '');
