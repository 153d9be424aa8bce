# A publication of all tables is in nobody's way: tables of the extension have a key or an identity, all of them, so that CREATE EXTENSION,
# changes of rules, partitions, retention and the worker go on, whether the publication or the extension was there first.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('published');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.check_interval = 1s
pg_realtime.discovery_interval = 1s
CONF
$node->start;

my $tenant = '123e4567-e89b-12d3-a456-426614174000';

sub publish
{
	my ($database) = @_;
	$node->safe_psql($database, 'CREATE PUBLICATION everything FOR ALL TABLES');
	$node->safe_psql($database, "SELECT pg_create_logical_replication_slot('$database', 'pgoutput')");
	return;
}

for my $database ('first', 'later')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	publish($database) if $database eq 'first';
	is($node->psql($database, 'CREATE EXTENSION pg_realtime'), 0, "$database: the extension is created");
	publish($database) if $database eq 'later';

	# Whatever tables the extension has by now, and their partitions.
	my @tables = split /\n/, $node->safe_psql($database, <<'SQL');
SELECT c.oid::regclass, quote_ident(a.attname) FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_realtime') AND c.relkind IN ('r', 'p') ORDER BY 1
SQL
	cmp_ok(scalar @tables, '>', 40, "$database: there are tables");
	my @refused;
	for my $line (@tables)
	{
		my ($table, $column) = split /\|/, $line;
		for my $statement ("UPDATE $table SET $column = $column WHERE random() < 0", "DELETE FROM $table WHERE random() < 0")
		{
			my (undef, undef, $error) = $node->psql($database, $statement);
			push @refused, "$statement: $error" if $error;
		}
	}
	is_deeply(\@refused, [], "$database: UPDATE and DELETE work on each");

	is( $node->psql($database, <<"SQL"), 0, "$database: rules, partitions and retention work");
\\set ON_ERROR_STOP on
INSERT INTO tenant_settings (tenant_id, metrics_retention) VALUES ('$tenant', '1 day');
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES ('$tenant', 'high', 'load', 'max', 100, 0), (NULL, 'global', 'load', 'max', 1000, 0);
UPDATE alert_rules SET threshold_value = 10 WHERE rule_id = 'high';
DELETE FROM alert_rules WHERE rule_id = 'global';
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value, recorded_at) SELECT '$tenant', 's', 'load', 1, now() + d * interval '1 day' FROM generate_series(-40, 5) d;
INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, recorded_at) SELECT '$tenant', 's', 'c', now() + d * interval '1 day' FROM generate_series(-40, 5) d;
INSERT INTO batch_processing_logs (tenant_id, batch_id) VALUES ('$tenant', 'b');
UPDATE batch_processing_logs SET status = 'completed';
SELECT realtime_maintain_partitions(5);
SELECT count(*) FROM purge_expired_data();
INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', 's', 'load', 50);
SQL
	is( $node->safe_psql($database, "SELECT count(*), count(*) FILTER (WHERE recorded_at < now() - interval '1 day') FROM realtime_connection_metrics"),
		'6|0', "$database: what is too old is gone");
	ok($node->poll_query_until($database, "SELECT count(*) = 1 FROM alert_instances WHERE rule_id = 'high'"), "$database: the worker fires an alert");
	ok($node->poll_query_until($database, "SELECT count(*) > 0 FROM realtime_connections"), "$database: and stores what it knows");
	is($node->safe_psql($database, "SELECT errors, last_error FROM realtime_worker_status WHERE database = '$database'"), '0|', "$database: without an error");
	cmp_ok(
		$node->safe_psql($database, "SELECT count(*) FROM pg_logical_slot_get_binary_changes('$database', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')"),
		'>', 10, "$database: the subscriber of the publication gets it");
}

my (undef, undef, $error) = $node->psql('later', 'SELECT realtime_maintain_partitions(400)');
like($error, qr/ERROR:  spans_ahead must be between 0 and 31, not 400\nHINT:  Each day ahead is a partition of every table/, 'no call makes thousands of tables');
is($node->safe_psql('later', 'SELECT realtime_maintain_partitions(31)') + 0 < 300 ? 1 : 0, 1, 'the most are some hundred');

$node->stop;
done_testing();
