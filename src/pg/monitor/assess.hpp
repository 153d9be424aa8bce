// Quality and score of one report, for whoever writes it.
#pragma once

#include <algorithm>
#include <optional>

#include "metric/health.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

struct Reported {
    int64 messages_received, errors, retries;
    std::optional<double> response_time_ms, memory_megabytes;
};

inline std::optional<double> memory_percent(std::optional<double> megabytes) {
    return megabytes ? std::optional<double>(*megabytes / settings::memory_limit * 100) : std::nullopt;
}

inline std::optional<metric::HealthScore> score_of(const Reported& report) {
    metric::HealthInput input;
    input.response_time_ms = report.response_time_ms;
    if (report.errors > 0) {
        const double ratio = report.messages_received > 0 ? static_cast<double>(report.errors) /
                                                                static_cast<double>(report.messages_received)
                                                          : 1.0;
        input.error_rate = std::min(ratio, 1.0);
    } else if (report.messages_received > 0) {
        input.error_rate = 0;
    }
    input.retry_count = static_cast<double>(report.retries);
    input.memory_percent = memory_percent(report.memory_megabytes);
    return metric::health_score(input);
}

inline metric::Quality quality_of(const Reported& report) {
    return metric::connection_quality(report.messages_received, report.errors, report.retries,
                                      report.response_time_ms);
}

// numeric(4,1)
inline Numeric score_numeric(const metric::HealthScore& score) {
    return int64_div_fast_to_numeric(metric::in_tenths(score.score), 1);
}

} // namespace pg::monitor
