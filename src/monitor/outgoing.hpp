// What has to be stored so that the engine can be rebuilt, and what members see: collected here, written by src/pg.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "monitor/engine.hpp"

namespace monitor {

struct ConnectionRow {
    const Tenant* tenant;
    const Watch* watch;
    const std::string* connection_id;
    metric::Connection* connection;
};

struct BucketRow {
    const Tenant* tenant;
    const Watch* watch;
    std::int32_t resolution; // seconds
    metric::Bucket* bucket;
    std::string latency; // stored form of the sketch
};

struct SampleBucketRow {
    const Tenant* tenant;
    const Watch* watch;
    const std::string* metric;
    std::int32_t resolution;
    metric::SampleBucket* bucket;
    std::string distribution;
};

struct WatchRow {
    const Tenant* tenant;
    Watch* watch;
};

using WatchSet = std::unordered_set<const Watch*>;

// Pointers into the engine: valid until it is changed.
class Outgoing {
  public:
    // What is dirty, of the watches that wait longest; with `all` everything, and the health of every watch. Few at once, so
    // that no pass is long and a breach never waits for long; more when so many wait that a pass for few of them each would
    // cost more than storing them.
    static constexpr std::size_t fewest = 4, most = 16, passes = 32;
    void collect(Engine& engine, metric::Time now, bool all);
    // Only what must not wait: health that replaces values which a user had written.
    void collect_urgent(Engine& engine, metric::Time now);
    // To be called when the rows are written: nothing of them is dirty any more.
    void stored();
    // To be called when no more is written of what was collected.
    void finish(Engine& engine);
    // The rows of these watches, to be written by themselves.
    Outgoing part(const WatchSet& of) const;

    bool empty() const {
        return connections.empty() && buckets.empty() && sample_buckets.empty() && positions.empty() &&
               health.empty();
    }

    std::vector<ConnectionRow> connections;
    std::vector<BucketRow> buckets;
    std::vector<SampleBucketRow> sample_buckets;
    std::vector<WatchRow> positions;
    std::vector<WatchRow> health;

  private:
    std::size_t watches_ = 0; // of the engine's list

    void clear();
    void add_data(Tenant& tenant, Watch& watch);
    void add_health(Engine& engine, Tenant& tenant, Watch& watch, metric::Time now);
};

} // namespace monitor
