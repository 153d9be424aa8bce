// What systemd is told: sd_notify(3) and sd_watchdog_enabled(3), without the library.
#pragma once

#include <cstdint>

namespace gateway {

// One datagram to the socket that NOTIFY_SOCKET names; nothing without it.
void notify_systemd(const char* state);

// Says that the loop goes round, as often as WatchdogSec= of the unit demands. One thread.
class Watchdog {
  public:
    Watchdog(); // reads WATCHDOG_USEC and WATCHDOG_PID
    // Call it from the loop, often; `now` are seconds of a clock that does not run backwards.
    void tick(double now);
    // Seconds between two signs of life; 0: nobody waits for them.
    double interval() const { return interval_; }

  private:
    double interval_ = 0;
    double last_ = -1e9;
};

} // namespace gateway
