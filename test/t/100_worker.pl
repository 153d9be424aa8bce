# The worker: it starts and ends with the extension, judges what is committed and only that, sleeps when there is nothing
# to do, and comes back after whatever happened to it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('worker');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
restart_after_crash = on
max_prepared_transactions = 5
pg_realtime.check_interval = 30s
pg_realtime.discovery_interval = 2s
pg_realtime.flush_interval = 100ms
pg_realtime.max_databases = 3
pg_realtime.max_subscription_types = 5000
CONF
$node->start;

my $tenant = '123e4567-e89b-12d3-a456-426614174000';
my $next   = 0;

sub workers
{
	my ($database) = @_;
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_realtime worker' AND datname = '$database'");
}

sub wait_for_workers
{
	my ($database, $count, $promise) = @_;
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = $count FROM pg_stat_activity WHERE backend_type = 'pg_realtime worker' AND datname = '$database'"),
		$promise);
	return;
}

# A report that breaches, in a subscription of its own.
sub breach
{
	$next += 1;
	return "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 's$next', 'load', 50)";
}

sub wait_for_alert
{
	my ($promise) = @_;
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE subscription_type = 's$next'"), $promise);
	return;
}

sub status
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime_worker_status WHERE database = 'postgres'");
}

is(workers('postgres'), 0, 'a database without the extension has no worker');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
wait_for_workers('postgres', 1, 'CREATE EXTENSION starts a worker');
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES ('$tenant', 'high', 'load', 'last', 10, 0)");
$node->safe_psql('postgres', breach());
wait_for_alert('a report that is committed is judged');

$node->safe_psql('postgres', 'BEGIN; ' . breach() . '; ROLLBACK;');
$node->safe_psql('postgres', 'BEGIN; ' . breach() . "; PREPARE TRANSACTION 'later';");
sleep 0.5;
is($node->safe_psql('postgres', "SELECT count(*) FROM alert_instances WHERE subscription_type IN ('s2', 's3')"), 0,
	'what is rolled back or only prepared is not');
$node->safe_psql('postgres', "COMMIT PREPARED 'later'");
wait_for_alert('a prepared transaction is judged when it is committed');

# Sleeping: between two regular checks nothing wakes it.
$node->safe_psql('postgres', 'DELETE FROM alert_rules');
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM alert_instances WHERE status <> 'resolved'");
sleep 1.5;
my ($wakes, $checks) = map { status($_) } qw(wake_ups checks);
sleep 5;
is(status('wake_ups') - $wakes, status('checks') - $checks, 'a database in which nothing happens wakes it only for its regular checks');
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES ('$tenant', 'high', 'load', 'last', 10, 0)");

# More subscriptions at once than a session remembers by name.
$node->safe_psql('postgres',
	"INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) SELECT '$tenant', 'many' || g, 'load', 50 FROM generate_series(1, 2000) g");
ok($node->poll_query_until('postgres', "SELECT count(*) = 2000 FROM alert_instances WHERE subscription_type LIKE 'many%'"),
	'more subscriptions than are remembered by name are all judged');

# A tenant cannot fill the memory of the worker.
$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_realtime.max_subscription_types = 100');
$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_realtime.max_connections = 2');
$node->reload;
my $crowd = '00000000-0000-4000-8000-000000000009';
$node->safe_psql('postgres',
	"INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) SELECT '$crowd', 's' || g, 'load', 50 FROM generate_series(1, 150) g");
$node->safe_psql('postgres',
	"INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id) SELECT '$crowd', 's1', 'c' || g FROM generate_series(1, 5) g");
ok($node->poll_query_until('postgres', "SELECT ignored >= 53 FROM realtime_worker_status WHERE database = 'postgres'"), 'what is beyond the limits is counted');
is($node->safe_psql('postgres', "SELECT count(*) FROM realtime_metric_samples WHERE tenant_id = '$crowd'"), 150, 'and stored');
my @warnings = slurp_file($node->logfile) =~ /does not judge all reports because a limit is reached/g;
is(scalar(@warnings), 1, 'and said once');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_realtime.max_subscription_types');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_realtime.max_connections');
$node->reload;
ok($node->poll_query_until('postgres', "SELECT count(*) = 150 FROM realtime_ingest_positions WHERE tenant_id = '$crowd'"), 'with a higher limit it is judged after all');

# Switched off and on again.
$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_realtime.enabled = off');
$node->reload;
sleep 0.5;
$node->safe_psql('postgres', breach());
sleep 0.5;
is($node->safe_psql('postgres', "SELECT count(*) FROM alert_instances WHERE subscription_type = 's$next'"), 0, 'switched off, it judges nothing');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_realtime.enabled');
$node->reload;
wait_for_alert('switched on again, it judges what came in meanwhile');

# It comes back.
my $pid = status('pid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'"), 'terminated, it comes back');
$node->safe_psql('postgres', breach());
wait_for_alert('and judges');
$pid = status('pid');
kill 9, $pid;
ok($node->poll_query_until('postgres', 'SELECT true'), 'killed outright, the server recovers');
ok($node->poll_query_until('postgres', "SELECT pid <> $pid FROM realtime_worker_status WHERE database = 'postgres'"), 'and the worker is back');
$node->safe_psql('postgres', breach());
wait_for_alert('and judges');

# A rule that cannot be evaluated is shown and stops nobody else. The trigger that would refuse it is out of the way.
$node->safe_psql('postgres', "SET session_replication_role = replica; INSERT INTO alert_rules (tenant_id, rule_id, metric, operator, threshold_value, threshold_upper)"
	  . " VALUES ('$tenant', 'broken', 'load', 'between', 10, 5)");
$node->safe_psql('postgres', "UPDATE alert_rules SET name = 'x' WHERE rule_id = 'high'");
ok($node->poll_query_until('postgres', "SELECT last_error IS NOT NULL FROM alert_rules WHERE rule_id = 'broken'"), 'a rule that cannot be evaluated is marked');
$node->safe_psql('postgres', breach());
wait_for_alert('and the others go on');

# Other databases.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other',    'CREATE EXTENSION pg_realtime');
wait_for_workers('other', 1, 'every database that has the extension has a worker of its own');
$node->safe_psql('postgres', 'ALTER DATABASE other RENAME TO renamed');
wait_for_workers('renamed', 1, 'a database with a worker can be renamed');
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE renamed');
wait_for_workers('copied', 1, 'a database that was copied from a template gets a worker, too');
$node->safe_psql('postgres', 'DROP DATABASE renamed');
$node->safe_psql('postgres', 'DROP DATABASE copied');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname IN ('renamed', 'copied')"), 0, 'a database with a worker can be dropped');

# A worker that lets reports wait for each other is as quick to leave: the second report falls into the pause.
$node->safe_psql('postgres', "ALTER SYSTEM SET pg_realtime.pass_interval = '10s'");
$node->reload;
$node->safe_psql('postgres', 'CREATE DATABASE resting');
$node->safe_psql('resting',  'CREATE EXTENSION pg_realtime');
wait_for_workers('resting', 1, 'a database whose worker rests between two passes');
$node->safe_psql('resting', breach());
ok($node->poll_query_until('resting', 'SELECT count(*) = 1 FROM realtime_ingest_positions'), 'has made a pass');
$node->safe_psql('resting', breach());
is($node->psql('postgres', 'SET statement_timeout = 8000; DROP DATABASE resting'), 0, 'it can be dropped while it rests');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_realtime.pass_interval');
$node->reload;

# Three databases at most: what is dropped must not keep its place.
for my $round (1 .. 4)
{
	$node->safe_psql('postgres', "CREATE DATABASE round$round");
	$node->safe_psql("round$round", 'CREATE EXTENSION pg_realtime');
	wait_for_workers("round$round", 1, "database $round of those that come and go has a worker");
	$node->safe_psql('postgres', "DROP DATABASE round$round");
}
$node->safe_psql('postgres', "CREATE DATABASE full$_") for 1 .. 3;
$node->safe_psql("full$_", 'CREATE EXTENSION pg_realtime') for 1 .. 3;
$node->wait_for_log(qr/database \d+ has no worker of pg_realtime because pg_realtime.max_databases \(3\) databases have one/);
$node->safe_psql('postgres', 'DROP DATABASE full1');
wait_for_workers("full$_", 1, 'a place that gets free is taken by who waits for one') for 2 .. 3;
my @refusals = slurp_file($node->logfile) =~ /has no worker of pg_realtime because/g;
is(scalar(@refusals), 1, 'that there is no place is said once');
$node->safe_psql('postgres', "DROP DATABASE full$_") for 2 .. 3;

# A standby has none until it is promoted.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_realtime%'"), 0, 'a standby has no worker');
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_realtime worker'"), 'a promoted one has');
$standby->safe_psql('postgres', breach());
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE subscription_type = 's$next'"), 'and it judges');
$standby->stop;

$node->safe_psql('postgres', 'DROP EXTENSION pg_realtime');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
$next = 1000;
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value) VALUES ('$tenant', 'high', 'load', 'last', 10)");
$node->safe_psql('postgres', breach());
wait_for_alert('the extension can be dropped and created again');
$node->safe_psql('postgres', 'DROP EXTENSION pg_realtime');
$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_realtime.check_interval = 1');
$node->reload;
wait_for_workers('postgres', 0, 'without the extension the worker leaves');
unlike(slurp_file($node->logfile), qr/terminated by signal (?!9)|PANIC|TRAP/, 'nothing crashed');
$node->stop;
done_testing();
