# kill -9 of walsender, consumer and whole server at random moments under load: a consumer that confirms what it stored ends
# with exactly the table's contents, per tenant. PG_REALTIME_CRASHES says how often.
use strict;
use warnings;
use ChangeStream;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $crashes = $ENV{PG_REALTIME_CRASHES} || 6;
my @tenants = map { "$_$_$_$_$_$_$_$_-0000-4000-8000-000000000000" } 'a', 'b';

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_wal_size = 64MB\ncheckpoint_timeout = 30s\nwal_sender_timeout = 60s\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_realtime;
CREATE TABLE orders (tenant_id uuid, id bigserial, body text, PRIMARY KEY (tenant_id, id));
CREATE TABLE menu_items (id bigserial, tenant_id uuid, body text, amount numeric(10,2));
SELECT realtime_add_table('orders'), realtime_add_table('menu_items');
CREATE FUNCTION make_changes() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  tenant uuid;
  name text;
  many int := CASE WHEN random() < 0.01 THEN 600 ELSE 1 + floor(random() * 4) END;
BEGIN
  FOR step IN 1 .. 1 + floor(random() * 4) LOOP
    tenant := (ARRAY['aaaaaaaa-0000-4000-8000-000000000000', 'bbbbbbbb-0000-4000-8000-000000000000', NULL])[1 + floor(random() * 2)];
    name := (ARRAY['orders', 'menu_items'])[1 + floor(random() * 2)];
    BEGIN
      CASE floor(random() * 6)::int
        WHEN 0, 1 THEN EXECUTE format('INSERT INTO %I (tenant_id, body) SELECT $1, md5(random()::text) FROM generate_series(1, $2)', name) USING tenant, many;
        WHEN 2, 3 THEN
          EXECUTE format('UPDATE %I SET body = md5(random()::text) WHERE ctid IN (SELECT ctid FROM %1$I ORDER BY random() LIMIT $1 FOR UPDATE SKIP LOCKED)', name) USING many;
        WHEN 4 THEN EXECUTE format('DELETE FROM %I WHERE ctid IN (SELECT ctid FROM %1$I ORDER BY random() LIMIT $1 FOR UPDATE SKIP LOCKED)', name) USING many;
        ELSE -- to the other tenant
          EXECUTE format('UPDATE %I SET tenant_id = $1 WHERE ctid IN (SELECT ctid FROM %1$I ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED)', name) USING tenant;
      END CASE;
      IF random() < 0.1 THEN
        RAISE EXCEPTION USING ERRCODE = 'UNDO1';
      END IF;
    EXCEPTION WHEN SQLSTATE 'UNDO1' THEN NULL;
    END;
  END LOOP;
END
$$;
SQL

my %streams = (all => ChangeStream->new(node => $node, database => 'postgres', slot => 'slot_all'));
for my $tenant (@tenants)
{
	my $slot = 'slot_' . substr $tenant, 0, 1;
	$streams{$tenant} = ChangeStream->new(node => $node, database => 'postgres', slot => $slot, options => { tenants => $tenant });
}
$_->create_slot for values %streams;

# The load goes on whatever happens to the server, until the file appears.
my $stop = $node->basedir . '/stop';
my $script = $node->basedir . '/load.sql';
append_to_file($script, "SELECT make_changes();\n");
my $owner = $$;
my $load = fork // die "fork: $!";
if ($load == 0)
{
	open STDOUT, '>', $node->basedir . '/load.log';
	open STDERR, '>&', \*STDOUT;
	until (-e $stop || getppid() != $owner)
	{
		system 'pgbench', '-n', '-c', 4, '-R', 300, '-T', 5, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres';
		select undef, undef, undef, 0.1;
	}
	require POSIX;
	POSIX::_exit(0);
}

sub pause { select undef, undef, undef, rand shift; return; }

sub server_answers
{
	return $node->psql('postgres', 'SELECT 1') == 0;
}

sub wait_for_server
{
	for (1 .. 1800)
	{
		return if server_answers();
		select undef, undef, undef, 0.1;
	}
	die 'the server does not come back';
}

sub start_again
{
	for (1 .. 1800)
	{
		last if system_log('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') == 0;
		select undef, undef, undef, 0.1;
	}
	$node->_update_pid(1);
	wait_for_server();
	return;
}

my ($walsenders, $servers) = (0, 0);
while ($walsenders + $servers < $crashes)
{
	$_->start for values %streams;
	pause(1.5);
	if (rand() < 0.3)
	{
		my ($stream) = (values %streams)[ int rand keys %streams ];
		$stream->signal('KILL');
		$stream->start;
		pause(0.5);
	}
	if (rand() < 0.5)
	{
		my $pid = $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication ORDER BY random() LIMIT 1');
		next unless $pid && kill 'KILL', $pid;
		$walsenders++;
		pause(0.3);
		wait_for_server();
	}
	else
	{
		my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		$node->kill9;
		$servers++;
		# A new server refuses to start while the old one is still known to the system, or a backend of it is.
		for (1 .. 1800)
		{
			last unless kill 0, $postmaster;
			select undef, undef, undef, 0.1;
		}
		start_again();
	}
}
append_to_file($stop, '');
waitpid $load, 0;
$_->catch_up for values %streams;
note "$walsenders walsenders and $servers servers killed";

my $json = JSON::PP->new->canonical;
for my $name (sort keys %streams)
{
	my ($dropped, @changes) = ChangeStream::deduplicate($streams{$name}->lines);
	my $tables = ChangeStream::replay(sub { ($_[0] =~ /"id":(\d+)/)[0] }, @changes);
	note "$name: ", scalar @changes, " changes, $dropped repeated ones dropped";
	my $wanted = $name eq 'all' ? 'true' : "tenant_id = '$name'";
	for my $table ('orders', 'menu_items')
	{
		my @rows = sort map { $json->encode($json->decode($_)) } values %{ $tables->{$table} // {} };
		my @expected = sort map { $json->encode($json->decode($_)) }
		  split /\n/, $node->safe_psql('postgres', "SELECT to_jsonb(t) FROM $table t WHERE $wanted");
		cmp_ok(scalar @expected, '>', 0, "$table has rows for $name");
		is_deeply(\@rows, \@expected, "$table for $name is what the stream says after $crashes crashes");
	}
	my @foreign = grep { $name ne 'all' && $_->{tenant} ne $name } @changes;
	is(scalar @foreign, 0, "$name received nobody else's rows");
}
$node->stop;
done_testing();
