# A subscription whose results cannot be stored keeps nobody else from being judged: it is quarantined with its error, and
# goes on when the reason is gone.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = PostgreSQL::Test::Cluster->new('quarantine');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_realtime'
pg_realtime.check_interval = 2s
pg_realtime.flush_interval = 100ms
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_realtime');

my $bad   = '00000000-0000-4000-8000-00000000000b';
my $good  = '00000000-0000-4000-8000-00000000000a';
my $next  = 0;

sub query { return $node->safe_psql('postgres', $_[0]); }

sub report
{
	my ($tenant, $subscription) = @_;
	return "INSERT INTO realtime_metric_samples (tenant_id, subscription_type, metric, value) VALUES ('$tenant', '$subscription', 'load', 50);"
	  . "INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, total_messages_received) VALUES ('$tenant', '$subscription', 'c', 10);";
}

# A first report of a subscription that nobody knows yet, and its alert.
sub good_alert
{
	my ($promise) = @_;
	$next += 1;
	query(report($good, "s$next"));
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE tenant_id = '$good' AND subscription_type = 's$next'"), $promise);
	return;
}

query("INSERT INTO alert_rules (tenant_id, rule_id, metric, aggregation, threshold_value, cooldown_minutes) SELECT t, 'high', 'load', 'last', 10, 0 FROM unnest(ARRAY['$bad', '$good']::uuid[]) t");
good_alert('an alert fires while nothing is wrong');

# Health that cannot be stored, for one tenant.
query("ALTER TABLE realtime_health_status ADD CONSTRAINT not_b CHECK (tenant_id <> '$bad')");
query(report($bad, 'orders') . report($bad, 'menu') . report($good, 'beside'));
ok($node->poll_query_until('postgres', "SELECT count(*) = 2 FROM realtime_quarantine WHERE tenant_id = '$bad' AND error LIKE '%violates check constraint \"not_b\"%'"),
	'subscriptions whose health cannot be stored are quarantined, with the error');
good_alert('and the alerts of others fire');
is(query("SELECT count(*) FROM realtime_quarantine WHERE tenant_id = '$good'"), 0, 'of which none is quarantined');
is(query("SELECT count(*) FROM alert_instances WHERE tenant_id = '$good' AND subscription_type = 'beside'"), 1, 'not even those that were reported in the same transaction');
is(query("SELECT count(*) FROM realtime_health_status WHERE tenant_id = '$good' AND subscription_type = 'beside'"), 1, 'and their health is stored');
is(query("SELECT health_check('{\"tenantId\": \"$bad\", \"performDiagnostics\": true}') #>> '{diagnostics,quarantine,0,subscriptionType}'"), 'menu', 'health_check() tells the tenant');

sub no_tight_loop
{
	my $passes = query("SELECT passes FROM realtime_worker_status");
	sleep 4;
	cmp_ok(query("SELECT passes FROM realtime_worker_status") - $passes, '<', 12, 'it is tried again with the regular checks only');
	return;
}

# No tight loop, and no log line each time.
no_tight_loop();
my @lines = slurp_file($node->logfile) =~ /because its results cannot be stored/g;
cmp_ok(scalar(@lines), '<=', 2, 'and said once');
is(query('SELECT errors FROM realtime_worker_status'), 0, 'no pass failed');
ok($node->poll_query_until('postgres', "SELECT bool_and(tried_at > since) FROM realtime_quarantine"), 'it is tried again');

# It survives the worker.
query("SELECT pg_terminate_backend(pid) FROM realtime_worker_status");
good_alert('after a restart of the worker the alerts of others fire, too');
is(query("SELECT count(*) FROM realtime_quarantine"), 2, 'and the quarantine holds');

query('ALTER TABLE realtime_health_status DROP CONSTRAINT not_b');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM realtime_quarantine'), 'when the reason is gone the quarantine ends by itself');
is(query("SELECT string_agg(subscription_type, ' ' ORDER BY subscription_type) FROM alert_instances WHERE tenant_id = '$bad'"), 'menu orders',
	'and what was reported meanwhile is judged, once');
is(query("SELECT count(*) FROM realtime_health_status WHERE tenant_id = '$bad'"), 2, 'and stored');

# Alerts that cannot be stored: a trigger of the database's owner that fails.
query(<<"SQL");
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; RETURN NEW; END';
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON alert_instances FOR EACH ROW WHEN (NEW.tenant_id = '$bad') EXECUTE FUNCTION fail();
SQL
query(report($bad, 'third'));
ok($node->poll_query_until('postgres', "SELECT error = 'division by zero' FROM realtime_quarantine WHERE subscription_type = 'third'"), 'an alert that cannot be stored quarantines its subscription');
good_alert('and no other one');
no_tight_loop();
query('DROP TRIGGER fail ON alert_instances');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE tenant_id = '$bad' AND subscription_type = 'third'"), 'later it fires after all');

# A member who holds locks on many rows that the worker has to write.
query(join('', map { report($bad, "many$_") } 1 .. 30));
ok($node->poll_query_until('postgres', "SELECT count(*) = 30 FROM realtime_health_status WHERE tenant_id = '$bad' AND subscription_type LIKE 'many%'"), 'more subscriptions are judged');
my $holder = $node->background_psql('postgres', on_error_die => 1);
$holder->query_safe("BEGIN; SELECT * FROM realtime_health_status WHERE tenant_id = '$bad' FOR UPDATE;");
query(report($bad, 'orders') . join('', map { report($bad, "many$_") } 1 .. 30));
good_alert('rows that somebody has locked delay nobody else');
is(query('SELECT errors FROM realtime_worker_status'), 0, 'and let no pass fail');
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM realtime_quarantine WHERE tenant_id = '$bad' AND error LIKE '%lock timeout%'"), 'only their subscriptions wait');
$holder->query_safe('COMMIT;');
$holder->quit;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM realtime_quarantine'), 'until the locks are gone');

# Passes that come after one that waited for rows of a tenant do not wait for that tenant's rows again.
query("ALTER SYSTEM SET pg_realtime.check_interval = '1h'");
my $checks = query('SELECT checks FROM realtime_worker_status');
$node->reload;
ok($node->poll_query_until('postgres', "SELECT checks > $checks FROM realtime_worker_status"), 'the last regular check for a while');
$holder = $node->background_psql('postgres', on_error_die => 1);
$holder->query_safe("BEGIN; SELECT * FROM realtime_health_status WHERE tenant_id = '$bad' FOR UPDATE;");
my $stored = query('SELECT store_ms FROM realtime_worker_status');
for my $number (1 .. 12)
{
	query(report($bad, "many$number"));
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM realtime_quarantine WHERE tenant_id = '$bad' AND subscription_type = 'many$number'"), "many$number has a row that is locked") if $number == 1 || $number == 12;
	sleep 0.3;
}
cmp_ok(query('SELECT store_ms FROM realtime_worker_status') - $stored, '<', 1500, 'a tenant that kept a pass waiting keeps the next ones from nothing');
$holder->query_safe('COMMIT;');
$holder->quit;
query('ALTER SYSTEM RESET pg_realtime.check_interval');
$node->reload;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM realtime_quarantine'), 'a regular check tries them again');

# Whoever locks a table keeps it from everybody, and no tenant is to blame.
sub nobody_is_quarantined
{
	my ($tables, $promise) = @_;
	my @before = slurp_file($node->logfile) =~ /because its results cannot be stored/g;
	my $locker = $node->background_psql('postgres', on_error_die => 1);
	$locker->query_safe("BEGIN; LOCK TABLE $tables IN SHARE MODE;");
	$next += 1;
	query(report($good, "s$next") . report($bad, 'orders'));
	sleep 2;
	$locker->query_safe('COMMIT;');
	$locker->quit;
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM alert_instances WHERE tenant_id = '$good' AND subscription_type = 's$next'"), "$promise: the alert comes");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM realtime_health_status WHERE tenant_id = '$good' AND subscription_type = 's$next'"), "$promise: so does the health");
	my @after = slurp_file($node->logfile) =~ /because its results cannot be stored/g;
	is(scalar(@after), scalar(@before), "$promise: nobody was quarantined");
	return;
}
nobody_is_quarantined('realtime_health_status', 'a table that is locked');
nobody_is_quarantined(query("SELECT string_agg(inhrelid::regclass::text, ', ') FROM pg_inherits WHERE inhparent = 'realtime_metric_rollups'::regclass"), 'partitions that are locked');
nobody_is_quarantined('alert_instances', 'the alerts are locked');
is(query('SELECT errors FROM realtime_worker_status'), 0, 'no pass failed');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
$node->stop;
done_testing();
