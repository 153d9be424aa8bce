# What one tenant reports takes no place from others: a flood of names costs the worker a bounded look at that tenant, once.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($most, $flood) = (200, 20000);
my $node = PostgreSQL::Test::Cluster->new('neighbours');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_realtime'
pg_realtime.check_interval = 1h
pg_realtime.flush_interval = 100ms
pg_realtime.max_subscription_types = $most
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');
$node->safe_psql('postgres',
	"INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) VALUES (NULL, 'high', 'load', 'last', 10, 0)");

my ($noisy, $quiet) = ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002');
my $next = 0;

sub status
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime_worker_status");
}

# A breach in a subscription of its own, and its alert: everything that was committed before it is dealt with, too.
sub judge
{
	my ($tenant, $name, $promise) = @_;
	$node->safe_psql('postgres', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', '$name', 'load', 50)");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE tenant_id = '$tenant' AND subscription_type = '$name'"), $promise);
	return;
}

sub flood
{
	my ($prefix) = @_;
	$node->safe_psql('postgres',
		"INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) SELECT '$noisy', '$prefix' || g, 'load', 1 FROM generate_series(1, $flood) g");
	return;
}

judge($noisy, 'a_known', 'a tenant has a subscription');
judge($quiet, 'first', 'and so has another');
my ($keys, $overflows) = map { status($_) } qw(keys overflows);
flood('b');
judge($quiet, 'second', 'while one tenant reports about very many, the other is judged');
cmp_ok(status('keys') - $keys, '<=', 2 * $most, 'and of the many no more are looked for than are judged');
is(status('overflows') - $overflows, 1, 'the names of that tenant alone found no room');

# Now the worker has as many of that tenant as it may have.
my $ignored;
($keys, $overflows, $ignored) = map { status($_) } qw(keys overflows ignored);
flood('c');
judge($quiet, 'third', 'the flood goes on and the other is judged');
cmp_ok(status('keys') - $keys, '<=', 20, 'nobody looks at names that would not be judged');
is(status('overflows') - $overflows, 0, 'they take no place from others');
cmp_ok(status('ignored') - $ignored, '>=', $flood, 'and are counted');
$node->safe_psql('postgres', "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$noisy', 'a_known', 'load', 1)");
ok($node->poll_query_until('postgres', "SELECT status = 'resolved' FROM alert_instances WHERE tenant_id = '$noisy'"), 'what is judged of the noisy one is judged all the same');
is($node->safe_psql('postgres', "SELECT count(*) FROM realtime_metric_samples WHERE tenant_id = '$noisy'"), 2 * $flood + 2, 'everything was stored');

# Whoever may not write rows of a tenant makes it no subscriptions, however the attempt ends.
my $victim = '00000000-0000-4000-8000-000000000003';
$node->safe_psql('postgres', <<"SQL");
INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes, no_data_action, no_data_for_seconds)
  VALUES ('$victim', 'silent', 'load', 'last', 1000, 0, 'alert', 0);
CREATE ROLE stranger IN ROLE realtime_reader, realtime_writer;
INSERT INTO tenant_memberships (tenant_id, user_id, role) VALUES ('$noisy', '00000000-0000-4000-8000-0000000000aa', 'member');
SQL
$node->safe_psql('postgres', <<"SQL");
SET ROLE stranger;
SET request.jwt.claims = '{"sub": "00000000-0000-4000-8000-0000000000aa"}';
DO \$\$
DECLARE
  refused integer := 0;
BEGIN
  FOR number IN 1 .. 30 LOOP
    BEGIN
      INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$victim', 'sample' || number, 'load', 1);
    EXCEPTION WHEN insufficient_privilege THEN refused := refused + 1;
    END;
    BEGIN
      INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id) VALUES ('$victim', 'report' || number, 'c');
    EXCEPTION WHEN insufficient_privilege THEN refused := refused + 1;
    END;
    BEGIN
      INSERT INTO realtime_health_status (tenant_id, subscription_type) VALUES ('$victim', 'health' || number);
    EXCEPTION WHEN insufficient_privilege THEN refused := refused + 1;
    END;
  END LOOP;
  IF refused <> 90 THEN
    RAISE EXCEPTION 'only % of 90 rows were refused', refused;
  END IF;
END
\$\$;
SQL
judge($victim, 'real', 'what is reported about a tenant is judged');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT subscription_type, ' ') FROM alert_instances WHERE tenant_id = '$victim'"), 'real',
	'what a stranger tried to write for it opens no alert');

# Rows that users write must not fill the worker when it starts.
$node->safe_psql('postgres', "INSERT INTO realtime_health_status (tenant_id, subscription_type) SELECT '$noisy', 'd' || g FROM generate_series(1, $flood) g");
$node->restart;
judge($quiet, 'fourth', 'after a restart it is judged');
cmp_ok(status('keys'), '<=', 3 * $most, 'and again no more are looked at than are judged');

# Names have an end.
for my $name ("repeat('x', 256)", "repeat('\xc3\xa4', 128)")
{
	for my $insert (
		"realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$noisy', $name, 'load', 1)",
		"realtime_connection_metrics (tenant_id, subscription_type, connection_id) VALUES ('$noisy', $name, 'c')",
		"realtime_connection_metrics (tenant_id, subscription_type, connection_id) VALUES ('$noisy', 's', $name)",
		"realtime_health_status (tenant_id, subscription_type) VALUES ('$noisy', $name)")
	{
		my ($status, $out, $error) = $node->psql('postgres', "INSERT INTO $insert");
		like($error, qr/violates check constraint/, "a name of 256 bytes is refused: $insert");
	}
}
my ($status, $out, $error) = $node->psql('postgres',
	"SELECT collect_metrics(jsonb_build_object('tenantId', '$noisy', 'connectionId', 'c', 'subscriptionType', repeat('\xc3\xa4', 128), 'metrics', '{}'::jsonb))");
like($error, qr/payload\.subscriptionType must be a text of 1 to 255 bytes/, 'and the one who sent it is told how long it may be');

is(status('errors'), 0, 'no pass has failed');
$node->stop;
done_testing();
