#include "monitor/rehearsal.hpp"

#include <algorithm>
#include <utility>

#include "monitor/announcement.hpp"

namespace monitor {

using metric::Time;

namespace {

constexpr Time bucket_length = metric::resolutions[0] * metric::second;

std::string_view name_of(const metric::Signal& signal) {
    return signal.metric == metric::Metric::Custom ? std::string_view(signal.custom)
                                                   : metric::name_of(signal.metric);
}

constexpr std::size_t most = std::size_t{1} << 60; // decisions and instances: as many as there are

// Of the alert; of the rule while there is none.
alert::Severity severity_of(const alert::Rule* rule, const alert::Instance& state,
                            const alert::Decision& decision) {
    const bool has_alert = state.has_alert || decision.event == alert::Event::Resolve;
    return has_alert || rule == nullptr ? state.severity : rule->severity;
}

} // namespace

Rehearsal::Rehearsal(std::shared_ptr<const RuleList> rules, const metric::Limits& limits, Time from,
                     Time until)
    : engine_(limits), from_(from), until_(until) {
    for (const metric::Signal& signal : rules->signals()) {
        windows_.push_back(signal.window_seconds * metric::second);
    }
    std::sort(windows_.begin(), windows_.end());
    windows_.erase(std::unique(windows_.begin(), windows_.end()), windows_.end());
    // One rule, for whoever asks: it keeps nobody waiting.
    engine_.set_bounds({most, most});
    engine_.set_global_rules(std::move(rules));
}

void Rehearsal::begin_bucket(Time start) {
    if (start == bucket_) {
        return;
    }
    finish_bucket();
    // Also what is due while the new bucket lasts: what came in by then is not known.
    evaluate_before(start + bucket_length);
    bucket_ = start;
}

void Rehearsal::finish_bucket() {
    if (bucket_ != metric::never && bucket_ + bucket_length <= until_) {
        evaluate_before(bucket_ + bucket_length);
        evaluate(bucket_ + bucket_length);
        look_when_it_leaves_windows(bucket_ + bucket_length);
    }
}

// While there is no alert nothing wakes the engine when a bucket leaves a window; a worker finds that by its regular checks.
void Rehearsal::look_when_it_leaves_windows(Time bucket_end) {
    const metric::Limits& limits = engine_.limits();
    for (const Time window : windows_) {
        const std::int32_t seconds = metric::resolutions[window <= limits.keep_fine      ? 0
                                                         : window <= limits.keep_minutes ? 1
                                                                                         : 2];
        const Time length = seconds * metric::second;
        looks_.insert((bucket_end + length - 1) / length * length + window);
    }
}

void Rehearsal::add(const Uuid& tenant_id, std::string_view subscription_type, const metric::Bucket& bucket) {
    begin_bucket(bucket.start);
    Tenant& tenant = engine_.tenant(tenant_id);
    Watch& watch = engine_.watch(tenant, subscription_type);
    watch.data.replay(bucket);
    engine_.touch(tenant, watch);
}

void Rehearsal::add_sample(const Uuid& tenant_id, std::string_view subscription_type, std::string_view metric,
                           const metric::SampleBucket& bucket) {
    begin_bucket(bucket.start);
    Tenant& tenant = engine_.tenant(tenant_id);
    Watch& watch = engine_.watch(tenant, subscription_type);
    watch.data.replay_sample(metric, bucket);
    engine_.touch(tenant, watch);
}

void Rehearsal::evaluate(Time now) {
    bool everything = false;
    while (!looks_.empty() && *looks_.begin() <= now) {
        everything = true;
        looks_.erase(looks_.begin());
    }
    engine_.evaluate(now, everything);
    for (const Action& action : engine_.actions()) {
        const bool opens = action.decision.event == alert::Event::Fire ||
                           action.decision.event == alert::Event::FireNoData ||
                           action.decision.event == alert::Event::FireError;
        if (opens) {
            Uuid id;
            alerts_ += 1;
            std::memcpy(id.bytes.data(), &alerts_, sizeof(alerts_));
            Engine::opened(action, id);
        }
        alert::State& state = states_[{action.watch, action.rule_id}];
        const bool shows = std::exchange(state, action.state.state) != action.state.state ||
                           action.decision.event != alert::Event::None ||
                           action.decision.notification != alert::Notification::None;
        if (!shows || now < from_) {
            continue;
        }
        Rehearsed outcome;
        outcome.at = now;
        outcome.tenant = action.tenant->id;
        outcome.subscription_type = action.watch->subscription_type;
        outcome.rule_id = action.rule_id;
        outcome.state = action.state.state;
        outcome.event = action.decision.event;
        outcome.notification = action.decision.notification;
        outcome.severity = severity_of(action.rule, action.state, action.decision);
        outcome.value = action.value;
        outcome.has_value = action.has_value;
        if (opens) {
            outcome.message = message_of(action, {nullptr, {}});
        }
        outcomes.push_back(std::move(outcome));
    }
}

void Rehearsal::evaluate_before(Time end) {
    const auto next = [this] {
        return looks_.empty() ? engine_.wake_at() : std::min(engine_.wake_at(), *looks_.begin());
    };
    // Something may be due again at once; a moment decides at most a few times.
    while (next() < std::min(end, until_)) {
        const Time due = next();
        evaluate(due);
        if (next() <= due) {
            break;
        }
    }
}

void Rehearsal::finish() {
    finish_bucket();
    evaluate_before(until_);
    evaluate(until_);
}

std::vector<Rehearsed> rehearse(const RuleList& rules, const std::vector<GivenValues>& given, Time until) {
    std::vector<Rehearsed> outcomes;
    const alert::Rule& rule = rules.rule(0);
    alert::Instance instance;
    std::vector<metric::Value> values(rules.signals().size());
    const auto step = [&](Time now) {
        const alert::State before = instance.state;
        const alert::Decision decision = alert::step(rule, instance, values, {}, now);
        if (decision.event != alert::Event::None || decision.notification != alert::Notification::None ||
            instance.state != before) {
            const metric::Value& value = values[rule.condition.slot];
            Rehearsed outcome;
            outcome.at = now;
            outcome.rule_id = rule.rule_id;
            outcome.state = instance.state;
            outcome.event = decision.event;
            outcome.notification = decision.notification;
            outcome.severity = severity_of(&rule, instance, decision);
            outcome.value = value.number;
            outcome.has_value = value.kind == metric::Value::Kind::Number;
            outcomes.push_back(std::move(outcome));
        }
        return decision.wake_at;
    };
    for (std::size_t index = 0; index < given.size(); ++index) {
        for (std::size_t slot = 0; slot < values.size(); ++slot) {
            const std::string_view name = name_of(rules.signals()[slot]);
            for (const auto& value : given[index].values) {
                if (value.first == name) {
                    values[slot] = value.second ? metric::Value{metric::Value::Kind::Number, *value.second}
                                                : metric::Value{};
                }
            }
        }
        const Time end = index + 1 < given.size() ? given[index + 1].at : until;
        Time wake_at = step(given[index].at);
        for (Time now = given[index].at; wake_at < end && wake_at > now;) {
            now = wake_at;
            wake_at = step(now);
        }
    }
    return outcomes;
}

} // namespace monitor
