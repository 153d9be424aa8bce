package Workload;

# Fills a cluster with the orders workload and keeps what a run has to know about it.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);

my $bench = realpath(dirname(__FILE__) . '/..');

# Shares of the mix, in 28ths: 20 INSERT, 3 + 3 UPDATE, 1 + 1 DELETE; 1.4 million changes by default.
my $default_changes = 1_400_000;

sub default_changes { return $default_changes }

# Creates the tables, publications and, when the extension is there, the registration: all before any slot exists,
# because a publication that is younger than the slot is an error for pgoutput.
sub prepare {
    my ($cluster) = @_;
    $cluster->run_file("$bench/orders.sql");
    $cluster->query(
        'CREATE PUBLICATION bench_orders FOR TABLE orders',
        'CREATE PUBLICATION bench_unrelated FOR TABLE unrelated'
    );
    if ($cluster->has_library('pg_realtime')) {
        $cluster->query('SET client_min_messages = warning; CREATE EXTENSION pg_realtime',
            "SELECT realtime_add_table('orders')");
    }
    return;
}

# Writes $changes changes: INSERT, then UPDATE and DELETE each under the default identity and under FULL.
sub write_changes {
    my ($cluster, $changes, $per_transaction) = @_;
    $per_transaction //= 100;
    my $part    = int($changes / 28);
    my $inserts = $changes - 8 * $part;

    # Row numbers and ids go together, so a second load starts from an empty table.
    $cluster->query('TRUNCATE orders RESTART IDENTITY') if $cluster->query('SELECT EXISTS (TABLE orders)') eq 't';

    # Every sixth row changes: the first half of them under one identity, the second half under the other.
    my @phases = (
        ['DEFAULT', "CALL workload.insert_orders(1, $inserts, $per_transaction)"],
        ['DEFAULT', sprintf('CALL workload.update_orders(1, %d, 3, %d)', 3 * $part, $per_transaction)],
        ['FULL',    sprintf('CALL workload.update_orders(%d, %d, 3, %d)', 3 * $part + 1, 6 * $part, $per_transaction)],
        ['FULL',    sprintf('CALL workload.delete_orders(1, %d, 10, %d)', $part, $per_transaction)],
        ['DEFAULT', sprintf('CALL workload.delete_orders(%d, %d, 10, %d)', $part + 1, 2 * $part, $per_transaction)],
    );
    for my $phase (@phases) {
        $cluster->query("ALTER TABLE orders REPLICA IDENTITY $phase->[0]", $phase->[1]);
    }
    return $inserts + 8 * $part;
}

# A slot from which every run takes its own copy, made for the plugin that the run needs.
sub mark_start {
    my ($cluster, $slot) = @_;
    $cluster->query("SELECT pg_create_logical_replication_slot('$slot', 'pgoutput')");
    return;
}

# The address to stream to: behind the last commit, with a record after it, so that every plugin gets there.
sub mark_end {
    my ($cluster) = @_;
    my $end = $cluster->query('SELECT pg_current_wal_insert_lsn()');
    $cluster->query(q{SELECT pg_logical_emit_message(false, 'bench', 'end')}, 'SELECT pg_switch_wal()', 'CHECKPOINT');
    return $end;
}

# The tenant whose share of the inserted rows is nearest to one percent.
sub one_percent_tenant {
    my ($cluster) = @_;
    my $row = $cluster->query(
        'SELECT tenant_id FROM orders GROUP BY tenant_id
         ORDER BY abs(count(*) - 0.01 * (SELECT count(*) FROM orders)), tenant_id LIMIT 1'
    );
    return $row;
}

1;
