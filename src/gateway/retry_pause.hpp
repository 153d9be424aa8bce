// How long to wait before something that failed is tried again.
#pragma once

#include <algorithm>

namespace gateway {

// 0.1, 0.2, 0.4 ... 5 s: a server that restarts is soon there again, and one that fails each time is not kept busy with it.
class RetryPause {
  public:
    // Seconds to wait after a failure. `progressed`: since the last one something had been achieved, so the row begins anew. That
    // a connection was made is no progress.
    double after_failure(bool progressed) {
        constexpr double shortest = 0.1, longest = 5;
        next_ = progressed || next_ == 0 ? shortest : std::min(longest, next_ * 2);
        return next_;
    }

  private:
    double next_ = 0; // the last one, s
};

} // namespace gateway
