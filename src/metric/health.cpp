#include "metric/health.hpp"

#include <algorithm>
#include <cmath>

namespace metric {

namespace {

// The score is the weighted geometric mean of one quality for each input that is present, so that any dead dimension pulls
// the whole down. Every quality falls monotonically with its input and is 1 at its best.
constexpr double latency_weight = 0.35;
constexpr double error_weight = 0.40;
constexpr double retry_weight = 0.15;
constexpr double memory_weight = 0.10;
constexpr double least_quality = 0.01; // of latency, retries and memory; errors alone can make the score 0

// Half at twice the target: the geometric middle of the zone that Apdex calls tolerating, [T, 4T].
constexpr double target_latency_ms = 500;

// The burn rate of the error budget at which the SRE workbook pages; it halves the quality.
constexpr double objective = 0.99;
constexpr double paging_burn_rate = 14.4;

constexpr double half_quality_retries = 5;
constexpr double free_memory_percent = 30; // memory costs nothing until so little is left

double latency_quality(double milliseconds) {
    const double ratio = std::max(milliseconds, 0.0) / (2 * target_latency_ms);
    return std::max(1 / (1 + ratio * ratio), least_quality);
}

double error_quality(double rate) {
    const double errors = std::clamp(rate, 0.0, 1.0);
    return (1 - errors) / (1 + errors / (1 - objective) / paging_burn_rate);
}

double retry_quality(double retries) {
    return std::max(std::exp2(-std::max(retries, 0.0) / half_quality_retries), least_quality);
}

double memory_quality(double percent) {
    return std::clamp((100 - std::clamp(percent, 0.0, 100.0)) / free_memory_percent, least_quality, 1.0);
}

struct Mean {
    double weighted = 0;
    double weights = 0;
    double worst_loss = 0;
    Dimension worst = Dimension::None;
    bool dead = false;

    void add(const std::optional<double>& input, double (*quality_of)(double), double weight,
             Dimension dimension) {
        if (!input) {
            return;
        }
        const double quality = quality_of(*input);
        weights += weight;
        if (quality <= 0) {
            dead = true;
            worst = dimension;
            worst_loss = HUGE_VAL;
            return;
        }
        const double loss = -weight * std::log(quality);
        weighted -= loss;
        if (loss > worst_loss) {
            worst_loss = loss;
            worst = dimension;
        }
    }
};

} // namespace

std::optional<HealthScore> health_score(const HealthInput& input) {
    Mean mean;
    mean.add(input.response_time_ms, latency_quality, latency_weight, Dimension::Latency);
    mean.add(input.error_rate, error_quality, error_weight, Dimension::Errors);
    mean.add(input.retry_count, retry_quality, retry_weight, Dimension::Retries);
    mean.add(input.memory_percent, memory_quality, memory_weight, Dimension::Memory);
    if (mean.weights == 0) {
        return std::nullopt;
    }
    return HealthScore{mean.dead ? 0 : 100 * std::exp(mean.weighted / mean.weights), mean.worst};
}

int in_tenths(double score) {
    return static_cast<int>(std::lround(score * 10));
}

// The rule of the integration guide, in its order.
Quality connection_quality(std::int64_t messages_received, std::int64_t error_count, std::int64_t retry_count,
                           std::optional<double> avg_response_time_ms) {
    if (static_cast<double>(error_count) > static_cast<double>(messages_received) * 0.1 || retry_count > 5) {
        return Quality::Critical;
    }
    if (avg_response_time_ms.value_or(0) > 2000 || error_count > 0) {
        return Quality::Poor;
    }
    return avg_response_time_ms.value_or(0) > 1000 ? Quality::Good : Quality::Excellent;
}

Status status_of(double score, Status before) {
    constexpr double healthy_from = 85;
    constexpr double degraded_from = 50;
    constexpr double hysteresis = 5;
    const bool was_worse_than_healthy = before == Status::Degraded || before == Status::Unhealthy;
    if (score >= healthy_from + (was_worse_than_healthy ? hysteresis : 0)) {
        return Status::Healthy;
    }
    if (score >= degraded_from + (before == Status::Unhealthy ? hysteresis : 0)) {
        return Status::Degraded;
    }
    return Status::Unhealthy;
}

} // namespace metric
