# A dump carries everything that realtime_add_table() recorded, also through a RENAME, and a server that does not preload the
# library restores it; streaming works in the new database.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tenant = '11111111-1111-4111-8111-111111111111';
my $other = '22222222-2222-4222-8222-222222222222';

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(allows_streaming => 'logical');
$node->start;
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'the library is not preloaded');

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', <<'SQL');
CREATE SCHEMA extensions;
CREATE SCHEMA "odd ""schema""";
CREATE EXTENSION pg_realtime SCHEMA extensions;
SET search_path = public, extensions;
CREATE TABLE first_name (id int PRIMARY KEY, org uuid, note text);
CREATE TABLE countries (code text PRIMARY KEY, name text);
CREATE TABLE "odd ""schema"""."Odd Table" (id int, "Tenant Of" bigint NOT NULL, PRIMARY KEY ("Tenant Of", id));
CREATE TABLE parts (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id)) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1, 2, 3);
CREATE TABLE unregistered (id int PRIMARY KEY, tenant_id uuid);
SELECT realtime_add_table('first_name', 'org');
SELECT realtime_add_table('countries', NULL, 'public');
SELECT realtime_add_table('"odd ""schema"""."Odd Table"', 'Tenant Of');
SELECT realtime_add_table('parts');
ALTER TABLE first_name RENAME TO orders;
ALTER TABLE orders RENAME COLUMN org TO organisation;
INSERT INTO orders VALUES (1, '11111111-1111-4111-8111-111111111111', 'from the dump');
INSERT INTO countries VALUES ('AT', 'Austria');
SQL

my $registered = <<'SQL';
SELECT "table", access, tenant_column, replica_identity FROM extensions.realtime_tables ORDER BY "table"::text;
SELECT pubname, puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication;
SELECT pubname, schemaname, tablename FROM pg_publication_tables ORDER BY 1, 2, 3;
SELECT obj_description(oid, 'pg_publication') FROM pg_publication;
SELECT relreplident, conname FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid WHERE c.relname LIKE 'parts%' OR c.relname = 'orders' ORDER BY 1, 2;
SQL
my $expected = $node->safe_psql('source', $registered);
like($expected, qr/^orders\|tenant\|organisation\|full$/m, 'the registration follows a RENAME of table and column');

local %ENV = $node->_get_env();
my $folder = PostgreSQL::Test::Utils::tempdir();
my $connection = $node->connstr('source');
system_or_bail('pg_dump', '-d', $connection, '-f', "$folder/plain.sql");
system_or_bail('pg_dump', '-d', $connection, '-Fc', '-f', "$folder/custom");
system_or_bail('pg_dump', '-d', $connection, '-Fd', '-j', 2, '-f', "$folder/folder");

my %ways = (
	'pg_dump and psql' => [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain.sql" ],
	'pg_dump and psql in one transaction' => [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain.sql" ],
	'pg_restore' => [ 'pg_restore', '--exit-on-error', "$folder/custom" ],
	'pg_restore with two jobs' => [ 'pg_restore', '--exit-on-error', '-j', 2, "$folder/custom" ],
	'pg_restore of a folder with four jobs' => [ 'pg_restore', '--exit-on-error', '-j', 4, "$folder/folder" ]);
my $number = 0;
for my $way (sort keys %ways)
{
	my $database = 'target' . ++$number;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	command_ok([ @{ $ways{$way} }, '-d', $node->connstr($database) ], "$way works");
	is($node->safe_psql($database, $registered), $expected, "$way keeps registrations and publication");

	$node->safe_psql($database, "SELECT pg_create_logical_replication_slot('s$number', 'pg_realtime')");
	$node->safe_psql($database, <<"SQL");
INSERT INTO orders VALUES (2, '$tenant', 'a'), (3, '$other', 'b'), (4, NULL, 'c');
INSERT INTO countries VALUES ('DE', 'Germany');
INSERT INTO parts VALUES (1, '$tenant'), (2, '$other');
INSERT INTO unregistered VALUES (1, '$tenant');
INSERT INTO "odd ""schema"""."Odd Table" VALUES (1, 7), (1, 8);
DELETE FROM orders WHERE id IN (1, 3);
SQL
	my @changes = map { decode_json($_) }
	  split /\n/, $node->safe_psql($database, "SELECT data FROM pg_logical_slot_get_changes('s$number', NULL, NULL, 'tenants', '$tenant,8')");
	is_deeply([ map { [ $_->{action}, $_->{table}, $_->{tenant}, ($_->{record} // $_->{old_record})->{ $_->{table} eq 'countries' ? 'code' : 'id' } ] } @changes ],
		[ [ 'INSERT', 'orders', $tenant, 2 ], [ 'INSERT', 'countries', undef, 'DE' ], [ 'INSERT', 'parts', $tenant, 1 ],
			[ 'INSERT', 'Odd Table', '8', 1 ], [ 'DELETE', 'orders', $tenant, 1 ] ],
		"$way: the stream there obeys the registrations") or diag explain \@changes;
	$node->safe_psql($database, "SELECT pg_drop_replication_slot('s$number')");
}

# What came out goes in again: a dump of the copy says the same.
is(normalised(scalar `pg_dump -s -d @{[ quoted($node->connstr('target1')) ]}`), normalised(scalar `pg_dump -s -d @{[ quoted($connection) ]}`), 'the copy dumps like the original');

sub quoted { my $text = shift; $text =~ s/'/'\\''/g; return "'$text'"; }
sub normalised { my $text = shift; $text =~ s/^\\(un)?restrict .*$//mg; return $text; }

$node->stop;
done_testing();
