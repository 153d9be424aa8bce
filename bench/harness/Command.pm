package Command;

# What every command of this folder does first: packages, signals, options.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use Getopt::Long;

my $project = realpath(dirname(__FILE__) . '/../..');

# Reads the options into %$option and returns what is left; prints the help when asked for it.
sub options {
    my ($option, $help, @specification) = @_;
    $| = 1;
    $SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { die "interrupted\n" };    # so that the server is stopped
    GetOptions($option, @specification, 'help') or exit 2;
    if ($option->{help}) {
        print $help;
        exit 0;
    }
    return @ARGV;
}

# The peers, valgrind and perf. Without them the figures are fewer, so a failure is only said.
sub install_packages {
    return if !-x "$project/setup/packages";
    system("'$project/setup/packages' build bench >&2") == 0 or print STDERR "going on with what is installed\n";
    return;
}

1;
