#include "pg/guard.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/portions.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/words.hpp"
#include "pg/owned.hpp"

namespace pg::monitor {

namespace {

Statement load_positions{
    "SELECT tenant_id, subscription_type, consumed FROM @extschema@.realtime_ingest_positions", {}};

Statement load_quarantine{"SELECT tenant_id, subscription_type FROM @extschema@.realtime_quarantine", {}};

Statement load_health{"SELECT tenant_id, subscription_type, status::text, health_score::float8 FROM "
                      "@extschema@.realtime_health_status"
                      " WHERE subscription_type <> '*'",
                      {}};

Statement load_connections{
    "SELECT tenant_id, subscription_type, connection_id, total_messages_received, total_messages_sent, "
    "error_count,"
    "       retry_count::int8, bytes_transferred, avg_response_time_ms, cpu_usage, memory_usage, "
    "connection_count,"
    "       connection_quality::text, health_score::float8, resets, first_seen_at, last_heartbeat_at, "
    "clock_offset"
    "  FROM @extschema@.realtime_connections",
    {}};

Statement load_buckets{
    "SELECT tenant_id, subscription_type, resolution, bucket_start, reports, messages_received, "
    "messages_sent, errors,"
    "       retries, bytes, latency, active_connections, stale_connections, cpu_sum, cpu_count, memory_sum,"
    "       memory_count, memory_max, health_score::float8, clock_offset"
    "  FROM @extschema@.realtime_metric_rollups WHERE resolution = $1 AND bucket_start > $2"
    " ORDER BY bucket_start",
    {"int4", "timestamptz"}};

Statement load_sample_buckets{
    "SELECT tenant_id, subscription_type, metric, resolution, bucket_start, count, "
    "sum, min, max, last, distribution, COALESCE(last_at, bucket_start),"
    "       clock_offset"
    "  FROM @extschema@.realtime_sample_rollups WHERE resolution = $1 AND bucket_start > $2"
    " ORDER BY bucket_start",
    {"int4", "timestamptz"}};

struct PositionRow {
    core::Uuid tenant;
    std::string_view subscription;
    std::string_view consumed;
};

struct QuarantineRow {
    core::Uuid tenant;
    std::string_view subscription;
};

struct HealthRow {
    core::Uuid tenant;
    std::string_view subscription;
    metric::Status status;
    std::optional<double> score;
};

struct ConnectionRow {
    core::Uuid tenant;
    std::string_view subscription;
    std::string_view id;
    metric::Connection connection; // with times of the timeline
};

// The same as metric::Bucket, without what has a destructor.
struct BucketRow {
    core::Uuid tenant;
    std::string_view subscription;
    std::int32_t resolution;
    TimestampTz start, offset;
    std::int64_t reports;
    metric::Counters increments;
    std::string_view latency;
    std::int32_t active_connections, stale_connections;
    double cpu_sum, memory_sum, memory_max;
    std::int64_t cpu_count, memory_count;
    std::optional<double> health_score;
};

struct SampleBucketRow {
    core::Uuid tenant;
    std::string_view subscription;
    std::string_view metric;
    std::int32_t resolution;
    TimestampTz start;
    std::int64_t count;
    double sum, min, max, last;
    std::string_view distribution;
    TimestampTz last_at, offset;
};

// A sketch that cannot be read is left out: the counts beside it are still right.
metric::Sketch sketch_of(std::string_view bytes) {
    if (bytes.empty()) {
        return {};
    }
    return metric::Sketch::read(bytes).value_or(metric::Sketch{});
}

// Null for those beyond the limit, whose rows may be in the tables from a time when it was higher, or because users may write
// them.
core::Watch* watch_of(core::Engine& engine, const core::Uuid& id, std::string_view subscription) {
    core::Tenant& tenant = engine.tenant(id);
    const auto known = tenant.watches.find(subscription);
    if (known != tenant.watches.end()) {
        return known->second.get();
    }
    return tenant.watches.size() >= static_cast<Size>(settings::max_subscription_types)
               ? nullptr
               : &engine.watch(tenant, subscription);
}

void load_data(core::Engine& engine, metric::Time largest_offset) {
    const metric::Time now = engine.timeline().now();
    metric::Time newest = metric::never;
    for_each_row<PositionRow>(
        load_positions, nullptr, nullptr,
        [](const Row& row) {
            return PositionRow{row.uuid(1), row.text(2), row.text(3)};
        },
        [&](const PositionRow& row) {
            if (core::Watch* watch = watch_of(engine, row.tenant, row.subscription); watch != nullptr) {
                watch->position = row.consumed;
            }
        });

    for_each_row<QuarantineRow>(
        load_quarantine, nullptr, nullptr,
        [](const Row& row) {
            return QuarantineRow{row.uuid(1), row.text(2)};
        },
        [&](const QuarantineRow& row) {
            if (core::Watch* watch = watch_of(engine, row.tenant, row.subscription); watch != nullptr) {
                watch->storable = core::Storable::Tried;
            }
        });

    for_each_row<HealthRow>(
        load_health, nullptr, nullptr,
        [](const Row& row) {
            return HealthRow{row.uuid(1), row.text(2),
                             status_named(row.text(3)).value_or(metric::Status::Unknown), row.number(4)};
        },
        [&](const HealthRow& row) {
            if (core::Watch* watch = watch_of(engine, row.tenant, row.subscription); watch != nullptr) {
                watch->has_health = true;
                watch->health.status = row.status;
                watch->health.score = row.score;
            }
        });

    const metric::Limits& limits = engine.limits();
    for_each_row<ConnectionRow>(
        load_connections, nullptr, nullptr,
        [](const Row& row) {
            ConnectionRow result{row.uuid(1), row.text(2), row.text(3), {}};
            metric::Connection& connection = result.connection;
            connection.counters = {row.bigint(4), row.bigint(5), row.bigint(6), row.bigint(7), row.bigint(8)};
            connection.avg_response_time_ms = row.number(9);
            connection.cpu_percent = row.number(10);
            connection.memory_mb = row.number(11);
            connection.connection_count = row.integer(12);
            connection.quality = quality_named(row.text(13));
            connection.health_score = row.number(14);
            connection.resets = row.integer(15);
            connection.first_seen_at = row.time(16) + row.bigint(18);
            connection.heartbeat_at = row.time(17) + row.bigint(18);
            return result;
        },
        [&](const ConnectionRow& row) {
            if (row.connection.heartbeat_at <= now - limits.forget_after) {
                return;
            }
            newest = std::max(newest, row.connection.heartbeat_at);
            if (core::Watch* watch = watch_of(engine, row.tenant, row.subscription); watch != nullptr) {
                watch->data.load_connection(row.id, row.connection);
            }
        });

    const metric::Time kept[] = {limits.keep_fine, limits.keep_minutes, limits.keep_hours};
    for (Size index = 0; index < lengthof(kept); ++index) {
        // What was written while the clock was set back shows times that are as much earlier.
        Datum arguments[2] = {
            Int32GetDatum(metric::resolutions[index]),
            TimestampTzGetDatum(now - kept[index] - std::max<metric::Time>(largest_offset, 0))};
        for_each_row<BucketRow>(
            load_buckets, arguments, nullptr,
            [](const Row& row) {
                BucketRow result{};
                result.tenant = row.uuid(1);
                result.subscription = row.text(2);
                result.resolution = row.integer(3);
                result.start = row.time(4);
                result.reports = row.bigint(5);
                result.increments = {row.bigint(6), row.bigint(7), row.bigint(8), row.bigint(9),
                                     row.bigint(10)};
                result.latency = row.text(11);
                result.active_connections = row.integer(12);
                result.stale_connections = row.integer(13);
                result.cpu_sum = row.number(14).value_or(0);
                result.cpu_count = row.bigint(15);
                result.memory_sum = row.number(16).value_or(0);
                result.memory_count = row.bigint(17);
                result.memory_max = row.number(18).value_or(0);
                result.health_score = row.number(19);
                result.offset = row.bigint(20);
                return result;
            },
            [&](const BucketRow& row) {
                metric::Bucket bucket;
                bucket.start = row.start + row.offset;
                bucket.offset = row.offset;
                if (bucket.start <= now - kept[index]) {
                    return;
                }
                newest = std::max(newest, bucket.start);
                bucket.reports = row.reports;
                bucket.increments = row.increments;
                bucket.latency = sketch_of(row.latency);
                bucket.active_connections = row.active_connections;
                bucket.stale_connections = row.stale_connections;
                bucket.cpu_sum = row.cpu_sum;
                bucket.cpu_count = row.cpu_count;
                bucket.memory_sum = row.memory_sum;
                bucket.memory_count = row.memory_count;
                bucket.memory_max = row.memory_max;
                bucket.health_score = row.health_score;
                if (core::Watch* watch = watch_of(engine, row.tenant, row.subscription); watch != nullptr) {
                    watch->data.load_bucket(row.resolution, std::move(bucket));
                }
            });
        for_each_row<SampleBucketRow>(
            load_sample_buckets, arguments, nullptr,
            [](const Row& row) {
                return SampleBucketRow{row.uuid(1),
                                       row.text(2),
                                       row.text(3),
                                       row.integer(4),
                                       row.time(5),
                                       row.bigint(6),
                                       row.number(7).value_or(0),
                                       row.number(8).value_or(0),
                                       row.number(9).value_or(0),
                                       row.number(10).value_or(0),
                                       row.text(11),
                                       row.time(12),
                                       row.bigint(13)};
            },
            [&](const SampleBucketRow& row) {
                metric::SampleBucket bucket;
                bucket.start = row.start + row.offset;
                bucket.offset = row.offset;
                if (bucket.start <= now - kept[index]) {
                    return;
                }
                bucket.count = row.count;
                bucket.sum = row.sum;
                bucket.min = row.min;
                bucket.max = row.max;
                bucket.last = row.last;
                bucket.last_at = row.last_at + row.offset;
                newest = std::max(newest, bucket.last_at);
                bucket.distribution = sketch_of(row.distribution);
                if (core::Watch* watch = watch_of(engine, row.tenant, row.subscription); watch != nullptr) {
                    watch->data.load_sample_bucket(row.metric, row.resolution, std::move(bucket));
                }
            });
    }
    if (newest != metric::never) {
        engine.begin_after(newest);
    }
}

Model model{};

} // namespace

metric::Limits limits_from_settings() {
    metric::Limits limits;
    limits.stale_after = settings::stale_after * metric::second;
    limits.offline_after = settings::offline_after * metric::second;
    limits.health_window = settings::health_window * metric::second;
    limits.memory_limit_mb = settings::memory_limit;
    limits.most_connections = static_cast<Size>(settings::max_connections);
    limits.most_samples = static_cast<Size>(settings::max_metrics);
    return limits;
}

Model& current_model(const ModelState& state, metric::Clocks clocks, bool* fresh) {
    const Oid extension = get_extension_oid("pg_realtime", false);
    *fresh = false;
    if (model.engine != nullptr && model.generation == state.generation && model.extension == extension) {
        model.engine->set_limits(limits_from_settings());
        guarded([&] { (void)model.engine->advance(clocks); });
        return model;
    }
    model.engine = nullptr;
    if (model.context == nullptr) {
        model.context = AllocSetContextCreate(TopMemoryContext, "pg_realtime model", ALLOCSET_SMALL_SIZES);
    } else {
        MemoryContextReset(model.context); // the destructors run here
    }
    model.outgoing = make_owned<core::Outgoing>(model.context);
    auto* engine = make_owned<core::Engine>(model.context, limits_from_settings());
    Model loading = model;
    loading.engine = engine;
    engine->begin(clocks, state.clock_offset);
    load_data(*engine, state.largest_clock_offset);
    reload_configuration(loading, nullptr);
    // Not before everything is there: an error on the way leaves no half a model behind.
    model.engine = engine;
    model.generation = state.generation;
    model.extension = extension;
    model.reloaded = true;
    *fresh = true;
    return model;
}

} // namespace pg::monitor
