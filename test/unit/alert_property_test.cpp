// Random rules, values, silences and operators' hands. A run that is interrupted at random points (memory lost and loaded from
// what the table keeps, steps repeated) must decide what an uninterrupted one decides, and every run keeps the promises
// that people rely on.
#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "alert/flapping.hpp"
#include "alert_life.hpp"

using namespace alert;
using metric::second;

namespace {

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : engine_(seed) {}
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
    }
    bool one_in(int count) { return between(1, count) == 1; }
    template <class T> T of(std::initializer_list<T> choices) {
        return choices.begin()[between(0, static_cast<std::int64_t>(choices.size()) - 1)];
    }

  private:
    std::mt19937_64 engine_; // not a distribution of the library: those differ between libraries
};

// The columns of a row of alert_states and of the open alert, in plain types.
struct Row {
    std::string state;
    bool alert_is_open, resolve_owed, acknowledged, firing_notified;
    int severity, last_notified_severity;
    Time since, no_data_since, error_since, triggered_at, breach_since, clear_since, last_notified_at;
    double last_value;
    std::vector<Time> flaps;
};

Row saved(const Instance& instance) {
    return {std::string(name_of(instance.state)),
            instance.has_alert,
            instance.resolve_owed,
            instance.acknowledged,
            instance.firing_notified,
            static_cast<int>(instance.severity),
            static_cast<int>(instance.last_notified_severity),
            instance.since,
            instance.no_data_since,
            instance.error_since,
            instance.fired_at,
            instance.breach_since,
            instance.clear_since,
            instance.last_notified_at,
            instance.last_value,
            {instance.flaps.begin(), instance.flaps.begin() + instance.flap_count}};
}

Instance loaded(const Row& row) {
    Instance instance;
    instance.state = state_named(row.state).value();
    instance.has_alert = row.alert_is_open;
    instance.resolve_owed = row.resolve_owed;
    instance.acknowledged = row.acknowledged;
    instance.firing_notified = row.firing_notified;
    instance.severity = static_cast<Severity>(row.severity);
    instance.last_notified_severity = static_cast<Severity>(row.last_notified_severity);
    instance.since = row.since;
    instance.no_data_since = row.no_data_since;
    instance.error_since = row.error_since;
    instance.fired_at = row.triggered_at;
    instance.breach_since = row.breach_since;
    instance.clear_since = row.clear_since;
    instance.last_notified_at = row.last_notified_at;
    instance.last_value = row.last_value;
    instance.flap_count = static_cast<std::uint8_t>(row.flaps.size());
    std::copy(row.flaps.begin(), row.flaps.end(), instance.flaps.begin());
    return instance;
}

Rule random_rule(Chance& chance) {
    Rule rule;
    rule.rule_id = "rule";
    rule.condition.slot = 0;
    rule.condition.operation = static_cast<Operator>(chance.between(0, 7));
    rule.condition.threshold = 10;
    rule.condition.upper = 20;
    if (chance.one_in(2)) {
        switch (rule.condition.operation) {
        case Operator::Greater:
        case Operator::GreaterOrEqual:
        case Operator::Between:
            rule.clear_threshold = static_cast<double>(chance.between(5, 10));
            break;
        case Operator::Less:
        case Operator::LessOrEqual:
        case Operator::Outside:
            rule.clear_threshold = static_cast<double>(chance.between(10, 14));
            break;
        default:
            break;
        }
    }
    if (chance.one_in(3)) {
        ConditionNode root, leaf;
        root.kind = chance.one_in(2) ? ConditionNode::Kind::All : ConditionNode::Kind::Any;
        root.child_count = 2;
        leaf.leaf = {1, Operator::Greater, 5, 0};
        ConditionNode other = leaf;
        other.leaf = {2, Operator::NotEqual, 7, 0};
        rule.more = {root, leaf, other};
    }
    rule.for_duration = chance.of<Time>({0, 0, 1, 60, 300}) * second;
    rule.keep_firing = chance.of<Time>({0, 0, 30, 600}) * second;
    rule.severity = static_cast<Severity>(chance.between(0, 4));
    rule.cooldown = chance.of<Time>({0, 60, 900, 7200}) * second;
    rule.no_data_action = static_cast<WhenMissing>(chance.between(0, 2));
    rule.no_data_for = chance.of<Time>({0, 60, 300}) * second;
    rule.error_action = static_cast<WhenMissing>(chance.between(0, 2));
    rule.flap_detection = chance.one_in(2);
    if (chance.one_in(2)) {
        rule.escalate_after = chance.of<Time>({0, 60, 600}) * second;
        rule.escalate_severity = static_cast<Severity>(chance.between(0, 4));
    }
    return rule;
}

// What happens at one moment.
struct Moment {
    Time now;
    std::vector<metric::Value> values;
    Surroundings around;
    bool acknowledge;
};

metric::Value random_value(Chance& chance, std::int64_t missing_one_in) {
    if (chance.between(1, missing_one_in) == 1) {
        return chance.one_in(3) ? alert_life::error() : alert_life::no_data();
    }
    return alert_life::number(static_cast<double>(chance.between(0, 25)));
}

// A moment behind `before`: soon, or exactly when, just before or some time after something is due.
Moment next_moment(Chance& chance, const Moment& before, Time wake_at) {
    Moment next = before;
    next.now += chance.of<Time>({1, second, 30 * second, 200 * second, 1000 * second});
    if (wake_at != metric::forever && wake_at > before.now && chance.one_in(2)) {
        next.now = std::max(before.now, wake_at + chance.of<Time>({-1, 0, 0, 0, 1, 10 * second}));
    }
    if (!chance.one_in(3)) { // else time passes and nothing else
        for (metric::Value& value : next.values) {
            if (chance.one_in(2)) {
                value = random_value(chance, 6);
            }
        }
    }
    if (chance.one_in(8)) {
        next.around.silenced = !next.around.silenced;
    }
    if (chance.one_in(12)) {
        next.around.inhibited = !next.around.inhibited;
    }
    next.acknowledge = chance.one_in(15);
    return next;
}

// What outsiders saw, and what they may rely on.
class Witness {
  public:
    explicit Witness(const Rule& rule) : rule_(rule) {}

    void see(const Moment& moment, const Instance& before, const Decision& decision, const Instance& after) {
        const bool muted = moment.around.silenced || moment.around.inhibited;
        const bool tells =
            decision.notification == Notification::Firing || decision.notification == Notification::Escalated;
        if (muted) {
            EXPECT_EQ(decision.notification, Notification::None);
            EXPECT_FALSE(decision.resolve_earlier);
        }
        if (decision.resolve_earlier) {
            ASSERT_TRUE(resolve_is_owed_);
            resolve_is_owed_ = false;
        }
        see_event(decision, after);
        if (tells) {
            EXPECT_TRUE(is_open_);
            EXPECT_NE(after.state, State::Recovering);
            EXPECT_FALSE(resolve_is_owed_) << "a firing overtook the resolve of the alert before";
            EXPECT_EQ(decision.notification == Notification::Escalated, is_notified_);
            if (told_at_ != metric::never && moment.now < told_at_ + rule_.cooldown) {
                EXPECT_GT(after.severity, told_severity_) << "the cooldown was not kept";
            }
            if (rule_.flap_detection && flaps_until(after, moment.now) != metric::never) {
                EXPECT_GT(after.severity,
                          before.last_notified_at == metric::never ? rule_.severity : told_severity_)
                    << "a flapping alert was told of";
            }
            is_notified_ = true;
            told_at_ = moment.now;
            told_severity_ = after.severity;
        }
        if (decision.event == Event::Resolve) {
            // Exactly one resolve for a firing that was notified, now or, when it is muted, later.
            EXPECT_EQ(decision.notification == Notification::Resolved, is_notified_ && !muted);
            if (is_notified_ && muted) {
                EXPECT_FALSE(resolve_is_owed_);
                resolve_is_owed_ = true;
            }
            is_notified_ = false;
        } else {
            EXPECT_NE(decision.notification, Notification::Resolved);
        }
        if (!muted) {
            EXPECT_FALSE(resolve_is_owed_) << "an owed resolve was not sent when the muting ended";
            const bool still_fires = is_open_ && after.clear_since == metric::never;
            if (still_fires && !is_notified_) {
                EXPECT_NE(decision.wake_at, metric::forever) << "an owed firing is not waited for";
            }
        }
        EXPECT_EQ(after.has_alert, is_open_);
        EXPECT_EQ(after.firing_notified, is_notified_);
        EXPECT_EQ(after.resolve_owed, resolve_is_owed_);
    }

  private:
    void see_event(const Decision& decision, const Instance& after) {
        switch (decision.event) {
        case Event::Fire:
        case Event::FireNoData:
        case Event::FireError:
            EXPECT_FALSE(is_open_);
            EXPECT_EQ(after.severity, rule_.severity);
            is_open_ = true;
            is_notified_ = false;
            break;
        case Event::Resolve:
            EXPECT_TRUE(is_open_);
            is_open_ = false;
            break;
        case Event::Escalate:
            EXPECT_TRUE(is_open_);
            EXPECT_EQ(after.severity, rule_.escalate_severity);
            break;
        case Event::None:
            break;
        }
    }

    const Rule& rule_;
    bool is_open_ = false, is_notified_ = false, resolve_is_owed_ = false;
    Time told_at_ = metric::never;
    Severity told_severity_ = Severity::Info;
};

bool decides_something(const Decision& decision) {
    return decision.changed || decision.resolve_earlier || decision.event != Event::None ||
           decision.notification != Notification::None;
}

std::string what(const Decision& decision, const Instance& after) {
    return alert_life::text_of(after, decision) + (decision.changed ? " changed" : "");
}

// Before wake_at nothing is decided, at wake_at something is, and later the same until something else is due.
void expect_exact_wake(Chance& chance, const Rule& rule, const Instance& instance, const Moment& moment,
                       Time wake_at) {
    const Time far = moment.now + 365 * 24 * metric::hour;
    const Time last_quiet = wake_at == metric::forever ? far : wake_at - 1;
    for (const Time quiet :
         {moment.now, moment.now + chance.between(0, last_quiet - moment.now), last_quiet}) {
        Instance copy = instance;
        const Decision decision = step(rule, copy, moment.values, moment.around, quiet);
        EXPECT_FALSE(decides_something(decision))
            << what(decision, copy) << " at " << quiet << " before " << wake_at;
        EXPECT_EQ(decision.wake_at, wake_at);
        EXPECT_EQ(copy, instance);
    }
    if (wake_at == metric::forever) {
        return;
    }
    Instance exact = instance;
    const Decision decision = step(rule, exact, moment.values, moment.around, wake_at);
    EXPECT_TRUE(decides_something(decision)) << "nothing to wake for at " << wake_at;
    const Time next = std::min(decision.wake_at, far);
    ASSERT_GT(next, wake_at);
    for (const Time late : {wake_at + chance.between(0, next - 1 - wake_at), next - 1}) {
        Instance copy = instance;
        const Decision other = step(rule, copy, moment.values, moment.around, late);
        EXPECT_EQ(copy.state, exact.state) << late - wake_at << " us later than " << wake_at;
        EXPECT_EQ(other.event, decision.event);
        // A change that is seen late is a late change to the damping, which may let pass what it muted in time.
        if (!rule.flap_detection) {
            EXPECT_EQ(what(other, copy), what(decision, exact))
                << late - wake_at << " us later than " << wake_at;
        }
    }
}

struct Line {
    Decision decision;
    Instance instance;
    bool operator==(const Line&) const = default;
};

Decision step_to(const Rule& rule, Instance& instance, const Moment& moment) {
    if (moment.acknowledge && instance.has_alert) {
        instance.acknowledged = true; // acknowledge_alert() wrote it before the pass
    }
    return step(rule, instance, moment.values, moment.around, moment.now);
}

void run_interrupted(Chance& chance, const Rule& rule, const std::vector<Moment>& moments,
                     const std::vector<Line>& expected) {
    Instance instance;
    for (std::size_t at = 0; at < moments.size(); ++at) {
        const Row row = saved(instance);
        Decision decision = step_to(rule, instance, moments[at]);
        while (chance.one_in(3)) { // crashed before the commit: the pass is repeated from what was stored
            instance = loaded(row);
            decision = step_to(rule, instance, moments[at]);
        }
        ASSERT_EQ(decision, expected[at].decision) << "step " << at;
        ASSERT_EQ(instance, expected[at].instance) << "step " << at;
        if (chance.one_in(3)) { // crashed after the commit
            instance = loaded(saved(instance));
        }
        if (forgettable(rule, instance, moments[at].now)) {
            const Instance fresh;
            const Decision forgotten = step_to(rule, instance, moments[at]);
            ASSERT_FALSE(decides_something(forgotten));
            ASSERT_EQ(fresh.state, instance.state);
        }
    }
}

TEST(AlertProperty, InterruptedRunsDecideAsUninterruptedOnesAndKeepEveryPromise) {
    constexpr std::uint64_t first_seed = 20261124;
    int notified = 0, escalated = 0, resolved = 0, earlier = 0, fired_without_data = 0;
    for (std::uint64_t seed = first_seed; seed < first_seed + 2000; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance chance(seed);
        const Rule rule = random_rule(chance);
        Witness witness(rule);
        Instance instance;
        std::vector<Moment> moments;
        std::vector<Line> lines;
        Moment moment{alert_life::start, std::vector<metric::Value>(3), {}, false};
        Time wake_at = metric::forever;
        for (int count = 0; count < 120; ++count) {
            moment = next_moment(chance, moment, wake_at);
            const Instance before = instance;
            const Decision decision = step_to(rule, instance, moment);
            witness.see(moment, before, decision, instance);
            expect_exact_wake(chance, rule, instance, moment, decision.wake_at);
            wake_at = decision.wake_at;
            moments.push_back(moment);
            lines.push_back({decision, instance});
            notified += decision.notification == Notification::Firing;
            escalated += decision.notification == Notification::Escalated;
            resolved += decision.notification == Notification::Resolved;
            earlier += decision.resolve_earlier;
            fired_without_data += decision.event == Event::FireNoData || decision.event == Event::FireError;
            if (testing::Test::HasFailure()) {
                FAIL() << "at step " << count;
            }
        }
        run_interrupted(chance, rule, moments, lines);
        if (testing::Test::HasFatalFailure()) {
            return;
        }
    }
    // The runs came past everything that the promises are about.
    EXPECT_GT(notified, 1000);
    EXPECT_GT(escalated, 100);
    EXPECT_GT(resolved, 1000);
    EXPECT_GT(earlier, 100);
    EXPECT_GT(fired_without_data, 1000);
    std::printf(
        "%d firings, %d escalations, %d resolves notified, %d of them late; %d alerts of missing data\n",
        notified, escalated, resolved + earlier, earlier, fired_without_data);
}

// The same values, one instance forgotten as soon as it may be: it decides the same.
TEST(AlertProperty, WhatIsForgettableMatteredToNoDecision) {
    int forgotten = 0;
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance chance(seed);
        const Rule rule = random_rule(chance);
        Instance kept, renewed;
        Moment moment{alert_life::start, std::vector<metric::Value>(3), {}, false};
        for (int count = 0; count < 200; ++count) {
            moment = next_moment(chance, moment, metric::forever);
            const Decision one = step_to(rule, kept, moment);
            const Decision other = step_to(rule, renewed, moment);
            ASSERT_EQ(what(one, kept), what(other, renewed)) << "step " << count;
            ASSERT_EQ(one.wake_at, other.wake_at) << "step " << count;
            if (forgettable(rule, renewed, moment.now)) {
                forgotten += !(renewed == Instance());
                renewed = Instance();
            }
        }
    }
    EXPECT_GT(forgotten, 500);
}

} // namespace
