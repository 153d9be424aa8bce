// Health that a client measured itself, from payloads.

#include "metric/range.hpp"
#include "pg/monitor/operations.hpp"
#include "pg/monitor/statement.hpp"

namespace pg::monitor {

namespace {

// What is not given stays as it is; the trigger computes the score where none is given.
Statement store_health{
    "INSERT INTO @extschema@.realtime_health_status AS h (tenant_id, subscription_type, status, "
    "active_connections, "
    "success_rate,"
    "                                         error_rate, avg_latency_ms, p50_latency_ms, p95_latency_ms, "
    "p99_latency_ms,"
    "                                         health_score)"
    " VALUES ($1, $2, COALESCE($3::@extschema@.realtime_health, 'unknown'), COALESCE($4, 0), $5, $6, $7, $8, "
    "$9, $10, "
    "$11::numeric(4,1))"
    " ON CONFLICT (tenant_id, subscription_type) DO UPDATE SET"
    "   status = COALESCE($3::@extschema@.realtime_health, h.status), active_connections = COALESCE($4, "
    "h.active_connections),"
    "   success_rate = COALESCE($5, h.success_rate), error_rate = COALESCE($6, h.error_rate),"
    "   avg_latency_ms = COALESCE($7, h.avg_latency_ms), p50_latency_ms = COALESCE($8, h.p50_latency_ms),"
    "   p95_latency_ms = COALESCE($9, h.p95_latency_ms), p99_latency_ms = COALESCE($10, h.p99_latency_ms),"
    "   health_score = COALESCE($11::numeric(4,1), h.health_score), last_health_check_at = now()"
    " RETURNING jsonb_build_object('subscriptionType', h.subscription_type, 'status', h.status, "
    "'activeConnections',"
    "           h.active_connections, 'healthScore', h.health_score, 'lastHealthCheckAt', "
    "h.last_health_check_at)",
    {"uuid", "text", "text", "int4", "float8", "float8", "float8", "float8", "float8", "float8", "float8"}};

constexpr const char* statuses[] = {"healthy", "degraded", "unhealthy", "unknown", "offline"};

void check_status(const Object& health, const Text& status) {
    for (const char* known : statuses) {
        if (static_cast<int>(strlen(known)) == status.length &&
            memcmp(known, status.data, strlen(known)) == 0) {
            return;
        }
    }
    refuse(health.place(), "status",
           psprintf("must be healthy, degraded, unhealthy, unknown or offline, not \"%.*s\"",
                    pg_mbcliplen(status.data, status.length, 100), status.data));
}

void sync(const Object& health, const Defaults& defaults, Answer& answer) {
    constexpr int count = 11;
    Datum values[count] = {};
    char nulls[count + 1] = "           ";
    health.only({"tenantId", "connectionId", "subscriptionType", "status", "healthStatus",
                 "activeConnections", "successRate", "errorRate", "avgLatencyMs", "p50LatencyMs",
                 "p95LatencyMs", "p99LatencyMs", "healthScore", "action", "batchId", "type", "data"});
    const pg_uuid_t tenant = tenant_of(health, defaults);
    Text subscription = health.text("subscriptionType");
    if (subscription.missing()) {
        subscription = {"*", 1};
    }
    // A hook that knows only the word says {"healthStatus": "degraded"}.
    Text status = health.text("status");
    if (status.missing()) {
        JsonbValue word;
        if (health.find("healthStatus", &word)) {
            status = health.text("healthStatus");
        }
    }
    values[0] = UUIDPGetDatum(&tenant);
    values[1] = text_datum(subscription);
    if (status.missing()) {
        nulls[2] = 'n';
    } else {
        check_status(health, status);
        values[2] = text_datum(status);
    }
    int64 active = 0;
    nulls[3] = health.integer("activeConnections", metric::most_connections_shown, &active) ? ' ' : 'n';
    values[3] = Int32GetDatum(static_cast<int32>(active));
    const struct {
        const char* key;
        double most;
    } measures[] = {{"successRate", 1},
                    {"errorRate", 1},
                    {"avgLatencyMs", metric::most_number},
                    {"p50LatencyMs", metric::most_number},
                    {"p95LatencyMs", metric::most_number},
                    {"p99LatencyMs", metric::most_number},
                    {"healthScore", 100}};
    for (Size index = 0; index < lengthof(measures); ++index) {
        double value = 0;
        nulls[4 + index] = health.number(measures[index].key, measures[index].most, &value) ? ' ' : 'n';
        values[4 + index] = Float8GetDatum(value);
    }
    if (run(store_health, values, nulls, false) != 1) {
        elog(ERROR, "health of a subscription was not stored");
    }
    bool null = false;
    answer.json(DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null)));
}

} // namespace

void sync_health(const Items& items, const Defaults& defaults, Answer& answer) {
    answer.begin_object();
    answer.key("healthStatus");
    answer.begin_array();
    for (int index = 0; index < items.count(); ++index) {
        Place place;
        sync(items.item(index, &place), defaults, answer);
    }
    answer.end_array();
    answer.end_object();
}

} // namespace pg::monitor
