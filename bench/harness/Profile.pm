package Profile;

# Where the instructions and the time of a configuration go, by function.

use strict;
use warnings;

use Perf;
use Stream;

# Instructions per change by function, the most expensive first, as [instructions, function, library]: what callgrind
# saw in the whole sample less what it saw in the tail alone.
sub instructions_by_function {
    my ($changes, $whole, $tail) = @_;
    my ($all, $rest) = map { annotated($_) } $whole, $tail;
    my @functions;
    for my $function (keys %$all) {
        my $before = $rest->{$function} ? $rest->{$function}[0] : 0;
        push @functions, [($all->{$function}[0] - $before) / $changes, @{$all->{$function}}[1, 2]];
    }
    return sort { $b->[0] <=> $a->[0] } @functions;
}

# The lines of a function are listed once for each file they come from, headers included, and some without the library;
# here they are one. Functions without a name are addresses, which mean something only within their library.
sub annotated {
    my ($file) = @_;
    my %functions;
    open(my $lines, '-|', "callgrind_annotate --threshold=100 --show-percs=no --auto=no '$file' 2>/dev/null")
        or die "cannot run callgrind_annotate: $!\n";
    while (<$lines>) {
        next if !/^\s*([\d,]+)\s+(\S+?):(.+?)(?: \[(\S+)\])?$/;
        my ($count, $name, $library) = ($1, $3, $4 // '');
        $count   =~ tr/,//d;
        $library =~ s{.*/}{};
        $name    =~ s/'\d+$//;    # callgrind numbers the depths of a recursion
        my $entry = $functions{$name =~ /^0x/ ? "$name $library" : $name} //= [0, $name, $library];
        $entry->[0] += $count;
        $entry->[2] ||= $library;
    }
    close $lines;
    return \%functions;
}

# Samples the walsender of one stream with the software clock, which needs no processor counters. Returns perf's report
# by library and symbol, own time only.
sub sampled {
    my ($cluster, $configuration, $source, $end, $lines) = @_;
    my $data = "$cluster->{directory}/perf.data";
    my $perf = Perf::attach($cluster, 'record', '-e', 'cpu-clock', '-F', '1999', '-g', '-o', $data);
    Stream::streamed($cluster, $configuration, 'start', $end);
    Perf::detach($perf);
    my ($libraries, $functions) = map { reported($data, $_) } 'dso', 'dso,symbol';
    splice @$functions, $lines if @$functions > $lines;
    return join('', @$libraries) . "\n" . join('', @$functions);
}

# The few samples of the backends that made and dropped the slot are left in: perf's own filter by process loses more.
sub reported {
    my ($data, $keys) = @_;
    return [
        map { s/[\s-]+$/\n/r } grep { /^\s+\d/ }
            `perf report -i '$data' --no-children --stdio -g none --percent-limit 0.1 --sort $keys 2>/dev/null`
    ];
}

1;
