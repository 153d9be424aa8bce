package Instructions;

# User-space instructions a change costs. Seconds move with the machine's load, instructions do not: this is the figure
# to compare between two versions of the code. The processor's counters are read where perf can read them, else the
# whole server runs under callgrind, which counts the same within a percent.
#
# A sample of the workload is decoded twice: all of it, and only its tail. The difference is what the changes before
# the tail cost, without the start of the process, its catalog caches and its end.

use strict;
use warnings;

use Cluster;
use Perf;
use Process;
use Stream;
use Workload;

my $default_sample = 14_000;

sub default_sample { return $default_sample }

sub method {
    return 'perf' if has_processor_counters();
    return 'callgrind' if system('valgrind --version >/dev/null 2>&1') == 0;
    return;
}

sub describe {
    my ($method) = @_;
    return "not measured: neither processor counters nor valgrind are available here" if !$method;
    return $method eq 'perf' ? 'user instructions from the processor\'s counters (perf stat)'
        : 'user instructions counted by callgrind (this machine has no processor counters)';
}

sub has_processor_counters {
    my $counted = `perf stat -x, -e instructions:u true 2>&1` // '';
    return $? == 0 && $counted =~ /^\d+,[^\n]*instructions/m;
}

# new Instructions(extension => bool, sample => changes, sql => bool)
sub new {
    my ($class, %arguments) = @_;
    my $self = bless {method => method(), sql => $arguments{sql}}, $class;
    my $sample = $arguments{sample} // $default_sample;
    my $cluster = $self->{cluster} = Cluster->new(extension => $arguments{extension}, settings => {shared_buffers => '128MB'});
    Workload::prepare($cluster);
    Workload::mark_start($cluster, 'whole');
    $self->{changes} = Workload::write_changes($cluster, $sample);
    $self->{tenant}  = Workload::one_percent_tenant($cluster);
    Workload::mark_start($cluster, 'tail');
    Workload::write_changes($cluster, int($sample / 5));
    $self->{end} = Workload::mark_end($cluster);
    if ($self->{method} eq 'callgrind') {
        # The processor copies large blocks in one instruction, which callgrind counts once for each byte; let the C
        # library use its loops.
        local $ENV{GLIBC_TUNABLES} = 'glibc.cpu.x86_rep_movsb_threshold=1073741824';
        $cluster->stop;
        $cluster->start('valgrind', '--tool=callgrind', "--callgrind-out-file=$cluster->{directory}/callgrind.%p");
    }
    return $self;
}

# Instructions per change of one configuration, and for callgrind the two files they come from.
sub per_change {
    my ($self, $configuration) = @_;
    my @counted = map { $self->counted($configuration, $_) } qw(whole tail);
    return ($counted[0]{total} - $counted[1]{total}) / $self->{changes}, map { $_->{file} } @counted;
}

sub counted {
    my ($self, $configuration, $source) = @_;
    my $cluster = $self->{cluster};
    my $stream  = $self->{sql} ? \&Stream::peeked : \&Stream::streamed;
    if ($self->{method} eq 'perf') {
        my $output = "$cluster->{directory}/perf.stat";
        my $perf   = Perf::attach($cluster, 'stat', '-x,', '-e', 'instructions:u', '-o', $output);
        $stream->($cluster, $configuration, $source, $self->{end});
        Perf::detach($perf);
        my ($total) = (Process::contents($output) // '') =~ /^(\d+),[^\n]*instructions/m;
        return {total => $total // die "perf counted nothing\n"};
    }
    my $run  = $stream->($cluster, $configuration, $source, $self->{end});
    my $file = "$cluster->{directory}/callgrind.$run->{worker}";
    my ($total) = (Process::contents($file) // '') =~ /^summary: (\d+)/m;
    die "callgrind wrote nothing for process $run->{worker}\n" if !defined $total;
    return {total => $total, file => $file};
}

1;
