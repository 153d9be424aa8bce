package Configuration;

# What is measured: a plugin with its options under a short name. The floor comes first, everything is compared to it.
#   name     for --plugins and the tables
#   plugin   the library
#   options  key => value pairs in the order they are given to the plugin
#   binary   the SQL functions must be asked for bytea

use strict;
use warnings;

my @orders    = (publication_names => 'bench_orders');
my @unrelated = (proto_version => 1, publication_names => 'bench_unrelated');

my @peers = (
    {name => 'floor',           plugin => 'pgoutput',      options => [@unrelated], binary => 1},
    {name => 'test_decoding',   plugin => 'test_decoding', options => []},
    {name => 'wal2json-v1',     plugin => 'wal2json',      options => ['format-version' => 1]},
    {name => 'wal2json-v2',     plugin => 'wal2json',      options => ['format-version' => 2]},
    {name => 'pgoutput-text',   plugin => 'pgoutput',      options => [proto_version => 1, @orders], binary => 1},
    {name => 'pgoutput-binary', plugin => 'pgoutput',      options => [proto_version => 1, @orders, binary => 'true'],
        binary => 1},
    {name => 'decoderbufs',     plugin => 'decoderbufs',   options => [], binary => 1},
);

# Ours; the filter's tenant is known only after the load.
sub ours {
    my ($tenant) = @_;
    my @one_tenant = defined $tenant ? (tenants => $tenant) : ();
    return (
        {name => 'json',              plugin => 'pg_realtime', options => []},
        {name => 'json-without-types', plugin => 'pg_realtime', options => [include_types => 'off']},
        {name => 'json-one-a-message', plugin => 'pg_realtime', options => [batch => 'off']},
        {name => 'frame',             plugin => 'pg_realtime', options => [format => 'frame'], binary => 1},
        {name => 'json-one-tenant',   plugin => 'pg_realtime', options => [@one_tenant]},
        {name => 'frame-one-tenant',  plugin => 'pg_realtime', options => [format => 'frame', @one_tenant], binary => 1},
    );
}

sub all_for_decode { my ($tenant) = @_; return (@peers, ours($tenant)) }

sub names { return map { $_->{name} } all_for_decode() }

# One transaction that is larger than logical_decoding_work_mem.
sub for_large_transaction {
    return (
        $peers[0],
        {name => 'pgoutput proto 1', plugin => 'pgoutput', options => [proto_version => 1, @orders]},
        {name => 'pgoutput proto 2, streaming', plugin => 'pgoutput',
            options => [proto_version => 2, @orders, streaming => 'on']},
        {name => 'wal2json-v2', plugin => 'wal2json', options => ['format-version' => 2]},
        {name => 'json', plugin => 'pg_realtime', options => []},
        {name => 'json, streaming', plugin => 'pg_realtime', options => [streaming => 'on']},
        {name => 'frame', plugin => 'pg_realtime', options => [format => 'frame']},
        {name => 'frame, streaming', plugin => 'pg_realtime', options => [format => 'frame', streaming => 'on']},
    );
}

sub for_latency {
    return map { my $name = $_; grep { $_->{name} eq $name } all_for_decode() }
        qw(pgoutput-text wal2json-v2 test_decoding json frame);
}

sub for_memory {
    return map { my $name = $_; grep { $_->{name} eq $name } all_for_decode() } qw(floor json frame);
}

# Those of @configurations whose library the server has; says which are left out.
sub usable {
    my ($cluster, @configurations) = @_;
    my %missing;
    my @usable = grep { $cluster->has_library($_->{plugin}) || ($missing{$_->{plugin}} = 1, 0)[1] } @configurations;
    print STDERR "not installed, left out: $_\n" for sort keys %missing;
    return @usable;
}

# Those named by the user; the floor is always measured, the ratios need it.
sub chosen {
    my ($list, @configurations) = @_;
    return @configurations if !defined $list;
    my %wanted = map { $_ => 1 } split /,/, $list;
    my @chosen = grep { delete $wanted{$_->{name}} || $_->{name} eq 'floor' } @configurations;
    die 'unknown in --plugins: ' . join(', ', sort keys %wanted) . "\n  known: " . join(' ', names()) . "\n"
        if %wanted;
    return @chosen;
}

sub need_extension {
    return scalar grep { $_->{plugin} eq 'pg_realtime' } @_;
}

1;
