package Perf;

# perf, attached to the server: it observes the postmaster and every process that it forks from then on.

use strict;
use warnings;

use POSIX ();

# Starts "perf @arguments" and returns when it is observing, which perf says on a pipe; on a busy machine that takes a
# while.
sub attach {
    my ($cluster, @arguments) = @_;
    my ($control, $answer) = map { "$cluster->{directory}/perf.$_" } qw(control answer);
    for my $pipe ($control, $answer) {
        unlink $pipe;
        POSIX::mkfifo($pipe, 0600) or die "cannot make $pipe: $!\n";
    }
    my $process = fork // die "cannot fork: $!\n";
    if (!$process) {
        open STDOUT, '>', "$cluster->{directory}/perf.log";
        open STDERR, '>&', \*STDOUT;
        exec('perf', @arguments, '--delay=-1', "--control=fifo:$control,$answer", '-p', $cluster->{process})
            or POSIX::_exit(127);
    }

    # Opened for both directions, so that a perf that has failed keeps nobody waiting.
    open(my $commands, '+<', $control) or die "cannot open $control: $!\n";
    open(my $answers,  '+<', $answer)  or die "cannot open $answer: $!\n";
    syswrite $commands, "enable\n";
    my $readable = '';
    vec($readable, fileno($answers), 1) = 1;
    until (select(my $ready = $readable, undef, undef, 0.1)) {
        die "perf failed:\n", `cat '$cluster->{directory}/perf.log'` if waitpid($process, POSIX::WNOHANG()) != 0;
    }
    return $process;
}

sub detach {
    my ($process) = @_;
    kill 'INT', $process;
    waitpid $process, 0;
    return;
}

1;
