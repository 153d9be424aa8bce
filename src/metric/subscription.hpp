// What is known of one (tenant, subscription type): its connections, and their increments in buckets of time.
#pragma once

#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metric/health.hpp"
#include "metric/range.hpp"
#include "metric/signal.hpp"
#include "metric/sketch.hpp"
#include "metric/time.hpp"

namespace metric {

// Cumulative counters of one connection.
struct Counters {
    std::int64_t messages_received = 0, messages_sent = 0, errors = 0, retries = 0, bytes = 0;

    void add(const Counters& other);
};

struct Report {
    std::string_view connection_id;
    Counters counters;
    std::optional<double> avg_response_time_ms, cpu_percent, memory_mb;
    std::int32_t connection_count = 1;
    std::optional<Quality> quality;
    std::optional<double> health_score;
    Time heartbeat_at = never;
    Time recorded_at = never;
};

struct Connection {
    Counters counters; // of the last report
    std::optional<double> avg_response_time_ms, cpu_percent, memory_mb;
    std::int32_t connection_count = 1;
    std::optional<Quality> quality;
    std::optional<double> health_score;
    std::int32_t resets = 0;
    Time first_seen_at = never;
    Time heartbeat_at = never;
    enum class Presence : std::uint8_t {
        Gone,
        Stale,
        Active
    } presence = Presence::Gone; // as of the last sweep
    bool dirty = false;          // not yet stored
};

struct Bucket {
    Time start = never;
    Time offset = 0; // of the timeline, when it began: `start` less it is what the wall clock showed
    std::int64_t reports = 0;
    Counters increments;
    Sketch latency; // ms, weighted by the messages of the report, at least 1
    std::int32_t active_connections = 0, stale_connections = 0; // last seen in the bucket
    double cpu_sum = 0, memory_sum = 0, memory_max = 0;
    std::int64_t cpu_count = 0, memory_count = 0;
    std::optional<double> health_score; // last in the bucket
    bool dirty = false;

    void merge(const Bucket& other); // the later of two `last` values is that of `other`
};

struct SampleBucket { // of one user-defined metric
    Time start = never;
    Time offset = 0;
    std::int64_t count = 0;
    double sum = 0, min = 0, max = 0, last = 0;
    Time last_at = never; // when `last` was measured
    Sketch distribution;
    bool dirty = false;

    // The last value is the one that was measured last, in whatever order they come; of one time the one that comes later.
    void add(double value, Time at);
    void merge(const SampleBucket& other);
};

// Buckets of one resolution, oldest first, without gaps only where something was reported. They begin at full minutes (and so on) of the
// wall clock: after it was set there may be two of one time, and two that overlap.
template <class B> struct Series {
    Time resolution = 0;
    std::deque<B> buckets;

    // The bucket of that time under that offset, made when it is missing.
    B& at(Time time, Time offset = 0) {
        const Time start = start_of(time, offset);
        auto place = buckets.end();
        while (place != buckets.begin() && std::prev(place)->start > start) {
            --place;
        }
        for (auto same = place; same != buckets.begin() && std::prev(same)->start == start; --same) {
            if (std::prev(same)->offset == offset) {
                return *std::prev(same);
            }
        }
        place = buckets.insert(place, B{});
        place->start = start;
        place->offset = offset;
        return *place;
    }

    // Begin of the bucket of that time.
    Time start_of(Time time, Time offset) const {
        return time - (((time - offset) % resolution) + resolution) % resolution;
    }

    // Forgets what ended before.
    void drop_before(Time time) {
        while (!buckets.empty() && buckets.front().start + resolution <= time) {
            buckets.pop_front();
        }
    }
};

struct Limits {
    Time clock_offset = 0;           // of the timeline now
    Time stale_after = 60 * second;  // a connection without heartbeat for so long is stale: two missed checks
    Time offline_after = 5 * minute; // and then forgotten as active; its counters are kept for `forget_after`
    Time forget_after = 24 * hour;
    Time health_window = 60 * second;
    double memory_limit_mb = 1000;
    std::size_t most_connections = 100000; // of one subscription
    std::size_t most_samples = 1000;       // user-defined metrics of one subscription
    Time keep_fine = 15 * minute;          // how long buckets of 10 s, 1 min, 1 h stay in memory
    Time keep_minutes = 6 * hour + minute;
    Time keep_hours = 30 * 24 * hour;
};

// The three resolutions, in seconds; each report goes into all of them, so coarser ones need no later work.
constexpr std::int32_t resolutions[] = {10, 60, 3600};

class Subscription {
  public:
    // Adds a report: increments against the connection's last counters. A counter that went backwards is a reset (the client
    // started anew): the increment is then the counter itself. A first report counts from zero. Reports that are older than
    // the last heartbeat of their connection change no counters. False when there are too many connections to remember
    // another one, and nothing was done. Numbers beyond their ranges (range.hpp) count as the nearest within.
    bool apply(const Report& reported, const Limits& limits);
    // False when there are too many metrics, or the value is no number.
    bool apply_sample(std::string_view metric, double value, Time at, const Limits& limits = {});

    // Values that a user wrote into realtime_health_status count until the next report.
    struct Reported {
        std::optional<double> error_rate, success_rate, avg_latency_ms, p50, p95, p99, retry_rate,
            messages_per_second, bytes_per_second, cpu_usage, memory_usage, health_score, active_connections,
            stale_connections;
    };
    void set_reported(const Reported& values);

    // Brings active and stale counts up to date and forgets what is too old. Cheap until something is due.
    void sweep(Time now, const Limits& limits);
    // As of the last sweep or report.
    std::int32_t active_connections() const { return clamp_connections(active_); }
    std::int32_t stale_connections() const { return clamp_connections(stale_); }

    // Notes the score and the counts in the buckets of that time, where there are any.
    void record_health(std::optional<double> score, Time now);

    // Loading what was stored; the parts are not dirty then.
    void load_connection(std::string_view connection_id, const Connection& connection);
    void load_bucket(std::int32_t resolution, Bucket bucket);
    void load_sample_bucket(std::string_view metric, std::int32_t resolution, SampleBucket bucket);

    // Replaying history, of which the connections themselves are not known any more: a bucket of 10 s is added to those of
    // all resolutions, and the counts of connections are taken from it.
    void replay(const Bucket& stored);
    void replay_sample(std::string_view metric, const SampleBucket& stored);
    bool knows_connections() const { return replayed_at_ != never || !connections_.empty(); }

    std::unordered_map<std::string, Connection>& connections() { return connections_; }
    const std::unordered_map<std::string, Connection>& connections() const { return connections_; }
    Series<Bucket>& series(std::int32_t resolution);
    const Series<Bucket>& series(std::int32_t resolution) const;
    using SampleSeries = std::map<std::string, Series<SampleBucket>[3], std::less<>>;
    SampleSeries& samples() { return samples_; }
    const SampleSeries& samples() const { return samples_; }
    const std::optional<Reported>& reported() const { return reported_; }

    // When the value of some signal may change without a new report (a bucket leaves a window, a connection becomes stale);
    // forever when nothing can change.
    Time next_change(Time now, const Limits& limits) const;

  private:
    bool is_kept(std::int32_t resolution, Time at, const Limits& limits) const;
    void count(const Connection& connection, std::int64_t sign);
    Series<SampleBucket> (
        &series_of(std::string_view metric))[std::size(resolutions)]; // made when it is missing

    std::unordered_map<std::string, Connection> connections_;
    Series<Bucket> series_[3] = {
        {resolutions[0] * second, {}}, {resolutions[1] * second, {}}, {resolutions[2] * second, {}}};
    SampleSeries samples_;
    std::optional<Reported> reported_;
    std::int64_t active_ = 0, stale_ = 0; // exact: connections are limited, and what each reports is, too
    Time replayed_at_ = never;            // end of the last bucket that replay() took
    Time latest_ = never;                 // of everything that came in, and of the sweeps
    Time next_sweep_ = never; // before it no connection changes its presence and no bucket is too old
};

// The value of a signal over one subscription, or over all those of a tenant. A window of W seconds ends now and takes in
// every bucket that overlaps it, of the finest resolution that is still kept for that long.
Value value_of(const Signal& signal, std::span<const Subscription* const> subscriptions, Time now,
               const Limits& limits);

struct Health {
    Status status = Status::Unknown;
    std::int32_t active_connections = 0, stale_connections = 0;
    std::optional<double> success_rate, error_rate, avg_latency_ms, p50, p95, p99, retry_rate,
        messages_per_second, bytes_per_second, cpu_usage, memory_mb, score;
    Dimension worst = Dimension::None;
    bool missed_heartbeats = false; // the reason is the missing heartbeat
};

Health health_of(std::span<const Subscription* const> subscriptions, Status before, Time now,
                 const Limits& limits);

} // namespace metric
