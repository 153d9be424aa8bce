// What clients may cost. Each limit that follows from no other is a setting of the same name, and is reported when it is met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace hub {

struct Limits {
    std::size_t channels_per_socket = 100;
    std::size_t messages_per_second = 500; // of one socket; twice as many at once
    std::size_t joins_per_second = 100;    // of one socket
    std::size_t bindings_per_socket = 500; // postgres_changes of all its channels
    std::size_t join_bytes = 128 * 1024;
    std::size_t broadcast_bytes = 256 * 1024;
    std::size_t broadcast_bytes_per_second = 4 * 1024 * 1024; // of one sender; twice as many at once
    std::size_t presence_bytes = 64 * 1024;
    std::size_t presence_per_topic = 1000;
    std::size_t presence_topic_bytes = 1024 * 1024; // of all that is tracked on a topic, or by a socket
    double join_timeout = 8; // seconds until a join is answered; the stock client waits for 10
    std::size_t topic_bytes = 1024;
    std::size_t pattern_time =
        10; // ms that patterns of one address, and of one user, may take for a change (PatternBudget)
    std::size_t replay_queue_bytes =
        256 * 1024; // a replay waits while more than this is queued at its socket
};

// So many at once, and so many a second. Times are seconds of any clock that does not run backwards.
class TokenBucket {
  public:
    bool take(double now, double rate, double burst, double count = 1) {
        refill(now, rate, burst);
        if (tokens_ < count) {
            return false;
        }
        tokens_ -= count;
        return true;
    }
    // Takes what may not be there; then the next has to wait for that, too, but not for longer than a second.
    void spend(double now, double rate, double burst, double count = 1) {
        refill(now, rate, burst);
        tokens_ = tokens_ - count < -rate ? -rate : tokens_ - count;
    }

  private:
    void refill(double now, double rate, double burst) {
        tokens_ = started_ ? tokens_ + (now - last_) * rate : burst;
        tokens_ = tokens_ > burst ? burst : tokens_;
        started_ = true;
        last_ = now;
    }

    double tokens_ = 0;
    double last_ = 0;
    bool started_ = false;
};

// Whether a sender may broadcast so many bytes now; they count then. What is more than there ever can be at once needs a full bucket.
inline bool take_broadcast(TokenBucket& bucket, double now, const Limits& limits, std::size_t bytes) {
    const auto rate = static_cast<double>(limits.broadcast_bytes_per_second);
    const auto wanted = static_cast<double>(bytes);
    return bucket.take(now, rate, rate * 2, wanted < rate * 2 ? wanted : rate * 2);
}

// Durations in buckets, as Prometheus counts them.
struct Durations {
    static constexpr double bounds[] = {0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025,
                                        0.05,   0.1,   0.25,  0.5,   1,     2.5,  5,     10};
    static constexpr std::size_t bound_count = sizeof(bounds) / sizeof(bounds[0]);
    std::uint64_t buckets[bound_count + 1] = {};
    std::uint64_t count = 0;
    double sum = 0;

    void add(double seconds) {
        std::size_t bucket = 0;
        while (bucket < bound_count && seconds > bounds[bucket]) {
            ++bucket;
        }
        ++buckets[bucket];
        ++count;
        sum += seconds > 0 ? seconds : 0;
    }
};

// What has happened since the process began; served at /metrics.
struct Counters {
    std::uint64_t changes = 0;            // that came from the slot
    std::uint64_t changes_for_nobody = 0; // not registered, or without a tenant
    std::uint64_t changes_too_large = 0;  // sent without their values
    std::uint64_t deliveries = 0;         // of changes, to subscriptions
    std::uint64_t replayed = 0;           // of these, to those who resumed
    std::uint64_t fallen_behind =
        0; // subscriptions that went on from the history because their socket was slow
    std::uint64_t resumes = 0, refetches = 0;
    std::uint64_t joins = 0;
    // By the word that the reason begins with.
    std::map<std::string, std::uint64_t> joins_refused, bindings_refused;
    std::uint64_t broadcasts = 0, broadcasts_refused = 0;
    std::uint64_t presence_refused = 0;    // by the rate of bytes
    std::uint64_t broadcasts_withheld = 0; // members whose version of the protocol cannot say them
    std::uint64_t patterns_undecided =
        0; // changes of which an audience did not learn whether they pass its patterns
    std::uint64_t messages_in = 0, messages_malformed = 0;
    std::uint64_t message_limits = 0; // connections that were closed for too many messages
    std::uint64_t memberships_revoked = 0;
    std::uint64_t tokens_expired = 0;
    Durations commit_to_send; // from the commit until a change stands in the queues of its sockets
};

} // namespace hub
