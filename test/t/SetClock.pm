# A wall clock that a test sets, for the servers that it starts with with_clock().
package SetClock;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(set_clock with_clock);

my $library;
my $folder = PostgreSQL::Test::Utils::tempdir();
my $file   = "$folder/clock";

# So many seconds ahead of the machine's clock; before the first server is started, and then at any time.
sub set_clock
{
	my ($seconds) = @_;
	open my $clock, -e $file ? '+<' : '>', $file or die "cannot write $file: $!";
	syswrite $clock, sprintf("%+31d\n", $seconds) or die "cannot write $file: $!";
	close $clock;
	return;
}

# What starts servers, in an environment in which they see that clock.
sub with_clock
{
	my ($action) = @_;
	if (!defined $library)
	{
		$library = "$folder/clock.so";
		my $source = dirname(abs_path(__FILE__)) . '/../modules/clock/clock.c';
		system($ENV{CC} // 'cc', '-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', $library, $source) == 0 or die "cannot build $source";
	}
	local $ENV{LD_PRELOAD}        = $library;
	local $ENV{PG_REALTIME_CLOCK} = $file;
	return $action->();
}

1;
