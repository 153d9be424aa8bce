// How many requests an address, a user and a tenant may make, and how much they may broadcast with them.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "hub/limits.hpp"

namespace gateway {

// Times are seconds of a clock that does not run backwards; rates are requests a second, and twice as many may come at once.
class RequestRates {
  public:
    // Whether one more request of somebody may be served now; it counts.
    bool take(const std::string& who, double now, double rate);
    // The same for the bytes that somebody broadcasts.
    bool take_broadcast(const std::string& who, double now, const hub::Limits& limits, std::size_t bytes);
    // Whether take() would say so. Nothing is counted: for somebody who is named, but not yet proven.
    bool has_room(const std::string& who, double now, double rate) const;
    // A request that was served after has_room(). What was served beyond the limit meanwhile has to be waited for.
    void count(const std::string& who, double now, double rate);

  private:
    hub::TokenBucket& bucket(const std::string& who);

    std::unordered_map<std::string, hub::TokenBucket> buckets_;
};

} // namespace gateway
