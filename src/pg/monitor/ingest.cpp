#include <algorithm>
#include <unordered_set>

#include "pg/guard.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/scan.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/words.hpp"
#include "pg/owned.hpp"
#include "value/numeric.hpp"

namespace pg::monitor {

namespace {

enum ReportColumn {
    report_connection,
    report_received,
    report_sent,
    report_errors,
    report_retries,
    report_bytes,
    report_response,
    report_cpu,
    report_memory,
    report_count,
    report_quality,
    report_score,
    report_heartbeat,
    report_recorded
};
Source reports{"realtime_connection_metrics",
               "realtime_connection_metrics_new",
               {"connection_id", "total_messages_received", "total_messages_sent", "error_count",
                "retry_count", "bytes_transferred", "avg_response_time_ms", "cpu_usage", "memory_usage",
                "connection_count", "connection_quality", "health_score", "last_heartbeat_at",
                "recorded_at"}};

enum SampleColumn { sample_metric, sample_value, sample_recorded };
Source samples{"realtime_metric_samples", "realtime_metric_samples_new", {"metric", "value", "recorded_at"}};

enum HealthColumn {
    health_error_rate,
    health_success_rate,
    health_avg,
    health_p50,
    health_p95,
    health_p99,
    health_retry_rate,
    health_messages,
    health_bytes,
    health_cpu,
    health_memory,
    health_score,
    health_active,
    health_stale,
    health_reported
};
Source health{"realtime_health_status",
              "realtime_health_status_pkey",
              {"error_rate", "success_rate", "avg_latency_ms", "p50_latency_ms", "p95_latency_ms",
               "p99_latency_ms", "retry_rate", "messages_per_second", "bytes_per_second", "cpu_usage",
               "memory_usage", "health_score", "active_connections", "stale_connections", "reported"}};

// The order in which reports count: that of the times at which they were made; of one time, that of the transactions that wrote
// them, and of one transaction, that in which it wrote them. It does not depend on which of them a pass finds together.
struct ReportRow {
    metric::Report report;
    WrittenBy writer;
};

struct SampleRow {
    std::string_view metric;
    double value;
    TimestampTz at;
    WrittenBy writer;
};

std::optional<double> score_of(const Found& row, int column) {
    if (row.is_null(column)) {
        return std::nullopt;
    }
    const auto* stored = PG_DETOAST_DATUM_PACKED(row.datum(column));
    double score = 0;
    guarded([&] { score = value::numeric_double(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)); });
    return score;
}

std::optional<double> optional_integer(const Found& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional<double>(row.integer(column));
}

metric::Report report_of(const Found& row) {
    metric::Report report{};
    report.connection_id = row.text(report_connection);
    report.counters = {row.bigint(report_received), row.bigint(report_sent), row.bigint(report_errors),
                       row.integer(report_retries), row.bigint(report_bytes)};
    report.avg_response_time_ms = row.number(report_response);
    report.cpu_percent = row.number(report_cpu);
    report.memory_mb = row.number(report_memory);
    report.connection_count = row.is_null(report_count) ? 1 : row.integer(report_count);
    if (!row.is_null(report_quality)) {
        report.quality =
            quality_named(DatumGetCString(DirectFunctionCall1(enum_out, row.datum(report_quality))));
    }
    report.health_score = score_of(row, report_score);
    report.heartbeat_at = row.time(report_heartbeat);
    report.recorded_at = row.time(report_recorded);
    return report;
}

metric::Subscription::Reported reported_of(const Found& row) {
    metric::Subscription::Reported values{};
    values.error_rate = row.number(health_error_rate);
    values.success_rate = row.number(health_success_rate);
    values.avg_latency_ms = row.number(health_avg);
    values.p50 = row.number(health_p50);
    values.p95 = row.number(health_p95);
    values.p99 = row.number(health_p99);
    values.retry_rate = row.number(health_retry_rate);
    values.messages_per_second = row.number(health_messages);
    values.bytes_per_second = row.number(health_bytes);
    values.cpu_usage = row.number(health_cpu);
    values.memory_usage = row.number(health_memory);
    values.health_score = score_of(row, health_score);
    values.active_connections = optional_integer(row, health_active);
    values.stale_connections = optional_integer(row, health_stale);
    return values;
}

using Watches = std::unordered_set<core::Watch*>;

// Where the rows of one key go. Plain: an error may jump over it.
struct Receiver {
    core::Engine* engine;
    const KeyReference* key;
    core::Tenant* tenant; // null, as the watch, while nothing is known of it
    core::Watch* watch;
    Watches* named;    // by the keys so far
    TimestampTz since; // by the wall clock
    Ingested* ingested;
    MemoryContext context; // texts of a portion
    ReportRow* reports;
    SampleRow* samples;
    int report_room, sample_room;
    int count;    // of the portion
    int64 of_key; // rows that were taken of this key
};

// A name becomes a watch when a row of it is found: who marks a name may have no right to write rows of it.
void make_watch(Receiver& to) {
    if (to.watch == nullptr) {
        guarded([&] {
            to.tenant = &to.engine->tenant(to.key->tenant);
            to.watch = &to.engine->watch(*to.tenant, {to.key->subscription, to.key->length});
            to.named->insert(to.watch);
        });
    }
}

// Rows are sorted in portions, so that memory has a bound: nearly always one portion is all that is new of a key.
constexpr int first_room = 500;
constexpr int most_room = 32000;

template <class Row> void make_room(Row*& rows, int& room) {
    room = std::min(room * 4, most_room);
    rows = static_cast<Row*>(repalloc(rows, sizeof(Row) * static_cast<Size>(room)));
}

void take_reports(Receiver& to) {
    if (to.count == 0) {
        return;
    }
    guarded([&] {
        ReportRow* const end = to.reports + to.count;
        for (ReportRow* row = to.reports; row < end; ++row) {
            // What the future holds counts as now: a clock that goes ahead must not make a connection look alive for ever.
            row->report.heartbeat_at = to.engine->timeline().time_of(row->report.heartbeat_at);
            row->report.recorded_at = to.engine->timeline().time_of(row->report.recorded_at);
        }
        std::sort(to.reports, end, [](const ReportRow& left, const ReportRow& right) {
            return left.report.recorded_at != right.report.recorded_at
                       ? left.report.recorded_at < right.report.recorded_at
                       : left.writer < right.writer;
        });
        for (ReportRow* row = to.reports; row < end; ++row) {
            const metric::Report& report = row->report;
            const bool replaces = to.watch->data.reported().has_value();
            to.watch->health_dirty = to.watch->health_dirty || replaces;
            if (!to.watch->data.apply(report, to.engine->limits())) {
                to.ingested->ignored += 1;
                continue;
            }
            to.engine->must_store(*to.tenant, *to.watch, replaces);
        }
        to.watch->data_dirty = true;
        to.watch->position_dirty = true;
        to.engine->touch(*to.tenant, *to.watch);
    });
    to.ingested->reports += to.count;
    to.of_key += to.count;
    to.count = 0;
    MemoryContextReset(to.context);
}

void take_samples(Receiver& to) {
    if (to.count == 0) {
        return;
    }
    guarded([&] {
        SampleRow* const end = to.samples + to.count;
        for (SampleRow* row = to.samples; row < end; ++row) {
            row->at = to.engine->timeline().time_of(row->at);
        }
        std::sort(to.samples, end, [](const SampleRow& left, const SampleRow& right) {
            return left.at != right.at ? left.at < right.at : left.writer < right.writer;
        });
        for (const SampleRow* sample = to.samples; sample < end; ++sample) {
            to.engine->must_store(*to.tenant, *to.watch, false);
            if (!to.watch->data.apply_sample(sample->metric, sample->value, sample->at,
                                             to.engine->limits())) {
                to.ingested->ignored += 1;
            }
        }
        to.watch->data_dirty = true;
        to.watch->position_dirty = true;
        to.engine->touch(*to.tenant, *to.watch);
    });
    to.ingested->samples += to.count;
    to.of_key += to.count;
    to.count = 0;
    MemoryContextReset(to.context);
}

void on_report(const Found& row, void* user) {
    auto& to = *static_cast<Receiver*>(user);
    if (row.time(report_recorded) <= to.since) {
        return; // counted by its writer
    }
    make_watch(to);
    if (to.count == most_room) {
        take_reports(to);
    } else if (to.count == to.report_room) {
        make_room(to.reports, to.report_room);
    }
    MemoryContext before = MemoryContextSwitchTo(to.context);
    to.reports[to.count++] = {report_of(row), row.writer()};
    MemoryContextSwitchTo(before);
}

void on_sample(const Found& row, void* user) {
    auto& to = *static_cast<Receiver*>(user);
    if (row.time(sample_recorded) <= to.since) {
        return;
    }
    make_watch(to);
    if (to.count == most_room) {
        take_samples(to);
    } else if (to.count == to.sample_room) {
        make_room(to.samples, to.sample_room);
    }
    MemoryContext before = MemoryContextSwitchTo(to.context);
    to.samples[to.count++] = {row.text(sample_metric), row.number(sample_value).value_or(0),
                              row.time(sample_recorded), row.writer()};
    MemoryContextSwitchTo(before);
}

void on_health(const Found& row, void* user) {
    auto& to = *static_cast<Receiver*>(user);
    if (!DatumGetBool(row.datum(health_reported))) {
        return;
    }
    const metric::Subscription::Reported values = reported_of(row);
    make_watch(to);
    guarded([&] {
        to.watch->data.set_reported(values);
        to.watch->has_health = true;
        to.engine->touch(*to.tenant, *to.watch);
    });
}

} // namespace

void say_once_that_something_is_ignored() {
    static bool said = false;
    if (!said) {
        said = true;
        ereport(LOG, (errmsg("pg_realtime does not judge all reports because a limit is reached"),
                      errdetail("Further reports that are not judged are only counted, in column ignored of "
                                "realtime_worker_status."),
                      errhint("You may need to increase pg_realtime.max_subscription_types (%d), "
                              "pg_realtime.max_connections (%d) "
                              "or pg_realtime.max_metrics (%d).",
                              settings::max_subscription_types, settings::max_connections,
                              settings::max_metrics)));
    }
}

Ingested ingest(Model& model, const KeyReference* keys, int count) {
    Ingested ingested{};
    if (count == 0) {
        return ingested;
    }
    core::Engine& engine = *model.engine;
    static_assert(std::is_trivially_destructible_v<ReportRow> && std::is_trivially_destructible_v<Receiver>,
                  "an error must not jump over a destructor");
    Receiver to{};
    to.engine = &engine;
    to.since = engine.timeline().earliest_wall(look_back);
    to.ingested = &ingested;
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_realtime ingest", ALLOCSET_SMALL_SIZES);
    to.named = make_owned<Watches>(context);
    to.context = AllocSetContextCreate(context, "pg_realtime rows", ALLOCSET_DEFAULT_SIZES);
    to.reports = static_cast<ReportRow*>(palloc(sizeof(ReportRow) * first_room));
    to.samples = static_cast<SampleRow*>(palloc(sizeof(SampleRow) * first_room));
    to.report_room = to.sample_room = first_room;
    for (int index = 0; index < count; ++index) {
        const KeyReference& key = keys[index];
        const std::string_view subscription(key.subscription, key.length);
        bool again = false; // the key was named before
        bool full = false;
        guarded([&] {
            const auto tenant = engine.tenants().find(key.tenant);
            to.tenant = tenant == engine.tenants().end() ? nullptr : tenant->second.get();
            to.watch = engine.find(key.tenant, subscription);
            again = to.watch != nullptr && !to.named->insert(to.watch).second;
            full = to.watch == nullptr && to.tenant != nullptr &&
                   to.tenant->watches.size() >= static_cast<Size>(settings::max_subscription_types);
        });
        if (again) {
            continue;
        }
        if (full) {
            ingested.ignored += 1;
            ingested.full = true;
            continue;
        }
        to.key = &key;
        to.of_key = 0;
        // What a user wrote counts until a connection reports, so it comes first.
        const auto position = [&] { return to.watch == nullptr ? Position{} : to.watch->position; };
        scan_all(health, key.tenant, subscription, on_health, &to);
        scan_new(reports, key.tenant, subscription, position(), to.since, on_report, &to);
        take_reports(to);
        scan_new(samples, key.tenant, subscription, position(), to.since, on_sample, &to);
        take_samples(to);
        ingested.judged_together += std::max<int64>(to.of_key - 1, 0);
    }
    if (ingested.ignored > 0) {
        say_once_that_something_is_ignored();
    }

    const Position position = current_position();
    guarded([&] {
        for (core::Watch* watch : *to.named) {
            watch->position = position;
        }
    });
    MemoryContextDelete(context);
    return ingested;
}

} // namespace pg::monitor
