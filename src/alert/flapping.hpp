// Flap damping: an alert that opens and closes again and again is told of once.
//
// It flaps from the moment that it has changed flap_start times within flap_window, until fewer than flap_calm changes lie
// within the window that ends now. Two limits, as Nagios has (https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html),
// so that one at the edge does not flap between flapping and not; but a window of time in the place of its last 21 checks,
// because here a check happens when a value changes, not at intervals.
#pragma once

#include "alert/state.hpp"

namespace alert {

constexpr Time flap_window = 30 * metric::minute;
constexpr std::size_t flap_start = 6; // it fired for the third time and is resolved again
constexpr std::size_t flap_calm = 3;

static_assert(flap_calm < flap_start && flap_start <= flap_memory);

// Until when the alert flaps if it does not change any more; metric::never when it does not flap.
Time flaps_until(const Instance& instance, Time now);

// Whether no remembered change can matter to flaps_until() any more, now or after further changes.
bool flaps_are_over(const Instance& instance, Time now);

// Remembers a change. When there is no room, the oldest one is forgotten.
void remember_change(Instance& instance, Time now);

} // namespace alert
