# A consumer that is killed and starts again from what it confirmed loses no change, gets none again that it had confirmed,
# and can tell by the cursor which ones are repeated.
use strict;
use warnings;
use ChangeStream;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('resume');
$node->init(allows_streaming => 'logical');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_realtime;
CREATE TABLE items (id int PRIMARY KEY, tenant_id text, body text);
SELECT realtime_add_table('items', 'tenant_id');
SQL

my $stream = ChangeStream->new(node => $node, database => 'postgres', slot => 'resumed');
$stream->create_slot;

my $next = 1;
sub insert_some
{
	my ($transactions, $rows) = @_;
	for (1 .. $transactions)
	{
		$node->safe_psql('postgres', "INSERT INTO items SELECT n, 'a', md5(n::text) FROM generate_series($next, $next + $rows - 1) n");
		$next += $rows;
	}
	return;
}

my $repeated_confirmed = 0;
my $repeated = 0;
for my $round (1 .. 6)
{
	my $before = () = $stream->lines;
	$node->poll_query_until('postgres', 'SELECT NOT active FROM pg_replication_slots') or die 'the slot stays active';
	my $confirmed = $node->safe_psql('postgres', 'SELECT confirmed_flush_lsn FROM pg_replication_slots');
	insert_some(4, 50);
	$stream->start;
	# Killed after it wrote something new, at a moment that differs from round to round.
	for (1 .. 1800)
	{
		last if $stream->lines > $before + 20 * $round;
		select undef, undef, undef, 0.1;
	}
	insert_some($round, 30);
	$stream->signal($round % 2 ? 'KILL' : 'TERM');

	my @lines = $stream->lines;
	my ($last) = map { ChangeStream::parse($_)->{cursor} } $before > 0 ? $lines[ $before - 1 ] : ();
	for my $change (map { ChangeStream::parse($_) } @lines[ $before .. $#lines ])
	{
		$repeated++ if defined $last && $change->{cursor} le $last;
		$repeated_confirmed++ if lsn_number($change->{lsn}) < lsn_number($confirmed);
	}
}
$stream->catch_up;

sub lsn_number
{
	my ($high, $low) = split m{/}, shift;
	return (hex($high) << 32) + hex $low;
}

my @lines = $stream->lines;
my ($dropped, @changes) = ChangeStream::deduplicate(@lines);
is_deeply([ map { $_->{record} =~ /"id":(\d+)/ } @changes ], [ 1 .. $next - 1 ], 'every change once and in order after deduplication');
is($repeated_confirmed, 0, 'no change below the confirmed address is repeated');
note "$dropped of ", scalar @lines, ' lines were repeats';
my @increasing = grep { $changes[$_]{cursor} gt $changes[ $_ - 1 ]{cursor} } 1 .. $#changes;
is(scalar @increasing, $#changes, 'the cursor grows with every change');

# A transaction that was cut in the middle comes again as a whole, with the same cursors.
my %seen;
my $unstable = 0;
for my $change (map { ChangeStream::parse($_) } @lines)
{
	my $known = $seen{ $change->{cursor} } //= $change->{record};
	$unstable++ if $known ne $change->{record};
}
is($unstable, 0, 'a repeated change has the cursor it had before');

# A consumer that keeps its position itself starts from there, ahead of what the slot knows.
insert_some(3, 1);
my $own = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
insert_some(2, 1);
unlink $stream->{file};
my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'end', '')");
command_ok([ $stream->command('--startpos', $own, '--endpos', $end) ], 'starts from the position of the consumer');
is_deeply([ map { ChangeStream::parse($_)->{record} =~ /"id":(\d+)/ } $stream->lines ], [ $next - 2, $next - 1 ],
	'only what was committed after the position arrives');

$node->stop;
done_testing();
