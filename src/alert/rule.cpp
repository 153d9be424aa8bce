#include "alert/rule.hpp"

#include <functional>
#include <iterator>

namespace alert {

namespace {

constexpr std::string_view operator_names[] = {">", ">=", "<", "<=", "=", "!=", "between", "outside"};
constexpr std::string_view severity_names[] = {"info", "low", "medium", "high", "critical"};
constexpr std::string_view when_missing_names[] = {"ok", "alert", "keep"};

template <class Enum, std::size_t count>
std::optional<Enum> find(const std::string_view (&names)[count], std::string_view name) {
    for (std::size_t at = 0; at < count; ++at) {
        if (names[at] == name) {
            return static_cast<Enum>(at);
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<Operator> operator_named(std::string_view name) {
    return name == "==" ? Operator::Equal : find<Operator>(operator_names, name);
}

std::optional<Severity> severity_named(std::string_view name) {
    return find<Severity>(severity_names, name);
}

std::optional<WhenMissing> when_missing_named(std::string_view name) {
    return find<WhenMissing>(when_missing_names, name);
}

std::string_view name_of(Operator operation) {
    return operator_names[static_cast<std::size_t>(operation)];
}

std::string_view name_of(Severity severity) {
    return severity_names[static_cast<std::size_t>(severity)];
}

std::string_view name_of(WhenMissing action) {
    return when_missing_names[static_cast<std::size_t>(action)];
}

std::size_t SignalTable::Hash::operator()(const metric::Signal& signal) const {
    const std::size_t numbers = static_cast<std::size_t>(signal.metric) |
                                static_cast<std::size_t>(signal.aggregation) << 8 |
                                static_cast<std::size_t>(signal.window_seconds) << 16;
    return std::hash<std::string_view>()(signal.custom) ^
           std::hash<std::size_t>()(numbers * 0x9E3779B97F4A7C15U);
}

std::uint32_t SignalTable::slot_of(const metric::Signal& signal) {
    const auto [place, is_new] = slots_.try_emplace(signal, static_cast<std::uint32_t>(signals_.size()));
    if (is_new) {
        signals_.push_back(signal);
    }
    return place->second;
}

} // namespace alert
