// The clocks of this machine.
#pragma once

#include <ctime>

#include "metric/timeline.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

// Microseconds of a clock that nobody can set. It is the same for all processes of the machine, and begins anew with it.
inline int64 steady_now() {
    timespec now{};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64>(now.tv_sec) * USECS_PER_SEC + now.tv_nsec / 1000;
}

inline metric::Clocks read_clocks() {
    return {GetCurrentTimestamp(), steady_now()};
}

} // namespace pg::monitor
