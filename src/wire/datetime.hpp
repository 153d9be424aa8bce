// Dates and times as to_jsonb() writes them: ISO 8601 with a T, UTC, years before the era with " BC".
// Source of the ranges and the BC rule: PostgreSQL's JsonEncodeDateTime() and EncodeDateTime(USE_XSD_DATES).
#pragma once

#include <cstdint>

namespace wire {

// The longest text of any of these functions.
constexpr int longest_datetime = 48;

// Each writes at most longest_datetime bytes to `to`, without quotes or terminator, and returns the end.

// Days since 2000-01-01: 2026-11-23, 0044-03-15 BC, infinity.
char* format_date(char* to, std::int32_t days);

// Microseconds since 2000-01-01: 2026-11-23T08:00:00.5, with +00:00 when `with_zone`.
char* format_timestamp(char* to, std::int64_t microseconds, bool with_zone);

// Microseconds since midnight: 08:00:00.5. 24:00:00 is a valid time; what is no time throws wire::Error XX001.
char* format_time(char* to, std::int64_t microseconds);

} // namespace wire
