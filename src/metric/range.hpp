// What numbers may be: reports and tables accept nothing beyond, and arithmetic stays within. Nothing here overflows, whatever comes in.
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <optional>

namespace metric {

constexpr std::int64_t most_counter = std::int64_t{1} << 53;   // beyond it a double does not count one by one
constexpr std::int32_t most_reported_connections = 1'000'000;  // that one client holds
constexpr std::int32_t most_connections_shown = 1'000'000'000; // of all clients together
constexpr double most_number = 1e12; // of a measure or sample; samples may be negative, too

constexpr std::int64_t clamp_counter(std::int64_t value) {
    return std::clamp<std::int64_t>(value, 0, most_counter);
}

// Of two counters within the range.
constexpr std::int64_t add_counters(std::int64_t left, std::int64_t right) {
    return std::min(left + right, most_counter);
}

constexpr std::int32_t clamp_connections(std::int64_t count) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(count, 0, most_connections_shown));
}

// NaN, which no report can bring, becomes 0.
inline double clamp_number(double value, double least, double most) {
    return std::isnan(value) ? 0 : std::clamp(value, least, most);
}

inline double clamp_finite(double value) {
    return clamp_number(value, -DBL_MAX, DBL_MAX);
}

// Of two finite numbers.
inline double add_numbers(double left, double right) {
    return clamp_finite(left + right);
}

inline std::optional<double> clamp_measure(const std::optional<double>& value, double most = most_number) {
    return value && !std::isnan(*value) ? std::optional(std::clamp(*value, 0.0, most)) : std::nullopt;
}

} // namespace metric
