# The set-up of docs/gateway.md, word for word, on a server that lets in whom a stock Debian lets in: from an empty database to
# rows in a client.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use File::Spec;
use FindBin;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $daemon = File::Spec->rel2abs($ENV{PG_REALTIMED} // "$FindBin::Bin/../../build/unit/pg_realtimed");
plan skip_all => 'the gateway was not built' unless -x $daemon;

# Programs are called as the page does, and the daemon is that of the end-to-end tests.
my $folder = PostgreSQL::Test::Utils::tempdir();
mkdir "$folder/bin";
symlink $daemon, "$folder/bin/pg_realtimed" or die $!;
local $ENV{PATH} = "$folder/bin:$ENV{PATH}";
delete local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE)};

my $node = PostgreSQL::Test::Cluster->new('documented');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\npassword_encryption = 'scram-sha-256'\n");
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', <<'HBA');    # that of Debian's postgresql-common
local   all             postgres                                peer
local   all             all                                     peer
host    all             all             127.0.0.1/32            scram-sha-256
host    all             all             ::1/128                 scram-sha-256
local   replication     all                                     peer
host    replication     all             127.0.0.1/32            scram-sha-256
host    replication     all             ::1/128                 scram-sha-256
HBA
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE TABLE orders (tenant_id uuid NOT NULL, id bigint NOT NULL, status text, PRIMARY KEY (tenant_id, id))');

# What the page says, but for the folder and the ports, of which this machine may have others.
my $page = slurp_file("$FindBin::Bin/../../docs/gateway.md");
my ($section) = $page =~ /^## Set it up\n(.*?)^## /ms or die 'the page has no section "Set it up"';
my ($port, $own_port) = ($node->port, PostgreSQL::Test::Cluster::get_free_port());
my %blocks;
while ($section =~ /^```(\w+)\n(.*?)^```$/msg)
{
	my ($language, $text) = ($1, $2);
	$text =~ s{/etc/pg_realtimed}{$folder/etc}g;
	$text =~ s{\b5432\b}{$port}g;
	$text =~ s{127\.0\.0\.1:4000}{127.0.0.1:$own_port}g;
	push @{ $blocks{$language} }, $text;
}
is_deeply({ map { $_ => scalar @{ $blocks{$_} } } keys %blocks }, { sql => 1, sh => 2, toml => 1 }, 'the page has its four parts');

my ($status, $out, $err) = $node->psql('shop', $blocks{sql}[0], on_error_stop => 1);
is($status, 0, 'the statements run as the superuser') or diag $err;

my $written = IPC::Run::run([ 'sh', '-e', '-c', $blocks{sh}[0] ], '>&', \$out);
ok($written, 'the files are written') or diag $out;
is((stat "$folder/etc/$_")[2] & 0777, 0600, "nobody else reads $_") for qw(jwt-secret pgpass);
append_to_file("$folder/etc/pg_realtimed.toml", $blocks{toml}[0]);

# The commands that check and start it: the last line is the one that stays.
my @commands = split /\n/, $blocks{sh}[1];
my $start    = pop @commands;
my $checked  = IPC::Run::run([ 'sh', '-e', '-c', join "\n", @commands ], '>&', \$out);
ok($checked, '--check finds nothing wrong') or diag $out;
like($out, qr/^ok: a replication connection can be made$/m, 'not even with the replication connection');
unlike($out, qr/^WRONG/m, 'nor anything else');

my ($settings) = grep { /^export / } @commands;
my $log = '';
my $run = IPC::Run::start([ 'sh', '-c', "$settings\nexec $start" ], '>&', \$log, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
my $client = HTTP::Tiny->new(timeout => $PostgreSQL::Test::Utils::timeout_default);
my $url    = "http://127.0.0.1:$own_port";
my $ready;
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$run->pump_nb;
	last if ($ready = $client->get("$url/readyz")->{success}) || !$run->pumpable;
	sleep 0.1;
}
ok($ready, 'the gateway becomes ready') or diag $log;

# A member of the tenant that the page names, with a token of the secret that the page makes.
my ($tenant, $user) = $section =~ /'([0-9a-f-]{36})', '([0-9a-f-]{36})'/;
chomp(my $secret = slurp_file("$folder/etc/jwt-secret"));
my $unsigned = join '.', map { encode_base64url(encode_json($_)) } { alg => 'HS256', typ => 'JWT' }, { sub => $user, role => 'authenticated', exp => time + 600 };
my $token    = $unsigned . '.' . encode_base64url(hmac_sha256($unsigned, $secret));
my %headers  = (authorization => "Bearer $token");
my $other    = $tenant =~ s/^./f/r;
$node->safe_psql('shop', "INSERT INTO orders VALUES ('$tenant', 1, 'ours'), ('$other', 2, 'theirs')");
my $snapshot = $client->get("$url/realtime/v1/snapshot?table=orders", { headers => \%headers });
is($snapshot->{status}, 200, 'a member may read the table') or diag $snapshot->{content};
is_deeply([ map { $_->{status} } @{ decode_json($snapshot->{content})->{rows} } ], ['ours'], 'and sees the rows of the tenant');

# HTTP::Tiny would wait for more than there is.
my ($events, $written_to) = ('', 0);
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $own_port) or die $!;
print $socket "GET /realtime/v1/stream?table=orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer $token\r\n\r\n";
local $SIG{ALRM} = sub { die "no change came: $events\n$log" };
alarm $PostgreSQL::Test::Utils::timeout_default;
while ($events !~ /^event: postgres_changes\ndata: .*\n\n/m)
{
	sysread $socket, $events, 65536, length $events or die "the stream has ended: $events";
	$node->safe_psql('shop', "INSERT INTO orders VALUES ('$other', 3, 'theirs'), ('$tenant', 4, 'new')")
		if $events =~ /Subscribed/ && !$written_to++;
}
alarm 0;
close $socket;
like($events, qr/^event: postgres_changes\ndata: .*"status":"new"/m, 'and what is written from then on');
unlike($events, qr/theirs/, 'nothing of another tenant');

$run->signal('TERM');
$run->finish;
is($run->result(0), 0, 'the gateway ends when it is asked to');
$node->stop;

done_testing();
