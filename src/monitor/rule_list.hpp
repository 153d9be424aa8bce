// The rules that apply to a tenant, laid out so that a pass over a million of them touches little memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alert/rule.hpp"
#include "metric/signal.hpp"

namespace monitor {

// What must be looked at to see that nothing is to be done: a cache line holds more than one.
struct QuickRule {
    alert::Condition condition;
    std::int32_t subscription =
        0; // any_subscription, whole_tenant_only, or an index into RuleList::subscriptions()
    bool step_always = false; // more than one condition, or missing data counts: only the full step can tell
};

constexpr std::int32_t any_subscription = -1;
constexpr std::int32_t whole_tenant_only = -2;

// Immutable once it is built. A list of only global rules is shared by all tenants that have no rules of their own.
class RuleList {
  public:
    static constexpr std::size_t most_signals = 60000;

    // False when the rule's signals do not fit any more; the rule is then left out.
    bool add(alert::Rule rule);
    // A rule that exists and cannot be evaluated: its alerts stay as they are.
    void freeze(std::string rule_id);
    // Puts rules that inhibit others before these, so that one pass decides about both. Where rules inhibit each other in a
    // circle, one link is left out, always the same: otherwise all of them could stay silent for ever. Called once, after
    // the last add().
    void finish();

    std::size_t size() const { return quick_.size(); }
    bool empty() const { return quick_.empty(); }
    const QuickRule& quick(std::size_t index) const { return quick_[index]; }
    const std::vector<QuickRule>& all_quick() const { return quick_; }
    const alert::Rule& rule(std::size_t index) const { return *rules_[index]; }
    // Those that inhibit the rule: their indexes are smaller than its own.
    const std::vector<std::uint32_t>& inhibitors_of(std::size_t index) const;
    bool inhibits_others(std::size_t index) const { return index < inhibitor_count_; }
    bool is_frozen(std::string_view rule_id) const { return frozen_.find(rule_id) != frozen_.end(); }
    std::optional<std::size_t> index_of(std::string_view rule_id) const;
    const std::vector<metric::Signal>& signals() const { return table_.signals(); }
    alert::SignalTable& table() { return table_; }
    // Names that rules give explicitly; a rule with one of them watches it even while nothing was ever reported.
    const std::vector<std::string>& subscriptions() const { return subscriptions_; }
    std::int32_t number_of(std::string_view subscription) const; // any_subscription when no rule names it

  private:
    std::vector<QuickRule> quick_;
    std::vector<std::unique_ptr<alert::Rule>> rules_;
    std::vector<std::string> subscriptions_;
    std::unordered_map<std::string, std::int32_t> subscription_numbers_;
    std::unordered_map<std::string_view, std::size_t> by_id_;
    alert::SignalTable table_;
    std::set<std::string, std::less<>> frozen_;
    std::unordered_map<std::size_t, std::vector<std::uint32_t>> inhibitors_; // of rules that have any
    std::size_t inhibitor_count_ = 0; // the first ones inhibit, or are inhibited
};

// Whether the rule's metric exists only for the tenant as a whole.
bool is_tenant_metric(metric::Metric metric);

} // namespace monitor
