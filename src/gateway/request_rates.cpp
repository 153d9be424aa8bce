#include "gateway/request_rates.hpp"

namespace gateway {

namespace {

// Beyond this everybody begins anew, which is cheaper than remembering who was last seen when.
constexpr std::size_t most_buckets = 100'000;

} // namespace

hub::TokenBucket& RequestRates::bucket(const std::string& who) {
    if (buckets_.size() >= most_buckets && buckets_.count(who) == 0) {
        buckets_.clear();
    }
    return buckets_[who];
}

bool RequestRates::take(const std::string& who, double now, double rate) {
    return bucket(who).take(now, rate, rate * 2);
}

bool RequestRates::take_broadcast(const std::string& who, double now, const hub::Limits& limits,
                                  std::size_t bytes) {
    return hub::take_broadcast(bucket("broadcasts of " + who), now, limits, bytes);
}

bool RequestRates::has_room(const std::string& who, double now, double rate) const {
    const auto found = buckets_.find(who);
    if (found == buckets_.end()) {
        return true;
    }
    hub::TokenBucket copy = found->second;
    return copy.take(now, rate, rate * 2);
}

void RequestRates::count(const std::string& who, double now, double rate) {
    bucket(who).spend(now, rate, rate * 2);
}

} // namespace gateway
