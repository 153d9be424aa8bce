# The demo shows changes of its first tenant and of nobody else, in the terminal and from its gateway, and leaves nothing behind
# however it ends.
use strict;
use warnings;
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use Test::More;

my $demo = "$FindBin::Bin/../../demo/run";

# That of the end-to-end tests, where it was built.
my $daemon = "$FindBin::Bin/../../build/unit/pg_realtimed";
local $ENV{PG_REALTIMED} = $daemon if -x $daemon;

# Far above what is needed; reached only when something hangs.
my $patience = 180;

# Starts the demo; returns the run and references to what it writes.
sub start_demo
{
	my @options = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ $demo, '--json', '--rate', 40, @options ],
		'<', '/dev/null', '>', \$out, '2>', \$err, IPC::Run::timeout($patience));
	return ($run, \$out, \$err);
}

sub folder_of
{
	my ($err) = @_;
	my ($folder) = $err =~ /private PostgreSQL in (\S+)/;
	return $folder;
}

# Processes whose command line, working folder or environment is in the folder.
sub processes_in
{
	my ($folder) = @_;
	my @found;
	for my $process (glob '/proc/[0-9]*')
	{
		my $directory = readlink("$process/cwd") // '';
		open my $handle, '<', "$process/cmdline" or next;
		my $command = do { local $/; <$handle> } // '';
		push @found, $command =~ tr/\0/ /r if "$command $directory" =~ /\Q$folder\E/;
	}
	return @found;
}

sub nothing_left
{
	my ($folder, $how) = @_;
	ok($folder && !-e $folder, "$how: its folder is gone");
	is_deeply([ processes_in($folder) ], [], "$how: none of its processes is left");
	return;
}

{
	my ($run, $out, $err) = start_demo('--changes', 25);
	ok($run->finish, 'the demo ends by itself after 25 changes') or diag $$err;

	my ($shown) = $$err =~ /tenant shown\s+(\S+)/;
	my ($other) = $$err =~ /tenant not shown\s+(\S+)/;
	my @changes = map { decode_json($_) } split /\n/, $$out;
	is(scalar @changes, 25, '25 lines, each of them JSON');
	is(scalar(grep { $_->{tenant} ne $shown } @changes), 0, 'all changes are those of the tenant shown');
	my @foreign = grep { /\Q$other\E/ } split /\n/, $$out;
	is_deeply(\@foreign, [], 'the other tenant occurs nowhere in what was sent');
	cmp_ok(scalar(grep { $_->{record} || $_->{old_record} } @changes), '==', 25, 'each change has a row');

	my ($written) = $$err =~ /not shown: (\d+) changes of tenant \Q$other\E/;
	cmp_ok($written // 0, '>', 0, 'although the other tenant wrote, too');
	nothing_left(folder_of($$err), 'at its end');
}

# What a browser gets from the demo's gateway, with the token that it prints.
sub gateway_serves
{
	my ($err) = @_;
	my ($address) = $err =~ m{the gateway\s+(http://\S+)};
	my ($token)   = $err =~ /user's token\s+(\S+)/;
	my ($shown)   = $err =~ /tenant shown\s+(\S+)/;
	my ($other)   = $err =~ /tenant not shown\s+(\S+)/;
	my $client    = HTTP::Tiny->new(timeout => $patience);
	my $events    = '';
	$client->get("$address/realtime/v1/stream", {
			headers       => { authorization => "Bearer $token" },
			data_callback => sub { $events .= $_[0]; die "enough\n" if (() = $events =~ /^event: postgres_changes$/mg) >= 20 } });
	my @tenants = map { my $data = decode_json($_); ($data->{record} // $data->{old_record})->{tenant_id} }
		$events =~ /^event: postgres_changes\ndata: (.*)\n\n/mg;
	cmp_ok(scalar @tenants, '>=', 20, 'the gateway sends changes') or diag $events;
	is(scalar(grep { $_ ne $shown } @tenants), 0, 'all of them are those of the tenant shown');
	unlike($events, qr/\Q$other\E/, 'the other tenant occurs nowhere');
	return;
}

for my $signal (qw(INT TERM HUP))
{
	my ($run, $out, $err) = start_demo();
	$run->pump until $$out =~ /\n/ || !$run->pumpable;
	my $folder = folder_of($$err);
	ok(scalar(processes_in($folder)), "before SIG$signal it runs");
	gateway_serves($$err) if $signal eq 'INT' && $ENV{PG_REALTIMED};
	$run->signal($signal);
	$run->finish;
	nothing_left($folder, "after SIG$signal");
}

done_testing();
