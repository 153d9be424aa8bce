# Reports and the passes that read them: whenever a report comes, it is judged, in the order of the time at which it was made.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $tenant = '123e4567-e89b-12d3-a456-426614174000';

my $node = PostgreSQL::Test::Cluster->new('reports');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.check_interval = 1s
pg_realtime.flush_interval = 100ms
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, window_seconds, flap_detection)
	 VALUES ('$tenant', 'high', 'load', 'last', 100, 0, 3600, false)");
ok($node->poll_query_until('postgres', "SELECT checks > 0 FROM realtime_worker_status WHERE database = 'postgres'"), 'the worker is at work');

# A session with one transaction that stays open, or with the lock.
sub session { return $node->background_psql('postgres', on_error_stop => 1); }

sub sample
{
	my ($subscription, $value, $at) = @_;
	return "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value, recorded_at) VALUES ('$tenant', '$subscription', 'load', $value, "
	  . ($at // 'clock_timestamp()') . ')';
}

sub status { my ($column) = @_; return $node->safe_psql('postgres', "SELECT $column FROM realtime_worker_status WHERE database = 'postgres'"); }

sub alerts
{
	my ($subscription) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM alert_instances WHERE subscription_type = '$subscription'");
}

# Everything that was committed before is judged when this returns.
sub wait_for_passes
{
	my $checks = status('checks');
	$node->poll_query_until('postgres', "SELECT checks >= $checks + 2 FROM realtime_worker_status WHERE database = 'postgres'") or die 'no pass';
	return;
}

# A pass that waits for the table has its snapshot already: what is committed meanwhile is for the next one.
sub hold_passes
{
	my ($holder) = @_;
	$holder->query_safe('BEGIN; LOCK TABLE realtime_worker_state IN ACCESS EXCLUSIVE MODE;');
	return $node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'realtime_worker_state'::regclass AND NOT granted");
}
sub let_go { my ($holder) = @_; $holder->query_safe('COMMIT;'); return; }

my $holder = session();

# While a pass waits, the next regular check becomes due, and the mark of a new subscription waits for it.
ok(hold_passes($holder), 'a pass waits');
sleep 1.2;
$node->safe_psql('postgres', sample('new', 500));
let_go($holder);
wait_for_passes();
is(alerts('new'), 1, 'the first report of a subscription that waits as a regular check starts is judged');

# Whoever reports first writes in a transaction that was open when the last pass looked.
my $early = session();
$early->query_safe('BEGIN; SELECT pg_current_xact_id();');
$node->safe_psql('postgres', sample('ordered', 4));
wait_for_passes();
hold_passes($holder);
$early->query_safe(sample('ordered', 5) . '; COMMIT;');
$node->safe_psql('postgres', sample('ordered', 900));
let_go($holder);
wait_for_passes();
is($node->safe_psql('postgres', "SELECT last FROM realtime_sample_rollups WHERE subscription_type = 'ordered' AND resolution = 3600"), 900, 'the latest of several reports is the last value');
is(alerts('ordered'), 1, 'and it is judged');

# In one statement, and with times that the writer gives.
$node->safe_psql('postgres',
	"INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value, recorded_at) VALUES
	 ('$tenant', 'given', 'load', 900, date_trunc('hour', now()) + interval '3 milliseconds'), ('$tenant', 'given', 'load', 7, date_trunc('hour', now()) + interval '1 millisecond')");
$node->safe_psql('postgres', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'same', 'load', 7), ('$tenant', 'same', 'load', 900)");
wait_for_passes();
$node->safe_psql('postgres', sample('given', 8, "date_trunc('hour', now()) + interval '2 milliseconds'"));
wait_for_passes();
is(alerts('given'), 1, 'an older value that comes later does not take the place of a newer one');
is($node->safe_psql('postgres', "SELECT count(*) FROM alert_instances WHERE subscription_type = 'given' AND status = 'resolved'"), 0, 'and ends no alert');
is(alerts('same'), 1, 'of values of one time the one that was written last counts');
my $pid = status('pid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'");
$node->safe_psql('postgres', sample('given', 9, "date_trunc('hour', now()) + interval '2 milliseconds'"));
wait_for_passes();
is($node->safe_psql('postgres', "SELECT count(*) FROM alert_instances WHERE subscription_type = 'given' AND status = 'resolved'"), 0, 'nor does it after a restart of the worker');

# Counters of one connection: the order decides whether one went backwards.
my $report = sub {
	my ($errors) = @_;
	return "INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received, error_count, recorded_at, last_heartbeat_at)
	 VALUES ('$tenant', 'counted', 'c', 1000, $errors, clock_timestamp(), clock_timestamp())";
};
$early->query_safe('BEGIN; SELECT pg_current_xact_id();');
$node->safe_psql('postgres', $report->(10));
wait_for_passes();
hold_passes($holder);
$early->query_safe($report->(60) . '; COMMIT;');
$node->safe_psql('postgres', $report->(3)); # the client began anew
$node->safe_psql('postgres', $report->(20));
let_go($holder);
wait_for_passes();
is($node->safe_psql('postgres', "SELECT errors FROM realtime_metric_rollups WHERE subscription_type = 'counted' AND resolution = 3600"), 80, 'counters are read in their order: 60 until the client began anew, 20 since');
is($node->safe_psql('postgres', "SELECT resets FROM realtime_connections WHERE subscription_type = 'counted'"), 1, 'which it did once');

# A breach and a recovery that one pass reads are judged together, and that is counted.
my $together = status('judged_together');
hold_passes($holder);
$node->safe_psql('postgres', sample('brief', 500));
$node->safe_psql('postgres', sample('brief', 1));
let_go($holder);
wait_for_passes();
is(alerts('brief'), 0, 'a breach that is over when the pass reads it opens no alert');
is(status('judged_together') - $together, 1, 'and is counted as judged together with what came after it');
is($node->safe_psql('postgres', "SELECT max FROM realtime_sample_rollups WHERE subscription_type = 'brief' AND resolution = 3600"), 500, 'the rollup shows it');

# Too old to be judged: counted, whether its partition is still looked at or not.
my $ignored = status('ignored');
$node->safe_psql('postgres', sample('late', 500, "now() - interval '13 hours'"));
$node->safe_psql('postgres', sample('late', 500, "now() - interval '5 days'"));
wait_for_passes();
is(alerts('late'), 0, 'reports of more than 12 hours ago are not judged');
is(status('ignored') - $ignored, 2, 'and that is counted');

$holder->quit;
$early->quit;
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM realtime_metric_samples) - 2 - (SELECT sum(count) FROM realtime_sample_rollups WHERE resolution = 3600)'), 0, 'every other sample is counted exactly once');
$node->stop;
done_testing();
