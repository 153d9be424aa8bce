// Message templates: text with {{name}} and {{name|filter}}; nothing is executed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "alert/rule.hpp"

namespace alert {

// What a template can name: the members, under their names. `operation` is named operator; value, threshold and upper also
// metric_value, threshold_value and threshold_upper, as the columns are.
struct MessageContext {
    std::string_view tenant_id, rule_id, rule_name, subscription_type, severity, status, metric,
        correlation_id;
    double value = 0;
    bool has_value = false; // without one {{value}} is "no data"
    double threshold = 0;
    double upper = 0;
    std::string_view operation;
    std::int64_t window_seconds = 0;
    std::string_view triggered_at; // ISO 8601
};

// Longest message, in bytes; longer ones are cut at a character.
constexpr std::size_t longest_message = 4096;

// Unknown names and filters stay as they are written, so that a typing error is seen and an alert is never lost to it.
// Filters of numbers: percent (0.155 -> 15.5%), round, duration (seconds -> 5m), bytes; of texts: upper, lower (ASCII letters).
// The result is valid UTF-8 without control characters, but for the line feeds and tabs of the template itself; what a value
// contains is never taken for a template.
std::string render(std::string_view message_template, const MessageContext& context);

// The error of a template, for whoever writes the rule; empty when it is fine.
std::string template_error(std::string_view message_template);

// The message of a rule that has no template, as in "Error rate 15.5% exceeds threshold 10%". Shares are shown in percent,
// latencies in ms, amounts of memory and bytes with their unit.
std::string default_message(const MessageContext& context);

} // namespace alert
