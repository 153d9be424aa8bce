#include "hub/binding.hpp"

#include <algorithm>

namespace hub {

namespace {

// Wishes with wildcards meet many tables; beyond this the oldest is bound anew when it comes again.
constexpr std::size_t most_bound_relations = 256;

std::vector<protocol::FilterColumn> columns_of(const std::vector<stream::Column>& columns) {
    std::vector<protocol::FilterColumn> result;
    result.reserve(columns.size());
    for (const stream::Column& column : columns) {
        result.push_back({column.name, column.type_name});
    }
    return result;
}

// Texts with their lengths in front, so that no two lists read alike.
void append_part(std::string& key, std::string_view part) {
    key += std::to_string(part.size());
    key += ':';
    key += part;
}

} // namespace

SharedFilter::SharedFilter(protocol::Filter filter)
    : filter_(std::move(filter)),
      has_patterns_(std::any_of(filter_.begin(), filter_.end(), [](const protocol::FilterNode& node) {
          return node.kind == protocol::FilterNode::Kind::Leaf &&
                 (node.operation == protocol::Operator::Like || node.operation == protocol::Operator::ILike ||
                  node.operation == protocol::Operator::Match ||
                  node.operation == protocol::Operator::IMatch);
      })) {}

bool SharedFilter::is_work(const stream::Change& change, bool leaving, std::uint64_t stamp) const {
    if (!has_patterns_) {
        return false;
    }
    if (change.kind == stream::Kind::Delete) {
        return old_.stamp != stamp;
    }
    const bool looks_at_old = leaving && change.kind == stream::Kind::Update && !new_.passes;
    return new_.stamp != stamp || (looks_at_old && old_.stamp != stamp);
}

SharedFilter::Bound& SharedFilter::bound_to(const std::shared_ptr<const stream::Relation>& relation) {
    auto known = std::find_if(bound_.begin(), bound_.end(),
                              [&](const Bound& bound) { return bound.relation->id == relation->id; });
    if (known != bound_.end() && known->relation == relation) {
        return *known;
    }
    if (known == bound_.end()) {
        if (bound_.size() == most_bound_relations) {
            bound_.erase(bound_.begin());
        }
        known = bound_.insert(bound_.end(), Bound());
    }
    auto result = protocol::RowFilter::bind(filter_, columns_of(relation->columns));
    known->relation = relation;
    known->filter.reset();
    if (auto* filter = std::get_if<protocol::RowFilter>(&result)) {
        known->filter = std::move(*filter);
    }
    return *known;
}

bool SharedFilter::passes(const stream::Change& change, const std::optional<std::string_view>& row,
                          std::uint64_t stamp, Memory& memory) {
    if (memory.stamp != stamp) {
        memory.stamp = stamp;
        const Bound& bound = bound_to(change.relation);
        memory.undecided = false;
        memory.passes =
            bound.filter && (change.omitted || (row && bound.filter->passes(*row, &memory.undecided)));
    }
    return memory.passes;
}

bool SharedFilter::passes_new(const stream::Change& change, std::uint64_t stamp) {
    return passes(change, change.record, stamp, new_);
}

bool SharedFilter::passes_old(const stream::Change& change, std::uint64_t stamp) {
    return passes(change, change.old_record, stamp, old_);
}

std::optional<protocol::RowFilter::Equality>
SharedFilter::equality(const std::shared_ptr<const stream::Relation>& relation) {
    const Bound& bound = bound_to(relation);
    return bound.filter ? bound.filter->equality() : std::nullopt;
}

std::string fault_of(const protocol::Filter& filter, const std::vector<stream::Column>& columns) {
    auto result = protocol::RowFilter::bind(filter, columns_of(columns));
    const auto* fault = std::get_if<std::string>(&result);
    return fault != nullptr ? *fault : std::string();
}

std::variant<std::shared_ptr<BindingKind>, std::string> BindingKinds::find(const protocol::Binding& binding) {
    if (!binding.fault.empty()) {
        return binding.fault;
    }
    auto parsed = protocol::parse_filter(binding.filter);
    if (const auto* fault = std::get_if<std::string>(&parsed)) {
        return ".filter: " + *fault;
    }
    auto& filter = std::get<protocol::Filter>(parsed);
    const std::string filter_text = protocol::text_of(filter);
    std::string key;
    key += static_cast<char>('0' + static_cast<int>(binding.event));
    key += binding.leaving ? 'l' : '-';
    append_part(key, binding.schema);
    append_part(key, binding.table);
    append_part(key, filter_text);
    Selection selection{binding.select, binding.marks};
    std::sort(selection.columns.begin(), selection.columns.end());
    selection.columns.erase(std::unique(selection.columns.begin(), selection.columns.end()),
                            selection.columns.end());
    std::string selected(1, binding.marks ? 'm' : '-');
    for (const std::string& column : selection.columns) {
        append_part(selected, column);
    }
    key += selected;
    auto& known = kinds_[key];
    if (std::shared_ptr<BindingKind> kind = known.lock()) {
        return kind;
    }
    auto kind = std::make_shared<BindingKind>();
    kind->id = unused_id();
    kind->event = binding.event;
    kind->schema = binding.schema;
    kind->table = binding.table;
    auto& known_selection = selections_[selected];
    kind->selection = known_selection.lock();
    if (kind->selection == nullptr) {
        kind->selection = std::make_shared<const Selection>(std::move(selection));
        known_selection = kind->selection;
    }
    kind->leaving = binding.leaving && !filter.empty();
    if (!filter.empty()) {
        auto& shared = filters_[filter_text];
        kind->filter = shared.lock();
        if (kind->filter == nullptr) {
            kind->filter = std::make_shared<SharedFilter>(std::move(filter));
            shared = kind->filter;
        }
    }
    known = kind;
    sweep();
    return kind;
}

void BindingKinds::sweep() {
    if (kinds_.size() < sweep_at_) {
        return;
    }
    std::erase_if(kinds_, [](const auto& item) { return item.second.expired(); });
    std::erase_if(selections_, [](const auto& item) { return item.second.expired(); });
    std::erase_if(filters_, [](const auto& item) { return item.second.expired(); });
    sweep_at_ = std::max<std::size_t>(1024, kinds_.size() * 2);
}

} // namespace hub
