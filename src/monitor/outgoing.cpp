#include "monitor/outgoing.hpp"

#include <algorithm>
#include <iterator>

namespace monitor {

void Outgoing::clear() {
    connections.clear();
    buckets.clear();
    sample_buckets.clear();
    positions.clear();
    health.clear();
}

void Outgoing::add_data(Tenant& tenant, Watch& watch) {
    for (auto& [id, connection] : watch.data.connections()) {
        if (connection.dirty) {
            connections.push_back({&tenant, &watch, &id, &connection});
        }
    }
    for (const std::int32_t resolution : metric::resolutions) {
        for (metric::Bucket& bucket : watch.data.series(resolution).buckets) {
            if (bucket.dirty) {
                buckets.push_back({&tenant, &watch, resolution, &bucket, bucket.latency.write()});
            }
        }
    }
    for (auto& [name, series] : watch.data.samples()) {
        for (std::size_t index = 0; index < std::size(metric::resolutions); ++index) {
            for (metric::SampleBucket& bucket : series[index].buckets) {
                if (bucket.dirty) {
                    sample_buckets.push_back({&tenant, &watch, &name, metric::resolutions[index], &bucket,
                                              bucket.distribution.write()});
                }
            }
        }
    }
}

void Outgoing::add_health(Engine& engine, Tenant& tenant, Watch& watch, metric::Time now) {
    // A user's values stand until a connection reports, and the tenant as a whole has no row.
    if (watch.subscription_type == whole_tenant || watch.data.reported() ||
        watch.storable == Storable::Quarantined || (!watch.has_health && watch.data.connections().empty())) {
        return;
    }
    const metric::Subscription* const one[] = {&watch.data};
    watch.health = metric::health_of(one, watch.health.status, now, engine.limits());
    watch.has_health = true;
    watch.data.record_health(watch.health.score, now);
    health.push_back({&tenant, &watch});
}

void Outgoing::collect(Engine& engine, metric::Time now, bool all) {
    clear();
    const std::size_t waiting = engine.unstored().size();
    watches_ = all ? waiting : std::min(waiting, std::clamp(waiting / passes, fewest, most));
    if (all) {
        for (auto& [id, tenant] : engine.tenants()) {
            for (auto& [name, watch] : tenant->watches) {
                add_health(engine, *tenant, *watch, now);
            }
        }
    }
    for (std::size_t index = 0; index < watches_; ++index) {
        const Engine::Unstored& entry = engine.unstored()[index];
        if (entry.watch->storable == Storable::Quarantined) {
            continue;
        }
        if (!all) {
            add_health(engine, *entry.tenant, *entry.watch, now);
        }
        if (entry.watch->data_dirty) {
            add_data(*entry.tenant, *entry.watch);
        }
        if (entry.watch->position_dirty) {
            positions.push_back({entry.tenant, entry.watch});
        }
    }
}

void Outgoing::collect_urgent(Engine& engine, metric::Time now) {
    clear();
    watches_ = 0;
    if (!engine.has_urgent()) {
        return;
    }
    for (const Engine::Unstored& entry : engine.unstored()) {
        if (entry.watch->health_dirty) {
            add_health(engine, *entry.tenant, *entry.watch, now);
        }
    }
}

void Outgoing::stored() {
    for (const ConnectionRow& row : connections) {
        row.connection->dirty = false;
    }
    for (const BucketRow& row : buckets) {
        row.bucket->dirty = false;
    }
    for (const SampleBucketRow& row : sample_buckets) {
        row.bucket->dirty = false;
    }
    for (const WatchRow& row : positions) {
        row.watch->position_dirty = false;
        row.watch->data_dirty = false;
    }
    for (const WatchRow& row : health) {
        row.watch->health_dirty = false;
    }
}

void Outgoing::finish(Engine& engine) {
    engine.stored(watches_);
    watches_ = 0;
    clear();
}

Outgoing Outgoing::part(const WatchSet& of) const {
    Outgoing part;
    const auto take = [&](const auto& rows, auto& into) {
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(into),
                     [&](const auto& row) { return of.contains(row.watch); });
    };
    take(connections, part.connections);
    take(buckets, part.buckets);
    take(sample_buckets, part.sample_buckets);
    take(positions, part.positions);
    take(health, part.health);
    return part;
}

} // namespace monitor
