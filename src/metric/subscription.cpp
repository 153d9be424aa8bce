#include "metric/subscription.hpp"

#include <algorithm>
#include <cmath>

#include "metric/range.hpp"

namespace metric {

namespace {

Time kept(std::int32_t resolution, const Limits& limits) {
    switch (resolution) {
    case 10:
        return limits.keep_fine;
    case 60:
        return limits.keep_minutes;
    default:
        return limits.keep_hours;
    }
}

std::size_t index_of(std::int32_t resolution) {
    return resolution == resolutions[0] ? 0 : resolution == resolutions[1] ? 1 : 2;
}

bool went_backwards(const Counters& now, const Counters& before) {
    return now.messages_received < before.messages_received || now.messages_sent < before.messages_sent ||
           now.errors < before.errors || now.retries < before.retries || now.bytes < before.bytes;
}

Counters difference(const Counters& now, const Counters& before) {
    return {now.messages_received - before.messages_received, now.messages_sent - before.messages_sent,
            now.errors - before.errors, now.retries - before.retries, now.bytes - before.bytes};
}

// What the tables accept by now an older row, or one that was written around the CHECKs, may not be. In place.
void clamp(Counters& counters) {
    for (std::int64_t* counter : {&counters.messages_received, &counters.messages_sent, &counters.errors,
                                  &counters.retries, &counters.bytes}) {
        *counter = clamp_counter(*counter);
    }
}

template <class R> void clamp_reported(R& report) {
    clamp(report.counters);
    report.counters.retries = std::min<std::int64_t>(report.counters.retries, INT32_MAX);
    report.avg_response_time_ms = clamp_measure(report.avg_response_time_ms);
    report.cpu_percent = clamp_measure(report.cpu_percent);
    report.memory_mb = clamp_measure(report.memory_mb);
    report.connection_count = std::clamp(report.connection_count, 0, most_reported_connections);
    report.health_score = clamp_measure(report.health_score, 100);
}

void clamp(Bucket& bucket) {
    clamp(bucket.increments);
    for (std::int64_t* count : {&bucket.reports, &bucket.cpu_count, &bucket.memory_count}) {
        *count = clamp_counter(*count);
    }
    for (double* sum : {&bucket.cpu_sum, &bucket.memory_sum, &bucket.memory_max}) {
        *sum = clamp_number(*sum, 0, DBL_MAX);
    }
    bucket.active_connections = clamp_connections(bucket.active_connections);
    bucket.stale_connections = clamp_connections(bucket.stale_connections);
    bucket.health_score = clamp_measure(bucket.health_score, 100);
}

void clamp(SampleBucket& bucket) {
    bucket.count = clamp_counter(bucket.count);
    for (double* number : {&bucket.sum, &bucket.min, &bucket.max, &bucket.last}) {
        *number = clamp_finite(*number);
    }
}

} // namespace

void Counters::add(const Counters& other) {
    messages_received = add_counters(messages_received, other.messages_received);
    messages_sent = add_counters(messages_sent, other.messages_sent);
    errors = add_counters(errors, other.errors);
    retries = add_counters(retries, other.retries);
    bytes = add_counters(bytes, other.bytes);
}

void Bucket::merge(const Bucket& other) {
    reports = add_counters(reports, other.reports);
    increments.add(other.increments);
    latency.merge(other.latency);
    active_connections = other.active_connections;
    stale_connections = other.stale_connections;
    cpu_sum = add_numbers(cpu_sum, other.cpu_sum);
    cpu_count = add_counters(cpu_count, other.cpu_count);
    memory_sum = add_numbers(memory_sum, other.memory_sum);
    memory_count = add_counters(memory_count, other.memory_count);
    memory_max = std::max(memory_max, other.memory_max);
    health_score = other.health_score ? other.health_score : health_score;
}

void SampleBucket::add(double value, Time at) {
    min = count == 0 ? value : std::min(min, value);
    max = count == 0 ? value : std::max(max, value);
    count = add_counters(count, 1);
    sum = add_numbers(sum, value);
    if (at >= last_at) {
        last = value;
        last_at = at;
    }
    distribution.add(value);
}

void SampleBucket::merge(const SampleBucket& other) {
    if (other.count == 0) {
        return;
    }
    min = count == 0 ? other.min : std::min(min, other.min);
    max = count == 0 ? other.max : std::max(max, other.max);
    count = add_counters(count, other.count);
    sum = add_numbers(sum, other.sum);
    if (other.last_at >= last_at) {
        last = other.last;
        last_at = other.last_at;
    }
    distribution.merge(other.distribution);
}

Series<Bucket>& Subscription::series(std::int32_t resolution) {
    return series_[index_of(resolution)];
}

const Series<Bucket>& Subscription::series(std::int32_t resolution) const {
    return series_[index_of(resolution)];
}

// A bucket that was forgotten is stored; a new one in its place would overwrite it with less.
bool Subscription::is_kept(std::int32_t resolution, Time at, const Limits& limits) const {
    const Time start = series(resolution).start_of(at, limits.clock_offset);
    return latest_ == never || start + resolution * second > latest_ - kept(resolution, limits);
}

void Subscription::count(const Connection& connection, std::int64_t sign) {
    if (connection.presence == Connection::Presence::Active) {
        active_ += sign * connection.connection_count;
    } else if (connection.presence == Connection::Presence::Stale) {
        stale_ += sign * connection.connection_count;
    }
}

bool Subscription::apply(const Report& reported, const Limits& limits) {
    Report report = reported;
    clamp_reported(report);
    std::string id(report.connection_id);
    if (connections_.size() >= limits.most_connections && !connections_.contains(id)) {
        return false;
    }
    latest_ = std::max(latest_, report.recorded_at);
    reported_.reset();
    const auto [found, is_new] = connections_.try_emplace(std::move(id));
    Connection& connection = found->second;
    if (is_new) {
        connection.first_seen_at = report.recorded_at;
    } else if (report.heartbeat_at < connection.heartbeat_at) {
        return true; // overtaken: what it counted is in the later report
    }
    Counters increments = report.counters;
    if (went_backwards(report.counters, connection.counters)) {
        connection.resets =
            std::min(connection.resets, INT32_MAX - 1) + 1; // the client started anew, and counted from zero
    } else {
        increments = difference(report.counters, connection.counters);
    }
    count(connection, -1);
    connection.counters = report.counters;
    connection.avg_response_time_ms = report.avg_response_time_ms;
    connection.cpu_percent = report.cpu_percent;
    connection.memory_mb = report.memory_mb;
    connection.connection_count = report.connection_count;
    connection.quality = report.quality;
    connection.health_score = report.health_score;
    connection.heartbeat_at = report.heartbeat_at;
    connection.dirty = true;
    connection.presence = report.heartbeat_at + limits.stale_after > latest_ ? Connection::Presence::Active
                          : report.heartbeat_at + limits.offline_after > latest_ ? Connection::Presence::Stale
                                                                                 : Connection::Presence::Gone;
    count(connection, 1);
    next_sweep_ = std::min(next_sweep_, report.heartbeat_at + limits.stale_after);

    const std::int64_t messages =
        std::max<std::int64_t>(increments.messages_received + increments.messages_sent, 1);
    for (const std::int32_t resolution : resolutions) {
        if (!is_kept(resolution, report.recorded_at, limits)) {
            continue;
        }
        Bucket& bucket = series(resolution).at(report.recorded_at, limits.clock_offset);
        bucket.dirty = true;
        bucket.reports = add_counters(bucket.reports, 1);
        bucket.increments.add(increments);
        if (report.avg_response_time_ms) {
            bucket.latency.add(*report.avg_response_time_ms, static_cast<std::uint64_t>(messages));
        }
        if (report.cpu_percent) {
            bucket.cpu_sum = add_numbers(bucket.cpu_sum, *report.cpu_percent);
            bucket.cpu_count = add_counters(bucket.cpu_count, 1);
        }
        if (report.memory_mb) {
            bucket.memory_sum = add_numbers(bucket.memory_sum, *report.memory_mb);
            bucket.memory_count = add_counters(bucket.memory_count, 1);
            bucket.memory_max = std::max(bucket.memory_max, *report.memory_mb);
        }
        bucket.active_connections = active_connections();
        bucket.stale_connections = stale_connections();
    }
    return true;
}

Series<SampleBucket> (&Subscription::series_of(std::string_view metric))[std::size(resolutions)] {
    auto found = samples_.find(metric);
    if (found == samples_.end()) {
        found = samples_.try_emplace(std::string(metric)).first;
        for (std::size_t index = 0; index < std::size(resolutions); ++index) {
            found->second[index].resolution = resolutions[index] * second;
        }
    }
    return found->second;
}

bool Subscription::apply_sample(std::string_view metric, double value, Time at, const Limits& limits) {
    if (std::isnan(value) || (samples_.size() >= limits.most_samples && !samples_.contains(metric))) {
        return false;
    }
    value = std::clamp(value, -most_number, most_number);
    latest_ = std::max(latest_, at);
    Series<SampleBucket>(&series)[std::size(resolutions)] = series_of(metric);
    for (std::size_t index = 0; index < std::size(resolutions); ++index) {
        if (is_kept(resolutions[index], at, limits)) {
            SampleBucket& bucket = series[index].at(at, limits.clock_offset);
            bucket.add(value, at);
            bucket.dirty = true;
        }
    }
    return true;
}

void Subscription::replay(const Bucket& stored) {
    Bucket bucket = stored;
    clamp(bucket);
    replayed_at_ = bucket.start + resolutions[0] * second;
    active_ = bucket.active_connections;
    stale_ = bucket.stale_connections;
    latest_ = std::max(latest_, bucket.start);
    for (const std::int32_t resolution : resolutions) {
        series(resolution).at(bucket.start).merge(bucket);
    }
    next_sweep_ = never;
}

void Subscription::replay_sample(std::string_view metric, const SampleBucket& stored) {
    SampleBucket bucket = stored;
    clamp(bucket);
    latest_ = std::max(latest_, bucket.start);
    for (Series<SampleBucket>& series : series_of(metric)) {
        series.at(bucket.start).merge(bucket);
    }
    next_sweep_ = never;
}

void Subscription::set_reported(const Reported& values) {
    reported_ = values;
}

void Subscription::sweep(Time now, const Limits& limits) {
    latest_ = std::max(latest_, now);
    if (now < next_sweep_) {
        return;
    }
    next_sweep_ = forever;
    if (replayed_at_ == never) {
        active_ = 0;
        stale_ = 0;
    } else if (replayed_at_ + limits.stale_after <= now) {
        // As if the last heartbeats had come with the last bucket.
        stale_ = replayed_at_ + limits.offline_after > now ? active_ + stale_ : 0;
        active_ = 0;
    }
    for (auto entry = connections_.begin(); entry != connections_.end();) {
        Connection& connection = entry->second;
        const Time beat = connection.heartbeat_at;
        if (beat + limits.stale_after > now) {
            connection.presence = Connection::Presence::Active;
            next_sweep_ = std::min(next_sweep_, beat + limits.stale_after);
        } else if (beat + limits.offline_after > now) {
            connection.presence = Connection::Presence::Stale;
            next_sweep_ = std::min(next_sweep_, beat + limits.offline_after);
        } else {
            connection.presence = Connection::Presence::Gone;
            if (beat + limits.forget_after <= now && !connection.dirty) {
                entry = connections_.erase(entry);
                continue;
            }
            next_sweep_ = std::min(next_sweep_, std::max(beat + limits.forget_after, now + minute));
        }
        count(connection, 1);
        ++entry;
    }
    for (const std::int32_t resolution : resolutions) {
        Series<Bucket>& buckets = series(resolution);
        buckets.drop_before(now - kept(resolution, limits));
        if (!buckets.buckets.empty()) {
            next_sweep_ = std::min(next_sweep_, now + minute);
        }
    }
    for (auto entry = samples_.begin(); entry != samples_.end();) {
        bool empty = true;
        for (std::size_t index = 0; index < std::size(resolutions); ++index) {
            entry->second[index].drop_before(now - kept(resolutions[index], limits));
            empty = empty && entry->second[index].buckets.empty();
        }
        entry = empty ? samples_.erase(entry) : std::next(entry);
    }
    if (!samples_.empty()) {
        next_sweep_ = std::min(next_sweep_, now + minute);
    }
}

void Subscription::record_health(std::optional<double> score, Time now) {
    for (Series<Bucket>& series : series_) {
        if (series.buckets.empty()) {
            continue;
        }
        Bucket& bucket = series.buckets.back();
        if (bucket.start <= now && now < bucket.start + series.resolution) {
            bucket.health_score = score;
            bucket.active_connections = active_connections();
            bucket.stale_connections = stale_connections();
            bucket.dirty = true;
        }
    }
}

void Subscription::load_connection(std::string_view connection_id, const Connection& connection) {
    Connection& loaded = connections_[std::string(connection_id)];
    loaded = connection;
    clamp_reported(loaded);
    loaded.dirty = false;
    loaded.presence = Connection::Presence::Gone;
    next_sweep_ = never;
}

void Subscription::load_bucket(std::int32_t resolution, Bucket bucket) {
    bucket.dirty = false;
    clamp(bucket);
    latest_ = std::max(latest_, bucket.start);
    series(resolution).at(bucket.start, bucket.offset) = std::move(bucket);
    next_sweep_ = never;
}

void Subscription::load_sample_bucket(std::string_view metric, std::int32_t resolution, SampleBucket bucket) {
    bucket.dirty = false;
    clamp(bucket);
    latest_ = std::max(latest_, bucket.start);
    series_of(metric)[index_of(resolution)].at(bucket.start, bucket.offset) = std::move(bucket);
    next_sweep_ = never;
}

Time Subscription::next_change(Time now, const Limits& limits) const {
    Time change = connections_.empty() ? forever : next_sweep_;
    for (std::size_t index = 0; index < std::size(resolutions); ++index) {
        bool any = !series_[index].buckets.empty();
        for (const auto& [name, series] : samples_) {
            any = any || !series[index].buckets.empty();
        }
        if (any) {
            const Time resolution = resolutions[index] * second;
            change = std::min(change, series_[index].start_of(now, limits.clock_offset) + resolution);
            break; // the finest decides
        }
    }
    return std::max(change, now + 1);
}

} // namespace metric
