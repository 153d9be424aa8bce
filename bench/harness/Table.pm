package Table;

# Figures into Markdown.

use strict;
use warnings;

use List::Util qw(max min);

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return if !@sorted;
    my $middle = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$middle] : ($sorted[$middle - 1] + $sorted[$middle]) / 2;
}

# A table of equal columns: the first is text, the others are numbers.
sub markdown {
    my ($headings, @rows) = @_;
    my @widths = map { my $column = $_; max map { length $_->[$column] } $headings, @rows } 0 .. $#$headings;
    my $line   = sub {
        my @cells = @_;
        return '| ' . join(' | ', map { sprintf($_ ? '%*s' : '%-*s', $_ ? $widths[$_] : $widths[0], $cells[$_]) }
                0 .. $#cells) . " |\n";
    };
    my $rule = '|' . join('|', map { $_ ? '-' x ($widths[$_] + 1) . ':' : '-' x ($widths[0] + 2) } 0 .. $#widths) . "|\n";
    return $line->(@$headings) . $rule . join('', map { $line->(@$_) } @rows);
}

sub machine {
    my ($cluster) = @_;
    my $processors = Process::contents('/proc/cpuinfo') // '';
    my ($model)    = $processors =~ /^model name\s*:\s*(.+)$/m;
    my $count      = () = $processors =~ /^processor\s*:/mg;
    my ($memory)   = (Process::contents('/proc/meminfo') // '') =~ /^MemTotal:\s+(\d+)/m;
    my @date       = gmtime;
    return sprintf("%s, %d cores, %d GB, PostgreSQL %s, %04d-%02d-%02d\n", $model // 'unknown processor', $count,
        ($memory // 0) / 1048576 + 0.5, $cluster->version, $date[5] + 1900, $date[4] + 1, $date[3]);
}

1;
