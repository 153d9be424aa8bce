#include "monitor/rule_list.hpp"

#include <algorithm>
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

namespace {

// The order in which rules that inhibit each other are decided, as positions in `rules`: first whatever inhibits, then what is
// inhibited. Links that would close a circle are left out.
class InhibitionOrder {
  public:
    explicit InhibitionOrder(const std::vector<std::unique_ptr<alert::Rule>>& rules) : rules_(rules) {
        for (std::uint32_t index = 0; index < rules.size(); ++index) {
            if (!rules[index]->inhibited_by.empty()) {
                inhibited_.push_back(index);
            }
        }
        if (inhibited_.empty()) {
            return;
        }
        for (std::uint32_t index = 0; index < rules.size(); ++index) {
            by_id_.emplace(rules[index]->rule_id, index);
        }
        // By name, so that a circle is opened at the same place whatever order the rules came in.
        std::sort(inhibited_.begin(), inhibited_.end(), [&](std::uint32_t left, std::uint32_t right) {
            return rules_[left]->rule_id < rules_[right]->rule_id;
        });
        for (const std::uint32_t index : inhibited_) {
            visit(index);
        }
    }

    const std::vector<std::uint32_t>& order() const { return order_; }
    const std::unordered_map<std::uint32_t, std::vector<std::uint32_t>>& links() const { return links_; }

  private:
    enum class Mark : std::uint8_t { Open, Done };
    struct Place {
        std::uint32_t rule;
        std::size_t next; // of its inhibitors
    };

    // Depth first without recursion: a chain may be as long as there are rules.
    void visit(std::uint32_t start) {
        if (marks_.contains(start)) {
            return;
        }
        std::vector<Place> path{{start, 0}};
        marks_.emplace(start, Mark::Open);
        while (!path.empty()) {
            Place& place = path.back();
            const std::vector<std::string>& inhibitors = rules_[place.rule]->inhibited_by;
            if (place.next == inhibitors.size()) {
                marks_[place.rule] = Mark::Done;
                order_.push_back(place.rule);
                path.pop_back();
                continue;
            }
            const auto named = by_id_.find(inhibitors[place.next++]);
            if (named == by_id_.end()) {
                continue;
            }
            const auto [mark, is_new] = marks_.emplace(named->second, Mark::Open);
            if (is_new || mark->second == Mark::Done) {
                links_[place.rule].push_back(named->second);
            }
            if (is_new) {
                path.push_back({named->second, 0});
            }
        }
    }

    const std::vector<std::unique_ptr<alert::Rule>>& rules_;
    std::vector<std::uint32_t> inhibited_, order_;
    std::unordered_map<std::string_view, std::uint32_t> by_id_;
    std::unordered_map<std::uint32_t, Mark> marks_;
    std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> links_;
};

} // namespace

void RuleList::finish() {
    const InhibitionOrder inhibition(rules_);
    std::vector<std::uint32_t> place(rules_.size());
    std::vector<std::unique_ptr<alert::Rule>> ordered;
    ordered.reserve(rules_.size());
    for (const std::uint32_t index : inhibition.order()) {
        place[index] = static_cast<std::uint32_t>(ordered.size());
        ordered.push_back(std::move(rules_[index]));
    }
    inhibitor_count_ = ordered.size();
    for (const auto& [inhibited, inhibitors] : inhibition.links()) {
        std::vector<std::uint32_t>& links = inhibitors_[place[inhibited]];
        for (const std::uint32_t inhibitor : inhibitors) {
            links.push_back(place[inhibitor]);
        }
    }
    for (std::unique_ptr<alert::Rule>& rule : rules_) {
        if (rule) {
            ordered.push_back(std::move(rule));
        }
    }
    rules_ = std::move(ordered);
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

const std::vector<std::uint32_t>& RuleList::inhibitors_of(std::size_t index) const {
    static const std::vector<std::uint32_t> none;
    const auto found = inhibitors_.find(index);
    return found == inhibitors_.end() ? none : found->second;
}

std::int32_t RuleList::number_of(std::string_view subscription) const {
    const auto found = subscription_numbers_.find(std::string(subscription));
    return found == subscription_numbers_.end() ? any_subscription : found->second;
}

} // namespace monitor
