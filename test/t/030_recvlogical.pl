# pg_recvlogical as the README shows it: one command from nothing to the changes of one tenant, a JSON object a line.
use strict;
use warnings;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tenant = '11111111-1111-4111-8111-111111111111';
my $other = '22222222-2222-4222-8222-222222222222';

my $node = PostgreSQL::Test::Cluster->new('recvlogical');
$node->init(allows_streaming => 'logical');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE db');
$node->safe_psql('db', 'CREATE EXTENSION pg_realtime; CREATE TABLE orders (id int, tenant_id uuid, note text, PRIMARY KEY (tenant_id, id))');

local %ENV = $node->_get_env();
my $command = "pg_recvlogical -d db --slot s --create-slot -P pg_realtime && exec pg_recvlogical -d db --slot s --start -o tenants=$tenant -f -";
my ($out, $err) = ('', '');
my $consumer = IPC::Run::start([ 'sh', '-c', $command ], '>', \$out, '2>', \$err, IPC::Run::timeout(180));
$node->poll_query_until('db', 'SELECT count(*) = 1 FROM pg_stat_replication WHERE state = \'streaming\'') or die "no consumer: $err";

# Texts that would break a line, or an object, if they were not escaped.
$node->safe_psql('db', <<"SQL");
INSERT INTO orders SELECT n, CASE n % 2 WHEN 0 THEN '$tenant' ELSE '$other' END::uuid, E'line\\nbreak "quote" \\\\ {' || n || E'}\\r\\u2028' FROM generate_series(1, 2000) n;
UPDATE orders SET note = 'moved', tenant_id = '$other' WHERE id = 2;
UPDATE orders SET note = 'moved', tenant_id = '$tenant' WHERE id = 1;
DELETE FROM orders WHERE id IN (3, 4);
INSERT INTO orders VALUES (9999, '$tenant', 'last');
SQL
$consumer->pump until $out =~ /"id":9999.*\n/;
$consumer->signal('INT');
$consumer->finish;

my @changes;
my $broken = 0;
for my $line (split /\n/, $out)
{
	my $change = eval { decode_json($line) };
	$broken++ unless ref $change eq 'HASH';
	push @changes, $change;
}
is($broken, 0, 'every line is one JSON object');
is(scalar(grep { $_->{tenant} ne $tenant } @changes), 0, 'every change is of the tenant');
is(scalar(grep { $_->{action} eq 'INSERT' } @changes), 1000 + 1 + 1, 'its inserts, and the row that came from the other tenant');
is_deeply([ map { "$_->{action} " . ($_->{record} // $_->{old_record})->{id} } @changes[ 1000 .. $#changes ] ],
	[ 'DELETE 2', 'INSERT 1', 'DELETE 4', 'INSERT 9999' ], 'what follows, in order; a row that changes its tenant leaves and comes');
is($changes[0]{record}{note}, "line\nbreak \"quote\" \\ {2}\r\x{2028}", 'a text arrives as it was');
# Of the interruption itself pg_recvlogical says that the stream ended.
$err =~ s/^pg_recvlogical: error: unexpected termination of replication stream: *\n//m;
is($err, '', 'nothing else on the error output');

# An option that is wrong is an error that says what is allowed.
$node->command_fails_like([ 'pg_recvlogical', '-d', $node->connstr('db'), '--slot', 's', '--start', '-o', 'tenant=x', '--no-loop', '-f', '-' ],
	qr/unrecognized pg_realtime option: "tenant".*Valid options are: format/s, 'an unknown option is refused');

$node->stop;
done_testing();
