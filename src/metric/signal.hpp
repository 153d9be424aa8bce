// What a rule looks at: one metric, one way to make a number of it, one window of time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace metric {

// The metrics that the extension computes itself. The text form is the name without the enum, in snake_case.
enum class Metric : std::uint8_t {
    Custom, // a user-defined metric, named in Signal::custom
    ErrorRate,
    SuccessRate,
    AvgLatencyMs,
    P50LatencyMs,
    P95LatencyMs,
    P99LatencyMs,
    HealthScore,
    ActiveConnections,
    StaleConnections,
    RetryRate,
    MessagesPerSecond,
    BytesPerSecond,
    CpuUsage,
    MemoryUsage,
    BatchFailureRate,      // of the tenant as a whole; 0..1
    ReplicationLagBytes,   // of the database; the same for every tenant
    ReplicationLagSeconds, // of the database
};

enum class Aggregation : std::uint8_t { Default, Avg, Min, Max, Sum, Count, Rate, P50, P90, P95, P99, Last };

struct Signal {
    Metric metric = Metric::ErrorRate;
    Aggregation aggregation = Aggregation::Default;
    std::int32_t window_seconds = 60;
    std::string custom; // Metric::Custom only

    bool operator==(const Signal&) const = default;
};

// Empty when the name is no built-in metric / no aggregation. A name that is no built-in metric may be a user-defined one.
std::optional<Metric> metric_named(std::string_view name);
std::optional<Aggregation> aggregation_named(std::string_view name);
// The aggregations that mean something for a metric: none where it has no values in the database at all.
std::span<const Aggregation> aggregations_of(Metric metric);
std::string_view name_of(Metric metric);
std::string_view name_of(Aggregation aggregation);

// A signal's value at some time. NoData: nothing was reported in the window.
struct Value {
    enum class Kind : std::uint8_t { NoData, Number, Error } kind = Kind::NoData;
    double number = 0;
};

} // namespace metric
