#include "protocol/row_filter.hpp"

#include <algorithm>
#include <compare>

#include <re2/re2.h>

#include "protocol/row_text.hpp"

namespace protocol {

namespace {

enum class Truth : std::uint8_t { False, Unknown, True };

Truth opposite(Truth truth) {
    return truth == Truth::Unknown ? Truth::Unknown : truth == Truth::True ? Truth::False : Truth::True;
}

Truth truth_of(bool value) {
    return value ? Truth::True : Truth::False;
}

constexpr std::int64_t most_pattern_memory = 1 << 18;
constexpr std::size_t longest_pattern = 1000;

std::string shown(std::string_view text) {
    constexpr std::size_t most = 100;
    return '"' + std::string(text.substr(0, most)) + (text.size() > most ? "..." : "") + '"';
}

// A pattern of LIKE as a regular expression of everything; empty when it ends with its escape.
std::optional<std::string> expression_of_like(std::string_view pattern) {
    std::string expression;
    std::string literal;
    const auto flush = [&] {
        expression += re2::RE2::QuoteMeta(literal);
        literal.clear();
    };
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        const char letter = pattern[at];
        if (letter == '%' || letter == '_') {
            flush();
            expression += letter == '%' ? ".*" : ".";
        } else if (letter == '\\') {
            if (++at == pattern.size()) {
                return std::nullopt;
            }
            literal += pattern[at];
        } else {
            literal += letter;
        }
    }
    flush();
    return expression;
}

} // namespace

struct RowFilter::Bound {
    struct Node {
        FilterNode::Kind kind = FilterNode::Kind::Leaf;
        bool negated = false;
        std::uint32_t child_count = 0;
        std::size_t column = 0; // index into names
        ColumnKind column_kind = ColumnKind::Other;
        Operator operation = Operator::Equal;
        std::vector<ColumnValue> values;
        bool is_null = false; // is.null, isdistinct.null
        std::shared_ptr<const re2::RE2> expression;
    };
    std::vector<Node> nodes;
    std::vector<std::string> names;   // of the columns, as rows write them
    std::vector<std::string> columns; // the same, plain

    Truth leaf(const Node& node, std::string_view json, bool& too_long) const {
        if (node.operation == Operator::In && node.values.empty()) {
            return Truth::False; // whatever the row has, as with = ANY of an empty array
        }
        if (json.empty()) {
            return Truth::Unknown; // not in the row
        }
        const bool row_is_null = json == "null";
        if (node.operation == Operator::Is) {
            if (node.is_null) {
                return truth_of(row_is_null);
            }
            // is.true and is.false are never unknown.
            return truth_of(!row_is_null && node.values[0].integer == (json == "true" ? 1 : 0));
        }
        if (node.operation == Operator::IsDistinct && (node.is_null || row_is_null)) {
            return truth_of(node.is_null != row_is_null);
        }
        // Patterns see the blanks at the end of a bpchar, comparisons do not.
        const std::optional<ColumnValue> value =
            read_json_value(node.expression ? ColumnKind::Text : node.column_kind, json);
        if (!value) {
            return Truth::Unknown;
        }
        if (node.expression && value->text.size() * static_cast<std::size_t>(node.expression->ProgramSize()) >
                                   most_pattern_steps) {
            too_long = true;
            return Truth::Unknown;
        }
        if (node.expression) {
            return truth_of(node.operation == Operator::Like || node.operation == Operator::ILike
                                ? re2::RE2::FullMatch(value->text, *node.expression)
                                : re2::RE2::PartialMatch(value->text, *node.expression));
        }
        if (node.operation == Operator::In) {
            return truth_of(
                std::any_of(node.values.begin(), node.values.end(),
                            [&](const ColumnValue& wanted) { return std::is_eq(compare(*value, wanted)); }));
        }
        const std::strong_ordering order = compare(*value, node.values[0]);
        switch (node.operation) {
        case Operator::Equal:
            return truth_of(std::is_eq(order));
        case Operator::NotEqual:
        case Operator::IsDistinct:
            return truth_of(std::is_neq(order));
        case Operator::Less:
            return truth_of(std::is_lt(order));
        case Operator::LessOrEqual:
            return truth_of(std::is_lteq(order));
        case Operator::Greater:
            return truth_of(std::is_gt(order));
        case Operator::GreaterOrEqual:
            return truth_of(std::is_gteq(order));
        default:
            return Truth::Unknown;
        }
    }

    // S. C. Kleene, "Introduction to Metamathematics", 1952, §64. Leaves `at` behind the node.
    Truth evaluate(std::size_t& at, const std::vector<std::string_view>& values, bool& too_long) const {
        const Node& node = nodes[at++];
        Truth truth = Truth::Unknown;
        if (node.kind == FilterNode::Kind::Leaf) {
            truth = leaf(node, values[node.column], too_long);
        } else {
            const bool all = node.kind == FilterNode::Kind::All;
            truth = truth_of(all);
            for (std::uint32_t child = 0; child < node.child_count; ++child) {
                const Truth next = evaluate(at, values, too_long);
                truth = all ? std::min(truth, next) : std::max(truth, next);
            }
        }
        return node.negated ? opposite(truth) : truth;
    }
};

RowFilter::RowFilter(std::unique_ptr<const Bound> bound) : bound_(std::move(bound)) {}
RowFilter::~RowFilter() = default;
RowFilter::RowFilter(RowFilter&&) noexcept = default;
RowFilter& RowFilter::operator=(RowFilter&&) noexcept = default;

std::variant<RowFilter, std::string> RowFilter::bind(const Filter& filter,
                                                     const std::vector<FilterColumn>& columns) {
    auto bound = std::make_unique<Bound>();
    for (const FilterNode& source : filter) {
        Bound::Node node;
        node.kind = source.kind;
        node.negated = source.negated;
        node.child_count = source.child_count;
        if (source.kind != FilterNode::Kind::Leaf) {
            bound->nodes.push_back(std::move(node));
            continue;
        }
        const auto column = std::find_if(columns.begin(), columns.end(),
                                         [&](const FilterColumn& one) { return one.name == source.column; });
        if (column == columns.end()) {
            return "column " + shown(source.column) + " does not exist";
        }
        const std::string about =
            "column " + shown(source.column) + " of type " + std::string(column->type_name);
        node.operation = source.operation;
        node.column_kind = kind_named(column->type_name);
        const auto known = std::find(bound->columns.begin(), bound->columns.end(), source.column);
        node.column = static_cast<std::size_t>(known - bound->columns.begin());
        if (known == bound->columns.end()) {
            bound->columns.push_back(source.column);
            bound->names.push_back(member_name(source.column));
        }
        switch (source.operation) {
        case Operator::Is:
            node.is_null = source.values[0] == "null" || source.values[0] == "unknown";
            if (source.values[0] != "null" && node.column_kind != ColumnKind::Boolean) {
                return about + " can only be is.null";
            }
            node.values.push_back({ColumnKind::Boolean, {}, 0, source.values[0] == "true" ? 1 : 0});
            break;
        case Operator::Like:
        case Operator::ILike:
        case Operator::Match:
        case Operator::IMatch: {
            const bool like = source.operation == Operator::Like || source.operation == Operator::ILike;
            if (!is_textual(node.column_kind)) {
                return about + " has no operator " + std::string(name_of(source.operation));
            }
            if (source.values[0].size() > longest_pattern) {
                return "pattern " + shown(source.values[0]) + " is longer than " +
                       std::to_string(longest_pattern) + " bytes";
            }
            const std::optional<std::string> expression =
                like ? expression_of_like(source.values[0]) : source.values[0];
            if (!expression) {
                return "pattern " + shown(source.values[0]) + " ends with its escape character";
            }
            re2::RE2::Options options;
            options.set_log_errors(false);
            options.set_max_mem(most_pattern_memory);
            options.set_dot_nl(true);
            options.set_case_sensitive(source.operation == Operator::Like ||
                                       source.operation == Operator::Match);
            auto compiled = std::make_shared<re2::RE2>(*expression, options);
            if (!compiled->ok()) {
                return "pattern " + shown(source.values[0]) + " cannot be used: " + compiled->error();
            }
            node.expression = std::move(compiled);
            break;
        }
        default:
            if (source.values.empty()) {
                break; // in.(): of any type
            }
            if (node.column_kind == ColumnKind::Opaque &&
                (source.operation != Operator::IsDistinct || source.values[0] != "null")) {
                return about + " cannot be compared, only be is.null";
            }
            if (source.operation != Operator::Equal && source.operation != Operator::NotEqual &&
                source.operation != Operator::In && source.operation != Operator::IsDistinct &&
                !has_order(node.column_kind)) {
                return about + " has no operator " + std::string(name_of(source.operation));
            }
            node.is_null = source.operation == Operator::IsDistinct && source.values[0] == "null";
            for (const std::string& text : source.values) {
                std::optional<ColumnValue> value =
                    node.is_null ? ColumnValue{} : read_value(node.column_kind, text);
                if (!value) {
                    return about + " cannot be compared with " + shown(text);
                }
                node.values.push_back(std::move(*value));
            }
        }
        bound->nodes.push_back(std::move(node));
    }
    return RowFilter(std::move(bound));
}

bool RowFilter::is_empty() const {
    return bound_->nodes.empty();
}

bool RowFilter::passes(std::string_view row, bool* undecided) const {
    if (bound_->nodes.empty()) {
        return true;
    }
    std::vector<std::string_view> values(bound_->names.size());
    find_members(row, bound_->names, values);
    std::size_t at = 0;
    bool too_long = false;
    const Truth truth = bound_->evaluate(at, values, too_long);
    if (undecided != nullptr) {
        *undecided = too_long && truth == Truth::Unknown;
    }
    return truth == Truth::True;
}

std::optional<RowFilter::Equality> RowFilter::equality() const {
    // Only what stands directly below the root has to be true.
    std::size_t at = 1;
    for (std::uint32_t child = 0; !bound_->nodes.empty() && child < bound_->nodes[0].child_count; ++child) {
        const Bound::Node& node = bound_->nodes[at];
        if (node.kind != FilterNode::Kind::Leaf) {
            return std::nullopt; // what stands behind a group is not looked for
        }
        if (!node.negated && node.operation == Operator::Equal) {
            if (std::string key = protocol::key_of(node.values[0]); !key.empty()) {
                return Equality{bound_->columns[node.column], std::move(key)};
            }
        }
        ++at;
    }
    return std::nullopt;
}

std::optional<std::string> RowFilter::key_of(std::string_view column, std::string_view type_name,
                                             std::string_view row) {
    const std::string name = member_name(column);
    std::string_view json;
    find_members(row, {&name, 1}, {&json, 1});
    const std::optional<ColumnValue> value = read_json_value(kind_named(type_name), json);
    std::string key = value ? protocol::key_of(*value) : std::string();
    return key.empty() ? std::nullopt : std::optional(std::move(key));
}

} // namespace protocol
