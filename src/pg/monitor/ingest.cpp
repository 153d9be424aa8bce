#include "pg/guard.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/portions.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/words.hpp"

namespace pg::monitor {

namespace {

// Reports older than this are not looked for: a transaction that stays open for longer brings its reports too late to be
// of use, and old partitions need not be searched. Shorter than the time for which the model remembers a connection.
constexpr TimestampTz look_back = 12 * USECS_PER_HOUR;

// New are the rows whose transaction the stored position does not see: those that began after it was taken, and those
// that were in progress then. This is exact whatever the order of commits, and survives crashes with the position.
Statement read_reports{
    "SELECT k.n::int4, m.connection_id, m.total_messages_received, m.total_messages_sent, m.error_count,"
    "       m.retry_count::int8, m.bytes_transferred, m.avg_response_time_ms, m.cpu_usage, m.memory_usage,"
    "       COALESCE(m.connection_count, 1), m.connection_quality::text, m.health_score::float8,"
    "       m.last_heartbeat_at, m.recorded_at"
    "  FROM unnest($1, $2, $3) WITH ORDINALITY k(tenant_id, subscription_type, consumed, n)"
    " CROSS JOIN LATERAL ("
    "       SELECT r.* FROM realtime_connection_metrics r"
    "        WHERE r.tenant_id = k.tenant_id AND r.subscription_type = k.subscription_type"
    "          AND r.transaction_id >= pg_snapshot_xmax(k.consumed) AND r.recorded_at > $4"
    "       UNION ALL"
    "       SELECT r.* FROM pg_snapshot_xip(k.consumed) x"
    "         JOIN realtime_connection_metrics r ON r.transaction_id = x"
    "        WHERE r.tenant_id = k.tenant_id AND r.subscription_type = k.subscription_type AND r.recorded_at "
    "> $4"
    "       ) m",
    {"uuid[]", "text[]", "pg_snapshot[]", "timestamptz"}};

Statement read_samples{
    "SELECT k.n::int4, m.metric, m.value, m.recorded_at"
    "  FROM unnest($1, $2, $3) WITH ORDINALITY k(tenant_id, subscription_type, consumed, n)"
    " CROSS JOIN LATERAL ("
    "       SELECT r.* FROM realtime_metric_samples r"
    "        WHERE r.tenant_id = k.tenant_id AND r.subscription_type = k.subscription_type"
    "          AND r.transaction_id >= pg_snapshot_xmax(k.consumed) AND r.recorded_at > $4"
    "       UNION ALL"
    "       SELECT r.* FROM pg_snapshot_xip(k.consumed) x"
    "         JOIN realtime_metric_samples r ON r.transaction_id = x"
    "        WHERE r.tenant_id = k.tenant_id AND r.subscription_type = k.subscription_type AND r.recorded_at "
    "> $4"
    "       ) m",
    {"uuid[]", "text[]", "pg_snapshot[]", "timestamptz"}};

Statement read_reported{"SELECT k.n::int4, h.error_rate, h.success_rate, h.avg_latency_ms, h.p50_latency_ms, "
                        "h.p95_latency_ms, h.p99_latency_ms,"
                        "       h.retry_rate, h.messages_per_second, h.bytes_per_second, h.cpu_usage, "
                        "h.memory_usage, h.health_score::float8,"
                        "       h.active_connections::float8, h.stale_connections::float8"
                        "  FROM unnest($1, $2) WITH ORDINALITY k(tenant_id, subscription_type, n)"
                        "  JOIN realtime_health_status h ON h.tenant_id = k.tenant_id AND "
                        "h.subscription_type = k.subscription_type"
                        " WHERE h.reported",
                        {"uuid[]", "text[]"}};

Statement current_position{"SELECT pg_current_snapshot()", {}};

struct ReportRow {
    int key;
    metric::Report report;
};

struct SampleRow {
    int key;
    std::string_view metric;
    double value;
    TimestampTz at;
};

struct ReportedRow {
    int key;
    metric::Subscription::Reported values;
};

ReportRow report_of(const Row& row) {
    ReportRow result{};
    result.key = row.integer(1) - 1;
    metric::Report& report = result.report;
    report.connection_id = row.text(2);
    report.counters = {row.bigint(3), row.bigint(4), row.bigint(5), row.bigint(6), row.bigint(7)};
    report.avg_response_time_ms = row.number(8);
    report.cpu_percent = row.number(9);
    report.memory_mb = row.number(10);
    report.connection_count = row.integer(11);
    report.quality = quality_named(row.text(12));
    report.health_score = row.number(13);
    report.heartbeat_at = row.time(14);
    report.recorded_at = row.time(15);
    return result;
}

ReportedRow reported_of(const Row& row) {
    ReportedRow result{};
    result.key = row.integer(1) - 1;
    metric::Subscription::Reported& values = result.values;
    values.error_rate = row.number(2);
    values.success_rate = row.number(3);
    values.avg_latency_ms = row.number(4);
    values.p50 = row.number(5);
    values.p95 = row.number(6);
    values.p99 = row.number(7);
    values.retry_rate = row.number(8);
    values.messages_per_second = row.number(9);
    values.bytes_per_second = row.number(10);
    values.cpu_usage = row.number(11);
    values.memory_usage = row.number(12);
    values.health_score = row.number(13);
    values.active_connections = row.number(14);
    values.stale_connections = row.number(15);
    return result;
}

} // namespace

Ingested ingest(Model& model, const KeyReference* keys, int count, TimestampTz now) {
    Ingested ingested{};
    if (count == 0) {
        return ingested;
    }
    core::Engine& engine = *model.engine;
    struct Place {
        core::Tenant* tenant;
        core::Watch* watch;
    };
    auto* places = static_cast<Place*>(palloc(sizeof(Place) * static_cast<Size>(count)));
    guarded([&] {
        for (int index = 0; index < count; ++index) {
            core::Tenant& tenant = engine.tenant(keys[index].tenant);
            places[index] = {&tenant, &engine.watch(tenant, {keys[index].subscription, keys[index].length})};
        }
    });

    Column tenants = make_column_of(UUIDOID, static_cast<Size>(count));
    Column subscriptions = make_column_of(TEXTOID, static_cast<Size>(count));
    Column positions = make_column_of(type_named("pg_snapshot"), static_cast<Size>(count));
    const Datum beginning = DirectFunctionCall1(pg_snapshot_in, CStringGetDatum("3:3:"));
    for (int index = 0; index < count; ++index) {
        push_uuid(tenants, keys[index].tenant.bytes.data());
        push_text(subscriptions, keys[index].subscription, keys[index].length);
        const std::string& position = places[index].watch->position;
        if (position.empty()) {
            push(positions, beginning);
        } else {
            push_bytes(positions, position.data(), position.size());
        }
    }
    Datum arguments[4] = {array_of(tenants), array_of(subscriptions), array_of(positions),
                          TimestampTzGetDatum(now - look_back)};

    // What a user wrote counts until a connection reports, so it comes first.
    for_each_row<ReportedRow>(read_reported, arguments, nullptr, reported_of, [&](const ReportedRow& row) {
        auto& [tenant, watch] = places[row.key];
        watch->data.set_reported(row.values);
        watch->has_health = true;
        engine.touch(*tenant, *watch);
    });

    ingested.reports =
        for_each_row<ReportRow>(read_reports, arguments, nullptr, report_of, [&](ReportRow& row) {
            auto& [tenant, watch] = places[row.key];
            // A clock that goes ahead must not make a connection look alive for ever.
            row.report.heartbeat_at = std::min(row.report.heartbeat_at, now);
            row.report.recorded_at = std::min(row.report.recorded_at, now);
            const bool replaces = watch->data.reported().has_value();
            watch->health_dirty = watch->health_dirty || replaces;
            watch->data.apply(row.report, engine.limits());
            engine.must_store(*tenant, *watch, replaces);
            watch->data_dirty = true;
            watch->position_dirty = true;
            engine.touch(*tenant, *watch);
        });

    ingested.samples = for_each_row<SampleRow>(
        read_samples, arguments, nullptr,
        [](const Row& row) {
            return SampleRow{row.integer(1) - 1, row.text(2), row.number(3).value_or(0), row.time(4)};
        },
        [&](const SampleRow& row) {
            auto& [tenant, watch] = places[row.key];
            engine.must_store(*tenant, *watch, false);
            watch->data.apply_sample(row.metric, row.value, std::min(row.at, now));
            watch->data_dirty = true;
            watch->position_dirty = true;
            engine.touch(*tenant, *watch);
        });

    if (run(current_position, nullptr, nullptr, true) != 1) {
        elog(ERROR, "no current snapshot");
    }
    const std::string_view position = Row(SPI_tuptable, 0).text(1);
    guarded([&] {
        for (int index = 0; index < count; ++index) {
            places[index].watch->position = position;
        }
    });
    SPI_freetuptable(SPI_tuptable);
    return ingested;
}

} // namespace pg::monitor
