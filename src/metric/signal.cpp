#include "metric/signal.hpp"

#include <cstddef>

namespace metric {

namespace {

// In the order of the enumerators.
constexpr std::string_view metric_names[] = {"",
                                             "error_rate",
                                             "success_rate",
                                             "avg_latency_ms",
                                             "p50_latency_ms",
                                             "p95_latency_ms",
                                             "p99_latency_ms",
                                             "health_score",
                                             "active_connections",
                                             "stale_connections",
                                             "retry_rate",
                                             "messages_per_second",
                                             "bytes_per_second",
                                             "cpu_usage",
                                             "memory_usage",
                                             "batch_failure_rate",
                                             "replication_lag_bytes",
                                             "replication_lag_seconds"};
constexpr std::string_view aggregation_names[] = {"default", "avg", "min", "max", "sum", "count",
                                                  "rate",    "p50", "p90", "p95", "p99", "last"};

using enum Aggregation;

// Of counters and of values that users report: everything.
constexpr Aggregation every[] = {Default, Avg, Min, Max, Sum, Count, Rate, P50, P90, P95, P99, Last};
// Of measures and scores, whose sum is nothing.
constexpr Aggregation of_measures[] = {Default, Avg, Min, Max, Count, P50, P90, P95, P99, Last};
// Of a percentile: no other percentile, and none of percentiles.
constexpr Aggregation of_p50[] = {Default, Avg, Min, Max, Count, P50, Last};
constexpr Aggregation of_p95[] = {Default, Avg, Min, Max, Count, P95, Last};
constexpr Aggregation of_p99[] = {Default, Avg, Min, Max, Count, P99, Last};
constexpr Aggregation of_window[] = {Default};
constexpr Aggregation of_present[] = {Default, Last};

} // namespace

std::span<const Aggregation> aggregations_of(Metric metric) {
    switch (metric) {
    case Metric::Custom:
    case Metric::ErrorRate:
    case Metric::SuccessRate:
    case Metric::RetryRate:
    case Metric::MessagesPerSecond:
    case Metric::BytesPerSecond:
        return every;
    case Metric::P50LatencyMs:
        return of_p50;
    case Metric::P95LatencyMs:
        return of_p95;
    case Metric::P99LatencyMs:
        return of_p99;
    case Metric::BatchFailureRate:
        return of_window;
    case Metric::ReplicationLagBytes:
        return of_present;
    case Metric::ReplicationLagSeconds:
        return {};
    default:
        return of_measures;
    }
}

std::optional<Metric> metric_named(std::string_view name) {
    for (std::size_t index = 1; index < std::size(metric_names); ++index) {
        if (metric_names[index] == name) {
            return static_cast<Metric>(index);
        }
    }
    return std::nullopt;
}

std::optional<Aggregation> aggregation_named(std::string_view name) {
    for (std::size_t index = 0; index < std::size(aggregation_names); ++index) {
        if (aggregation_names[index] == name) {
            return static_cast<Aggregation>(index);
        }
    }
    return std::nullopt;
}

std::string_view name_of(Metric metric) {
    return metric_names[static_cast<std::size_t>(metric)];
}

std::string_view name_of(Aggregation aggregation) {
    return aggregation_names[static_cast<std::size_t>(aggregation)];
}

} // namespace metric
