# Whatever is killed while alerts come and go, each breach opens one alert, each end closes it, and each is told once.
# PG_REALTIME_KILLS sets how often something is killed.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use POSIX ();
use Time::HiRes qw(sleep time);

my $kills   = $ENV{PG_REALTIME_KILLS} // 10;
my $tenants = 6;

my $node = PostgreSQL::Test::Cluster->new('alert_crash');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
restart_after_crash = on
pg_realtime.flush_interval = 200ms
fsync = on
log_min_messages = fatal
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, window_seconds, flap_detection)
	 VALUES (NULL, 'high', 'load', 'last', 10, 0, 3600, false)");
$node->safe_psql('postgres', join ';', map { "INSERT INTO notification_preferences (tenant_id, user_id, channel) VALUES ('" . tenant($_) . "', gen_random_uuid(), 'in_app')" } 1 .. $tenants);

sub tenant { return sprintf '00000000-0000-4000-8000-%012d', shift; }

# Statements that are repeated until the server has answered; all of them may be repeated.
sub insist
{
	my ($statement) = @_;
	my $give_up = time + 120;
	while (time < $give_up)
	{
		# It dies when psql is told to end by a server that goes down.
		my ($status, $answer) = eval { $node->psql('postgres', $statement) };
		return $answer if defined $status && $status == 0;
		sleep 0.05;
	}
	die "no answer to: $statement\n";
}

sub wait_until
{
	my ($statement) = @_;
	my $give_up = time + 120;
	while (time < $give_up)
	{
		return 1 if insist($statement) eq 't';
		sleep 0.01;
	}
	return 0;
}

# One process a tenant: breach, wait for the alert, calm, wait for its end; until it is told to stop. It prints how often.
sub client
{
	my ($number, $stop) = @_;
	my $tenant = tenant($number);
	my $rounds = 0;
	until (-e $stop)
	{
		$rounds += 1;
		insist("INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 50)");
		wait_until("SELECT count(*) = $rounds FROM alert_instances WHERE tenant_id = '$tenant'") or return -1;
		insist("INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 'orders', 'load', 1)");
		wait_until("SELECT count(*) = 0 FROM alert_instances WHERE tenant_id = '$tenant' AND status <> 'resolved'") or return -1;
	}
	return $rounds;
}

my $folder = PostgreSQL::Test::Utils::tempdir();
my $stop   = "$folder/stop";
my @clients;
for my $number (1 .. $tenants)
{
	my $pid = fork // die "cannot fork: $!";
	if (!$pid)
	{
		my $rounds = eval { client($number, $stop) } // -1;
		append_to_file("$folder/$number.error", $@) if $@;
		append_to_file("$folder/$number", $rounds);
		POSIX::_exit(0);
	}
	push @clients, $pid;
}

srand 20261124;
my ($workers_killed, $servers_killed) = (0, 0);
for my $kill (1 .. $kills)
{
	sleep 0.3 + rand 0.7;
	if ($kill % 3 == 0)
	{
		$node->kill9;
		sleep 0.1 + rand 0.2;
		for (1 .. 600)
		{
			last if system_log('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') == 0;
			sleep 0.1;
		}
		$node->_update_pid(1);
		$servers_killed += 1;
	}
	else
	{
		my $pid = insist("SELECT pid FROM realtime_worker_status WHERE database = 'postgres'");
		$workers_killed += kill 9, $pid if $pid =~ /^\d+$/;
	}
}
sleep 1;
append_to_file($stop, 'stop');
waitpid $_, 0 for @clients;

cmp_ok($workers_killed + $servers_killed, '>=', $kills * 0.5, "killed $workers_killed workers and $servers_killed servers");
my $rounds = 0;
for my $number (1 .. $tenants)
{
	my $tenant   = tenant($number);
	my $expected = slurp_file("$folder/$number");
	diag(slurp_file("$folder/$number.error")) if -e "$folder/$number.error";
	cmp_ok($expected, '>', 0, "tenant $number: every breach was seen, and its end, $expected times");
	$rounds += $expected;
	is( $node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE status = 'resolved' AND resolution = 'recovered') FROM alert_instances WHERE tenant_id = '$tenant'"),
		"$expected|$expected", 'one alert for each breach, and each has ended');
	is( $node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE kind = 'firing'), count(*) FILTER (WHERE kind = 'resolved'), count(DISTINCT (alert_id, kind)) FROM notification_outbox WHERE tenant_id = '$tenant'"),
		"$expected|$expected|" . 2 * $expected, 'each was told once, and its end once');
}
# Counted by the pass, from samples that were read exactly once.
ok( $node->poll_query_until('postgres',
		'SELECT (SELECT count(*) FROM realtime_metric_samples) = (SELECT sum(count) FROM realtime_sample_rollups WHERE resolution = 3600)'),
	'every sample is counted exactly once');
note("$rounds rounds");
$node->stop;
done_testing();
