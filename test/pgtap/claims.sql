-- A token may name tenants of its owner: where pg_realtime.tenant_claim says so, and no further than that.
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION pg_realtime;
SELECT * FROM no_plan();

\set ours '''a0000000-0000-4000-8000-000000000001'''
\set theirs '''b0000000-0000-4000-8000-000000000002'''
\set third '''c0000000-0000-4000-8000-000000000003'''
CREATE ROLE pgtap_claims;
GRANT realtime_writer TO pgtap_claims;
INSERT INTO tenant_memberships VALUES (:ours, 'a0000000-0000-4000-8000-0000000000aa', 'owner'), (:third, 'a0000000-0000-4000-8000-0000000000aa', 'viewer');
CREATE FUNCTION pg_temp.claims(tenants jsonb, sub text DEFAULT '"a0000000-0000-4000-8000-0000000000aa"') RETURNS text LANGUAGE sql AS
  $$ SELECT set_config('request.jwt.claims', format('{"sub": %s, "app": {"tenants": %s}, "tenants": "%s"}', sub, tenants, 'd0000000-0000-4000-8000-000000000004'), true) $$;
CREATE FUNCTION pg_temp.sorted(tenants uuid[]) RETURNS uuid[] LANGUAGE sql AS $$ SELECT COALESCE(array_agg(t ORDER BY t), '{}') FROM unnest(tenants) t $$;

SELECT FROM pg_temp.claims(format('["%s"]', :theirs)::jsonb);
SELECT is(pg_temp.sorted(realtime_tenant_ids()), ARRAY[:ours, :third]::uuid[], 'without the setting no claim names a tenant');
SELECT is(realtime_claimed_tenants(), '{}'::text[], 'without the setting none is claimed');

SET LOCAL pg_realtime.tenant_claim = 'app.tenants';
SELECT is(pg_temp.sorted(realtime_tenant_ids()), ARRAY[:ours, :theirs, :third]::uuid[], 'what the claim names stands beside memberships');
SELECT is(pg_temp.sorted(realtime_writable_tenant_ids()), ARRAY[:ours, :theirs]::uuid[], 'a claim gives the role member');
SELECT is(pg_temp.sorted(realtime_administered_tenant_ids()), ARRAY[:ours]::uuid[], 'a claim makes nobody an administrator');
SELECT FROM pg_temp.claims(format('["%s", "%s"]', :third, :ours)::jsonb);
SELECT is(pg_temp.sorted(realtime_writable_tenant_ids()), ARRAY[:ours]::uuid[], 'a viewer whose token names the tenant stays a viewer');
SELECT is(pg_temp.sorted(realtime_tenant_ids()), ARRAY[:ours, :third]::uuid[], 'each tenant once');
SELECT FROM pg_temp.claims(to_jsonb(upper(:theirs)));
SELECT is(realtime_claimed_tenants(), ARRAY[:theirs]::text[], 'one text, in another spelling');
SELECT FROM pg_temp.claims('[7, "acme", null, {"id": 1}, ["x"], true, "", 2.5]');
SELECT is(realtime_claimed_tenants(), ARRAY['7', 'acme', '2.5'], 'texts and numbers; anything else names none');
SELECT is(pg_temp.sorted(realtime_tenant_ids()), ARRAY[:ours, :third]::uuid[], 'what is no uuid is no uuid');
SELECT FROM pg_temp.claims((SELECT jsonb_agg(format('e0000000-0000-4000-8000-%s', lpad(i::text, 12, '0'))) FROM generate_series(1, 1005) i));
SELECT is(cardinality(realtime_claimed_tenants()), 1000, 'no more than a thousand');
SELECT FROM pg_temp.claims(format('{"%s": true}', :theirs)::jsonb);
SELECT is(realtime_claimed_tenants(), '{}'::text[], 'an object names none');
SET LOCAL pg_realtime.tenant_claim = 'app.nothing.deeper';
SELECT is(realtime_claimed_tenants(), '{}'::text[], 'a path that leads nowhere names none');
SET LOCAL pg_realtime.tenant_claim = 'app.tenants';
SET LOCAL request.jwt.claims = '{"app": {"tenants"';
SELECT is(realtime_claimed_tenants(), '{}'::text[], 'claims that cannot be read name none');

-- A caller with claims acts on its own behalf, whether they name a user or not.
SELECT FROM pg_temp.claims(format('["%s"]', :theirs)::jsonb, 'null');
SELECT is(pg_temp.sorted(realtime_tenant_ids()), ARRAY[:theirs]::uuid[], 'a token without a user has the tenants that it names');
SELECT ok(realtime_session_acts_for(:theirs) AND NOT realtime_session_acts_for(:ours) AND NOT COALESCE(realtime_session_acts_for(NULL), false), 'and acts for no other');
SET ROLE pgtap_claims;
SELECT lives_ok(format('SELECT collect_metrics(jsonb_build_object(''tenantId'', %L, ''connectionId'', ''c'', ''subscriptionType'', ''s''))', :theirs), 'it reports for its tenant');
SELECT throws_ok(format('SELECT collect_metrics(jsonb_build_object(''tenantId'', %L, ''connectionId'', ''c'', ''subscriptionType'', ''s''))', :ours), '42501', NULL, 'and for no other one');
SELECT is((SELECT count(*) FROM realtime_connection_metrics), 1::bigint, 'its report is to be seen by it');
RESET ROLE;
SET LOCAL request.jwt.claims = '';
SELECT ok(realtime_session_acts_for(:ours), 'a superuser without claims acts for everybody');

SELECT * FROM finish();
ROLLBACK;
