// An alert rule, compiled: what table alert_rules says, with its signals replaced by slots.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metric/signal.hpp"
#include "metric/time.hpp"

namespace alert {

using metric::Time;

enum class Operator : std::uint8_t {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    Between,
    Outside
};
enum class Severity : std::uint8_t { Info, Low, Medium, High, Critical };
enum class WhenMissing : std::uint8_t { Ok, Alert, Keep }; // for no data and for errors

// The names are those of the columns of alert_rules; "==" is taken for "=", too. Empty when there is no such name.
std::optional<Operator> operator_named(std::string_view name);
std::optional<Severity> severity_named(std::string_view name);
std::optional<WhenMissing> when_missing_named(std::string_view name);
std::string_view name_of(Operator operation);
std::string_view name_of(Severity severity);
std::string_view name_of(WhenMissing action);

// Every distinct signal that some rule looks at has one slot, so that a key's values are computed once however many rules
// look at them.
class SignalTable {
  public:
    std::uint32_t slot_of(const metric::Signal& signal); // adds it when it is new
    const std::vector<metric::Signal>& signals() const { return signals_; }

  private:
    struct Hash {
        std::size_t operator()(const metric::Signal& signal) const;
    };
    std::vector<metric::Signal> signals_;
    std::unordered_map<metric::Signal, std::uint32_t, Hash> slots_;
};

struct Condition {
    std::uint32_t slot = 0;
    Operator operation = Operator::Greater;
    double threshold = 0;
    double upper = 0; // Between, Outside; both take their bounds for inside
};

// Whether a number satisfies a condition; NaN satisfies none. Free of branches: which operator comes next cannot be
// predicted.
inline bool holds(const Condition& condition, double value) {
    // One bit for each place a number can have: bit 0 nowhere (NaN), 1 below the threshold, 2 on it, 4 above it; 8 more
    // when it is above the upper bound, too.
    constexpr std::uint16_t above = 1U << 4 | 1U << 12, on = 1U << 2 | 1U << 10, below = 1U << 1 | 1U << 9;
    constexpr std::uint16_t satisfied_at[] = {
        above,                       // Greater
        above | on,                  // GreaterOrEqual
        below,                       // Less
        below | on,                  // LessOrEqual
        on,                          // Equal
        below | above,               // NotEqual
        1U << 2 | 1U << 4,           // Between
        1U << 1 | 1U << 9 | 1U << 12 // Outside
    };
    const unsigned place = static_cast<unsigned>(value < condition.threshold) |
                           static_cast<unsigned>(value == condition.threshold) << 1 |
                           static_cast<unsigned>(value > condition.threshold) << 2 |
                           static_cast<unsigned>(value > condition.upper) << 3;
    return (satisfied_at[static_cast<unsigned>(condition.operation)] >> place & 1U) != 0;
}

constexpr std::size_t most_nodes = 64; // of one rule's tree
constexpr std::size_t deepest_node = 8;

// Conditions beyond the first one, as a tree in one array: node 0 is the root; children stand behind their parent.
struct ConditionNode {
    enum class Kind : std::uint8_t { All, Any, Not, Leaf } kind = Kind::Leaf;
    std::uint32_t child_count = 0;
    Condition leaf;
};

// A rule breaches when its first condition and the tree `more` are true; clear_threshold moves the first condition only.
struct Rule {
    Condition condition; // first in memory: most steps look at nothing else
    std::string rule_id;
    std::string name;
    std::optional<std::string> subscription_type; // empty: each by itself; "*": the tenant as a whole
    std::optional<double> clear_threshold;
    std::vector<ConditionNode> more; // pre-order; empty: none
    Time for_duration = 0;
    Time keep_firing = 0;
    Severity severity = Severity::Medium;
    Time cooldown = 0;
    WhenMissing no_data_action = WhenMissing::Keep;
    Time no_data_for = 0;
    WhenMissing error_action =
        WhenMissing::Keep; // after for_duration: an error lasts as long as a breach has to
    bool flap_detection = true;
    std::optional<Time> escalate_after;
    Severity escalate_severity = Severity::Critical;
    std::string group_name;
    std::vector<std::string> inhibited_by;
    std::string message_template; // empty: the default message
};

} // namespace alert
