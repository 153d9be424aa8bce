# Whatever is killed while alerts come and go, each breach opens one alert, each end closes it, and each is told once: what a
# model of the documentation says. Subscriptions report for the first time all along. The same when the wall clock jumps an
# hour back and forth.
#
# PG_REALTIME_SEED   the first seed (20261124); each run takes the next
# PG_REALTIME_RUNS   how many runs of each kind (1)
# PG_REALTIME_KILLS  how often something is killed in each (6)

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use POSIX ();
use Time::HiRes qw(sleep time);

use SetClock;

my $first_seed        = $ENV{PG_REALTIME_SEED}  // 20261124;
my $runs              = $ENV{PG_REALTIME_RUNS}  // 1;
my $kills             = $ENV{PG_REALTIME_KILLS} // 6;
my $clients           = 4;
my $tenants_of_client = 5;
my ($node, $jumps);

sub tenant { return sprintf '00000000-0000-4000-8000-%012d', shift; }

# The server sees the clock that jumps, when there is one.
sub start_with_clock { my ($action) = @_; return $jumps ? with_clock($action) : $action->(); }

sub start_again
{
	for (1 .. 600)
	{
		last if start_with_clock(sub { system_log('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') }) == 0;
		sleep 0.1;
	}
	$node->_update_pid(1);
	return;
}

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

sub sample
{
	my ($tenant, $subscription, $value) = @_;
	return "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', '$subscription', 'load', $value);\n";
}

# The alerts of these tenants, and how many of them are open.
sub wait_for_alerts
{
	my ($numbers, $alerts, $open) = @_;
	my $list    = join ', ', map { "'" . tenant($_) . "'" } @$numbers;
	my $give_up = time + 60;
	my $seen    = '';
	while (time < $give_up)
	{
		$seen = insist("SELECT count(*), count(*) FILTER (WHERE status <> 'resolved') FROM alert_instances WHERE tenant_id IN ($list)");
		return if $seen eq "$alerts|$open";
		sleep 0.1;
	}
	my $missing = insist("SELECT string_agg(right(tenant_id::text, 3) || ' ' || subscription_type || ' ' || status, ', ' ORDER BY tenant_id, triggered_at) FROM alert_instances WHERE tenant_id IN ($list)");
	die "$seen alerts|open instead of $alerts|$open: $missing\n";
}

# Until one worker has done two passes more: the second one began after this was called. A forward jump of the clock while no
# worker runs looks like an outage, which is no promise of this test.
sub wait_for_pass
{
	my ($pid, $passes) = ('', 0);
	my $give_up = time + 120;
	while (time < $give_up)
	{
		my ($now, $done) = split /\|/, insist("SELECT pid, passes FROM realtime_worker_status WHERE database = 'postgres' AND pid IS NOT NULL");
		if (defined $done)
		{
			return if $now eq $pid && $done >= $passes + 2;
			($pid, $passes) = ($now, $done) if $now ne $pid;
		}
		sleep 0.05;
	}
	die "the worker does no passes\n";
}

# A process for some tenants: breach, wait for the alerts, calm, wait for their ends; until it is told to stop. It returns
# how often. Each transaction is of one tenant. Every other breach is the first report of its subscription.
sub client
{
	my ($stop, @numbers) = @_;
	my $rounds = 0;
	until (-e $stop)
	{
		$rounds += 1;
		my $subscription = $rounds % 2 ? "new$rounds" : 'orders';
		my @shuffled     = sort { rand() <=> 0.5 } @numbers;
		insist(join '', map { sample(tenant($_), $subscription, 50) } @shuffled);
		wait_for_alerts(\@numbers, $rounds * @numbers, scalar @numbers);
		sleep rand 0.3;
		insist(join '', map { sample(tenant($_), $subscription, 1) } @shuffled);
		wait_for_alerts(\@numbers, $rounds * @numbers, 0);
	}
	return $rounds;
}

sub run
{
	my ($seed, $kind) = @_;
	$jumps = $kind;
	my $name = "seed $seed" . ($jumps ? ', the clock jumps' : '');
	srand $seed;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $stop   = "$folder/stop";
	set_clock(0) if $jumps;
	$node = PostgreSQL::Test::Cluster->new("alert_crash_$seed" . ($jumps ? '_clock' : ''));
	$node->init;
	$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
restart_after_crash = on
pg_realtime.flush_interval = 200ms
pg_realtime.check_interval = 1s
fsync = on
log_min_messages = fatal
CONF
	start_with_clock(sub { $node->start });
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
	$node->safe_psql('postgres',
		"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, window_seconds, flap_detection)
		 VALUES (NULL, 'high', 'load', 'last', 10, 0, 600, false)");
	$node->safe_psql('postgres', join ';', map { "INSERT INTO notification_preferences (tenant_id, user_id, channel) VALUES ('" . tenant($_) . "', gen_random_uuid(), 'in_app')" } 1 .. $clients * $tenants_of_client);

	my @processes;
	for my $number (1 .. $clients)
	{
		my $pid = fork // die "cannot fork: $!";
		if (!$pid)
		{
			srand $seed * 100 + $number;
			my $rounds = eval { client($stop, map { ($number - 1) * $tenants_of_client + $_ } 1 .. $tenants_of_client) } // -1;
			append_to_file("$folder/$number.error", $@) if $@;
			append_to_file("$folder/$number", $rounds);
			POSIX::_exit(0);
		}
		push @processes, $pid;
	}

	my %killed = (worker => 0, backend => 0, server => 0);
	my $jumped = 0;
	for my $kill (1 .. $kills)
	{
		sleep 0.3 + rand 0.7;
		if ($jumps)
		{
			wait_for_pass();
			set_clock($jumped++ % 2 ? 0 : rand() < 0.5 ? -3600 : 3600);
			wait_for_pass();
		}
		if ($kill % 3 == 0)
		{
			$node->kill9;
			sleep 0.1 + rand 0.2;
			start_again();
			$killed{server} += 1;
		}
		elsif ($kill % 3 == 1)
		{
			my $pid = insist("SELECT pid FROM realtime_worker_status WHERE database = 'postgres'");
			$killed{worker} += kill(9, $pid) if $pid =~ /^\d+$/;
		}
		else
		{
			my $pid = insist("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' ORDER BY random() LIMIT 1");
			$killed{backend} += 1;
			kill 9, $pid if $pid =~ /^\d+$/;
		}
	}
	sleep 1;
	append_to_file($stop, 'stop');
	waitpid $_, 0 for @processes;

	note("$name: killed " . join ', ', map { "$killed{$_} times the $_" } sort keys %killed);
	my $rounds = 0;
	for my $number (1 .. $clients)
	{
		my $expected = slurp_file("$folder/$number");
		diag(slurp_file("$folder/$number.error")) if -e "$folder/$number.error";
		cmp_ok($expected, '>', 0, "$name, client $number: every breach was seen, and its end, $expected times");
		$rounds += $expected;
		my $list = join ', ', map { "'" . tenant(($number - 1) * $tenants_of_client + $_) . "'" } 1 .. $tenants_of_client;
		is( insist("SELECT string_agg(format('%s %s', alerts, ended), ', ') FROM (SELECT count(*) AS alerts, count(*) FILTER (WHERE status = 'resolved' AND resolution = 'recovered') AS ended FROM alert_instances WHERE tenant_id IN ($list) GROUP BY tenant_id) t"),
			join(', ', ("$expected $expected") x $tenants_of_client), "$name: one alert for each breach of each tenant, and each has ended");
		is( insist("SELECT string_agg(format('%s %s %s', fired, ended, different), ', ') FROM (SELECT count(*) FILTER (WHERE kind = 'firing') AS fired, count(*) FILTER (WHERE kind = 'resolved') AS ended, count(DISTINCT (alert_id, kind)) AS different FROM notification_outbox WHERE tenant_id IN ($list) GROUP BY tenant_id) t"),
			join(', ', ("$expected $expected " . 2 * $expected) x $tenants_of_client), "$name: each was told once, and its end once");
	}
	is(insist("SELECT count(*) FROM alert_states WHERE state <> 'inactive' OR alert_id IS NOT NULL OR resolve_owed_alert_id IS NOT NULL"), 0, "$name: no state remembers an alert");
	# Counted by the pass, from samples that were read exactly once.
	ok( $node->poll_query_until('postgres',
			'SELECT (SELECT count(*) FROM realtime_metric_samples) = (SELECT sum(count) FROM realtime_sample_rollups WHERE resolution = 3600)'),
		"$name: every sample is counted exactly once");
	note("$name: $rounds rounds");
	$node->stop('immediate');
	return;
}

for my $seed ($first_seed .. $first_seed + $runs - 1)
{
	run($seed, 0);
	run($seed, 1);
}
done_testing();
