#include "alert/compile.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace alert {

namespace {

std::string shown(double number) {
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    return error == std::errc() ? std::string(digits, end) : std::string("?");
}

// A stranger's text inside a message.
std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 80;
    std::string_view start = text.substr(0, longest);
    if (text.size() > longest) {
        // Not through the middle of a character.
        while (!start.empty() && (static_cast<unsigned char>(text[start.size()]) & 0xC0U) == 0x80U) {
            start.remove_suffix(1);
        }
    }
    return '"' + std::string(start) + (text.size() > longest ? "...\"" : "\"");
}

// As the CHECK of realtime_metric_samples wants it.
bool is_metric_name(std::string_view name) {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto is_part = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= 63 && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(), is_part);
}

// Everything about one condition but its place.
struct Parts {
    std::string_view metric, aggregation, operation;
    double threshold;
    std::optional<double> upper;
    std::int64_t window_seconds;
};

// A condition whose signal has no slot yet, so that a rule that fails later leaves no signal behind.
struct Half {
    Condition condition;
    metric::Signal signal;
};

std::string fill_signal(metric::Signal& signal, const Parts& parts) {
    const std::optional<metric::Metric> built_in = metric::metric_named(parts.metric);
    if (built_in && *built_in != metric::Metric::Custom) {
        signal.metric = *built_in;
    } else if (is_metric_name(parts.metric)) {
        signal.metric = metric::Metric::Custom;
        signal.custom = parts.metric;
    } else {
        return "invalid metric " + quoted(parts.metric) +
               ": a name has up to 63 lower-case letters, digits and underscores and begins with a letter";
    }
    const std::optional<metric::Aggregation> aggregation = metric::aggregation_named(parts.aggregation);
    if (!aggregation) {
        return "unknown aggregation " + quoted(parts.aggregation);
    }
    const auto meaningful = metric::aggregations_of(signal.metric);
    if (meaningful.empty()) {
        return "metric " + quoted(parts.metric) + " has no values in the database";
    }
    if (std::find(meaningful.begin(), meaningful.end(), *aggregation) == meaningful.end()) {
        return "aggregation " + quoted(parts.aggregation) + " means nothing for metric " +
               quoted(parts.metric);
    }
    signal.aggregation = *aggregation;
    if (parts.window_seconds < shortest_window_seconds || parts.window_seconds > longest_window_seconds) {
        return "window of " + std::to_string(parts.window_seconds) + " s is not between " +
               std::to_string(shortest_window_seconds) + " s and " + std::to_string(longest_window_seconds) +
               " s";
    }
    signal.window_seconds = static_cast<std::int32_t>(parts.window_seconds);
    return {};
}

std::string fill_condition(Half& half, const Parts& parts) {
    if (std::string error = fill_signal(half.signal, parts); !error.empty()) {
        return error;
    }
    const std::optional<Operator> operation = operator_named(parts.operation);
    if (!operation) {
        return "unknown operator " + quoted(parts.operation);
    }
    if (!std::isfinite(parts.threshold)) {
        return "threshold " + shown(parts.threshold) + " is not finite";
    }
    half.condition.operation = *operation;
    half.condition.threshold = parts.threshold;
    const bool has_range = *operation == Operator::Between || *operation == Operator::Outside;
    if (has_range && !parts.upper) {
        return "operator " + quoted(parts.operation) + " needs an upper threshold";
    }
    if (!has_range && parts.upper) {
        return "operator " + quoted(parts.operation) + " takes no upper threshold";
    }
    if (has_range) {
        if (!std::isfinite(*parts.upper)) {
            return "upper threshold " + shown(*parts.upper) + " is not finite";
        }
        if (*parts.upper <= parts.threshold) {
            return "upper threshold " + shown(*parts.upper) + " is not above threshold " +
                   shown(parts.threshold);
        }
        half.condition.upper = *parts.upper;
    }
    return {};
}

// clear_threshold must lie where the rule does not breach, or on the very threshold.
std::string clear_error(const Condition& condition, double clear) {
    if (!std::isfinite(clear)) {
        return "clear threshold " + shown(clear) + " is not finite";
    }
    const std::string start = "clear threshold " + shown(clear) + " is not ";
    const std::string threshold = "threshold " + shown(condition.threshold);
    switch (condition.operation) {
    case Operator::Greater:
    case Operator::GreaterOrEqual:
        return clear <= condition.threshold ? "" : start + "at or below " + threshold;
    case Operator::Less:
    case Operator::LessOrEqual:
        return clear >= condition.threshold ? "" : start + "at or above " + threshold;
    case Operator::Between:
        return clear <= condition.threshold || clear >= condition.upper
                   ? ""
                   : start + "outside " + shown(condition.threshold) + " to " + shown(condition.upper);
    case Operator::Outside: {
        if (clear < condition.threshold || clear > condition.upper) {
            return start + "within " + shown(condition.threshold) + " to " + shown(condition.upper);
        }
        // Both edges move inwards by the same distance and must not meet.
        const double distance = std::min(clear - condition.threshold, condition.upper - clear);
        return condition.threshold + distance < condition.upper - distance
                   ? ""
                   : start + "nearer to one of the thresholds " + shown(condition.threshold) + " and " +
                         shown(condition.upper);
    }
    case Operator::Equal:
    case Operator::NotEqual:
        break;
    }
    return "operator " + quoted(name_of(condition.operation)) + " takes no clear threshold";
}

struct Tree {
    std::vector<ConditionNode> nodes;
    std::vector<metric::Signal> signals; // of the leaves, in their order
};

std::string fill_node(Tree& tree, const ConditionText& text, const RuleText& rule) {
    ConditionNode node;
    if (text.kind == "leaf") {
        if (text.child_count != 0) {
            return "a leaf with children";
        }
        Half half;
        std::string error =
            fill_condition(half, {text.metric, text.aggregation, text.operation, text.threshold, text.upper,
                                  text.window_seconds.value_or(rule.window_seconds)});
        if (!error.empty()) {
            return error;
        }
        node.leaf = half.condition;
        tree.signals.push_back(std::move(half.signal));
        tree.nodes.push_back(node);
        return {};
    }
    if (text.kind == "error") {
        return text.metric;
    }
    if (text.kind == "all") {
        node.kind = ConditionNode::Kind::All;
    } else if (text.kind == "any") {
        node.kind = ConditionNode::Kind::Any;
    } else if (text.kind == "not") {
        node.kind = ConditionNode::Kind::Not;
    } else {
        return "unknown kind " + quoted(text.kind);
    }
    if (text.child_count < 1 || text.child_count >= static_cast<std::int64_t>(most_nodes) ||
        (node.kind == ConditionNode::Kind::Not && text.child_count != 1)) {
        return quoted(text.kind) + " with " + std::to_string(text.child_count) + " children";
    }
    node.child_count = static_cast<std::uint32_t>(text.child_count);
    tree.nodes.push_back(node);
    return {};
}

std::string fill_tree(Tree& tree, const RuleText& rule) {
    if (rule.conditions.size() > most_nodes) {
        return "more than " + std::to_string(most_nodes) + " conditions (" +
               std::to_string(rule.conditions.size()) + ")";
    }
    std::vector<std::int64_t> open; // how many children each ancestor still waits for
    for (std::size_t at = 0; at < rule.conditions.size(); ++at) {
        const std::string place = "condition " + std::to_string(at + 1) + ": ";
        if (at > 0 && open.empty()) {
            return place + "behind the end of the tree";
        }
        if (std::string error = fill_node(tree, rule.conditions[at], rule); !error.empty()) {
            return place + error;
        }
        if (!open.empty()) {
            --open.back();
        }
        if (tree.nodes.back().child_count > 0) {
            open.push_back(tree.nodes.back().child_count);
            if (open.size() >= deepest_node) {
                return place + "deeper than " + std::to_string(deepest_node) + " levels";
            }
        }
        while (!open.empty() && open.back() == 0) {
            open.pop_back();
        }
    }
    return open.empty() ? std::string() : "the tree of conditions ends early";
}

std::string fill_duration(Time& to, std::string_view column, std::int64_t value, std::int64_t unit_seconds) {
    if (value < 0 || value > longest_duration_seconds / unit_seconds) {
        return std::string(column) + " " + std::to_string(value) + " is not between 0 and " +
               std::to_string(longest_duration_seconds / unit_seconds);
    }
    to = value * unit_seconds * metric::second;
    return {};
}

template <class T>
std::string fill_named(T& to, std::optional<T> found, std::string_view column, std::string_view name) {
    if (!found) {
        return "unknown " + std::string(column) + " " + quoted(name);
    }
    to = *found;
    return {};
}

std::string fill_life(Rule& rule, const RuleText& text) {
    Time escalate_after = 0;
    const std::string_view escalate_severity =
        text.escalate_severity ? std::string_view(*text.escalate_severity) : std::string_view("critical");
    const std::string errors[] = {
        fill_duration(rule.for_duration, "for_seconds", text.for_seconds, 1),
        fill_duration(rule.keep_firing, "keep_firing_seconds", text.keep_firing_seconds, 1),
        fill_duration(rule.cooldown, "cooldown_minutes", text.cooldown_minutes, 60),
        fill_duration(rule.no_data_for, "no_data_for_seconds", text.no_data_for_seconds, 1),
        fill_duration(escalate_after, "escalate_after_minutes", text.escalate_after_minutes.value_or(0), 60),
        fill_named(rule.severity, severity_named(text.severity), "severity", text.severity),
        fill_named(rule.escalate_severity, severity_named(escalate_severity), "escalate_severity",
                   escalate_severity),
        fill_named(rule.no_data_action, when_missing_named(text.no_data_action), "no_data_action",
                   text.no_data_action),
        fill_named(rule.error_action, when_missing_named(text.error_action), "error_action",
                   text.error_action),
    };
    if (text.escalate_after_minutes) {
        rule.escalate_after = escalate_after;
    }
    const auto* const error = std::find_if(std::begin(errors), std::end(errors),
                                           [](const std::string& each) { return !each.empty(); });
    return error == std::end(errors) ? std::string() : *error;
}

} // namespace

std::variant<Rule, std::string> compile(const RuleText& text, SignalTable& signals) {
    Half first;
    std::string error =
        fill_condition(first, {text.metric, text.aggregation, text.operation, text.threshold_value,
                               text.threshold_upper, text.window_seconds});
    if (error.empty() && text.clear_threshold) {
        error = clear_error(first.condition, *text.clear_threshold);
    }
    Tree tree;
    if (error.empty()) {
        error = fill_tree(tree, text);
    }
    Rule rule;
    if (error.empty()) {
        error = fill_life(rule, text);
    }
    if (!error.empty()) {
        return error;
    }
    rule.rule_id = text.rule_id;
    rule.name = text.name;
    rule.subscription_type = text.subscription_type;
    rule.condition = first.condition;
    rule.condition.slot = signals.slot_of(first.signal);
    rule.clear_threshold = text.clear_threshold;
    rule.more = std::move(tree.nodes);
    auto signal = tree.signals.begin();
    for (ConditionNode& node : rule.more) {
        if (node.kind == ConditionNode::Kind::Leaf) {
            node.leaf.slot = signals.slot_of(*signal++);
        }
    }
    rule.flap_detection = text.flap_detection;
    rule.group_name = text.group_name.value_or("");
    rule.inhibited_by = text.inhibited_by;
    rule.message_template = text.message_template.value_or("");
    return rule;
}

} // namespace alert
