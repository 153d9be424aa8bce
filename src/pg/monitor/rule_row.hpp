// Rows of alert_rules and of their conditions as C++.
#pragma once

#include <optional>
#include <string>

#include "alert/compile.hpp"
#include "pg/monitor/row.hpp"

// What rule_of() reads, in this order.
#define PG_REALTIME_RULE_COLUMNS                                                                             \
    "tenant_id, rule_id, name, subscription_type, metric, aggregation, operator, threshold_value, "          \
    "threshold_upper,"                                                                                       \
    " clear_threshold, window_seconds, for_seconds, keep_firing_seconds, severity::text, cooldown_minutes,"  \
    " no_data_action, no_data_for_seconds, error_action, flap_detection, escalate_after_minutes,"            \
    " escalate_severity::text, group_name, array_to_string(inhibited_by, E'\\n'), message_template, enabled"

// What condition_of() reads behind tenant_id and rule_id, of realtime_alert_conditions() c.
#define PG_REALTIME_CONDITION_COLUMNS                                                                        \
    "c.kind, c.child_count, c.metric, c.aggregation, c.operator, c.threshold, c.upper, c.window_seconds"

namespace pg::monitor {

// Optional text: null pointer for NULL.
struct OptionalText {
    const char* bytes;
    Size length;

    std::string copy() const { return bytes == nullptr ? std::string() : std::string(bytes, length); }
    std::optional<std::string> optional() const {
        return bytes == nullptr ? std::nullopt : std::optional<std::string>(copy());
    }
};

OptionalText text_at(const Row& row, int column);
std::optional<std::int64_t> integer_at(const Row& row, int column);

struct RuleRow {
    bool global;
    core::Uuid tenant;
    OptionalText rule_id, name, subscription_type, metric, aggregation, operation;
    double threshold_value;
    std::optional<double> threshold_upper, clear_threshold;
    std::int64_t window_seconds, for_seconds, keep_firing_seconds;
    OptionalText severity;
    std::int64_t cooldown_minutes;
    OptionalText no_data_action;
    std::int64_t no_data_for_seconds;
    OptionalText error_action;
    bool flap_detection;
    std::optional<std::int64_t> escalate_after_minutes;
    OptionalText escalate_severity, group_name, inhibited_by, message_template;
    bool enabled;
};

struct ConditionRow {
    bool global;
    core::Uuid tenant;
    OptionalText rule_id, kind;
    std::int64_t child_count;
    OptionalText metric, aggregation, operation;
    double threshold;
    std::optional<double> upper;
    std::optional<std::int64_t> window_seconds;
};

// They point into the row.
RuleRow rule_of(const Row& row);
ConditionRow condition_of(const Row& row);

// May throw.
alert::RuleText text_of(const RuleRow& row);
alert::ConditionText text_of(const ConditionRow& row);

} // namespace pg::monitor
