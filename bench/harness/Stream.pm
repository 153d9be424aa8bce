package Stream;

# One timed run: the WAL between a slot and an address, through one configuration.

use strict;
use warnings;

use Fcntl qw(F_SETFD);
use POSIX ();
use Process;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my $slot = 'bench_run';

# How often a running stream is looked at, in seconds. The first byte is seen with this precision.
our $interval = 0.02;

# Streams a copy of slot $source up to $end through pg_recvlogical. Returns seconds, user and system seconds of the
# walsender, bytes, peak kilobytes of its own memory and the seconds until the first byte.
sub streamed {
    my ($cluster, $configuration, $source, $end, $output) = @_;
    copy_slot($cluster, $configuration, $source);
    my @command = (
        "$cluster->{bindir}/pg_recvlogical", '-h', $cluster->{directory}, '-U', 'postgres', '-d', 'postgres',
        '--slot', $slot, '--start', '--no-loop', '--endpos', $end, '--file', $output // '/dev/null',
        plugin_options($configuration)
    );
    my $run = observed($cluster, @command);
    $run->{spilled} = $cluster->query("SELECT spill_bytes FROM pg_stat_replication_slots WHERE slot_name = '$slot'");
    drop_slot($cluster);
    return $run;
}

# The same through the SQL function: the decoding and formatting without the socket.
sub peeked {
    my ($cluster, $configuration, $source, $end) = @_;
    copy_slot($cluster, $configuration, $source);
    my $statement = peek_statement($configuration, $end);
    my @command   = (
        "$cluster->{bindir}/psql", '-X', '-q', '-A', '-t', '-F', ' ', '-h', $cluster->{directory}, '-U', 'postgres',
        '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-o', "$cluster->{directory}/peek.out",
        '-c', "SET work_mem = '4GB'; $statement"
    );
    my $run = observed($cluster, @command);
    ($run->{messages}, $run->{bytes}) = split ' ', Process::contents("$cluster->{directory}/peek.out");
    drop_slot($cluster);
    return $run;
}

sub peek_statement {
    my ($configuration, $end) = @_;
    my $function = $configuration->{binary} ? 'pg_logical_slot_peek_binary_changes' : 'pg_logical_slot_peek_changes';
    my $options  = join '', map { ", '$_'" } @{$configuration->{options}};
    return "SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM $function('$slot', '$end', NULL$options)";
}

sub plugin_options {
    my ($configuration) = @_;
    my @options = @{$configuration->{options}};
    my @arguments;
    while (my ($key, $value) = splice @options, 0, 2) {
        push @arguments, '-o', "$key=$value";
    }
    return @arguments;
}

sub copy_slot {
    my ($cluster, $configuration, $source) = @_;
    $cluster->query(
        "SELECT pg_copy_logical_replication_slot('$source', '$slot', false, '$configuration->{plugin}')");
    return;
}

sub drop_slot {
    my ($cluster) = @_;
    $cluster->query("SELECT pg_drop_replication_slot('$slot')");
    return;
}

# Runs a client and watches the server process that works for it.
sub observed {
    my ($cluster, @command) = @_;
    my $postmaster = $cluster->{process};
    my %resident   = map { $_ => 1 } Process::children($postmaster);
    my @cpu_before = Process::ended_children_cpu($postmaster);
    my $errors     = "$cluster->{directory}/client.err";

    # The client holds the writing end of a pipe and never writes: the end of file is the moment it exits.
    pipe(my $ended, my $held) or die "cannot make a pipe: $!\n";
    my $started = clock_gettime(CLOCK_MONOTONIC);
    my $client  = fork // die "cannot fork: $!\n";
    if (!$client) {
        fcntl($held, F_SETFD, 0);
        open STDERR, '>', $errors;
        exec(@command) or POSIX::_exit(127);
    }
    close $held;

    my ($worker, $peak, $first_byte) = (undef, 0, undef);
    my $readable = '';
    vec($readable, fileno($ended), 1) = 1;
    while (!select(my $ready = $readable, undef, undef, $interval)) {
        ($worker) = grep { !$resident{$_} } Process::children($postmaster) if !defined $worker;
        if (defined $worker) {
            my $memory = Process::anonymous_kilobytes($worker);
            $peak = $memory if $memory > $peak;
        }
        if (!defined $first_byte && Process::bytes_written($client) > 0) {
            $first_byte = clock_gettime(CLOCK_MONOTONIC) - $started;
        }
    }
    my $seconds = clock_gettime(CLOCK_MONOTONIC) - $started;
    sleep 0.001 until Process::is_zombie($client);
    my $bytes = Process::bytes_written($client);
    waitpid $client, 0;
    die "@command failed:\n" . (Process::contents($errors) // '') if $?;

    # Only a process that its parent has waited for counts among the ended children.
    ($worker) = grep { !$resident{$_} } Process::children($postmaster) if !defined $worker;
    $cluster->wait_for_departure($worker) if defined $worker;
    my @cpu_after = Process::ended_children_cpu($postmaster);
    return {
        seconds    => $seconds,
        user       => $cpu_after[0] - $cpu_before[0],
        system     => $cpu_after[1] - $cpu_before[1],
        cpu        => $cpu_after[0] + $cpu_after[1] - $cpu_before[0] - $cpu_before[1],
        bytes      => $bytes,
        peak       => $peak,
        first_byte => $first_byte,
        worker     => $worker,
    };
}

1;
