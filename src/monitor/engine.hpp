// The pass without PostgreSQL: reports and rules go in, decisions come out.
//
// The engine is a cache: everything in it can be rebuilt from the tables, and whoever cannot be sure that it agrees with
// them throws it away. One thread; not safe for more.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metric/timeline.hpp"
#include "monitor/watch.hpp"

namespace monitor {

// One decision about one alert, for whoever stores and announces it.
struct Action {
    Tenant* tenant = nullptr;
    Watch* watch = nullptr;
    std::string rule_id;
    const alert::Rule* rule = nullptr; // null when the rule is gone
    alert::Decision decision;
    alert::Instance state; // after the step
    Uuid alert_id;         // of the alert that is open, or that ends; empty until Engine::opened()
    Uuid owed_alert_id;    // of an earlier alert whose resolve is owed: before the step, when it is sent now
    Uuid still_owed_alert_id;         // the one that is owed after the step
    const char* resolution = nullptr; // why it ended, for Event::Resolve
    double value = 0;
    bool has_value = false;
};

struct Totals {
    std::int64_t watches = 0;
    std::int64_t rules = 0;   // instances looked at
    std::int64_t ignored = 0; // alerts that are not tracked because the tenant has Bounds::instances
    Uuid full_tenant;         // one of those whose alerts these are
};

// What one tenant may take, so that no tenant fills the memory or keeps the others waiting.
struct Bounds {
    // Alerts of a tenant that are tracked: pending, firing, or remembered for a while. Further ones are not, and are only
    // counted; their rules open alerts again when others have ended.
    std::size_t instances = 10000;
    // Decisions about a tenant in one pass. The others are made in the next passes, which are due at once.
    std::size_t decisions = 500;
};

class Engine {
  public:
    explicit Engine(metric::Limits limits) : limits_(limits) {}

    const metric::Limits& limits() const { return limits_; }
    void set_limits(const metric::Limits& limits);
    void set_bounds(const Bounds& bounds) { bounds_ = bounds; }

    // The clocks. All times of the engine but those of silences are times of its timeline.
    void begin(metric::Clocks clocks, metric::Time offset);
    void begin_after(metric::Time stored);
    // Brings the time to that of the clocks and returns it. When the wall clock was set, what goes by it is judged again.
    metric::Time advance(metric::Clocks clocks);
    const metric::Timeline& timeline() const { return timeline_; }
    bool clock_was_set() const { return clock_was_set_; } // by the last call of advance()

    // Finds or makes.
    Tenant& tenant(const Uuid& id);
    Watch& watch(Tenant& tenant, std::string_view subscription_type);
    Watch* find(const Uuid& tenant, std::string_view subscription_type);
    std::unordered_map<Uuid, std::unique_ptr<Tenant>, UuidHash>& tenants() { return tenants_; }

    // Rules. The global ones count for every tenant without rules of its own; for others the caller merges the lists.
    // Instances of rules that are not in the new list become orphans, which are retired at the next evaluation.
    void set_global_rules(std::shared_ptr<const RuleList> rules);
    void set_rules(Tenant& tenant, std::shared_ptr<const RuleList> rules);
    void clear_rules(Tenant& tenant); // back to the global ones

    // What was stored of an alert's state. To be called after the rules are set.
    void load_instance(Watch& watch, Tenant& tenant, std::string_view rule_id, const alert::Instance& state,
                       const Uuid& alert_id, const Uuid& owed_alert_id);

    // Something came in: the watch is judged at the next evaluation.
    void touch(Tenant& tenant, Watch& watch);
    // Something of the watch is to be stored. `urgent`: its health must not wait for the next flush.
    void must_store(Tenant& tenant, Watch& watch, bool urgent);
    struct Unstored {
        Tenant* tenant;
        Watch* watch;
    };
    const std::vector<Unstored>& unstored() const { return unstored_; }
    bool has_urgent() const { return urgent_; }
    void stored(std::size_t count); // the first ones of the list

    // A watch whose results cannot be stored is left alone until release_quarantined(): what comes in is kept, and stored when
    // that is possible again. The caller loads the states of its alerts anew, because decisions about them were lost.
    static void quarantine(Watch& watch);
    void release_quarantined();
    // Those that are to be tried by themselves.
    std::vector<Unstored> tried();

    // Values of metrics that belong to the whole database.
    void set_replication_lag(metric::Value bytes, metric::Value seconds);

    // Decides about everything that was touched or is due at `now`; with `all` about everything; of each tenant as much as the
    // Bounds allow. Where something is left over, wake_at() is `now`. Appends to actions().
    // The caller gives the open alert's id for every Action that opens one through opened().
    Totals evaluate(metric::Time now, bool all);
    std::vector<Action>& actions() { return actions_; }
    const std::vector<Action>& actions() const { return actions_; }
    static void opened(const Action& action, const Uuid& alert_id);

    // When something may change by itself; metric::forever when nothing can.
    metric::Time wake_at();

    // Forgets watches and tenants of which nothing is left.
    void forget_idle(metric::Time now);

  private:
    void evaluate(Tenant& tenant, metric::Time now, bool all, Totals& totals);
    void wake(Tenant& tenant, metric::Time at);
    void evaluate(Tenant& tenant, Watch& watch, metric::Time now, Totals& totals);
    void compute_values(const Tenant& tenant, Watch& watch, metric::Time now);
    // False when the Bounds leave no room: the instance stays as it was.
    bool step(Tenant& tenant, Watch& watch, std::size_t rule, ActiveInstance& instance, metric::Time now);
    bool would_be_tracked(const Watch& watch, const alert::Rule& rule, metric::Time now) const;
    bool is_spent() const { return actions_.size() >= most_actions_; }
    void record(Tenant& tenant, Watch& watch, const alert::Rule& rule, ActiveInstance& instance,
                const alert::Decision& decision);
    bool retire_orphans(Tenant& tenant, Watch& watch, metric::Time now);
    alert::Surroundings surroundings(const Tenant& tenant, const Watch& watch, std::size_t rule,
                                     metric::Time now) const;
    void use_rules(Tenant& tenant, std::shared_ptr<const RuleList> rules);

    metric::Limits limits_;
    Bounds bounds_;
    metric::Timeline timeline_;
    bool clock_was_set_ = false;
    std::unordered_map<Uuid, std::unique_ptr<Tenant>, UuidHash> tenants_;
    std::shared_ptr<const RuleList> global_rules_ = std::make_shared<RuleList>();
    std::vector<Action> actions_;
    std::vector<const metric::Subscription*> span_; // of the watch being evaluated
    metric::Value lag_bytes_, lag_seconds_;
    // Of the tenant being evaluated:
    std::size_t most_actions_ = 0;                // as many as there may be behind it
    std::size_t tracked_ = 0;                     // its instances
    metric::Time silence_ends_ = metric::forever; // the next end of any of its silences
    std::vector<Tenant*> touched_;
    std::vector<Unstored> unstored_;
    bool urgent_ = false;
    // When a tenant has to be judged although nothing came in; entries that are no longer its wake_at are passed over.
    using Wake = std::pair<metric::Time, Uuid>;
    std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
};

} // namespace monitor
