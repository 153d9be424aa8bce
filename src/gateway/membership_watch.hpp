// Looks from time to time whether the table of memberships is still the same: DDL on it is not told by the stream.
#pragma once

#include <optional>

#include "gateway/pool.hpp"
#include "gateway/questions.hpp"
#include "hub/hub.hpp"

namespace gateway {

class MembershipWatch {
  public:
    MembershipWatch(hub::Hub& hub, Pool& pool, Questions& questions)
        : hub_(hub), pool_(pool), questions_(questions) {}
    // Call it often; it asks at most once a second. When the table was dropped, renamed, moved, rewritten or has other columns
    // the gateway asks for all users' tenants again, and until then shows no rows.
    void tick();

  private:
    void on_answer(const std::optional<MembershipTable>& table);

    hub::Hub& hub_;
    Pool& pool_;
    Questions& questions_;
    std::optional<MembershipTable> known_;
    double last_ = 0; // question
    bool asked_ = false;
};

} // namespace gateway
