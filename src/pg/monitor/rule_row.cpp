#include "pg/monitor/rule_row.hpp"

#include <algorithm>

namespace pg::monitor {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return lines;
}

} // namespace

OptionalText text_at(const Row& row, int column) {
    if (row.is_null(column)) {
        return {nullptr, 0};
    }
    const std::string_view text = row.text(column);
    return {text.data(), text.size()};
}

std::optional<std::int64_t> integer_at(const Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional<std::int64_t>(row.integer(column));
}

RuleRow rule_of(const Row& row) {
    RuleRow rule{};
    rule.global = row.is_null(1);
    rule.tenant = row.uuid(1);
    rule.rule_id = text_at(row, 2);
    rule.name = text_at(row, 3);
    rule.subscription_type = text_at(row, 4);
    rule.metric = text_at(row, 5);
    rule.aggregation = text_at(row, 6);
    rule.operation = text_at(row, 7);
    rule.threshold_value = row.number(8).value_or(0);
    rule.threshold_upper = row.number(9);
    rule.clear_threshold = row.number(10);
    rule.window_seconds = row.integer(11);
    rule.for_seconds = row.integer(12);
    rule.keep_firing_seconds = row.integer(13);
    rule.severity = text_at(row, 14);
    rule.cooldown_minutes = row.integer(15);
    rule.no_data_action = text_at(row, 16);
    rule.no_data_for_seconds = row.integer(17);
    rule.error_action = text_at(row, 18);
    rule.flap_detection = row.boolean(19);
    rule.escalate_after_minutes = integer_at(row, 20);
    rule.escalate_severity = text_at(row, 21);
    rule.group_name = text_at(row, 22);
    rule.inhibited_by = text_at(row, 23);
    rule.message_template = text_at(row, 24);
    rule.enabled = row.boolean(25);
    return rule;
}

ConditionRow condition_of(const Row& row) {
    ConditionRow condition{};
    condition.global = row.is_null(1);
    condition.tenant = row.uuid(1);
    condition.rule_id = text_at(row, 2);
    condition.kind = text_at(row, 3);
    condition.child_count = integer_at(row, 4).value_or(0);
    condition.metric = text_at(row, 5);
    condition.aggregation = text_at(row, 6);
    condition.operation = text_at(row, 7);
    condition.threshold = row.number(8).value_or(0);
    condition.upper = row.number(9);
    condition.window_seconds = integer_at(row, 10);
    return condition;
}

alert::RuleText text_of(const RuleRow& row) {
    alert::RuleText text;
    text.rule_id = row.rule_id.copy();
    text.name = row.name.copy();
    text.subscription_type = row.subscription_type.optional();
    text.metric = row.metric.copy();
    text.aggregation = row.aggregation.copy();
    text.operation = row.operation.copy();
    text.threshold_value = row.threshold_value;
    text.threshold_upper = row.threshold_upper;
    text.clear_threshold = row.clear_threshold;
    text.window_seconds = row.window_seconds;
    text.for_seconds = row.for_seconds;
    text.keep_firing_seconds = row.keep_firing_seconds;
    text.severity = row.severity.copy();
    text.cooldown_minutes = row.cooldown_minutes;
    text.no_data_action = row.no_data_action.copy();
    text.no_data_for_seconds = row.no_data_for_seconds;
    text.error_action = row.error_action.copy();
    text.flap_detection = row.flap_detection;
    text.escalate_after_minutes = row.escalate_after_minutes;
    text.escalate_severity = row.escalate_severity.optional();
    text.group_name = row.group_name.optional();
    text.inhibited_by = lines_of(row.inhibited_by.copy());
    text.message_template = row.message_template.optional();
    return text;
}

alert::ConditionText text_of(const ConditionRow& row) {
    alert::ConditionText condition;
    condition.kind = row.kind.copy();
    condition.child_count = row.child_count;
    condition.metric = row.metric.copy();
    condition.aggregation = row.aggregation.bytes == nullptr ? "default" : row.aggregation.copy();
    condition.operation = row.operation.copy();
    condition.threshold = row.threshold;
    condition.upper = row.upper;
    condition.window_seconds = row.window_seconds;
    return condition;
}

} // namespace pg::monitor
