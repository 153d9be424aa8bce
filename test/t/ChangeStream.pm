# A consumer of a slot: pg_recvlogical appends to a file and confirms what it stored. Like any consumer it may be ended at
# any moment, and then gets again what it had not confirmed; the cursor (lsn, position) tells what that is.
package ChangeStream;

use strict;
use warnings;
use PostgreSQL::Test::Utils;

# new(node => $node, database => $name, slot => $name, options => { tenants => ... })
sub new
{
	my ($class, %self) = @_;
	my $self = bless { options => {}, owner => $$, %self }, $class;
	$self->{file} //= $PostgreSQL::Test::Utils::tmp_check . '/' . $self->{node}->name . "_$self->{slot}.json";
	return $self;
}

sub create_slot
{
	my ($self) = @_;
	$self->{node}->safe_psql($self->{database}, "SELECT pg_create_logical_replication_slot('$self->{slot}', 'pg_realtime')");
	return;
}

sub command
{
	my ($self, @more) = @_;
	return ('pg_recvlogical', '-d', $self->{node}->connstr($self->{database}), '--slot', $self->{slot}, '--start', '--no-loop',
		'--fsync-interval', 1, '--status-interval', 1, '-f', $self->{file},
		(map { ('-o', "$_=$self->{options}{$_}") } sort keys %{ $self->{options} }), @more);
}

# Starts pg_recvlogical in the background, unless it runs.
sub start
{
	my ($self) = @_;
	return if $self->running;
	$self->cut_torn_line;
	my @command = $self->command;
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0)
	{
		open STDOUT, '>>', "$self->{file}.log";
		open STDERR, '>&', \*STDOUT;
		exec @command;
	}
	return;
}

# What a killed pg_recvlogical wrote last may be part of a line. It has not confirmed it, so it comes again; left there, the
# next line would be glued to it.
sub cut_torn_line
{
	my ($self) = @_;
	return unless -e $self->{file};
	my $text = PostgreSQL::Test::Utils::slurp_file($self->{file});
	my $end  = rindex($text, "\n") + 1;
	return if $end == length $text;
	truncate $self->{file}, $end or die "$self->{file}: $!";
	return;
}

sub running
{
	my ($self) = @_;
	return 0 unless $self->{pid};
	return 1 if waitpid($self->{pid}, 1) == 0;    # 1 is WNOHANG
	delete $self->{pid};
	return 0;
}

sub signal
{
	my ($self, $signal) = @_;
	return unless $self->running;
	kill $signal, $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	$self->signal('KILL') if ($self->{owner} // 0) == $$;
	return;
}

# Reads everything up to now. A slot may be in use for a moment after its last consumer was killed.
sub catch_up
{
	my ($self) = @_;
	$self->signal('TERM');
	$self->cut_torn_line;
	# A record behind the end, so that there is something to decode or a keepalive to answer.
	my $end = $self->{node}->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$self->{node}->safe_psql($self->{database}, "SELECT pg_logical_emit_message(true, 'end', 'x')");
	for my $attempt (1 .. 600)
	{
		my ($stdout, $stderr) = ('', '');
		return if IPC::Run::run([ $self->command('--endpos', $end) ], '>', \$stdout, '2>', \$stderr);
		die "pg_recvlogical: $stderr" unless $stderr =~ /is active for PID|could not connect|starting up|in recovery/;
		select undef, undef, undef, 0.1;
	}
	die "slot $self->{slot} stays in use";
}

sub lines
{
	my ($self) = @_;
	return () unless -e $self->{file};
	open my $handle, '<', $self->{file} or die "$self->{file}: $!";
	my @lines = <$handle>;
	close $handle;
	chomp @lines;
	return @lines;
}

# The changes of some lines: each a hash of action, table, tenant, lsn, position, cursor, record, old_record (both as text).
# Made for rows without braces in their texts. A cursor is a string that sorts as the stream does.
sub parse
{
	my ($line) = @_;
	my %change;
	@change{qw(action table tenant lsn position)} =
	  $line =~ /^\{"action":"(\w+)","schema":"[^"]*","table":"([^"]*)","tenant":(?:null|"([^"]*)"),"lsn":"([^"]*)","position":(\d+),/
	  or die "not a change: $line";
	($change{record}, $change{old_record}) = $line =~ /"record":(\{[^{}]*\}|null),"old_record":(\{[^{}]*\}|null)/;
	my ($high, $low) = split m{/}, $change{lsn};
	$change{cursor} = sprintf '%08X%08X %020s', hex $high, hex $low, $change{position};
	return \%change;
}

# What a consumer keeps that drops every change at or below the last cursor it has; and how many it dropped.
sub deduplicate
{
	my ($last, $dropped, @kept) = ('', 0);
	for my $line (@_)
	{
		my $change = parse($line);
		if ($change->{cursor} le $last)
		{
			$dropped++;
			next;
		}
		$last = $change->{cursor};
		push @kept, $change;
	}
	return ($dropped, @kept);
}

# The rows of each table after the changes: { table => { key => record } }. `key` picks the key out of a record's text.
sub replay
{
	my ($key, @changes) = @_;
	my %tables;
	for my $change (@changes)
	{
		my $rows = $tables{ $change->{table} } //= {};
		if ($change->{action} ne 'INSERT')
		{
			delete $rows->{ $key->($change->{old_record}) } // die "$change->{action} of a row that is not there: $change->{old_record}";
		}
		next if $change->{action} eq 'DELETE';
		my $new = $key->($change->{record});
		die "$change->{action} makes a second row: $change->{record}" if exists $rows->{$new};
		$rows->{$new} = $change->{record};
	}
	return \%tables;
}

1;
