#include "monitor/engine.hpp"

#include <algorithm>
#include <utility>

namespace monitor {

using metric::Time;

namespace {

bool applies(const QuickRule& rule, const Watch& watch, bool whole) {
    if (rule.subscription == any_subscription) {
        return !whole;
    }
    return rule.subscription == whole_tenant_only ? whole : !whole && rule.subscription == watch.number;
}

bool fires(const Watch& watch, std::uint32_t rule) {
    const auto at = std::lower_bound(
        watch.instances.begin(), watch.instances.end(), rule,
        [](const ActiveInstance& instance, std::uint32_t wanted) { return instance.rule < wanted; });
    return at != watch.instances.end() && at->rule == rule && alert::fires(at->state);
}

std::vector<ActiveInstance>::iterator first_at(std::vector<ActiveInstance>& instances, std::uint32_t rule) {
    return std::lower_bound(
        instances.begin(), instances.end(), rule,
        [](const ActiveInstance& instance, std::uint32_t wanted) { return instance.rule < wanted; });
}

} // namespace

void Engine::set_limits(const metric::Limits& limits) {
    limits_ = limits;
    limits_.clock_offset = timeline_.offset();
}

void Engine::begin(metric::Clocks clocks, Time offset) {
    timeline_ = metric::Timeline(clocks, offset);
    limits_.clock_offset = offset;
}

void Engine::begin_after(Time stored) {
    clock_was_set_ = timeline_.begin_after(stored);
    limits_.clock_offset = timeline_.offset();
}

Time Engine::advance(metric::Clocks clocks) {
    clock_was_set_ = timeline_.advance(clocks);
    limits_.clock_offset = timeline_.offset();
    if (clock_was_set_) {
        for (auto& [id, tenant] : tenants_) {
            for (auto& [name, watch] : tenant->watches) {
                // Silences go by the wall clock; and buckets that leave a window do, because they begin with its minutes.
                if (!tenant->silences.empty() || !watch->instances.empty()) {
                    touch(*tenant, *watch);
                }
            }
        }
    }
    return timeline_.now();
}

Tenant& Engine::tenant(const Uuid& id) {
    std::unique_ptr<Tenant>& found = tenants_[id];
    if (!found) {
        found = std::make_unique<Tenant>();
        found->id = id;
        use_rules(*found, global_rules_);
    }
    return *found;
}

Watch& Engine::watch(Tenant& tenant, std::string_view subscription_type) {
    const auto found = tenant.watches.find(subscription_type);
    if (found != tenant.watches.end()) {
        return *found->second;
    }
    auto made = std::make_unique<Watch>();
    made->subscription_type = subscription_type;
    made->number = tenant.rules->number_of(subscription_type);
    Watch& added = *tenant.watches.emplace(std::string(subscription_type), std::move(made)).first->second;
    if (subscription_type == whole_tenant) {
        tenant.whole = &added;
    }
    touch(tenant, added);
    return added;
}

Watch* Engine::find(const Uuid& tenant, std::string_view subscription_type) {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) {
        return nullptr;
    }
    const auto watch = found->second->watches.find(subscription_type);
    return watch == found->second->watches.end() ? nullptr : watch->second.get();
}

void Engine::touch(Tenant& tenant, Watch& watch) {
    watch.touched = true;
    if (!tenant.touched) {
        tenant.touched = true;
        touched_.push_back(&tenant);
    }
}

void Engine::must_store(Tenant& tenant, Watch& watch, bool urgent) {
    if (watch.storable == Storable::Quarantined) {
        return;
    }
    urgent_ = urgent_ || urgent;
    if (!watch.unstored) {
        watch.unstored = true;
        unstored_.push_back({&tenant, &watch});
    }
}

void Engine::stored(std::size_t count) {
    const auto end = unstored_.begin() + static_cast<std::ptrdiff_t>(std::min(count, unstored_.size()));
    for (auto entry = unstored_.begin(); entry != end; ++entry) {
        entry->watch->unstored = false;
    }
    unstored_.erase(unstored_.begin(), end);
    urgent_ = urgent_ && !unstored_.empty();
}

void Engine::quarantine(Watch& watch) {
    watch.storable = Storable::Quarantined;
}

void Engine::release_quarantined() {
    for (auto& [id, tenant] : tenants_) {
        tenant->kept_waiting = false;
        for (auto& [name, watch] : tenant->watches) {
            if (watch->storable == Storable::Quarantined) {
                watch->storable = Storable::Tried;
                touch(*tenant, *watch);
                must_store(*tenant, *watch, watch->health_dirty);
            }
        }
    }
}

std::vector<Engine::Unstored> Engine::tried() {
    std::vector<Unstored> found;
    for (auto& [id, tenant] : tenants_) {
        for (auto& [name, watch] : tenant->watches) {
            if (watch->storable == Storable::Tried) {
                found.push_back({tenant.get(), watch.get()});
            }
        }
    }
    return found;
}

void Engine::wake(Tenant& tenant, Time at) {
    tenant.wake_at = at;
    if (at != metric::forever) {
        wakes_.emplace(at, tenant.id);
    }
}

Time Engine::wake_at() {
    while (!wakes_.empty()) {
        const auto tenant = tenants_.find(wakes_.top().second);
        if (tenant != tenants_.end() && tenant->second->wake_at == wakes_.top().first) {
            return wakes_.top().first;
        }
        wakes_.pop();
    }
    return metric::forever;
}

void Engine::set_global_rules(std::shared_ptr<const RuleList> rules) {
    global_rules_ = std::move(rules);
    for (auto& [id, tenant] : tenants_) {
        if (!tenant->own_rules) {
            use_rules(*tenant, global_rules_);
        }
    }
}

void Engine::set_rules(Tenant& tenant, std::shared_ptr<const RuleList> rules) {
    tenant.own_rules = true;
    use_rules(tenant, std::move(rules));
}

void Engine::clear_rules(Tenant& tenant) {
    tenant.own_rules = false;
    use_rules(tenant, global_rules_);
}

void Engine::use_rules(Tenant& tenant, std::shared_ptr<const RuleList> rules) {
    const std::shared_ptr<const RuleList> before = std::exchange(tenant.rules, std::move(rules));
    for (const std::string& name : tenant.rules->subscriptions()) {
        watch(tenant, name);
    }
    if (std::any_of(tenant.rules->all_quick().begin(), tenant.rules->all_quick().end(),
                    [](const QuickRule& rule) { return rule.subscription == whole_tenant_only; })) {
        watch(tenant, whole_tenant);
    }
    for (auto& entry : tenant.watches) {
        Watch* const watch = entry.second.get();
        touch(tenant, *watch);
        watch->number = tenant.rules->number_of(entry.first);
        watch->values.clear();
        std::vector<ActiveInstance> instances = std::exchange(watch->instances, {});
        std::vector<OrphanInstance> orphans = std::exchange(watch->orphans, {});
        const auto place = [&](std::string_view rule_id, ActiveInstance instance) {
            const std::optional<std::size_t> index = tenant.rules->index_of(rule_id);
            if (index) {
                instance.rule = static_cast<std::uint32_t>(*index);
                watch->instances.push_back(instance);
            } else {
                watch->orphans.push_back({std::string(rule_id), tenant.rules->is_frozen(rule_id), instance});
            }
        };
        for (const ActiveInstance& instance : instances) {
            place(before->rule(instance.rule).rule_id, instance);
        }
        for (const OrphanInstance& orphan : orphans) {
            place(orphan.rule_id, orphan.instance);
        }
        std::sort(
            watch->instances.begin(), watch->instances.end(),
            [](const ActiveInstance& left, const ActiveInstance& right) { return left.rule < right.rule; });
    }
}

void Engine::load_instance(Watch& watch, Tenant& tenant, std::string_view rule_id,
                           const alert::Instance& state, const Uuid& alert_id, const Uuid& owed_alert_id) {
    touch(tenant, watch);
    const std::optional<std::size_t> index = tenant.rules->index_of(rule_id);
    if (!index) {
        const auto known =
            std::find_if(watch.orphans.begin(), watch.orphans.end(),
                         [&](const OrphanInstance& orphan) { return orphan.rule_id == rule_id; });
        if (known == watch.orphans.end()) {
            watch.orphans.push_back({std::string(rule_id),
                                     tenant.rules->is_frozen(rule_id),
                                     {0, alert_id, owed_alert_id, state}});
        }
        return;
    }
    const auto rule = static_cast<std::uint32_t>(*index);
    auto at = first_at(watch.instances, rule);
    if (at == watch.instances.end() || at->rule != rule) {
        at = watch.instances.insert(at, ActiveInstance{rule, {}, {}, {}});
    }
    at->alert_id = alert_id;
    at->owed_alert_id = owed_alert_id;
    at->state = state;
}

void Engine::set_replication_lag(metric::Value bytes, metric::Value seconds) {
    lag_bytes_ = bytes;
    lag_seconds_ = seconds;
}

void Engine::opened(const Action& action, const Uuid& alert_id) {
    const std::optional<std::size_t> index = action.tenant->rules->index_of(action.rule_id);
    for (auto at = first_at(action.watch->instances, static_cast<std::uint32_t>(index.value_or(0)));
         index && at != action.watch->instances.end() && at->rule == *index; ++at) {
        at->alert_id = alert_id;
    }
}

Totals Engine::evaluate(Time now, bool all) {
    Totals totals;
    actions_.clear();
    if (all) {
        for (auto& [id, tenant] : tenants_) {
            evaluate(*tenant, now, true, totals);
        }
        touched_.clear();
        return totals;
    }
    while (wake_at() <= now) {
        Tenant& tenant = *tenants_.find(wakes_.top().second)->second;
        wakes_.pop();
        tenant.wake_at = metric::forever;
        if (!tenant.touched) {
            tenant.touched = true;
            touched_.push_back(&tenant);
        }
    }
    for (Tenant* tenant : std::exchange(touched_, {})) {
        evaluate(*tenant, now, false, totals);
    }
    return totals;
}

void Engine::evaluate(Tenant& tenant, Time now, bool all, Totals& totals) {
    const bool any_touched = std::any_of(tenant.watches.begin(), tenant.watches.end(),
                                         [](const auto& entry) { return entry.second->touched; });
    most_actions_ = actions_.size() + bounds_.decisions;
    tracked_ = 0;
    for (const auto& [name, watch] : tenant.watches) {
        tracked_ += watch->instances.size() + watch->orphans.size();
    }
    silence_ends_ = metric::forever;
    for (const Silence& silence : tenant.silences) {
        if (silence.ends_at != metric::forever && silence.ends_at + limits_.clock_offset > now) {
            silence_ends_ = std::min(silence_ends_, silence.ends_at + limits_.clock_offset);
        }
    }
    Time next = metric::forever;
    bool inhibition_ended = false;
    // The tenant as a whole comes first: what it decides inhibits its subscriptions.
    if (tenant.whole != nullptr && (all || any_touched || now >= tenant.whole->wake_at)) {
        const std::size_t before = actions_.size();
        evaluate(tenant, *tenant.whole, now, totals);
        inhibition_ended =
            std::any_of(actions_.begin() + static_cast<std::ptrdiff_t>(before), actions_.end(),
                        [](const Action& action) { return action.decision.event == alert::Event::Resolve; });
    }
    for (auto& [name, watch] : tenant.watches) {
        const bool is_due =
            all || watch->touched || now >= watch->wake_at || (inhibition_ended && !watch->instances.empty());
        if (watch.get() != tenant.whole && is_due) {
            if (is_spent()) {
                watch->wake_at = now;
            } else {
                evaluate(tenant, *watch, now, totals);
            }
        }
        next = std::min(next, watch->wake_at);
    }
    tenant.touched = false;
    if (next != tenant.wake_at) {
        wake(tenant, next);
    }
}

void Engine::compute_values(const Tenant& tenant, Watch& watch, Time now) {
    span_.clear();
    if (watch.subscription_type == whole_tenant) {
        for (const auto& [name, other] : tenant.watches) {
            span_.push_back(&other->data);
        }
    } else {
        span_.push_back(&watch.data);
    }
    const std::vector<metric::Signal>& signals = tenant.rules->signals();
    watch.values.resize(signals.size());
    for (std::size_t slot = 0; slot < signals.size(); ++slot) {
        switch (signals[slot].metric) {
        case metric::Metric::ReplicationLagBytes:
            watch.values[slot] = lag_bytes_;
            break;
        case metric::Metric::ReplicationLagSeconds:
            watch.values[slot] = lag_seconds_;
            break;
        default:
            watch.values[slot] = metric::value_of(signals[slot], span_, now, limits_);
        }
    }
}

void Engine::evaluate(Tenant& tenant, Watch& watch, Time now, Totals& totals) {
    const bool whole = watch.subscription_type == whole_tenant;
    watch.data.sweep(now, limits_);
    if (watch.storable == Storable::Quarantined) {
        watch.touched = false;
        watch.wake_at = metric::forever;
        return;
    }
    compute_values(tenant, watch, now);
    watch.wake_at = metric::forever;
    const RuleList& rules = *tenant.rules;
    const std::vector<metric::Value>& values = watch.values;
    std::size_t next_active = 0;
    bool complete = true;
    for (std::size_t index = 0; complete && index < rules.size(); ++index) {
        const QuickRule& rule = rules.quick(index);
        if (next_active < watch.instances.size() && watch.instances[next_active].rule == index) {
            complete = step(tenant, watch, index, watch.instances[next_active], now);
            ++next_active;
            ++totals.rules;
            continue;
        }
        if (!applies(rule, watch, whole)) {
            continue;
        }
        ++totals.rules;
        const metric::Value& value = values[rule.condition.slot];
        if (!rule.step_always &&
            (value.kind != metric::Value::Kind::Number || !alert::holds(rule.condition, value.number))) {
            continue;
        }
        if (tracked_ >= bounds_.instances) {
            if (would_be_tracked(watch, rules.rule(index), now)) {
                ++totals.ignored;
                totals.full_tenant = tenant.id;
            }
            continue;
        }
        ActiveInstance fresh;
        fresh.rule = static_cast<std::uint32_t>(index);
        complete = step(tenant, watch, index, fresh, now);
        if (complete && !alert::forgettable(rules.rule(index), fresh.state, now)) {
            watch.instances.insert(watch.instances.begin() + static_cast<std::ptrdiff_t>(next_active), fresh);
            ++next_active;
            ++tracked_;
        }
    }
    if (complete) {
        tracked_ -= std::erase_if(watch.instances, [&](const ActiveInstance& instance) {
            return alert::forgettable(rules.rule(instance.rule), instance.state, now);
        });
        complete = retire_orphans(tenant, watch, now);
    }
    if (!complete) {
        watch.wake_at = now;
    } else if (!watch.instances.empty()) {
        // While an alert lives, a bucket that leaves its window may end it.
        watch.wake_at = std::min(watch.wake_at, watch.data.next_change(now, limits_));
    }
    ++totals.watches;
    watch.touched = false;
}

alert::Surroundings Engine::surroundings(const Tenant& tenant, const Watch& watch, std::size_t rule_index,
                                         Time now) const {
    alert::Surroundings around;
    const alert::Rule& rule = tenant.rules->rule(rule_index);
    const Time wall = now - limits_.clock_offset;
    around.silenced =
        std::any_of(tenant.silences.begin(), tenant.silences.end(), [&](const Silence& silence) {
            return silence.starts_at <= wall && wall < silence.ends_at &&
                   (!silence.rule_id || *silence.rule_id == rule.rule_id) &&
                   (!silence.subscription_type || *silence.subscription_type == watch.subscription_type);
        });
    const std::vector<std::uint32_t>& inhibitors = tenant.rules->inhibitors_of(rule_index);
    around.inhibited = std::any_of(inhibitors.begin(), inhibitors.end(), [&](std::uint32_t inhibitor) {
        return fires(watch, inhibitor) || (tenant.whole != nullptr && fires(*tenant.whole, inhibitor));
    });
    return around;
}

// What mutes an alert does not change its state, so it need not be known.
bool Engine::would_be_tracked(const Watch& watch, const alert::Rule& rule, Time now) const {
    alert::Instance instance;
    (void)alert::step(rule, instance, watch.values, {}, now);
    return !alert::forgettable(rule, instance, now);
}

bool Engine::step(Tenant& tenant, Watch& watch, std::size_t rule_index, ActiveInstance& instance, Time now) {
    const alert::Rule& rule = tenant.rules->rule(rule_index);
    const alert::Surroundings around = surroundings(tenant, watch, rule_index, now);
    alert::Instance after = instance.state;
    const alert::Decision decision = alert::step(rule, after, watch.values, around, now);
    const bool decides = decision.changed || decision.event != alert::Event::None ||
                         decision.resolve_earlier || decision.notification != alert::Notification::None;
    if (decides && is_spent()) {
        return false;
    }
    instance.state = after;
    watch.wake_at = std::min(watch.wake_at, decision.wake_at);
    if (around.silenced) {
        watch.wake_at = std::min(watch.wake_at, silence_ends_);
    }
    if (decides) {
        record(tenant, watch, rule, instance, decision);
    }
    return true;
}

void Engine::record(Tenant& tenant, Watch& watch, const alert::Rule& rule, ActiveInstance& instance,
                    const alert::Decision& decision) {
    Action action;
    action.tenant = &tenant;
    action.watch = &watch;
    action.rule_id = rule.rule_id;
    action.rule = &rule;
    action.decision = decision;
    action.state = instance.state;
    action.alert_id = instance.alert_id;
    action.owed_alert_id = instance.owed_alert_id;
    const metric::Value& value = watch.values[rule.condition.slot];
    action.has_value = value.kind == metric::Value::Kind::Number;
    action.value = value.number;
    if (decision.event == alert::Event::Resolve) {
        action.resolution = value.kind == metric::Value::Kind::NoData ? "no data" : "recovered";
        instance.owed_alert_id = instance.state.resolve_owed ? instance.alert_id : Uuid{};
        instance.alert_id = {};
    } else if (!instance.state.resolve_owed) {
        instance.owed_alert_id = {};
    }
    action.still_owed_alert_id = instance.owed_alert_id;
    actions_.push_back(std::move(action));
}

bool Engine::retire_orphans(Tenant& tenant, Watch& watch, Time now) {
    const auto first = std::stable_partition(watch.orphans.begin(), watch.orphans.end(),
                                             [](const OrphanInstance& orphan) { return orphan.frozen; });
    auto orphan = first;
    for (; orphan != watch.orphans.end() && !is_spent(); ++orphan) {
        Action action;
        action.tenant = &tenant;
        action.watch = &watch;
        action.rule_id = orphan->rule_id;
        action.alert_id = orphan->instance.alert_id;
        action.owed_alert_id = orphan->instance.owed_alert_id;
        action.decision = alert::retire(orphan->instance.state, now);
        action.decision.changed = true;
        action.state = orphan->instance.state;
        action.resolution = "rule removed";
        actions_.push_back(std::move(action));
        --tracked_;
    }
    return watch.orphans.erase(first, orphan) == watch.orphans.end();
}

void Engine::forget_idle(Time now) {
    (void)now;
    for (auto tenant = tenants_.begin(); tenant != tenants_.end();) {
        std::erase_if(tenant->second->watches, [&](const auto& entry) {
            const Watch& watch = *entry.second;
            const bool named = watch.number != any_subscription || watch.subscription_type == whole_tenant;
            bool empty =
                watch.data.connections().empty() && watch.data.samples().empty() && !watch.data.reported();
            for (const std::int32_t resolution : metric::resolutions) {
                empty = empty && watch.data.series(resolution).buckets.empty();
            }
            return empty && !named && watch.instances.empty() && watch.orphans.empty() && !watch.data_dirty &&
                   !watch.unstored && !watch.touched && watch.storable == Storable::Yes;
        });
        const Tenant& left = *tenant->second;
        if (!left.touched && left.watches.empty() && !left.own_rules && left.silences.empty()) {
            tenant = tenants_.erase(tenant);
        } else {
            ++tenant;
        }
    }
}

} // namespace monitor
