// The time by which everything is judged, made of two clocks.
//
// The wall clock says when a report was made, and may be set: NTP, a machine that was moved, somebody who mistyped. A steady
// clock cannot be set and says nothing of the day. The time of a timeline passes as the steady clock does, agrees with the
// wall clock as long as nobody sets that, and never goes back: a `for` of 30 s lasts 30 s, and what was reported before the
// wall clock was set is as old as it is.
#pragma once

#include "metric/time.hpp"

namespace metric {

// Both clocks, read together. Microseconds; the wall clock as Time is stored, the steady one since any moment.
struct Clocks {
    Time wall = 0;
    Time steady = 0;
};

class Timeline {
  public:
    // Steps of the wall clock up to this long are followed, as long as time does not go back: slewing, rounding.
    static constexpr Time tolerance = 1 * second;

    Timeline() = default;
    // `offset`: as it was stored; 0 when nobody ever set the wall clock.
    Timeline(Clocks clocks, Time offset);

    // Brings the time to that of the clocks. True when the wall clock was set since the last call: the offset changed then.
    bool advance(Clocks clocks);
    // What is stored was written no later than now: without this, after a restart with a wall clock that was set back meanwhile,
    // new reports would be older than it. True when the offset changed.
    bool begin_after(Time stored);

    Time now() const { return now_; }
    // Time less the wall clock's. What is stored are times of the wall clock, each with the offset that it was written under.
    Time offset() const { return offset_; }
    Time wall() const { return now_ - offset_; }

    // The time of a report that says when it was made by the wall clock, as it is now or as it was before it was set. One from the
    // future counts as made now.
    Time time_of(Time wall) const;
    // The reports that are younger than `age` say no earlier time than this.
    Time earliest_wall(Time age) const;

  private:
    Time now_ = never;
    Time offset_ = 0;
    Time steady_ = 0;
    // Of the last time that the wall clock was set: what it would show else, and the offset then.
    Time wall_before_ = never;
    Time offset_before_ = 0;
};

} // namespace metric
