# The extension in a schema of its own, as the documents recommend: worker, members, other users' tables and a dump find it there.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('schema');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.discovery_interval = 1s
pg_realtime.flush_interval = 100ms
CONF
$node->start;

my $tenant = '123e4567-e89b-12d3-a456-426614174000';
my $user   = '00000000-0000-4000-8000-000000000001';

$node->safe_psql('postgres', 'CREATE DATABASE shop');
# Tables of the application that are called as some of ours.
$node->safe_psql('shop', 'CREATE TABLE alert_rules (id int PRIMARY KEY); CREATE TABLE realtime_connections (id int)');
my (undef, undef, $error) = $node->psql('shop', 'CREATE EXTENSION pg_realtime');
like($error, qr/table public\.\w+ already exists\nHINT:  Give the extension a schema of its own: CREATE SCHEMA realtime;/, 'in public they are in its way');
is($node->psql('shop', 'CREATE SCHEMA realtime; CREATE EXTENSION pg_realtime SCHEMA realtime'), 0, 'in a schema of its own they are not');
is( $node->safe_psql('shop', q{SELECT count(*) FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND c.relnamespace <> 'realtime'::regnamespace}),
	'0', 'all that it has is there');

$node->safe_psql('shop', <<"SQL");
CREATE ROLE member LOGIN;
GRANT realtime_writer TO member;
CREATE ROLE stranger LOGIN;
GRANT CREATE ON SCHEMA public TO stranger;
INSERT INTO realtime.tenant_memberships (tenant_id, user_id, role) VALUES ('$tenant', '$user', 'owner');
SQL
is( $node->psql('shop', <<"SQL", extra_params => [ '-U', 'member' ]), 0, 'a member writes rules and reports');
\\set ON_ERROR_STOP on
SET request.jwt.claims = '{"sub": "$user"}';
INSERT INTO realtime.alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES ('$tenant', 'high', 'load', 'max', 10, 0);
INSERT INTO realtime.realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 's', 'load', 50);
SELECT realtime.collect_metrics('{"tenantId": "$tenant", "connectionId": "c", "subscriptionType": "s", "metrics": {"messagesReceived": 1}}');
SELECT realtime.health_check('{"tenantId": "$tenant", "performDiagnostics": true}'), realtime.get_status('{"tenantId": "$tenant"}'), realtime.get_metrics('{"tenantId": "$tenant"}');
SQL
ok($node->poll_query_until('shop', "SELECT count(*) = 1 FROM realtime.alert_instances WHERE rule_id = 'high'"), 'the worker judges them');
is($node->safe_psql('shop', 'SELECT errors FROM realtime.realtime_worker_status WHERE database = current_database()'), '0', 'without an error');

# Who may not even use the schema still has tables, with partitions that are fitted.
is( $node->psql('shop', <<'SQL', extra_params => [ '-U', 'stranger' ]), 0, 'others create tables as ever');
\set ON_ERROR_STOP on
CREATE TABLE orders (id int, tenant_id uuid NOT NULL, PRIMARY KEY (id, tenant_id)) PARTITION BY RANGE (id);
SQL
$node->safe_psql('shop', "SELECT realtime.realtime_add_table('orders')");
is($node->psql('shop', 'CREATE TABLE orders_1 (id int, tenant_id uuid); ALTER TABLE orders_1 ALTER id SET NOT NULL, ALTER tenant_id SET NOT NULL; ALTER TABLE orders ATTACH PARTITION orders_1 FOR VALUES FROM (0) TO (10)', extra_params => [ '-U', 'stranger' ]), 0,
	'and attach partitions');
is($node->safe_psql('shop', "SELECT realtime.realtime_identity_has_column('orders_1', 'tenant_id')"), 't', 'which tell their tenant');

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('shop') ], 'it is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy'), $dump ], 'and restored');
is($node->safe_psql('copy', 'SELECT string_agg(rule_id, $$,$$) FROM realtime.alert_rules'), 'high', 'with its rules');
is($node->safe_psql('copy', 'SELECT count(*) FROM alert_rules'), '0', 'beside the table of the application');

$node->stop;
done_testing();
