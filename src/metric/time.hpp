// Time as the pure rooms know it: an argument, never a clock.
#pragma once

#include <cstdint>

namespace metric {

// Microseconds since 2000-01-01 00:00:00 UTC, as in PostgreSQL's timestamptz.
using Time = std::int64_t;

constexpr Time second = 1'000'000;
constexpr Time minute = 60 * second;
constexpr Time hour = 60 * minute;

// "Never": before and after every time that is stored.
constexpr Time never = INT64_MIN;
constexpr Time forever = INT64_MAX;

} // namespace metric
