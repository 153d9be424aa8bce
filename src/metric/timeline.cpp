#include "metric/timeline.hpp"

#include <algorithm>
#include <cstdlib>

namespace metric {

Timeline::Timeline(Clocks clocks, Time offset)
    : now_(clocks.wall + offset), offset_(offset), steady_(clocks.steady) {}

bool Timeline::advance(Clocks clocks) {
    const Time expected = now_ + std::max<Time>(clocks.steady - steady_, 0);
    steady_ = clocks.steady;
    const Time shown = clocks.wall + offset_;
    const Time step = shown - expected;
    if (-tolerance <= step && step <= tolerance) {
        now_ = std::max(now_, shown);
        return false;
    }
    wall_before_ = clocks.wall - step;
    offset_before_ = offset_;
    offset_ -= step;
    now_ = expected;
    return true;
}

bool Timeline::begin_after(Time stored) {
    if (stored <= now_ + tolerance) {
        return false;
    }
    offset_ += stored - now_;
    now_ = stored;
    return true;
}

Time Timeline::time_of(Time wall) const {
    Time time = wall + offset_;
    if (wall <= wall_before_) {
        // Perhaps it was made before the clock was set: nearly all reports are read soon.
        const Time before = wall + offset_before_;
        time = std::abs(now_ - before) < std::abs(now_ - time) ? before : time;
    }
    return std::min(time, now_);
}

Time Timeline::earliest_wall(Time age) const {
    return now_ - std::max(offset_, wall_before_ == never ? offset_ : offset_before_) - age;
}

} // namespace metric
