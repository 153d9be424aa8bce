// Health score and connection quality: the formulas, with their source in the .cpp.
#pragma once

#include <cstdint>
#include <optional>

namespace metric {

struct HealthInput {
    std::optional<double> response_time_ms;
    std::optional<double> error_rate; // 0..1
    std::optional<double> retry_count;
    std::optional<double> memory_percent; // of the limit
};

enum class Dimension : std::uint8_t { None, Latency, Errors, Retries, Memory };

struct HealthScore {
    double score = 0;                  // 0..100, unrounded
    Dimension worst = Dimension::None; // what pulls the score down most; None at 100
};

// Empty when every input is empty. Monotone: no input that grows can raise the score. Inputs must be finite; they are
// clamped to their ranges.
std::optional<HealthScore> health_score(const HealthInput& input);

// Rounded as numeric(4,1) shows it, in tenths.
int in_tenths(double score);

enum class Quality : std::uint8_t { Excellent, Good, Poor, Critical };
Quality connection_quality(std::int64_t messages_received, std::int64_t error_count, std::int64_t retry_count,
                           std::optional<double> avg_response_time_ms);

enum class Status : std::uint8_t { Healthy, Degraded, Unhealthy, Unknown, Offline };

// >= 85 healthy, 50..84 degraded, below unhealthy; a worse state is left only 5 points above its edge.
Status status_of(double score, Status before);

} // namespace metric
