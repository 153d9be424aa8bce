# The wall clock is set back and forward an hour, and far ahead: regular checks, reports, heartbeats, alerts, cooldowns, workers
# and retention go on as if it had not been.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use SetClock;

my $tenant = '123e4567-e89b-12d3-a456-426614174000';
set_clock(0);
my $node = PostgreSQL::Test::Cluster->new('clock');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
restart_after_crash = on
pg_realtime.check_interval = 1s
pg_realtime.flush_interval = 100ms
pg_realtime.maintenance_interval = 60s
CONF
with_clock(sub { $node->start });
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');

sub status { my ($column) = @_; return $node->safe_psql('postgres', "SELECT $column FROM realtime_worker_status WHERE database = 'postgres'"); }

sub wait_for_checks
{
	my ($promise) = @_;
	my $checks = status('checks');
	ok($node->poll_query_until('postgres', "SELECT checks >= $checks + 2 FROM realtime_worker_status WHERE database = 'postgres'"), $promise);
	return;
}

sub report
{
	my ($received, $errors) = @_;
	$node->safe_psql('postgres',
		"INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, error_count) VALUES ('$tenant', 'orders', 'c', $received, $errors)");
	return;
}

sub alerts
{
	my ($rule) = @_;
	return $node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE status <> 'resolved') FROM alert_instances WHERE rule_id = '$rule'");
}

sub wait_for_alerts
{
	my ($rule, $expected, $promise) = @_;
	$node->poll_query_until('postgres', "SELECT concat_ws('|', count(*), count(*) FILTER (WHERE status <> 'resolved')) = '$expected' FROM alert_instances WHERE rule_id = '$rule'");
	is(alerts($rule), $expected, $promise);
	return;
}

sub stale { return $node->safe_psql('postgres', "SELECT active_connections, stale_connections FROM realtime_health_status WHERE subscription_type = 'orders'"); }

$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, threshold_value, cooldown_minutes, for_seconds) VALUES
	 ('$tenant', 'errors', 'error_rate', 0.2, 0, 0), ('$tenant', 'lasting', 'error_rate', 0.2, 0, 4)");
report(100, 0);
wait_for_checks('checks go on');
is($node->safe_psql('postgres', "SELECT try_start_alert_cooldown('$tenant', 'own', 1)"), 't', 'a slot is taken');

set_clock(-3600);
wait_for_checks('set back an hour: regular checks go on');
report(200, 60);
wait_for_alerts('errors', '1|1', 'a report of a known connection is judged');
wait_for_alerts('lasting', '1|1', 'and a breach lasts as long as it lasts');
wait_for_checks('and on');
is(stale(), '1|0', 'the connection is there');
is($node->safe_psql('postgres', "SELECT errors FROM realtime_metric_rollups WHERE resolution = 3600 ORDER BY clock_offset DESC LIMIT 1"), 60, 'its errors are counted at the time that the clock shows');
is($node->safe_psql('postgres', "SELECT check_alert_cooldown('$tenant', 'own', 0)"), 't', 'a cooldown of no minutes is over');
is($node->safe_psql('postgres', "SELECT try_start_alert_cooldown('$tenant', 'own', 1)"), 'f', 'one from the future counts as now');
is($node->safe_psql('postgres', "SELECT bool_and(started_at <= now()) FROM alert_cooldowns"), 't', 'and does not last until the clock is there again');

my $pid = status('pid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'"), 'a worker that ended comes back');
set_clock(-7200);
$pid = status('pid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'"), 'also when the clock is set back while it is away');
wait_for_checks('and it checks');
report(300, 160);
wait_for_checks('a report after the restart');
is($node->safe_psql('postgres', 'SELECT sum(errors) FROM realtime_metric_rollups WHERE resolution = 3600'), 160, 'is counted');
is(alerts('errors'), '1|1', 'the alert still fires');

set_clock(3600);
wait_for_checks('set forward: checks go on');
is(stale(), '1|0', 'the connection is there');
report(100000, 160);
wait_for_alerts('errors',  '1|0', 'a recovery ends the alert');
wait_for_alerts('lasting', '1|0', 'each');

# Far ahead: the day's reports would be older than they are kept. Maintenance is due after a minute.
my $reports = $node->safe_psql('postgres', 'SELECT count(*) FROM realtime_connection_metrics');
set_clock(86400 * 40);
$pid = status('pid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'"), 'set 40 days ahead, a new worker starts');
ok($node->poll_query_until('postgres', "SELECT to_regclass(to_char(now() AT TIME ZONE 'UTC', '\"realtime_connection_metrics_\"YYYYMMDD')) IS NOT NULL"), 'and maintains partitions');
wait_for_checks('and checks');
is($node->safe_psql('postgres', 'SELECT count(*) FROM realtime_connection_metrics'), $reports, 'it purges no report that is not old');
is($node->safe_psql('postgres', 'SELECT sum(errors) FROM realtime_metric_rollups WHERE resolution = 3600'), 160, 'nor what followed from it');
set_clock(0);
wait_for_checks('set right again: checks go on');

# A breach by the right clock, its end while the clock is three days behind.
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, window_seconds) VALUES ('$tenant', 'load', 'load', 'last', 10, 0, 600)");
sub sample { my ($value) = @_; $node->safe_psql('postgres', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', $value)"); return; }
sample(50);
wait_for_alerts('load', '1|1', 'a breach by the right clock');
set_clock(-86400 * 3);
wait_for_checks('set back three days: checks go on');
sample(1);
wait_for_alerts('load', '1|0', 'its end is seen');
set_clock(0);
wait_for_checks('set right again: checks go on');
$node->stop;
with_clock(sub { $node->start });
wait_for_checks('after a restart');
is(alerts('load'), '1|0', 'what was said while the clock was behind still counts');
unlike(slurp_file($node->logfile), qr/pass of pg_realtime failed|PANIC|TRAP/, 'no pass failed');
$node->stop;
done_testing();
