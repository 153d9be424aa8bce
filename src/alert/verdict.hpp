// What the values of a key say about a rule: whether it breaches, or why that cannot be said.
#pragma once

#include <cstdint>
#include <span>

#include "alert/rule.hpp"

namespace alert {

enum class Verdict : std::uint8_t { Clear, Breach, NoData, Error };

// Of one condition. A number that is none (NaN) and a slot that no value was given for are errors.
inline Verdict verdict_of(const Condition& condition, std::span<const metric::Value> values) {
    if (condition.slot >= values.size()) [[unlikely]] {
        return Verdict::Error;
    }
    const metric::Value& value = values[condition.slot];
    if (value.kind != metric::Value::Kind::Number) [[unlikely]] {
        return value.kind == metric::Value::Kind::NoData ? Verdict::NoData : Verdict::Error;
    }
    if (value.number != value.number) [[unlikely]] {
        return Verdict::Error;
    }
    return holds(condition, value.number) ? Verdict::Breach : Verdict::Clear;
}

// Both true / one true, as far as it can be said: what is known decides where it can (a false part makes "and" false
// whatever the others are); else an error counts more than missing data. S. C. Kleene, "Introduction to Metamathematics",
// 1952, §64.
Verdict both(Verdict one, Verdict other);
Verdict either(Verdict one, Verdict other);
Verdict opposite(Verdict verdict);

// Of a tree in pre-order. An empty one asks for nothing and is true; a malformed one is an error.
Verdict verdict_of(std::span<const ConditionNode> nodes, std::span<const metric::Value> values);

// The first condition as it is while an alert is open: clear_threshold stands in the place of the threshold. Between and
// outside have two edges: clear_threshold names one of them, the other one moves by the same distance.
Condition clearing_condition(const Rule& rule);

// Of the rule; is_open: an alert of its threshold is open.
Verdict verdict_of(const Rule& rule, bool is_open, std::span<const metric::Value> values);

} // namespace alert
