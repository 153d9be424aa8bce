// One alert that a test leads through its life, second by second. What each step decided is one line of text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alert/state.hpp"

namespace alert_life {

constexpr alert::Time start = 800'000'000 * metric::second; // some time in 2025

inline metric::Value number(double value) {
    return {metric::Value::Kind::Number, value};
}
inline metric::Value no_data() {
    return {metric::Value::Kind::NoData, 0};
}
inline metric::Value error() {
    return {metric::Value::Kind::Error, 0};
}

// Breaches above 10, notifies without cooldown.
inline alert::Rule rule_above_10() {
    alert::Rule rule;
    rule.rule_id = "rule";
    rule.condition = {0, alert::Operator::Greater, 10, 0};
    rule.no_data_for = 300 * metric::second;
    return rule;
}

// "state", then what happened and what was notified: "firing: fire, firing".
inline std::string text_of(const alert::Instance& instance, const alert::Decision& decision) {
    constexpr const char* events[] = {"", "fire", "fire no_data", "fire error", "resolve", "escalate"};
    constexpr const char* notifications[] = {"", "notify firing", "notify resolved", "notify escalated"};
    std::string text(alert::name_of(instance.state));
    std::string happened = events[static_cast<int>(decision.event)];
    const auto add = [&](const std::string& more) {
        happened += happened.empty() || more.empty() ? more : ", " + more;
    };
    add(decision.resolve_earlier ? "notify earlier resolved" : "");
    add(notifications[static_cast<int>(decision.notification)]);
    return happened.empty() ? text : text + ": " + happened;
}

class Life {
  public:
    explicit Life(alert::Rule with = rule_above_10()) : rule(std::move(with)) {}

    std::string at(double seconds, metric::Value value) {
        now = start + static_cast<alert::Time>(seconds * static_cast<double>(metric::second));
        decision = alert::step(rule, instance, std::vector{value}, around, now);
        return text_of(instance, decision);
    }
    std::string at(double seconds, double value) { return at(seconds, number(value)); }

    // When the next step decides otherwise, in seconds; empty: never.
    std::optional<double> wakes_at() const {
        if (decision.wake_at == metric::forever) {
            return std::nullopt;
        }
        return static_cast<double>(decision.wake_at - start) / static_cast<double>(metric::second);
    }

    alert::Rule rule;
    alert::Instance instance;
    alert::Surroundings around;
    alert::Decision decision;
    alert::Time now = start;
};

} // namespace alert_life
