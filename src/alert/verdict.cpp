#include "alert/verdict.hpp"

#include <algorithm>
#include <array>

namespace alert {

Verdict both(Verdict one, Verdict other) {
    if (one == Verdict::Clear || other == Verdict::Clear) {
        return Verdict::Clear;
    }
    return std::max(one, other); // Breach < NoData < Error
}

Verdict opposite(Verdict verdict) {
    switch (verdict) {
    case Verdict::Clear:
        return Verdict::Breach;
    case Verdict::Breach:
        return Verdict::Clear;
    default:
        return verdict;
    }
}

Verdict either(Verdict one, Verdict other) {
    return opposite(both(opposite(one), opposite(other)));
}

// From the last node to the first: then the verdicts of a node's children lie on top of the stack when the node's turn
// comes, and their order does not matter.
Verdict verdict_of(std::span<const ConditionNode> nodes, std::span<const metric::Value> values) {
    if (nodes.empty()) {
        return Verdict::Breach;
    }
    if (nodes.size() > most_nodes) {
        return Verdict::Error;
    }
    std::array<Verdict, most_nodes> stack{};
    std::size_t height = 0;
    for (std::size_t at = nodes.size(); at-- > 0;) {
        const ConditionNode& node = nodes[at];
        if (node.kind == ConditionNode::Kind::Leaf) {
            stack[height++] = verdict_of(node.leaf, values);
            continue;
        }
        if (node.child_count == 0 || node.child_count > height ||
            (node.kind == ConditionNode::Kind::Not && node.child_count != 1)) {
            return Verdict::Error;
        }
        Verdict result = stack[--height];
        for (std::uint32_t child = 1; child < node.child_count; ++child) {
            const Verdict next = stack[--height];
            result = node.kind == ConditionNode::Kind::All ? both(result, next) : either(result, next);
        }
        stack[height++] = node.kind == ConditionNode::Kind::Not ? opposite(result) : result;
    }
    return height == 1 ? stack[0] : Verdict::Error;
}

Condition clearing_condition(const Rule& rule) {
    Condition condition = rule.condition;
    if (!rule.clear_threshold) {
        return condition;
    }
    const double clear = *rule.clear_threshold;
    switch (condition.operation) {
    case Operator::Greater:
    case Operator::GreaterOrEqual:
    case Operator::Less:
    case Operator::LessOrEqual:
        condition.threshold = clear;
        break;
    case Operator::Between: {
        const double distance = std::max(condition.threshold - clear, clear - condition.upper);
        condition.threshold -= distance;
        condition.upper += distance;
        break;
    }
    case Operator::Outside: {
        const double distance = std::min(clear - condition.threshold, condition.upper - clear);
        condition.threshold += distance;
        condition.upper -= distance;
        break;
    }
    case Operator::Equal:
    case Operator::NotEqual:
        break; // they have no sides
    }
    return condition;
}

Verdict verdict_of(const Rule& rule, bool is_open, std::span<const metric::Value> values) {
    const Verdict first =
        is_open ? verdict_of(clearing_condition(rule), values) : verdict_of(rule.condition, values);
    if (first == Verdict::Clear || rule.more.empty()) {
        return first;
    }
    return both(first, verdict_of(std::span(rule.more), values));
}

} // namespace alert
