// From the columns of alert_rules to a rule: everything that can be wrong with it is found here, before it is evaluated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "alert/rule.hpp"

namespace alert {

// A row of realtime_alert_conditions(): a node of the tree in pre-order. A leaf has the columns from `metric` on.
struct ConditionText {
    std::string kind; // all, any, not, leaf; error: it cannot be read, and metric says why
    std::int64_t child_count = 0;
    std::string metric;
    std::string aggregation = "default";
    std::string operation;
    double threshold = 0;
    std::optional<double> upper;
    std::optional<std::int64_t> window_seconds; // empty: the rule's
};

// The columns of alert_rules of the same names; an empty optional is NULL.
struct RuleText {
    std::string rule_id, name;
    std::optional<std::string> subscription_type;
    std::string metric;
    std::string aggregation = "default";
    std::string operation = ">";
    double threshold_value = 0;
    std::optional<double> threshold_upper, clear_threshold;
    std::int64_t window_seconds = 60;
    std::vector<ConditionText> conditions;
    std::int64_t for_seconds = 0, keep_firing_seconds = 0;
    std::string severity = "medium";
    std::int64_t cooldown_minutes = 15;
    std::string no_data_action = "keep";
    std::int64_t no_data_for_seconds = 300;
    std::string error_action = "keep";
    bool flap_detection = true;
    std::optional<std::int64_t> escalate_after_minutes;
    std::optional<std::string> escalate_severity; // empty: critical
    std::optional<std::string> group_name;
    std::vector<std::string> inhibited_by;
    std::optional<std::string> message_template;
};

constexpr std::int64_t shortest_window_seconds = 10;
constexpr std::int64_t longest_window_seconds = 30 * 24 * 3600;
constexpr std::int64_t longest_duration_seconds = 365LL * 24 * 3600; // of every other time of a rule

// The rule, or what is wrong with it: one sentence without a period, with the value and, for a node of the tree, its
// position. The signals of a good rule are added to the table; a bad one adds none.
//
// A metric that is no built-in one is user-defined; whether it is ever reported cannot be known here. A message template
// with errors compiles, because what it is about matters more (template_error() tells its writer).
std::variant<Rule, std::string> compile(const RuleText& text, SignalTable& signals);

} // namespace alert
