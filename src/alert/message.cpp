#include "alert/message.hpp"

#include <algorithm>
#include <cmath>

#include "alert/harmless_text.hpp"
#include "alert/number_text.hpp"

namespace alert {

namespace {

struct TextVariable {
    std::string_view name;
    std::string_view MessageContext::*member;
};
constexpr TextVariable text_variables[] = {
    {"tenant_id", &MessageContext::tenant_id}, {"rule_id", &MessageContext::rule_id},
    {"rule_name", &MessageContext::rule_name}, {"subscription_type", &MessageContext::subscription_type},
    {"severity", &MessageContext::severity},   {"status", &MessageContext::status},
    {"metric", &MessageContext::metric},       {"correlation_id", &MessageContext::correlation_id},
    {"operator", &MessageContext::operation},  {"triggered_at", &MessageContext::triggered_at},
};

struct NumberVariable {
    std::string_view name;
    double (*number)(const MessageContext&);
};
double value_of(const MessageContext& context) {
    return context.value;
}
double threshold_of(const MessageContext& context) {
    return context.threshold;
}
double upper_of(const MessageContext& context) {
    return context.upper;
}
double window_of(const MessageContext& context) {
    return static_cast<double>(context.window_seconds);
}
constexpr NumberVariable number_variables[] = {
    {"value", value_of},           {"metric_value", value_of},
    {"threshold", threshold_of},   {"threshold_value", threshold_of},
    {"upper", upper_of},           {"threshold_upper", upper_of},
    {"window_seconds", window_of},
};

struct NumberFilter {
    std::string_view name;
    std::string (*text)(double);
};
std::string plain(double number) {
    return number_text(number);
}
std::string rounded(double number) {
    return number_text(std::round(number), 0);
}
constexpr NumberFilter number_filters[] = {
    {"", plain},           {"percent", percent_text}, {"round", rounded}, {"duration", duration_text},
    {"bytes", bytes_text},
};

std::string as_it_is(std::string_view text) {
    return std::string(text);
}

std::string upper_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return result;
}

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

struct TextFilter {
    std::string_view name;
    std::string (*text)(std::string_view);
};
constexpr TextFilter text_filters[] = {{"", as_it_is}, {"upper", upper_case}, {"lower", lower_case}};

template <class Entry, std::size_t count>
const Entry* find(const Entry (&entries)[count], std::string_view name) {
    const auto* const found = std::find_if(std::begin(entries), std::end(entries),
                                           [&](const Entry& entry) { return entry.name == name; });
    return found == std::end(entries) ? nullptr : found;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t start = text.find_first_not_of(" \t");
    return start == std::string_view::npos ? std::string_view()
                                           : text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

// What stands between {{ and }}: a name and perhaps a filter, looked up.
struct Place {
    std::string_view name, filter;
    bool has_filter = false;
    const TextVariable* text = nullptr;
    const NumberVariable* number = nullptr;
    const TextFilter* text_filter = nullptr;
    const NumberFilter* number_filter = nullptr;

    explicit Place(std::string_view inside) {
        const std::size_t bar = inside.find('|');
        has_filter = bar != std::string_view::npos;
        name = trimmed(inside.substr(0, bar));
        filter = has_filter ? trimmed(inside.substr(bar + 1)) : std::string_view();
        text = find(text_variables, name);
        number = find(number_variables, name);
        if (!has_filter || !filter.empty()) {
            text_filter = find(text_filters, filter);
            number_filter = find(number_filters, filter);
        }
    }
    bool is_fine() const {
        return (text != nullptr && text_filter != nullptr) || (number != nullptr && number_filter != nullptr);
    }
};

// Cuts a template into texts and places, and calls on_text(text) and on_place(inside, whole). A place begins at the last {{
// before its }}, so that braces around it (as in JSON) stay outside. Linear in the length of the template.
template <class OnText, class OnPlace>
void walk(std::string_view message_template, OnText on_text, OnPlace on_place) {
    while (true) {
        const std::size_t close = message_template.find("}}");
        if (close == std::string_view::npos) {
            on_text(message_template);
            return;
        }
        const std::string_view before = message_template.substr(0, close);
        const std::size_t open = before.rfind("{{");
        if (open == std::string_view::npos) {
            on_text(message_template.substr(0, close + 2));
        } else {
            on_text(before.substr(0, open));
            on_place(before.substr(open + 2), message_template.substr(open, close + 2 - open));
        }
        message_template.remove_prefix(close + 2);
    }
}

std::string shown(std::string_view written) {
    constexpr std::size_t longest = 64;
    std::string text = "\"";
    append_harmless(text, written, LineBreaks::Blank, longest);
    return text + '"';
}

std::string_view label_of(metric::Metric metric) {
    using metric::Metric;
    switch (metric) {
    case Metric::ErrorRate:
        return "Error rate";
    case Metric::SuccessRate:
        return "Success rate";
    case Metric::AvgLatencyMs:
        return "Average latency";
    case Metric::P50LatencyMs:
        return "P50 latency";
    case Metric::P95LatencyMs:
        return "P95 latency";
    case Metric::P99LatencyMs:
        return "P99 latency";
    case Metric::HealthScore:
        return "Health score";
    case Metric::ActiveConnections:
        return "Active connections";
    case Metric::StaleConnections:
        return "Stale connections";
    case Metric::RetryRate:
        return "Retry rate";
    case Metric::MessagesPerSecond:
    case Metric::BytesPerSecond:
        return "Throughput";
    case Metric::CpuUsage:
        return "CPU usage";
    case Metric::MemoryUsage:
        return "Memory usage";
    case Metric::BatchFailureRate:
        return "Batch failure rate";
    case Metric::ReplicationLagBytes:
    case Metric::ReplicationLagSeconds:
        return "Replication lag";
    case Metric::Custom:
        break;
    }
    return {};
}

std::string in_its_unit(metric::Metric metric, double number) {
    using metric::Metric;
    switch (metric) {
    case Metric::ErrorRate:
    case Metric::SuccessRate:
    case Metric::BatchFailureRate:
        return percent_text(number);
    case Metric::AvgLatencyMs:
    case Metric::P50LatencyMs:
    case Metric::P95LatencyMs:
    case Metric::P99LatencyMs:
        return number_text(number, 1) + " ms";
    case Metric::MessagesPerSecond:
        return number_text(number, 1) + " messages/s";
    case Metric::BytesPerSecond:
        return bytes_text(number) + "/s";
    case Metric::CpuUsage:
        return number_text(number, 1) + "%";
    case Metric::MemoryUsage:
        return number_text(number, 1) + " MB";
    case Metric::ReplicationLagBytes:
        return bytes_text(number);
    case Metric::ReplicationLagSeconds:
        return duration_text(number);
    default:
        return number_text(number, 2);
    }
}

std::string comparison(std::string_view operation, const std::string& threshold, const std::string& upper) {
    switch (operator_named(operation).value_or(Operator::NotEqual)) {
    case Operator::Greater:
        return " exceeds threshold " + threshold;
    case Operator::GreaterOrEqual:
        return " reaches threshold " + threshold;
    case Operator::Less:
        return " is below threshold " + threshold;
    case Operator::LessOrEqual:
        return " is at or below threshold " + threshold;
    case Operator::Equal:
        return " equals threshold " + threshold;
    case Operator::Between:
        return " is between thresholds " + threshold + " and " + upper;
    case Operator::Outside:
        return " is outside thresholds " + threshold + " to " + upper;
    case Operator::NotEqual:
        break;
    }
    return " differs from threshold " + threshold;
}

} // namespace

std::string render(std::string_view message_template, const MessageContext& context) {
    std::string out;
    bool fits = true; // nothing follows what was cut
    const auto append = [&](std::string_view text, LineBreaks line_breaks) {
        fits = fits && append_harmless(out, text, line_breaks, longest_message);
    };
    const auto on_text = [&](std::string_view text) { append(text, LineBreaks::Kept); };
    walk(message_template, on_text, [&](std::string_view inside, std::string_view whole) {
        const Place place(inside);
        if (!place.is_fine()) {
            on_text(whole);
        } else if (place.text != nullptr) {
            append(place.text_filter->text(context.*place.text->member), LineBreaks::Blank);
        } else if (place.number->number == value_of && !context.has_value) {
            on_text("no data");
        } else {
            on_text(place.number_filter->text(place.number->number(context)));
        }
    });
    return out;
}

std::string template_error(std::string_view message_template) {
    std::string error;
    const auto complain = [&](std::string text) {
        if (error.empty()) {
            error = std::move(text);
        }
    };
    walk(
        message_template,
        [&](std::string_view text) {
            if (const std::size_t open = text.find("{{"); open != std::string_view::npos) {
                complain(shown(text.substr(open)) + " is not closed with \"}}\"");
            }
        },
        [&](std::string_view inside, std::string_view /*whole*/) {
            const Place place(inside);
            if (place.is_fine()) {
                return;
            }
            if (place.text == nullptr && place.number == nullptr) {
                complain("unknown variable " + shown(place.name));
            } else if (place.text_filter == nullptr && place.number_filter == nullptr) {
                complain("unknown filter " + shown(place.filter));
            } else {
                complain("filter " + shown(place.filter) + " does not fit variable " + shown(place.name));
            }
        });
    return error;
}

std::string default_message(const MessageContext& context) {
    const metric::Metric metric = metric::metric_named(context.metric).value_or(metric::Metric::Custom);
    std::string label(label_of(metric));
    if (label.empty()) {
        label = context.metric;
        std::replace(label.begin(), label.end(), '_', ' ');
        if (!label.empty()) {
            label.replace(0, 1, upper_case(label.substr(0, 1)));
        }
    }
    const std::string message =
        context.has_value ? label + " " + in_its_unit(metric, context.value) +
                                comparison(context.operation, in_its_unit(metric, context.threshold),
                                           in_its_unit(metric, context.upper))
                          : label + " has no data";
    std::string out;
    append_harmless(out, message, LineBreaks::Blank, longest_message);
    return out;
}

} // namespace alert
