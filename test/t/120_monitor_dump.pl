# A dump keeps what users configured and what alerts remember, and a restored database goes on as if nothing had happened.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('monitor');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.discovery_interval = 1s
CONF
$node->start;

my $tenant = '123e4567-e89b-12d3-a456-426614174000';
my $user   = '00000000-0000-4000-8000-000000000001';

$node->safe_psql('postgres', 'CREATE DATABASE before');
$node->safe_psql('before',   'CREATE EXTENSION pg_realtime');
$node->safe_psql('before', <<"SQL");
INSERT INTO tenant_memberships (tenant_id, user_id, role) VALUES ('$tenant', '$user', 'owner');
INSERT INTO tenant_settings (tenant_id, metrics_retention, time_zone) VALUES ('$tenant', '7 days', 'Europe/Berlin');
INSERT INTO notification_preferences (tenant_id, user_id, channel) VALUES ('$tenant', '$user', 'in_app');
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, conditions, labels)
VALUES ('$tenant', 'high', 'load', 'last', 10, 60, '{"any": [{"metric": "load", "aggregation": "max", "operator": ">", "threshold": 1}]}', '{"team": "a"}'), (NULL, 'global', 'load', 'last', 1000, 15, NULL, '{}');
SELECT silence_alerts('$tenant', 'other', '1 day', 'repairs');
SELECT try_start_alert_cooldown('$tenant', 'own', 600);
SELECT subscribe('{"tenantId": "$tenant", "connectionId": "c", "channel": "orders_live"}');
INSERT INTO realtime_health_status (tenant_id, subscription_type, status, error_rate) VALUES ('$tenant', 'reported', 'degraded', 0.5);
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 50);
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received) VALUES ('$tenant', 'orders', 'c', 150);
SQL
# A metric of the user's whose name is nearly that of a built-in one: its values, which let the rule be made, are not dumped.
$node->safe_psql('before', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'gpu_usage', 5)");
$node->safe_psql('before', "INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value, created_at) VALUES ('$tenant', 'near', 'gpu_usage', 10, now() - interval '1 hour')");
ok($node->poll_query_until('before', "SELECT count(*) = 1 FROM alert_instances WHERE rule_id = 'high' AND status = 'firing'"), 'an alert fires');
ok($node->poll_query_until('before', 'SELECT count(*) = 1 FROM realtime_connections'), 'and the connection is stored');

# Which tables a dump keeps is what the extension says; each has to have a row here.
my @kept = split /\n/,
  $node->safe_psql('before', q{SELECT c.relname FROM pg_extension e, unnest(e.extconfig) o JOIN pg_class c ON c.oid = o WHERE e.extname = 'pg_realtime' ORDER BY 1});
cmp_ok(scalar(@kept), '>=', 12, 'configuration and memory of alerts are kept by dumps');

# What the worker writes all the time is left out of the comparison.
sub content
{
	my ($database, $table) = @_;
	return $node->safe_psql($database,
		"SELECT to_jsonb(t) - 'last_health_check_at' - 'messages_per_second' - 'bytes_per_second' FROM $table t ORDER BY to_jsonb(t)::text");
}

$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_realtime.enabled = off');
$node->reload;
my %before = map { $_ => content('before', $_) } @kept;
isnt($before{$_}, '', "$_ has a row to lose") for @kept;

my $dump = $node->basedir . '/dump';
$node->command_ok(['pg_dump', '--format=custom', '--file', $dump, '--dbname', $node->connstr('before')], 'the database can be dumped');
$node->safe_psql('postgres', 'CREATE DATABASE after');
$node->command_ok(['pg_restore', '--exit-on-error', '--dbname', $node->connstr('after'), $dump], 'and restored');
is(content('after', $_), $before{$_}, "$_ is as it was") for @kept;

# The restored database is judged by a worker of its own, which knows of the alert and of its cooldown.
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_realtime.enabled');
$node->reload;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_realtime worker' AND datname = 'after'"), 'it has a worker');
$node->safe_psql('after', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 5)");
ok($node->poll_query_until('after', "SELECT count(*) = 1 FROM alert_instances WHERE rule_id = 'high' AND status = 'resolved'"), 'the alert that was open ends');
is($node->safe_psql('after', "SELECT string_agg(kind, ',' ORDER BY created_at, kind) FROM notification_outbox"), 'firing,resolved', 'its end is told once, because its beginning was');
$node->safe_psql('after', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 50)");
ok($node->poll_query_until('after', "SELECT count(*) = 1 FROM alert_instances WHERE rule_id = 'high' AND status = 'firing'"), 'it fires again');
is($node->safe_psql('after', "SELECT count(*) FROM notification_outbox WHERE kind = 'firing'"), 1, 'and the cooldown that began before the dump mutes that');

$node->stop;
done_testing();
