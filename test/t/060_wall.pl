# The wall between C++ and PostgreSQL: a throw becomes an ERROR with everything it said, an ERROR inside a callback leaks
# nothing, and the slot stays usable.
use strict;
use warnings;
# An ERROR during logical decoding leaves PostgreSQL's WAL file open until the session ends, with any output plugin, so a
# thousand of them in one session need that many files.
# Before the test modules are loaded: those take over standard output.
BEGIN
{
	if (!$ENV{PG_REALTIME_FILES_RAISED})
	{
		$ENV{PG_REALTIME_FILES_RAISED} = 1;
		exec 'sh', '-c', 'ulimit -n 4096 2>/dev/null; exec "$@"', 'sh', $^X, $0;
	}
}

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = `sh -c 'ulimit -n'` >= 2500 ? 250 : 50;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $build = PostgreSQL::Test::Utils::tempdir();
copy("$project/test/modules/wall/$_", "$build/$_") or die "$_: $!" for 'Makefile', 'wall.cpp', 'wall.sql';
{
	delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	system_or_bail('make', '-s', '-C', $build, "PROJECT=$project", 'PG_CONFIG=' . ($ENV{PG_CONFIG} // 'pg_config'));
}

my $node = PostgreSQL::Test::Cluster->new('wall');
$node->init(allows_streaming => 'logical');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
$node->safe_psql('postgres', slurp_file("$build/wall.sql"), extra_params => [ '-v', "library=$build/pg_realtime_wall" ]);

# What an ERROR says, with its SQLSTATE.
sub failure
{
	my ($sql, %more) = @_;
	my ($stdout, $stderr) = ('', '');
	$node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 1, extra_params => [ '-v', 'VERBOSITY=verbose' ], %more);
	return $stderr;
}

sub thrown_gives
{
	my ($kind, @patterns) = @_;
	my $error = failure("SELECT wall_throw('$kind')");
	like($error, $_, "a thrown $kind") for @patterns;
	return $error;
}

thrown_gives('wire::Error', qr/ERROR:  22P02: what happened$/m, qr/DETAIL:  Why it happened\.$/m, qr/HINT:  What to do\.$/m);
unlike(thrown_gives('without detail', qr/ERROR:  XX001: only this$/m), qr/DETAIL|HINT/, 'no detail and no hint where there is none');
thrown_gives('long', qr/ERROR:  22000: x(?:ä)+$/m, qr/DETAIL:  (?:ä)+$/m, qr/HINT:  (?:ä)+$/m);
thrown_gives('bad_alloc', qr/ERROR:  53200: out of memory$/m);
thrown_gives('length_error', qr/ERROR:  XX000: \w/);
thrown_gives('limit', qr/ERROR:  54000: out of room in an output buffer$/m);
thrown_gives('runtime_error', qr/ERROR:  XX000: 100 %s of a percent sign$/m);
thrown_gives('int', qr/ERROR:  XX000: unknown C\+\+ exception$/m);
is($node->safe_psql('postgres', "SELECT wall_throw('nothing')"), 'nothing was thrown', 'without a throw the function returns');

# Failures inside the change callback.
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('walled', 'pg_realtime')");
my $peek = "SELECT data FROM pg_logical_slot_peek_changes('walled', NULL, NULL)";
my $in_change = qr/CONTEXT:  slot "walled", output plugin "pg_realtime", in the change callback, associated LSN/;

# Makes a change whose decoding fails, looks at the failure, and gets past it.
sub fails_and_goes_on
{
	my ($what, $change, $settings, @patterns) = @_;
	$node->safe_psql('postgres', "INSERT INTO plain (note) VALUES ('before $what')");
	$node->safe_psql('postgres', $change);
	my $after = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	$node->safe_psql('postgres', "INSERT INTO plain (note) VALUES ('after $what')");

	for my $time ('once', 'again')
	{
		my $error = failure("$settings; $peek");
		like($error, $_, "$what, $time") for @patterns, $in_change;
	}
	my $same_session = "$settings; DO \$\$ BEGIN PERFORM $peek; EXCEPTION WHEN OTHERS OR query_canceled THEN NULL; END \$\$;"
	  . "RESET statement_timeout; SET pg_realtime_wall.off = on; SELECT count(*) > 0 FROM pg_logical_slot_peek_changes('walled', NULL, NULL)";
	$same_session =~ s/PERFORM SELECT/PERFORM/;
	if ($what !~ /damaged/)
	{
		is((split /\n/, $node->safe_psql('postgres', $same_session))[-1], 't', "$what: the same session reads on once its cause is gone");
	}
	is($node->safe_psql('postgres', "SELECT end_lsn >= '$after' FROM pg_replication_slot_advance('walled', '$after')"), 't', "$what: the slot can be moved past it");
	like($node->safe_psql('postgres', "SELECT data FROM pg_logical_slot_get_changes('walled', NULL, NULL)"), qr/"note":"after $what"/, "$what: later changes arrive");
	return;
}

fails_and_goes_on('failing output function', "INSERT INTO walls (value) VALUES ('error')", 'SELECT 1',
	qr/ERROR:  22000: output function fails$/m, qr/DETAIL:  On purpose\.$/m, qr/HINT:  Do not look at it\.$/m);
fails_and_goes_on('statement timeout', "INSERT INTO walls (value) VALUES ('endless')", "SET statement_timeout = '200ms'",
	qr/ERROR:  57014: canceling statement due to statement timeout$/m);
fails_and_goes_on('exhausted memory', "INSERT INTO walls (value) VALUES ('memory')", 'SELECT 1', qr/ERROR:  (53200: out of memory|XX000: invalid memory alloc)/);
fails_and_goes_on('damaged jsonb', q[INSERT INTO documents (document) SELECT wall_damage('{"a": "some text"}')], 'SELECT 1',
	qr/ERROR:  XX001: stored jsonb value is not valid$/m, qr/DETAIL:  A string lies outside of its container\.$/m, qr/HINT:  Read the row with SELECT/m);

# A cancelled query.
{
	$node->safe_psql('postgres', "INSERT INTO walls (value) VALUES ('endless')");
	my ($stdout, $stderr) = ('', '');
	my $reader = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-c', "SET application_name = 'peeking'", '-c', $peek ],
		'>', \$stdout, '2>', \$stderr, IPC::Run::timeout(180));
	$node->poll_query_until('postgres', "SELECT bool_or(pg_cancel_backend(a.pid)) FROM pg_stat_activity a JOIN pg_replication_slots s ON s.active_pid = a.pid "
		  . "WHERE a.application_name = 'peeking' AND s.slot_name = 'walled'") or die 'nothing to cancel';
	$reader->finish;
	like($stderr, qr/ERROR:  57014: canceling statement due to user request/, 'a cancelled query');
	is($node->safe_psql('postgres', "SELECT active FROM pg_replication_slots WHERE slot_name = 'walled'"), 'f', 'leaves the slot free');
}

# The same through a walsender: it ends with the error, and the next one goes on.
my $now = $node->safe_psql('postgres', "SELECT end_lsn FROM pg_replication_slot_advance('walled', pg_current_wal_lsn())");
$node->safe_psql('postgres', q[INSERT INTO documents (document) SELECT wall_damage('{"a": "some text"}')]);
my @recvlogical = ('pg_recvlogical', '-d', $node->connstr('postgres'), '--slot', 'walled', '--start', '--no-loop', '-f', '-');
$node->command_fails_like([@recvlogical], qr/stored jsonb value is not valid.*in the change callback/s, 'a walsender reports it');
$node->safe_psql('postgres', "SELECT pg_replication_slot_advance('walled', pg_current_wal_lsn())");

# A session in which decoding fails a thousand times keeps its size.
for my $case ([ 'an ERROR', "INSERT INTO walls (value) VALUES ('error')" ],
	[ 'a throw', q[INSERT INTO documents (document) SELECT wall_damage('{"a": "some text"}')] ],
	[ 'exhausted memory', "INSERT INTO walls (value) VALUES ('memory')" ])
{
	my ($what, $change) = @$case;
	$node->safe_psql('postgres', "SELECT pg_replication_slot_advance('walled', pg_current_wal_lsn())");
	$node->safe_psql('postgres', "INSERT INTO plain (note) VALUES ('x')");
	$node->safe_psql('postgres', $change);
	my ($failed, $contexts, $resident) = split /\|/, (split /\n/, $node->safe_psql('postgres', <<"SQL"))[-1];
CREATE FUNCTION pg_temp.fail(times int) RETURNS int LANGUAGE plpgsql AS \$\$
DECLARE
  failed int := 0;
BEGIN
  FOR n IN 1 .. times LOOP
    BEGIN
      PERFORM data FROM pg_logical_slot_peek_changes('walled', NULL, NULL);
    EXCEPTION WHEN OTHERS THEN
      failed := failed + 1;
    END;
  END LOOP;
  RETURN failed;
END
\$\$;
CREATE FUNCTION pg_temp.resident() RETURNS bigint LANGUAGE sql AS \$\$
  SELECT COALESCE(substring(pg_read_file(format('/proc/%s/status', pg_backend_pid())) FROM 'RssAnon:[^0-9]+([0-9]+)')::bigint, 0)
\$\$;
-- In blocks, so that what a subtransaction may keep until the transaction ends does not count.
SELECT pg_temp.fail(100);
SELECT sum(total_bytes) AS contexts, pg_temp.resident() AS resident FROM pg_backend_memory_contexts \\gset
SELECT pg_temp.fail($rounds);
SELECT pg_temp.fail($rounds);
SELECT pg_temp.fail($rounds);
SELECT pg_temp.fail($rounds) AS failed \\gset
SELECT :failed, sum(total_bytes) - :contexts, pg_temp.resident() - :resident FROM pg_backend_memory_contexts;
SQL
	is($failed, $rounds, "every peek fails with $what");
	cmp_ok($contexts, '<', 256 * 1024, "memory contexts do not grow after many times $what");
	cmp_ok($resident, '<', 2048, "resident memory (kB) does not grow after many times $what");
	note "$what: memory contexts grew by $contexts bytes, resident memory by $resident kB";
}

$node->stop;
done_testing();
