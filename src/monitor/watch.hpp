// What is watched: a tenant, its subscriptions, and the alerts that live there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alert/state.hpp"
#include "metric/subscription.hpp"
#include "monitor/identity.hpp"
#include "monitor/rule_list.hpp"

namespace monitor {

// A rule's instance that is not plainly inactive. All others are remembered by not being here.
struct ActiveInstance {
    std::uint32_t rule = 0; // index into the tenant's RuleList
    Uuid alert_id;          // of the open row of alert_instances
    Uuid owed_alert_id;     // of an earlier one whose resolve is owed
    alert::Instance state;
};

// Instances of rules that are gone or do not compile, by rule id, until they are retired or the rule is back.
struct OrphanInstance {
    std::string rule_id;
    bool frozen = false; // RuleList::is_frozen()
    ActiveInstance instance;
};

// Whether what came of a watch can be stored.
enum class Storable : std::uint8_t {
    Yes,
    Tried,      // it could not, and is tried again by itself
    Quarantined // it could not: neither judged nor stored until the next regular check
};

struct Watch {
    std::string subscription_type; // "*": the tenant as a whole
    metric::Subscription data;     // of "*": user-defined metrics only
    std::string position; // stored form of the pg_snapshot up to which reports are in `data`; empty: none
    std::int32_t number = any_subscription;
    std::vector<ActiveInstance> instances; // by rule
    std::vector<OrphanInstance> orphans;
    std::vector<metric::Value> values; // by slot of the tenant's RuleList
    metric::Health health;
    bool has_health = false; // a row of realtime_health_status exists or is due
    bool data_dirty = false; // connections, buckets or position are to be stored
    bool position_dirty = false;
    bool health_dirty = false;
    bool unstored = false; // in the engine's list of what is to be stored
    bool touched = false;  // something came in since the last evaluation
    Storable storable = Storable::Yes;
    metric::Time wake_at = metric::never;
};

struct Silence {
    std::optional<std::string> rule_id;
    std::optional<std::string> subscription_type;
    metric::Time starts_at = metric::never; // by the wall clock, as people say it
    metric::Time ends_at = metric::forever;
    bool recurring = false; // its edges are found by looking again at every regular check
};

struct Tenant {
    Uuid id;
    std::shared_ptr<const RuleList> rules;
    bool own_rules = false;
    std::vector<Silence> silences;
    std::map<std::string, std::unique_ptr<Watch>, std::less<>> watches; // by name
    Watch* whole = nullptr;                                             // the one called "*", if there is one
    metric::Time wake_at = metric::forever;
    bool touched = false; // in the engine's list of what is to be judged
    bool kept_waiting =
        false; // a row of it was locked when it was to be stored, since the last release_quarantined()
};

} // namespace monitor
