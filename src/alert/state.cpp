#include "alert/state.hpp"

#include <algorithm>

#include "alert/flapping.hpp"

namespace alert {

namespace {

using metric::forever;
using metric::never;

constexpr std::string_view state_names[] = {"inactive",   "pending", "firing",
                                            "recovering", "no_data", "error"};

// The end of a time that began at `start`; durations of a rule are never negative.
Time after(Time start, Time duration) {
    Time end = 0;
    if (start == never || __builtin_add_overflow(start, std::max<Time>(duration, 0), &end)) {
        return forever;
    }
    return end;
}

// How long a notification matters to later ones: to the cooldown, and to the damping of one that flaps.
Time memory_of_notification(const Rule& rule) {
    return std::max(rule.cooldown, flap_window);
}

// One step. Each part may decide one thing and leaves the times at which it would decide otherwise.
class Step {
  public:
    Step(const Rule& rule, Instance& instance, const Surroundings& around, Time now)
        : rule_(rule), instance_(instance), muted_(around.silenced || around.inhibited), now_(now) {}

    Decision run(Verdict verdict) {
        if (verdict == Verdict::NoData || verdict == Verdict::Error) {
            missing(verdict);
        } else {
            end_gap();
            known(verdict);
        }
        escalate();
        notify();
        return decision_;
    }

  private:
    bool of_threshold() const { return instance_.has_alert && instance_.breach_since != never; }

    void wake(Time time) { decision_.wake_at = std::min(decision_.wake_at, time); }

    template <class T> void set(T& field, T value) {
        if (field != value) {
            field = value;
            decision_.changed = true;
        }
    }

    void enter(State state) {
        if (instance_.state != state) {
            set(instance_.state, state);
            instance_.since = now_;
        }
    }

    void open(Event event) {
        decision_.event = event;
        decision_.changed = true;
        instance_.has_alert = true;
        instance_.acknowledged = false;
        instance_.firing_notified = false;
        instance_.severity = rule_.severity;
        instance_.fired_at = now_;
        instance_.clear_since = never;
        if (now_ >= after(instance_.last_notified_at, memory_of_notification(rule_))) {
            instance_.last_notified_at = never;
            instance_.last_notified_severity = Severity::Info;
        }
        remember_change(instance_, now_);
    }

    void close() {
        decision_.event = Event::Resolve;
        decision_.changed = true;
        if (instance_.firing_notified) {
            if (muted_) {
                // There cannot be another one owed: it would have been sent before this alert's firing was.
                instance_.resolve_owed = true;
            } else {
                decision_.notification = Notification::Resolved;
            }
        }
        instance_.has_alert = false;
        instance_.acknowledged = false;
        instance_.firing_notified = false;
        instance_.fired_at = never;
        instance_.breach_since = never;
        instance_.clear_since = never;
        remember_change(instance_, now_);
    }

    // The gap, if there was one, did not happen: what lasted before goes on lasting from here. Only where missing data
    // counts as clear, it was no gap for the recovery.
    void end_gap() {
        const bool was_error = instance_.error_since != never;
        const Time start = was_error ? instance_.error_since : instance_.no_data_since;
        if (start == never) {
            return;
        }
        const Time length = std::max<Time>(now_ - start, 0);
        const WhenMissing action = was_error ? rule_.error_action : rule_.no_data_action;
        if (instance_.breach_since != never && !instance_.has_alert) {
            instance_.breach_since += length;
        }
        if (instance_.clear_since != never && action != WhenMissing::Ok) {
            instance_.clear_since += length;
        }
        set(instance_.no_data_since, never);
        set(instance_.error_since, never);
    }

    void missing(Verdict verdict) {
        const bool is_error = verdict == Verdict::Error;
        const WhenMissing action = is_error ? rule_.error_action : rule_.no_data_action;
        Time& since = is_error ? instance_.error_since : instance_.no_data_since;
        if (since == never) {
            end_gap(); // of the other kind
            if (action != WhenMissing::Alert && !instance_.has_alert && instance_.breach_since == never) {
                enter(State::Inactive);
                return;
            }
            set(since, now_);
        }
        const Time deadline = after(since, is_error ? rule_.for_duration : rule_.no_data_for);
        const State state = is_error ? State::Error : State::NoData;
        if (now_ < deadline) {
            wake_when_missing(action, state, deadline);
            return;
        }
        switch (action) {
        case WhenMissing::Ok:
            known(Verdict::Clear);
            if (instance_.state == State::Inactive) {
                set(since, never); // nothing is left that the gap could end
            }
            return;
        case WhenMissing::Alert:
            if (!instance_.has_alert) {
                open(is_error ? Event::FireError : Event::FireNoData);
                instance_.breach_since = never;
            }
            break;
        case WhenMissing::Keep:
            break;
        }
        enter(state);
    }

    // At the deadline, unless it changes nothing then.
    void wake_when_missing(WhenMissing action, State state, Time deadline) {
        if (action == WhenMissing::Ok) {
            const bool recovers = instance_.state == State::Recovering;
            wake(recovers ? std::max(deadline, after(instance_.clear_since, rule_.keep_firing)) : deadline);
        } else if (instance_.state != state || (action == WhenMissing::Alert && !instance_.has_alert)) {
            wake(deadline);
        }
    }

    void known(Verdict verdict) {
        if (verdict == Verdict::Breach) {
            breached();
        } else {
            cleared();
        }
    }

    void breached() {
        if (of_threshold()) {
            set(instance_.clear_since, never);
            enter(State::Firing);
            return;
        }
        // An alert of missing data ends here, and the threshold's own begins one step later: a step decides one thing.
        const bool was_missing = instance_.has_alert;
        if (was_missing) {
            close();
        }
        if (instance_.breach_since == never) {
            set(instance_.breach_since, now_);
        }
        Time fires_at = after(instance_.breach_since, rule_.for_duration);
        if (was_missing || (instance_.state == State::Pending && instance_.since >= now_)) {
            fires_at = std::max(fires_at, now_ + 1);
        }
        if (now_ < fires_at) {
            enter(State::Pending);
            wake(fires_at);
            return;
        }
        open(Event::Fire);
        enter(State::Firing);
    }

    void cleared() {
        if (of_threshold()) {
            if (instance_.clear_since == never) {
                set(instance_.clear_since, now_);
            }
            const Time ends_at = after(instance_.clear_since, rule_.keep_firing);
            if (now_ < ends_at) {
                enter(State::Recovering);
                wake(ends_at);
                return;
            }
        }
        if (instance_.has_alert) {
            close();
        }
        set(instance_.breach_since, never);
        set(instance_.clear_since, never);
        enter(State::Inactive);
    }

    bool still_fires() const { return instance_.has_alert && instance_.clear_since == never; }

    void escalate() {
        if (!rule_.escalate_after || !still_fires() || instance_.acknowledged ||
            instance_.severity >= rule_.escalate_severity) {
            return;
        }
        const Time due = after(instance_.fired_at, std::max<Time>(*rule_.escalate_after, 1));
        if (now_ < due) {
            wake(due);
            return;
        }
        instance_.severity = rule_.escalate_severity;
        decision_.event = Event::Escalate;
        decision_.changed = true;
    }

    void notify() {
        if (muted_) {
            return;
        }
        if (instance_.resolve_owed) {
            instance_.resolve_owed = false;
            decision_.resolve_earlier = true;
            decision_.changed = true;
        }
        if (!still_fires()) {
            return;
        }
        const bool was_told = instance_.last_notified_at != never;
        const Severity told = was_told ? instance_.last_notified_severity : rule_.severity;
        const bool rose = instance_.severity > told;
        if (instance_.firing_notified && !rose) {
            return;
        }
        if (!rose) {
            const Time cooled_down = was_told ? after(instance_.last_notified_at, rule_.cooldown) : never;
            const Time calm = rule_.flap_detection ? flaps_until(instance_, now_) : never;
            const Time allowed = std::max(cooled_down, calm);
            if (now_ < allowed) {
                wake(allowed);
                return;
            }
        }
        decision_.notification = instance_.firing_notified ? Notification::Escalated : Notification::Firing;
        decision_.changed = true;
        instance_.firing_notified = true;
        instance_.last_notified_at = now_;
        instance_.last_notified_severity = instance_.severity;
    }

    const Rule& rule_;
    Instance& instance_;
    const bool muted_;
    const Time now_;
    Decision decision_;
};

} // namespace

std::optional<State> state_named(std::string_view name) {
    const auto* const found = std::find(std::begin(state_names), std::end(state_names), name);
    if (found == std::end(state_names)) {
        return std::nullopt;
    }
    return static_cast<State>(found - std::begin(state_names));
}

std::string_view name_of(State state) {
    return state_names[static_cast<std::size_t>(state)];
}

Decision step_on(const Rule& rule, Instance& instance, std::span<const metric::Value> values,
                 const Surroundings& around, Time now) {
    const bool is_open = instance.has_alert && instance.breach_since != never;
    const Decision decision = Step(rule, instance, around, now).run(verdict_of(rule, is_open, values));
    if (decision.changed && rule.condition.slot < values.size()) {
        const metric::Value& value = values[rule.condition.slot];
        if (value.kind == metric::Value::Kind::Number && value.number == value.number) {
            instance.last_value = value.number;
        }
    }
    return decision;
}

Decision retire(Instance& instance, Time now) {
    Decision decision;
    if (instance.has_alert) {
        decision.event = Event::Resolve;
        if (instance.firing_notified) {
            decision.notification = Notification::Resolved;
        }
    }
    decision.resolve_earlier = instance.resolve_owed;
    Instance ended;
    ended.since = instance.state == State::Inactive ? instance.since : now;
    ended.severity = instance.severity;
    ended.last_notified_at = instance.last_notified_at;
    ended.last_notified_severity = instance.last_notified_severity;
    ended.last_value = instance.last_value;
    ended.flap_count = instance.flap_count;
    ended.flaps = instance.flaps;
    decision.changed = !(ended == instance);
    instance = ended;
    return decision;
}

bool forgettable(const Rule& rule, const Instance& instance, Time now) {
    return instance.state == State::Inactive && !instance.has_alert && !instance.resolve_owed &&
           instance.no_data_since == never && instance.error_since == never &&
           flaps_are_over(instance, now) &&
           (instance.last_notified_at == never ||
            now >= after(instance.last_notified_at, memory_of_notification(rule)));
}

} // namespace alert
