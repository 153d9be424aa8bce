// The log: one line an event, to the standard error, as text or as JSON. Never tokens, secrets or rows.
#pragma once

#include <string>

#define SPDLOG_FMT_EXTERNAL
#include <spdlog/spdlog.h>

#include "gateway/config.hpp"

namespace gateway {

void set_up_log(const Config& config);

// The time at which the same kind of event may be logged again: what goes wrong a thousand times is said once.
class Quiet {
  public:
    explicit Quiet(double seconds) : seconds_(seconds) {}
    // Whether to log now; `suppressed` is how many were not since the last time.
    bool may(double now, std::uint64_t& suppressed) {
        if (now < next_) {
            ++count_;
            return false;
        }
        suppressed = count_;
        count_ = 0;
        next_ = now + seconds_;
        return true;
    }

  private:
    double seconds_;
    double next_ = 0;
    std::uint64_t count_ = 0;
};

} // namespace gateway
