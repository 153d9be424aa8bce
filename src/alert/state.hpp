// The life of one alert: what is remembered of it, and the step from one moment to the next.
//
//   inactive --breach--> pending --breached for `for`--> firing <--breach-- recovering --clear for `keep_firing`--> inactive
//       ^------clear--------'                               '------clear--------^
//
// and the two states of missing knowledge, no_data and error, each entered after its own time (no_data_for, and for_duration
// for errors). Until then, and with the action Keep, everything stays as it is and time stands still: a gap counts neither
// as breach nor as recovery. What each action does when that time has passed:
//
//   Ok     as if the rule were clear
//   Keep   state no_data / error; an open alert stays open, a pending one goes on where it was when data comes back. What is
//          plainly inactive stays so: there is nothing to keep
//   Alert  state no_data / error with an open alert: the one that is open, or a new one of that kind, which is resolved as
//          soon as data comes back
//
// The cooldown, silences, inhibition and flapping mute notifications and never the state. What was muted is owed:
//   - a firing is notified when the muting ends while the alert still fires. Silence and inhibition mute everything; the
//     cooldown and flapping let pass a severity that rose above the one that was last told
//   - a resolve is owed exactly when a firing was notified. Only silence and inhibition delay it
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "alert/rule.hpp"
#include "alert/verdict.hpp"

namespace alert {

enum class State : std::uint8_t { Inactive, Pending, Firing, Recovering, NoData, Error };

std::optional<State> state_named(std::string_view name); // as in type alert_state
std::string_view name_of(State state);

// How many changes (an alert opened or closed) are remembered to find out whether an alert flaps.
constexpr std::size_t flap_memory = 12;

// What table alert_states keeps, so that a restart decides as if it had not happened. Times are metric::never when unset.
// An open alert is one of the threshold exactly when breach_since is set; else it is of kind no_data or error.
struct Instance {
    State state = State::Inactive;
    bool has_alert = false;       // a row of alert_instances is open
    bool resolve_owed = false;    // an earlier alert's firing was notified and its resolve is muted so far
    bool acknowledged = false;    // by somebody, since it fired
    bool firing_notified = false; // a firing notification was enqueued for the open alert
    std::uint8_t flap_count = 0;
    Severity severity = Severity::Medium; // of the open alert; rises when it escalates
    Severity last_notified_severity = Severity::Info;
    Time no_data_since = metric::never;
    Time error_since = metric::never;
    Time since = metric::never; // of the state
    Time fired_at = metric::never;
    Time breach_since = metric::never;
    Time clear_since = metric::never;
    Time last_notified_at =
        metric::never;     // a firing or an escalation; never again once it is too old to mute anything
    double last_value = 0; // of the first condition, when the instance last changed and there was a number
    std::array<Time, flap_memory> flaps{}; // the last flap_count changes, oldest first

    bool operator==(const Instance&) const = default;
};

static_assert(std::is_trivially_copyable_v<Instance>);

// What happened around the alert that only the caller knows. The caller steps the instance when one of them changes.
struct Surroundings {
    bool silenced = false;
    bool inhibited = false;
};

enum class Event : std::uint8_t {
    None,
    Fire, // open an alert of kind threshold
    FireNoData,
    FireError,
    Resolve,  // close it
    Escalate, // raise its severity to Instance::severity
};

// About the alert that is open after the step, or that the step closes.
enum class Notification : std::uint8_t { None, Firing, Resolved, Escalated };

struct Decision {
    Event event = Event::None;
    Notification notification = Notification::None;
    bool changed = false; // the instance has to be stored
    bool resolve_earlier =
        false; // notify the resolve that was owed (Instance::resolve_owed), before `notification`
    Time wake_at =
        metric::forever; // the earliest time at which the next step decides otherwise without any new value

    bool operator==(const Decision&) const = default;
};

// The way of everything that is not plainly inactive and clear. Call step().
Decision step_on(const Rule& rule, Instance& instance, std::span<const metric::Value> values,
                 const Surroundings& around, Time now);

// Steps the instance to `now`. `values` are those of the rule's key, by slot. Pure: the same arguments always decide the
// same, so a pass that is repeated after a crash repeats its decisions. A second step with the same arguments decides
// nothing. Never throws, never allocates.
inline Decision step(const Rule& rule, Instance& instance, std::span<const metric::Value> values,
                     const Surroundings& around, Time now) {
    // Nearly all steps are of this kind: one look at the rule, one at the instance.
    const bool nothing_remembered =
        ((static_cast<unsigned>(instance.state) | static_cast<unsigned>(instance.has_alert) |
          static_cast<unsigned>(instance.resolve_owed)) == 0) &
        (instance.no_data_since == metric::never) & (instance.error_since == metric::never);
    if (nothing_remembered && verdict_of(rule.condition, values) == Verdict::Clear) [[likely]] {
        return {};
    }
    return step_on(rule, instance, values, around, now);
}

// Ends an alert whose rule was disabled or removed: resolves what is open and sends what is owed, muted or not, because no
// step will follow. Also for an alert that somebody else closed; the event is then void. The cooldown goes on.
Decision retire(Instance& instance, Time now);

// Whether the alert fires as others see it, for inhibition.
inline bool fires(const Instance& instance) {
    return instance.has_alert;
}

// Whether the instance decides as a new one would, so that its row can be deleted.
bool forgettable(const Rule& rule, const Instance& instance, Time now);

} // namespace alert
