// health_check(), get_status() and get_metrics(): what is known of a tenant, as JSON. They read with the rights of the caller.

#include <initializer_list>

#include "pg/monitor/operations.hpp"
#include "pg/monitor/statement.hpp"

namespace pg::monitor {

namespace {

constexpr int most_types = 100; // subscription types of one call

// The worse a status, the later it stands; unknown is not worse than what is known to be bad.
#define RANK_OF_STATUS                                                                                       \
    "array_position(ARRAY['healthy', 'unknown', 'degraded', 'unhealthy', "                                   \
    "'offline']::@extschema@.realtime_health[], "                                                            \
    "h.status)"

#define HEALTH_OF_TENANT                                                                                     \
    "WITH wanted AS ("                                                                                       \
    "  SELECT DISTINCT w.type FROM unnest($2) w(type)"                                                       \
    "  UNION SELECT h.subscription_type FROM @extschema@.realtime_health_status h WHERE $2 IS NULL AND "     \
    "h.tenant_id = "                                                                                         \
    "$1),"                                                                                                   \
    " health AS ("                                                                                           \
    "  SELECT w.type, COALESCE(h.status, 'unknown') AS status, h.active_connections, h.stale_connections,"   \
    "         h.success_rate, h.error_rate, h.avg_latency_ms, h.p50_latency_ms, h.p95_latency_ms, "          \
    "h.p99_latency_ms,"                                                                                      \
    "         h.retry_rate, h.messages_per_second, h.bytes_per_second, h.cpu_usage, h.memory_usage, "        \
    "h.health_score,"                                                                                        \
    "         h.reason, h.last_health_check_at"                                                              \
    "    FROM wanted w LEFT JOIN @extschema@.realtime_health_status h ON h.tenant_id = $1 AND "              \
    "h.subscription_type = "                                                                                 \
    "w.type)"

Statement health_of_tenant{
    HEALTH_OF_TENANT
    " SELECT jsonb_build_object("
    "   'tenantId', $1, 'checkedAt', now(),"
    "   'status', COALESCE((SELECT h.status FROM health h ORDER BY " RANK_OF_STATUS
    " DESC LIMIT 1), 'unknown'),"
    "   'healthScore', (SELECT min(h.health_score) FROM health h),"
    "   'activeConnections', (SELECT COALESCE(sum(h.active_connections), 0) FROM health h WHERE h.type <> "
    "'*'),"
    "   'subscriptions', (SELECT COALESCE(jsonb_agg(jsonb_build_object("
    "       'subscriptionType', h.type, 'status', h.status, 'activeConnections', "
    "COALESCE(h.active_connections, 0),"
    "       'staleConnections', COALESCE(h.stale_connections, 0), 'successRate', h.success_rate, "
    "'errorRate', h.error_rate,"
    "       'avgLatencyMs', h.avg_latency_ms, 'p50LatencyMs', h.p50_latency_ms, 'p95LatencyMs', "
    "h.p95_latency_ms,"
    "       'p99LatencyMs', h.p99_latency_ms, 'retryRate', h.retry_rate, 'messagesPerSecond', "
    "h.messages_per_second,"
    "       'bytesPerSecond', h.bytes_per_second, 'cpuUsage', h.cpu_usage, 'memoryUsage', h.memory_usage,"
    "       'healthScore', h.health_score, 'reason', h.reason, 'lastHealthCheckAt', h.last_health_check_at)"
    "     ORDER BY h.type), '[]') FROM health h),"
    "   'alerts', (SELECT jsonb_build_object('firing', count(*) FILTER (WHERE a.status = 'firing'),"
    "                                        'acknowledged', count(*) FILTER (WHERE a.status = "
    "'acknowledged'),"
    "                                        'worst', max(a.severity))"
    "                FROM @extschema@.alert_instances a WHERE a.tenant_id = $1 AND a.status <> 'resolved'))",
    {"uuid", "text[]"}};

// What a member may know about why things are as they are.
Statement diagnostics_of_tenant{
    "WITH stale AS ("
    "  SELECT c.subscription_type, c.connection_id, c.last_heartbeat_at FROM "
    "@extschema@.realtime_connections c"
    "   WHERE c.tenant_id = $1 AND ($2 IS NULL OR c.subscription_type = ANY ($2))"
    "     AND c.last_heartbeat_at < now() - current_setting('pg_realtime.stale_after')::interval),"
    " errors AS ("
    "  SELECT r.rule_id, r.last_error, r.last_error_at FROM @extschema@.alert_rules r"
    "   WHERE (r.tenant_id = $1 OR r.tenant_id IS NULL) AND r.enabled AND r.last_error IS NOT NULL),"
    " batches AS ("
    "  SELECT count(*) AS count, COALESCE(sum(b.item_count), 0) AS items, COALESCE(sum(b.failed_count), 0) "
    "AS failed"
    "    FROM @extschema@.batch_processing_logs b WHERE b.tenant_id = $1 AND b.started_at > now() - interval "
    "'1 hour'),"
    " worker AS (SELECT * FROM @extschema@.realtime_worker_alive())"
    " SELECT jsonb_build_object("
    "   'worker', (SELECT jsonb_build_object('running', w.running, 'lastCheckAt', w.last_check_at) FROM "
    "worker w),"
    "   'staleConnections', jsonb_build_object('count', (SELECT count(*) FROM stale), 'oldest',"
    "     (SELECT COALESCE(jsonb_agg(jsonb_build_object('subscriptionType', s.subscription_type, "
    "'connectionId',"
    "             s.connection_id, 'lastHeartbeatAt', s.last_heartbeat_at) ORDER BY s.last_heartbeat_at, "
    "s.connection_id), '[]')"
    "        FROM (SELECT * FROM stale ORDER BY last_heartbeat_at, connection_id LIMIT 20) s)),"
    "   'ruleErrors', (SELECT COALESCE(jsonb_agg(jsonb_build_object('ruleId', e.rule_id, 'error', "
    "e.last_error, 'since',"
    "             e.last_error_at) ORDER BY e.rule_id), '[]') FROM (SELECT * FROM errors ORDER BY rule_id "
    "LIMIT 20) e),"
    "   'quarantine', (SELECT COALESCE(jsonb_agg(jsonb_build_object('subscriptionType', q.subscription_type, "
    "'error', q.error,"
    "             'since', q.since, 'triedAt', q.tried_at) ORDER BY q.subscription_type), '[]')"
    "        FROM (SELECT * FROM @extschema@.realtime_quarantine q WHERE q.tenant_id = $1 AND ($2 IS NULL OR "
    "q.subscription_type = ANY ($2))"
    "               ORDER BY q.subscription_type LIMIT 20) q),"
    "   'batches', (SELECT jsonb_build_object('lastHour', b.count, 'items', b.items, 'failed', b.failed) "
    "FROM batches b),"
    "   'recommendations', to_jsonb(array_remove(ARRAY["
    "     CASE WHEN NOT (SELECT w.running FROM worker w)"
    "          THEN 'No worker runs: preload the library, or call realtime_run_pass() every few seconds.' "
    "END,"
    "     CASE WHEN EXISTS (SELECT 1 FROM stale)"
    "          THEN 'Connections miss their heartbeats: clients are gone, or cannot reach the database.' END,"
    "     CASE WHEN EXISTS (SELECT 1 FROM errors) THEN 'Some alert rules cannot be evaluated: mend them.' "
    "END,"
    "     CASE WHEN EXISTS (SELECT 1 FROM @extschema@.realtime_quarantine q WHERE q.tenant_id = $1)"
    "          THEN 'Results of some subscriptions cannot be stored: see realtime_quarantine.' END,"
    "     CASE WHEN (SELECT b.failed * 10 > b.items FROM batches b)"
    "          THEN 'More than a tenth of the items of recent batches failed: see batch_processing_logs.' "
    "END], NULL)))",
    {"uuid", "text[]"}};

// What concerns everybody's data in the database, and so is told only to those who run it.
Statement diagnostics_of_database{
    "SELECT jsonb_build_object("
    "   'slots', (SELECT COALESCE(jsonb_agg(jsonb_build_object('slotName', s.slot_name, 'active', s.active, "
    "'lagBytes',"
    "              pg_wal_lsn_diff(p.at, s.confirmed_flush_lsn), 'retainedBytes', pg_wal_lsn_diff(p.at, "
    "s.restart_lsn),"
    "              'walStatus', s.wal_status) ORDER BY s.slot_name), '[]')"
    "      FROM pg_replication_slots s,"
    "           LATERAL (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE "
    "pg_current_wal_lsn() END) p(at)"
    "     WHERE s.plugin = 'pg_realtime' AND s.database = current_database()),"
    "   'worker', (SELECT to_jsonb(w) - 'database' FROM @extschema@.realtime_worker_status w WHERE "
    "w.database = "
    "current_database()),"
    "   'tables', (SELECT COALESCE(jsonb_agg(jsonb_build_object('table', t.relname, 'liveRows', "
    "t.n_live_tup, 'deadRows',"
    "              t.n_dead_tup, 'lastVacuumAt', greatest(t.last_vacuum, t.last_autovacuum), 'sizeBytes',"
    "              pg_total_relation_size(t.relid), 'hint',"
    "              CASE WHEN t.n_dead_tup > 10000 + t.n_live_tup / 2 THEN format('VACUUM %I.%I;', "
    "t.schemaname, t.relname) END)"
    "              ORDER BY t.relname), '[]')"
    "      FROM pg_stat_all_tables t"
    "      JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = t.relid AND d.deptype = 'e'"
    "      JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND "
    "e.extname = 'pg_realtime'))",
    {nullptr}};

Statement status_of_tenant{
    HEALTH_OF_TENANT
    " SELECT jsonb_build_object("
    "   'tenantId', $1, 'checkedAt', now(),"
    "   'status', COALESCE((SELECT h.status FROM health h ORDER BY " RANK_OF_STATUS
    " DESC LIMIT 1), 'unknown'),"
    "   'healthScore', (SELECT min(h.health_score) FROM health h),"
    "   'connectionCount', (SELECT count(*) FROM @extschema@.realtime_connections c WHERE c.tenant_id = $1 "
    "AND ($3 IS "
    "NULL OR c.connection_id = $3)),"
    "   'connections', (SELECT COALESCE(jsonb_agg(jsonb_build_object("
    "       'connectionId', c.connection_id, 'subscriptionType', c.subscription_type, 'quality', "
    "c.connection_quality,"
    "       'healthScore', c.health_score, 'messagesReceived', c.total_messages_received, 'errorCount', "
    "c.error_count,"
    "       'lastHeartbeatAt', c.last_heartbeat_at) ORDER BY c.last_heartbeat_at DESC, c.connection_id), "
    "'[]')"
    "     FROM (SELECT * FROM @extschema@.realtime_connections c WHERE c.tenant_id = $1 AND ($3 IS NULL OR "
    "c.connection_id = $3)"
    "            ORDER BY c.last_heartbeat_at DESC, c.connection_id LIMIT 100) c),"
    "   'subscriptions', (SELECT COALESCE(jsonb_agg(jsonb_build_object('connectionId', s.connection_id, "
    "'channel', s.channel,"
    "       'subscriptionType', s.subscription_type, 'filter', s.filter, 'subscribedAt', s.subscribed_at)"
    "       ORDER BY s.connection_id, s.channel), '[]')"
    "     FROM (SELECT * FROM @extschema@.realtime_subscriptions s WHERE s.tenant_id = $1 AND ($3 IS NULL OR "
    "s.connection_id = $3)"
    "            ORDER BY s.connection_id, s.channel LIMIT 100) s),"
    "   'alerts', (SELECT COALESCE(jsonb_agg(jsonb_build_object('id', a.id, 'ruleId', a.rule_id, "
    "'subscriptionType',"
    "       a.subscription_type, 'severity', a.severity, 'status', a.status, 'message', a.message, "
    "'triggeredAt', a.triggered_at)"
    "       ORDER BY a.severity DESC, a.triggered_at), '[]')"
    "     FROM (SELECT * FROM @extschema@.alert_instances a WHERE a.tenant_id = $1 AND a.status <> 'resolved'"
    "            ORDER BY a.severity DESC, a.triggered_at LIMIT 100) a))",
    {"uuid", "text[]", "text"}};

// Sums of buckets. Percentiles come from the merged sketches, never from averages of percentiles.
#define SUMS                                                                                                 \
    "least(sum(r.messages_received), 9007199254740992)::bigint AS received, least(sum(r.messages_sent), "    \
    "9007199254740992)::bigint AS sent, "                                                                    \
    "least(sum(r.errors), 9007199254740992)::bigint AS errors,"                                              \
    " least(sum(r.retries), 9007199254740992)::bigint AS retries, least(sum(r.bytes), "                      \
    "9007199254740992)::bigint AS bytes, "                                                                   \
    "@extschema@.realtime_sketch_merge(r.latency) "                                                          \
    "AS latency,"                                                                                            \
    " sum(r.cpu_sum) / NULLIF(sum(r.cpu_count), 0) AS cpu, sum(r.memory_sum) / NULLIF(sum(r.memory_count), " \
    "0) AS memory,"                                                                                          \
    " min(r.health_score) AS score"

#define FIGURES(seconds)                                                                                     \
    "'messagesReceived', COALESCE(s.received, 0), 'messagesSent', COALESCE(s.sent, 0), 'errors', "           \
    "COALESCE(s.errors, 0),"                                                                                 \
    "'retries', COALESCE(s.retries, 0), 'bytes', COALESCE(s.bytes, 0),"                                      \
    "'errorRate', CASE WHEN s.received > 0 THEN least(s.errors / s.received::float8, 1) WHEN s.errors > 0 "  \
    "THEN 1 END,"                                                                                            \
    "'messagesPerSecond', COALESCE(s.received + s.sent, 0) / (" seconds ")::float8,"                         \
    "'avgLatencyMs', @extschema@.realtime_sketch_sum(s.latency) / "                                          \
    "NULLIF(@extschema@.realtime_sketch_count(s.latency), 0),"                                               \
    "'p50LatencyMs', @extschema@.realtime_sketch_quantile(s.latency, 0.5::float8), 'p95LatencyMs', "         \
    "@extschema@.realtime_sketch_quantile(s.latency, 0.95::float8),"                                         \
    "'p99LatencyMs', @extschema@.realtime_sketch_quantile(s.latency, 0.99::float8), 'cpuUsage', s.cpu, "     \
    "'memoryUsage', s.memory,"                                                                               \
    "'healthScore', s.score"

Statement metrics_of_tenant{
    "WITH buckets AS ("
    "  SELECT * FROM @extschema@.realtime_metric_rollups r"
    "   WHERE r.tenant_id = $1 AND r.resolution = $5 AND ($2 IS NULL OR r.subscription_type = ANY ($2))"
    "     AND r.bucket_start >= $3 - ($4 - $3) AND r.bucket_start < $4),"
    " points AS ("
    "  SELECT r.subscription_type, r.bucket_start, max(r.active_connections) AS active, "
    "max(r.stale_connections) AS stale, " SUMS "    FROM buckets r WHERE r.bucket_start >= $3 GROUP BY 1, 2),"
    " series AS ("
    "  SELECT s.subscription_type, jsonb_agg(jsonb_build_object('time', s.bucket_start, 'activeConnections', "
    "s.active,"
    "         'staleConnections', s.stale, " FIGURES(
        "$5") ") ORDER BY s.bucket_start) AS points"
              "    FROM points s GROUP BY 1),"
              " spans AS (SELECT r.bucket_start >= $3 AS present, " SUMS " FROM buckets r GROUP BY 1),"
              " totals AS ("
              "  SELECT p.present, jsonb_build_object(" FIGURES(
                  "extract(epoch FROM $4 - $3)") ") AS figures"
                                                 "    FROM (VALUES (true), (false)) p(present) LEFT JOIN "
                                                 "spans s USING (present))"
                                                 " SELECT jsonb_build_object('tenantId', $1, 'from', $3, "
                                                 "'to', $4, 'resolutionSeconds', $5,"
                                                 "   'series', (SELECT "
                                                 "COALESCE(jsonb_agg(jsonb_build_object('subscriptionType', "
                                                 "s.subscription_type, 'points', s.points)"
                                                 "                                        ORDER BY "
                                                 "s.subscription_type), '[]') FROM series s),"
                                                 "   'totals', (SELECT t.figures FROM totals t WHERE "
                                                 "t.present),"
                                                 "   'trends', (SELECT jsonb_object_agg(now.key, "
                                                 "jsonb_build_object('current', now.value, 'previous', "
                                                 "before.value, 'change',"
                                                 "       CASE WHEN jsonb_typeof(now.value) = 'number' AND "
                                                 "jsonb_typeof(before.value) = 'number' AND before.value <> "
                                                 "'0'"
                                                 "            THEN round(((now.value::numeric - "
                                                 "before.value::numeric) / abs(before.value::numeric)), 6) "
                                                 "END))"
                                                 "     FROM totals n, jsonb_each(n.figures) now, totals b, "
                                                 "jsonb_each(b.figures) before"
                                                 "    WHERE n.present AND NOT b.present AND before.key = "
                                                 "now.key))",
    {"uuid", "text[]", "timestamptz", "timestamptz", "int4"}};

// The one jsonb that a statement returns, in the memory context `to`.
Jsonb* jsonb_from(Statement& statement, Datum* arguments, const char* nulls, MemoryContext to) {
    if (run(statement, arguments, nulls, true) != 1) {
        elog(ERROR, "a statement that describes a tenant returned no row");
    }
    bool null = false;
    const Jsonb* found =
        DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
    auto* copy = static_cast<Jsonb*>(MemoryContextAlloc(to, VARSIZE(found)));
    memcpy(copy, found, VARSIZE(found));
    return copy;
}

// subscriptionTypes, or subscriptionType; null: all of them.
bool wanted_types(const Object& asked, Datum* types) {
    const Text one = asked.text("subscriptionType");
    JsonbContainer* list = asked.array("subscriptionTypes");
    const int count = list != nullptr ? static_cast<int>(JsonContainerSize(list)) : 0;
    if (count > most_types) {
        refuse(asked.place(), "subscriptionTypes",
               psprintf("has %d elements, more than %d", count, most_types));
    }
    if (count == 0 && one.missing()) {
        return false;
    }
    Column column = make_column_of(TEXTOID, static_cast<Size>(count + 1));
    if (!one.missing()) {
        push(column, text_datum(one));
    }
    for (int index = 0; index < count; ++index) {
        const JsonbValue* type = getIthJsonbValueFromContainer(list, static_cast<uint32>(index));
        if (type->type != jbvString || type->val.string.len == 0 || type->val.string.len > 255) {
            const Place array{&asked.place(), "subscriptionTypes", 0}, element{&array, nullptr, index};
            refuse(element, nullptr, psprintf("must be a text of 1 to 255 bytes, not %s", shown(*type)));
        }
        push_text(column, type->val.string.val, static_cast<Size>(type->val.string.len));
    }
    *types = array_of(column);
    return true;
}

Jsonb* with_member(Jsonb* object, const char* key, Jsonb* value) {
    Answer addition;
    addition.begin_object();
    addition.key(key);
    addition.json(value);
    addition.end_object();
    return DatumGetJsonbP(
        DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(object), JsonbPGetDatum(addition.result())));
}

bool may_see_database() {
    for (const char* role : {"pg_monitor", "realtime_gateway"}) {
        const Oid oid = get_role_oid(role, true);
        if (OidIsValid(oid) && has_privs_of_role(GetUserId(), oid)) {
            return true;
        }
    }
    return false;
}

// A length of time as 15m, 1h, 7d.
int64 seconds_of(const Object& asked, const char* key, const Text& text) {
    int64 number = 0;
    int index = 0;
    for (; index < text.length && index < 6 && text.data[index] >= '0' && text.data[index] <= '9'; ++index) {
        number = number * 10 + (text.data[index] - '0');
    }
    const char unit = index == text.length - 1 && index > 0 ? text.data[index] : '?';
    const int64 factor = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
    constexpr int64 longest = 30 * 86400;
    if (factor == 0 || number == 0 || number * factor > longest) {
        refuse(asked.place(), key,
               psprintf("must be a length of time up to 30d, for example 15m, 24h or 7d, not \"%.*s\"",
                        pg_mbcliplen(text.data, text.length, 100), text.data));
    }
    return number * factor;
}

struct Span {
    TimestampTz from, to;
    int resolution; // s
};

// Times are rounded outwards to whole buckets.
Span span_of(const Object& asked) {
    constexpr int64 most_points = 2000;
    constexpr int64 second = 1000000;
    Span span{};
    if (!asked.time("to", &span.to)) {
        span.to = GetCurrentTransactionStartTimestamp();
    }
    const Text range = asked.text("timeRange");
    if (!asked.time("from", &span.from)) {
        span.from = span.to - (range.missing() ? 3600 : seconds_of(asked, "timeRange", range)) * second;
    }
    const int64 length = (span.to - span.from) / second;
    if (span.from >= span.to || length > 30 * 86400) {
        refuse(asked.place(), "from", "must lie before to, by 30 days at most");
    }
    int64 resolution = 0;
    if (!asked.integer("resolution", 3600, &resolution)) {
        resolution = length <= 7200 ? 10 : length <= 86400 ? 60 : 3600;
    }
    if (resolution != 10 && resolution != 60 && resolution != 3600) {
        refuse(asked.place(), "resolution",
               psprintf("must be 10, 60 or 3600 (seconds), not " INT64_FORMAT, resolution));
    }
    if (length / resolution > most_points) {
        refuse(asked.place(), "resolution",
               psprintf("would give " INT64_FORMAT " points, more than " INT64_FORMAT, length / resolution,
                        most_points));
    }
    span.resolution = static_cast<int>(resolution);
    // The epoch of PostgreSQL is a whole hour, so buckets begin at multiples of their length.
    const int64 bucket = resolution * second;
    span.from -= ((span.from % bucket) + bucket) % bucket;
    span.to += (bucket - ((span.to % bucket) + bucket) % bucket) % bucket;
    return span;
}

constexpr Place root{nullptr, "payload", 0};

// The gateway adds connectionId and batchId where the client sends them as headers.
template <int n> Object asked_in(FunctionCallInfo fcinfo, const char* const (&members)[n]) {
    const Object asked = object_of(payload_argument(fcinfo), &root);
    asked.only(members);
    return asked;
}

} // namespace

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_health_check);
PGDLLEXPORT Datum pg_realtime_health_check(PG_FUNCTION_ARGS) {
    MemoryContext caller = CurrentMemoryContext;
    const Object asked = asked_in(fcinfo, {"tenantId", "subscriptionTypes", "subscriptionType",
                                           "connectionId", "batchId", "action", "performDiagnostics"});
    const pg_uuid_t tenant = asked.tenant();
    Datum arguments[] = {UUIDPGetDatum(&tenant), 0};
    const char* nulls = wanted_types(asked, &arguments[1]) ? "  " : " n";
    const bool diagnose = asked.boolean("performDiagnostics");
    const bool see_database = diagnose && may_see_database();
    SPI_connect();
    Jsonb* health = jsonb_from(health_of_tenant, arguments, nulls, caller);
    Jsonb* own = diagnose ? jsonb_from(diagnostics_of_tenant, arguments, nulls, caller) : nullptr;
    Jsonb* all = see_database ? jsonb_from(diagnostics_of_database, nullptr, nullptr, caller) : nullptr;
    SPI_finish();
    if (all != nullptr) {
        own = with_member(own, "database", all);
    }
    PG_RETURN_JSONB_P(own == nullptr ? health : with_member(health, "diagnostics", own));
}

PG_FUNCTION_INFO_V1(pg_realtime_get_status);
PGDLLEXPORT Datum pg_realtime_get_status(PG_FUNCTION_ARGS) {
    MemoryContext caller = CurrentMemoryContext;
    const Object asked = asked_in(
        fcinfo, {"tenantId", "subscriptionTypes", "subscriptionType", "connectionId", "batchId", "action"});
    const pg_uuid_t tenant = asked.tenant();
    const Text connection = asked.text("connectionId");
    Datum arguments[] = {UUIDPGetDatum(&tenant), 0, connection.missing() ? 0 : text_datum(connection)};
    char nulls[] = "   ";
    nulls[1] = wanted_types(asked, &arguments[1]) ? ' ' : 'n';
    nulls[2] = connection.missing() ? 'n' : ' ';
    SPI_connect();
    Jsonb* status = jsonb_from(status_of_tenant, arguments, nulls, caller);
    SPI_finish();
    PG_RETURN_JSONB_P(status);
}

PG_FUNCTION_INFO_V1(pg_realtime_get_metrics);
PGDLLEXPORT Datum pg_realtime_get_metrics(PG_FUNCTION_ARGS) {
    MemoryContext caller = CurrentMemoryContext;
    const Object asked =
        asked_in(fcinfo, {"tenantId", "subscriptionTypes", "subscriptionType", "connectionId", "batchId",
                          "action", "timeRange", "from", "to", "resolution"});
    const pg_uuid_t tenant = asked.tenant();
    const Span span = span_of(asked);
    Datum arguments[] = {UUIDPGetDatum(&tenant), 0, TimestampTzGetDatum(span.from),
                         TimestampTzGetDatum(span.to), Int32GetDatum(span.resolution)};
    const char* nulls = wanted_types(asked, &arguments[1]) ? "     " : " n   ";
    SPI_connect();
    Jsonb* metrics = jsonb_from(metrics_of_tenant, arguments, nulls, caller);
    SPI_finish();
    PG_RETURN_JSONB_P(metrics);
}
}
