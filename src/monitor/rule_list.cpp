#include "monitor/rule_list.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "monitor/identity.hpp"

namespace monitor {

bool is_tenant_metric(metric::Metric metric) {
    return metric == metric::Metric::BatchFailureRate || metric == metric::Metric::ReplicationLagBytes ||
           metric == metric::Metric::ReplicationLagSeconds;
}

bool RuleList::add(alert::Rule rule) {
    if (table_.signals().size() > most_signals) {
        return false;
    }
    rules_.push_back(std::make_unique<alert::Rule>(std::move(rule)));
    return true;
}

void RuleList::freeze(std::string rule_id) {
    frozen_.insert(std::move(rule_id));
}

void RuleList::finish() {
    std::unordered_set<std::string_view> inhibitors;
    for (const auto& rule : rules_) {
        inhibitors.insert(rule->inhibited_by.begin(), rule->inhibited_by.end());
    }
    std::stable_partition(rules_.begin(), rules_.end(),
                          [&](const auto& rule) { return inhibitors.contains(rule->rule_id); });
    quick_.reserve(rules_.size());
    by_id_.reserve(rules_.size());
    for (const auto& rule : rules_) {
        QuickRule quick;
        quick.condition = rule->condition;
        quick.step_always = !rule->more.empty() || rule->no_data_action == alert::WhenMissing::Alert ||
                            rule->error_action == alert::WhenMissing::Alert;
        quick.subscription = any_subscription;
        if (rule->subscription_type == whole_tenant ||
            (!rule->subscription_type && is_tenant_metric(table_.signals()[rule->condition.slot].metric))) {
            quick.subscription = whole_tenant_only;
        } else if (rule->subscription_type) {
            const auto next = static_cast<std::int32_t>(subscriptions_.size());
            const auto [known, added] = subscription_numbers_.emplace(*rule->subscription_type, next);
            if (added) {
                subscriptions_.push_back(*rule->subscription_type);
            }
            quick.subscription = known->second;
        }
        by_id_.emplace(rule->rule_id, quick_.size());
        quick_.push_back(quick);
    }
}

std::optional<std::size_t> RuleList::index_of(std::string_view rule_id) const {
    const auto found = by_id_.find(rule_id);
    if (found == by_id_.end()) {
        return std::nullopt;
    }
    return found->second;
}

std::int32_t RuleList::number_of(std::string_view subscription) const {
    const auto found = subscription_numbers_.find(std::string(subscription));
    return found == subscription_numbers_.end() ? any_subscription : found->second;
}

} // namespace monitor
