// The value of a signal: windows over buckets.

#include <algorithm>
#include <cmath>

#include "metric/subscription.hpp"

namespace metric {

namespace {

using Subscriptions = std::span<const Subscription* const>;

std::size_t resolution_for(std::int32_t window_seconds, const Limits& limits) {
    const Time window = window_seconds * second;
    return window <= limits.keep_fine ? 0 : window <= limits.keep_minutes ? 1 : 2;
}

template <class Iterator> struct Range {
    Iterator first, last;

    Iterator begin() const { return first; }
    Iterator end() const { return last; }
};

// The buckets of a series that overlap the window, as a range of its deque.
template <class B> auto window_of(const Series<B>& series, std::int32_t window_seconds, Time now) {
    const Time from = now - window_seconds * second;
    auto first = series.buckets.end();
    while (first != series.buckets.begin() && std::prev(first)->start + series.resolution > from) {
        --first;
    }
    return Range<decltype(first)>{first, series.buckets.end()};
}

// Calls `visit` with every bucket of the window, subscription by subscription.
template <class Visit>
void for_buckets(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits,
                 Visit visit) {
    const std::int32_t resolution = resolutions[resolution_for(signal.window_seconds, limits)];
    for (const Subscription* subscription : subscriptions) {
        for (const Bucket& bucket : window_of(subscription->series(resolution), signal.window_seconds, now)) {
            visit(bucket);
        }
    }
}

Value number(double value) {
    return std::isfinite(value) ? Value{Value::Kind::Number, value} : Value{Value::Kind::Error, 0};
}

double error_ratio(std::int64_t errors, std::int64_t messages) {
    if (errors <= 0) {
        return 0;
    }
    return messages <= 0 ? 1 : std::min(static_cast<double>(errors) / static_cast<double>(messages), 1.0);
}

double quantile_of(Aggregation aggregation) {
    switch (aggregation) {
    case Aggregation::P50:
        return 0.50;
    case Aggregation::P90:
        return 0.90;
    case Aggregation::P95:
        return 0.95;
    default:
        return 0.99;
    }
}

bool is_quantile(Aggregation aggregation) {
    return aggregation == Aggregation::P50 || aggregation == Aggregation::P90 ||
           aggregation == Aggregation::P95 || aggregation == Aggregation::P99;
}

// What is made of the values of single buckets, where a metric has no better way to be aggregated.
class BucketValues {
  public:
    void add(double value) {
        min_ = count_ == 0 ? value : std::min(min_, value);
        max_ = count_ == 0 ? value : std::max(max_, value);
        sum_ = add_numbers(sum_, value);
        last_ = value;
        count_ += 1;
        distribution_.add(value);
    }
    Value aggregated(Aggregation aggregation) const {
        if (count_ == 0) {
            return {};
        }
        switch (aggregation) {
        case Aggregation::Min:
            return number(min_);
        case Aggregation::Max:
            return number(max_);
        case Aggregation::Sum:
            return number(sum_);
        case Aggregation::Last:
            return number(last_);
        case Aggregation::P50:
        case Aggregation::P90:
        case Aggregation::P95:
        case Aggregation::P99:
            return number(*distribution_.quantile(quantile_of(aggregation)));
        default:
            return number(sum_ / static_cast<double>(count_));
        }
    }

  private:
    std::int64_t count_ = 0;
    double min_ = 0, max_ = 0, sum_ = 0, last_ = 0;
    Sketch distribution_;
};

struct Sums {
    std::int64_t reports = 0;
    Counters increments;
    double cpu = 0, memory = 0;
    std::int64_t cpu_count = 0, memory_count = 0;
};

Sums sums_of(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    Sums sums;
    for_buckets(signal, subscriptions, now, limits, [&](const Bucket& bucket) {
        sums.reports = add_counters(sums.reports, bucket.reports);
        sums.increments.add(bucket.increments);
        sums.cpu = add_numbers(sums.cpu, bucket.cpu_sum);
        sums.cpu_count = add_counters(sums.cpu_count, bucket.cpu_count);
        sums.memory = add_numbers(sums.memory, bucket.memory_sum);
        sums.memory_count = add_counters(sums.memory_count, bucket.memory_count);
    });
    return sums;
}

std::int64_t active_of(Subscriptions subscriptions) {
    std::int64_t active = 0;
    for (const Subscription* subscription : subscriptions) {
        active += subscription->active_connections();
    }
    return active;
}

std::optional<double> bucket_value(Metric metric, const Bucket& bucket, Time resolution) {
    const double seconds = static_cast<double>(resolution) / second;
    const auto messages =
        static_cast<double>(bucket.increments.messages_received + bucket.increments.messages_sent);
    switch (metric) {
    case Metric::ErrorRate:
        return error_ratio(bucket.increments.errors, bucket.increments.messages_received);
    case Metric::SuccessRate:
        return 1 - error_ratio(bucket.increments.errors, bucket.increments.messages_received);
    case Metric::AvgLatencyMs:
        return bucket.latency.empty()
                   ? std::nullopt
                   : std::optional(bucket.latency.sum() / static_cast<double>(bucket.latency.count()));
    case Metric::P50LatencyMs:
        return bucket.latency.quantile(0.50);
    case Metric::P95LatencyMs:
        return bucket.latency.quantile(0.95);
    case Metric::P99LatencyMs:
        return bucket.latency.quantile(0.99);
    case Metric::HealthScore:
        return bucket.health_score;
    case Metric::ActiveConnections:
        return bucket.active_connections;
    case Metric::StaleConnections:
        return bucket.stale_connections;
    case Metric::RetryRate:
        return static_cast<double>(bucket.increments.retries) / std::max(bucket.active_connections, 1);
    case Metric::MessagesPerSecond:
        return messages / seconds;
    case Metric::BytesPerSecond:
        return static_cast<double>(bucket.increments.bytes) / seconds;
    case Metric::CpuUsage:
        return bucket.cpu_count == 0 ? std::nullopt
                                     : std::optional(bucket.cpu_sum / static_cast<double>(bucket.cpu_count));
    case Metric::MemoryUsage:
        return bucket.memory_count == 0
                   ? std::nullopt
                   : std::optional(bucket.memory_sum / static_cast<double>(bucket.memory_count));
    default:
        return std::nullopt;
    }
}

Sketch latency_of(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    Sketch merged;
    for_buckets(signal, subscriptions, now, limits,
                [&](const Bucket& bucket) { merged.merge(bucket.latency); });
    return merged;
}

Value latency_value(const Signal& signal, double default_fraction, Subscriptions subscriptions, Time now,
                    const Limits& limits) {
    const Sketch latency = latency_of(signal, subscriptions, now, limits);
    if (latency.empty()) {
        return {};
    }
    const auto weight = static_cast<double>(latency.count());
    switch (signal.aggregation) {
    case Aggregation::Min:
        return number(latency.min());
    case Aggregation::Max:
        return number(latency.max());
    case Aggregation::Sum:
        return number(latency.sum());
    case Aggregation::Count:
        return number(weight);
    case Aggregation::Rate:
        return number(weight / signal.window_seconds);
    case Aggregation::Avg:
        return number(latency.sum() / weight);
    case Aggregation::Default:
        return number(default_fraction < 0 ? latency.sum() / weight : *latency.quantile(default_fraction));
    default:
        return number(*latency.quantile(quantile_of(signal.aggregation)));
    }
}

// The counter behind a metric, for Sum and Rate.
std::optional<std::int64_t> counter_of(Metric metric, const Sums& sums) {
    switch (metric) {
    case Metric::ErrorRate:
        return sums.increments.errors;
    case Metric::SuccessRate:
        return std::max<std::int64_t>(sums.increments.messages_received - sums.increments.errors, 0);
    case Metric::RetryRate:
        return sums.increments.retries;
    case Metric::MessagesPerSecond:
        return sums.increments.messages_received + sums.increments.messages_sent;
    case Metric::BytesPerSecond:
        return sums.increments.bytes;
    default:
        return std::nullopt;
    }
}

Value from_buckets(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    const Time resolution = resolutions[resolution_for(signal.window_seconds, limits)] * second;
    BucketValues values;
    for_buckets(signal, subscriptions, now, limits, [&](const Bucket& bucket) {
        if (const std::optional<double> value = bucket_value(signal.metric, bucket, resolution)) {
            values.add(*value);
        }
    });
    return values.aggregated(signal.aggregation);
}

Value present_connections(const Signal& signal, Subscriptions subscriptions) {
    std::int64_t count = 0;
    bool known = false;
    for (const Subscription* subscription : subscriptions) {
        known = known || subscription->knows_connections();
        count += signal.metric == Metric::ActiveConnections ? subscription->active_connections()
                                                            : subscription->stale_connections();
    }
    return known ? number(static_cast<double>(count)) : Value{};
}

Value default_value(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    if (signal.metric == Metric::HealthScore) {
        const std::optional<double> score = health_of(subscriptions, Status::Unknown, now, limits).score;
        return score ? number(*score) : Value{};
    }
    const Sums sums = sums_of(signal, subscriptions, now, limits);
    if (sums.reports == 0) {
        return {};
    }
    switch (signal.metric) {
    case Metric::ErrorRate:
        return number(error_ratio(sums.increments.errors, sums.increments.messages_received));
    case Metric::SuccessRate:
        return number(1 - error_ratio(sums.increments.errors, sums.increments.messages_received));
    case Metric::RetryRate:
        return number(static_cast<double>(sums.increments.retries) /
                      static_cast<double>(std::max<std::int64_t>(active_of(subscriptions), 1)));
    case Metric::MessagesPerSecond:
        return number(static_cast<double>(sums.increments.messages_received + sums.increments.messages_sent) /
                      signal.window_seconds);
    case Metric::BytesPerSecond:
        return number(static_cast<double>(sums.increments.bytes) / signal.window_seconds);
    case Metric::CpuUsage:
        return sums.cpu_count == 0 ? Value{} : number(sums.cpu / static_cast<double>(sums.cpu_count));
    case Metric::MemoryUsage:
        return sums.memory_count == 0 ? Value{}
                                      : number(sums.memory / static_cast<double>(sums.memory_count));
    default:
        return {};
    }
}

SampleBucket sample_window(std::string_view metric, std::int32_t window_seconds, Subscriptions subscriptions,
                           Time now, const Limits& limits) {
    const std::size_t resolution = resolution_for(window_seconds, limits);
    SampleBucket merged;
    for (const Subscription* subscription : subscriptions) {
        const auto found = subscription->samples().find(metric);
        if (found == subscription->samples().end()) {
            continue;
        }
        for (const SampleBucket& bucket : window_of(found->second[resolution], window_seconds, now)) {
            merged.merge(bucket);
        }
    }
    return merged;
}

Value custom_value(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    const SampleBucket window =
        sample_window(signal.custom, signal.window_seconds, subscriptions, now, limits);
    if (window.count == 0) {
        return {};
    }
    const auto count = static_cast<double>(window.count);
    switch (signal.aggregation) {
    case Aggregation::Min:
        return number(window.min);
    case Aggregation::Max:
        return number(window.max);
    case Aggregation::Sum:
        return number(window.sum);
    case Aggregation::Count:
        return number(count);
    case Aggregation::Rate:
        return number(window.sum / signal.window_seconds);
    case Aggregation::Last:
        return number(window.last);
    case Aggregation::Default:
    case Aggregation::Avg:
        return number(window.sum / count);
    default:
        return number(*window.distribution.quantile(quantile_of(signal.aggregation)));
    }
}

Value batch_failure_rate(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    const SampleBucket items =
        sample_window("batch_items", signal.window_seconds, subscriptions, now, limits);
    if (items.count == 0) {
        return {};
    }
    const SampleBucket failures =
        sample_window("batch_failures", signal.window_seconds, subscriptions, now, limits);
    return number(items.sum <= 0 ? 0 : std::min(failures.sum / items.sum, 1.0));
}

std::optional<double> reported_value(Metric metric, const Subscription::Reported& reported) {
    switch (metric) {
    case Metric::ErrorRate:
        return reported.error_rate;
    case Metric::SuccessRate:
        return reported.success_rate;
    case Metric::AvgLatencyMs:
        return reported.avg_latency_ms;
    case Metric::P50LatencyMs:
        return reported.p50;
    case Metric::P95LatencyMs:
        return reported.p95;
    case Metric::P99LatencyMs:
        return reported.p99;
    case Metric::HealthScore:
        return reported.health_score;
    case Metric::ActiveConnections:
        return reported.active_connections;
    case Metric::StaleConnections:
        return reported.stale_connections;
    case Metric::RetryRate:
        return reported.retry_rate;
    case Metric::MessagesPerSecond:
        return reported.messages_per_second;
    case Metric::BytesPerSecond:
        return reported.bytes_per_second;
    case Metric::CpuUsage:
        return reported.cpu_usage;
    case Metric::MemoryUsage:
        return reported.memory_usage;
    default:
        return std::nullopt;
    }
}

} // namespace

Value value_of(const Signal& signal, Subscriptions subscriptions, Time now, const Limits& limits) {
    if (subscriptions.size() == 1 && subscriptions.front()->reported()) {
        if (const std::optional<double> value =
                reported_value(signal.metric, *subscriptions.front()->reported())) {
            return number(*value);
        }
    }
    switch (signal.metric) {
    case Metric::Custom:
        return custom_value(signal, subscriptions, now, limits);
    case Metric::BatchFailureRate:
        return batch_failure_rate(signal, subscriptions, now, limits);
    case Metric::ReplicationLagBytes:
    case Metric::ReplicationLagSeconds:
        return {};
    default:
        break;
    }
    if (signal.aggregation == Aggregation::Last || signal.aggregation == Aggregation::Default) {
        if (signal.metric == Metric::ActiveConnections || signal.metric == Metric::StaleConnections) {
            return present_connections(signal, subscriptions);
        }
    }
    if (signal.aggregation == Aggregation::Count && signal.metric != Metric::AvgLatencyMs) {
        const Sums sums = sums_of(signal, subscriptions, now, limits);
        return sums.reports == 0 ? Value{} : number(static_cast<double>(sums.reports));
    }
    if (signal.aggregation == Aggregation::Sum || signal.aggregation == Aggregation::Rate) {
        const Sums sums = sums_of(signal, subscriptions, now, limits);
        if (const std::optional<std::int64_t> counter = counter_of(signal.metric, sums)) {
            const auto total = static_cast<double>(*counter);
            return sums.reports == 0                        ? Value{}
                   : signal.aggregation == Aggregation::Sum ? number(total)
                                                            : number(total / signal.window_seconds);
        }
    }
    switch (signal.metric) {
    case Metric::AvgLatencyMs:
        if (signal.aggregation != Aggregation::Last) {
            return latency_value(signal, -1, subscriptions, now, limits);
        }
        break;
    case Metric::P50LatencyMs:
    case Metric::P95LatencyMs:
    case Metric::P99LatencyMs:
        if (signal.aggregation == Aggregation::Default || is_quantile(signal.aggregation)) {
            Signal fixed = signal;
            fixed.aggregation = Aggregation::Default;
            const double fraction = signal.metric == Metric::P50LatencyMs   ? 0.50
                                    : signal.metric == Metric::P95LatencyMs ? 0.95
                                                                            : 0.99;
            return latency_value(fixed, fraction, subscriptions, now, limits);
        }
        break;
    default:
        if (signal.aggregation == Aggregation::Default ||
            (signal.aggregation == Aggregation::Avg &&
             (signal.metric == Metric::ErrorRate || signal.metric == Metric::SuccessRate ||
              signal.metric == Metric::CpuUsage || signal.metric == Metric::MemoryUsage))) {
            return default_value(signal, subscriptions, now, limits);
        }
    }
    return from_buckets(signal, subscriptions, now, limits);
}

Health health_of(Subscriptions subscriptions, Status before, Time now, const Limits& limits) {
    Health health;
    const auto window = static_cast<std::int32_t>(limits.health_window / second);
    const Signal signal{Metric::ErrorRate, Aggregation::Default, window, {}};
    bool known = false;
    std::int64_t stale = 0;
    for (const Subscription* subscription : subscriptions) {
        stale += subscription->stale_connections();
        known = known || !subscription->connections().empty();
    }
    health.active_connections = clamp_connections(active_of(subscriptions));
    health.stale_connections = clamp_connections(stale);
    const Sums sums = sums_of(signal, subscriptions, now, limits);
    if (sums.reports > 0) {
        health.error_rate = error_ratio(sums.increments.errors, sums.increments.messages_received);
        health.success_rate = 1 - *health.error_rate;
        health.retry_rate =
            static_cast<double>(sums.increments.retries) / std::max(health.active_connections, 1);
        health.messages_per_second =
            static_cast<double>(sums.increments.messages_received + sums.increments.messages_sent) / window;
        health.bytes_per_second = static_cast<double>(sums.increments.bytes) / window;
        if (sums.cpu_count > 0) {
            health.cpu_usage = sums.cpu / static_cast<double>(sums.cpu_count);
        }
        if (sums.memory_count > 0) {
            health.memory_mb = sums.memory / static_cast<double>(sums.memory_count);
        }
        const Sketch latency = latency_of(signal, subscriptions, now, limits);
        if (!latency.empty()) {
            health.avg_latency_ms = latency.sum() / static_cast<double>(latency.count());
            health.p50 = latency.quantile(0.50);
            health.p95 = latency.quantile(0.95);
            health.p99 = latency.quantile(0.99);
        }
        HealthInput input{health.p95, health.error_rate, health.retry_rate, {}};
        if (health.memory_mb && limits.memory_limit_mb > 0) {
            input.memory_percent = *health.memory_mb / limits.memory_limit_mb * 100;
        }
        if (const std::optional<HealthScore> score = health_score(input)) {
            health.score = score->score;
            health.worst = score->worst;
        }
    }
    for (std::optional<double>* shown :
         {&health.avg_latency_ms, &health.p50, &health.p95, &health.p99, &health.retry_rate,
          &health.messages_per_second, &health.bytes_per_second, &health.cpu_usage, &health.memory_mb}) {
        *shown = clamp_measure(*shown);
    }
    if (health.active_connections == 0) {
        health.status = health.stale_connections > 0 || !known ? Status::Unknown : Status::Offline;
        health.missed_heartbeats = known;
    } else {
        health.status = health.score ? status_of(*health.score, before) : before;
    }
    return health;
}

} // namespace metric
