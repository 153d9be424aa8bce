package Cluster;

# A private PostgreSQL server: its own directory, its own socket, no TCP port. It is stopped, by the id of the
# process that was started here, when the object goes away.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use POSIX ();
use Process;
use Time::HiRes qw(sleep);

my $project = realpath(dirname(__FILE__) . '/../..');

# Settings of the reference measurement: nothing but decoding shall run while a stream is timed.
my %measured_settings = (
    'autovacuum'                   => 'off',
    'checkpoint_timeout'           => '1h',
    'fsync'                        => 'off',
    'listen_addresses'             => '',
    'log_min_messages'             => 'warning',
    'logical_decoding_work_mem'    => '64MB',
    'max_replication_slots'        => '20',
    'max_wal_senders'              => '20',
    'max_wal_size'                 => '32GB',
    'shared_buffers'               => '2GB',
    'synchronous_commit'           => 'on',
    'timezone'                     => 'UTC',
    'track_activities'             => 'off',
    'wal_level'                    => 'logical',
);

# new Cluster(extension => bool, keep => bool, settings => {name => value})
sub new {
    my ($class, %arguments) = @_;
    delete @ENV{grep { /^PG[A-Z]/ && $_ ne 'PG_CONFIG' } keys %ENV};    # the caller's server is not meant
    my $self = bless {keep => $arguments{keep}}, $class;
    $self->{directory} = tempdir('pg_realtime_bench.XXXXXX', TMPDIR => 1);
    $self->{owner} = $$;
    chmod 0755, $self->{directory};
    $self->{account} = server_account();
    chown @{$self->{account}}{qw(uid gid)}, $self->{directory} if $self->{account};
    $self->{bindir} = server_programs($self->{directory}, $arguments{extension});
    $self->{data} = "$self->{directory}/data";

    $self->run_as_server('initdb', '--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8',
        '--locale=C.UTF-8', '-D', $self->{data});
    my %settings = (%measured_settings, %{$arguments{settings} // {}});
    $settings{unix_socket_directories} = $self->{directory};

    # Servers without the allow-list refuse to start when a configuration file names it.
    $settings{output_plugin_libraries} = 'pgoutput, test_decoding, wal2json, decoderbufs, pg_realtime'
        if $self->knows_setting('output_plugin_libraries');
    open(my $file, '>>', "$self->{data}/postgresql.conf") or die "cannot write postgresql.conf: $!\n";
    print {$file} "$_ = '$settings{$_}'\n" for sort keys %settings;
    close $file or die "cannot write postgresql.conf: $!\n";
    $self->start;
    return $self;
}

# Servers refuse to run as root; the account of the distribution's package, or nobody, takes the blame instead.
sub server_account {
    return if $> != 0;
    for my $name (qw(postgres nobody)) {
        my (undef, undef, $uid, $gid) = getpwnam $name;
        return {uid => $uid, gid => $gid} if defined $uid;
    }
    die "no unprivileged account to run the server with\n";
}

# The directory of the server's programs. With the extension, those of a staged copy of the server that contains it, so
# that the installed PostgreSQL stays as it is.
sub server_programs {
    my ($directory, $with_extension) = @_;
    my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
    my $bindir = $with_extension ? `'$project/setup/stage' '$directory/stage'` : `'$pg_config' --bindir`;
    die "cannot find the server: run setup/packages build, or set PG_CONFIG\n" if $?;
    chomp $bindir;
    return $bindir;
}

sub knows_setting {
    my ($self, $name) = @_;
    my $known = `'$self->{bindir}/postgres' --describe-config`;
    return $known =~ /^\Q$name\E\t/m;
}

sub start {
    my ($self, @launcher) = @_;
    my $log = "$self->{directory}/server.log";
    my $process = fork // die "cannot fork: $!\n";
    if (!$process) {
        POSIX::setsid();    # an interrupt at the terminal is ours to handle, not the server's
        chdir $self->{directory};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $log;
        open STDERR, '>&', \*STDOUT;
        exec($self->as_server('--pdeathsig=INT'), @launcher, "$self->{bindir}/postgres", '-D', $self->{data})
            or POSIX::_exit(127);
    }
    $self->{process} = $process;
    for (1 .. 600) {
        sleep 0.1;
        return if system("'$self->{bindir}/pg_isready' -q -h '$self->{directory}'") == 0;
        if (waitpid($process, POSIX::WNOHANG()) == $process) {
            delete $self->{process};
            last;
        }
    }
    die "the server did not start:\n" . `tail -20 '$log'`;
}

sub stop {
    my ($self) = @_;
    my $process = delete $self->{process} // return;
    kill 'INT', $process;
    waitpid $process, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    $self->stop;
    if ($self->{keep}) {
        print STDERR "kept: $self->{directory}\n";
        return;
    }
    remove_tree($self->{directory});
    return;
}

# The words in front of a command that runs as the server's account. With --pdeathsig the server stops even when this
# program is killed outright.
sub as_server {
    my ($self, @options) = @_;
    my $account = $self->{account};
    push @options, "--reuid=$account->{uid}", "--regid=$account->{gid}", '--clear-groups' if $account;
    return @options ? ('setpriv', @options) : ();
}

sub run_as_server {
    my ($self, $program, @arguments) = @_;
    my $process = fork // die "cannot fork: $!\n";
    if (!$process) {
        chdir $self->{directory};
        open STDOUT, '>', '/dev/null';
        exec($self->as_server, "$self->{bindir}/$program", @arguments) or POSIX::_exit(127);
    }
    waitpid $process, 0;
    die "$program failed\n" if $?;
    return;
}

# Runs statements through psql and returns the rows as it prints them, unaligned, without headings.
sub query {
    my ($self, @statements) = @_;
    my @command = (
        "$self->{bindir}/psql", '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1',
        '-h', $self->{directory}, '-U', 'postgres', '-d', 'postgres', map { ('-c', $_) } 'SELECT pg_backend_pid()', @statements
    );
    my $process = open(my $pipe, '-|') // die "cannot fork: $!\n";
    if (!$process) {
        open STDERR, '>', "$self->{directory}/psql.err";    # some plugins are talkative when a slot is made
        exec(@command) or POSIX::_exit(127);
    }
    my @rows = <$pipe>;
    close $pipe or die "statement failed: @statements\n" . `cat '$self->{directory}/psql.err'`;
    chomp @rows;
    $self->wait_for_departure(shift @rows);
    return wantarray ? @rows : join("\n", @rows);
}

# The backend of a client lives a little longer than the client; what is measured next must not pay for its end.
sub wait_for_departure {
    my ($self, $backend) = @_;
    sleep 0.002 while grep { $_ == $backend } Process::children($self->{process});
    return;
}

sub run_file {
    my ($self, $file, %variables) = @_;
    my @command = (
        "$self->{bindir}/psql", '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $self->{directory}, '-U', 'postgres',
        '-d', 'postgres', (map { ('-v', "$_=$variables{$_}") } sort keys %variables), '-f', $file
    );
    system(@command) == 0 or die "$file failed\n";
    return;
}

# A library is usable when the server can load it; peers that are not installed are left out of the tables.
sub has_library {
    my ($self, $name) = @_;
    chomp(my $directory = `'$self->{bindir}/pg_config' --pkglibdir`);
    return -e "$directory/$name.so";
}

sub version {
    my ($self) = @_;
    return $self->query('SHOW server_version');
}

1;
