# A slot whose consumer gets nothing moves on all the same, so that no WAL piles up: on a database that is quiet while another
# one writes, and with a tenant filter that passes nothing.
use strict;
use warnings;
use ChangeStream;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('progress');
$node->init(allows_streaming => 'logical');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE quiet');
$node->safe_psql('postgres', 'CREATE DATABASE busy');
my $table = 'CREATE EXTENSION pg_realtime; CREATE TABLE items (id bigserial PRIMARY KEY, tenant_id text, body text)';
$node->safe_psql($_, $table) for 'quiet', 'busy';

my %streams = (
	'a quiet database' => ChangeStream->new(node => $node, database => 'quiet', slot => 'on_quiet'),
	'a filter that passes nothing' => ChangeStream->new(node => $node, database => 'busy', slot => 'filtered', options => { tenants => 'nobody' }),
	'frames that pass nothing' =>
	  ChangeStream->new(node => $node, database => 'busy', slot => 'frames', options => { tenants => 'nobody', format => 'frame' }),
	'tables that are excluded' =>
	  ChangeStream->new(node => $node, database => 'busy', slot => 'excluded', options => { exclude_tables => 'public.*' }));
$_->create_slot for values %streams;
$_->start for values %streams;
$node->poll_query_until('postgres', 'SELECT count(*) = ' . keys(%streams) . ' FROM pg_stat_replication') or die 'consumers do not start';

for my $round (1 .. 2)
{
	$node->safe_psql('busy', "INSERT INTO items (tenant_id, body) SELECT 'a', md5(n::text) FROM generate_series(1, 2000) n") for 1 .. 5;
	my $written = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	for my $what (sort keys %streams)
	{
		ok($node->poll_query_until('postgres',
				"SELECT confirmed_flush_lsn >= '$written' FROM pg_replication_slots WHERE slot_name = '$streams{$what}{slot}'"),
			"round $round: the slot moves past what was written, with $what");
	}
}
# The WAL itself goes when restart_lsn follows, which it does at each checkpoint.
my $written = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
ok($node->poll_query_until('busy', "INSERT INTO items (tenant_id) VALUES ('a'); CHECKPOINT; "
		. "SELECT bool_and(restart_lsn >= '$written') FROM pg_replication_slots", "INSERT 0 1\nCHECKPOINT\nt"), 'the WAL that slots keep goes');
for my $what (sort keys %streams)
{
	$streams{$what}->signal('TERM');
	next if $what eq 'frames that pass nothing';
	is(scalar(() = $streams{$what}->lines), 0, "nothing was sent, with $what");
}
$node->stop;
done_testing();
