package Process;

# What the kernel knows about a process, read from /proc.

use strict;
use warnings;

use POSIX ();

my $ticks_per_second = POSIX::sysconf(POSIX::_SC_CLK_TCK());

sub contents {
    my ($path) = @_;
    open(my $file, '<', $path) or return;
    local $/;
    return scalar <$file>;
}

# The fields of /proc/PID/stat behind the program's name, which may itself contain anything.
sub status_fields {
    my ($process) = @_;
    my $line = contents("/proc/$process/stat") // return;
    $line =~ s/^.*\) //s;
    return split ' ', $line;
}

# User and system seconds of all children that ended and were waited for. The difference across a run in which one
# walsender lived is exactly that walsender's CPU, from its fork to its exit, without having to catch it alive.
sub ended_children_cpu {
    my ($process) = @_;
    my @fields = status_fields($process) or die "process $process is gone\n";
    return ($fields[13] / $ticks_per_second, $fields[14] / $ticks_per_second);
}

sub is_zombie {
    my ($process) = @_;
    my @fields = status_fields($process);
    return @fields && $fields[0] eq 'Z';
}

sub children {
    my ($process) = @_;
    return split ' ', contents("/proc/$process/task/$process/children") // '';
}

sub anonymous_kilobytes {
    my ($process) = @_;
    my $status = contents("/proc/$process/status") // return 0;
    return $status =~ /^RssAnon:\s+(\d+) kB/m ? $1 : 0;
}

# Bytes given to write(2): for pg_recvlogical its output file. Readable until the process is waited for.
sub bytes_written {
    my ($process) = @_;
    my $counters = contents("/proc/$process/io") // return 0;
    return $counters =~ /^wchar: (\d+)/m ? $1 : 0;
}

1;
