// Filters of subscriptions: which rows a binding wants.
//
//   filter    = [ condition *( "," condition ) ]                   all of them must hold; blank: every row
//   condition = column "=" [ "not." ] operator "." value
//             / ( "or" / "and" ) "=" group                         our extension, spelt as PostgREST does
//   group     = "(" member *( "," member ) ")"
//   member    = column "." [ "not." ] operator "." value / [ "not." ] ( "or" / "and" ) group
//   operator  = eq neq lt lte gt gte in like ilike is match imatch isdistinct
//   value     = text; after . ( or , it may stand in double quotes, in which \x is x; for in: ( value, ... ), of which () has none
//
// A column of a member may stand in double quotes, too; one whose name has quotes, commas or parentheses has to.
// Commas within quotes and parentheses do not separate. An opening quote without an end, or with something behind the end,
// is a letter like others. Source of the grammar without groups: the original's Subscriptions.parse_subscription_params.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace protocol {

enum class Operator : std::uint8_t {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Like,
    ILike,
    Is,
    Match,
    IMatch,
    IsDistinct
};
std::string_view name_of(Operator operation);

// A node of the tree of conditions, which stands in one array: children behind their parent.
struct FilterNode {
    enum class Kind : std::uint8_t { All, Any, Leaf } kind = Kind::Leaf;
    bool negated = false;
    std::uint32_t child_count = 0; // of All and Any
    // Leaf
    std::string column;
    Operator operation = Operator::Equal;
    std::vector<std::string> values; // one; for In any number, also none
};

// Empty: every row. Else node 0 is the root.
using Filter = std::vector<FilterNode>;

constexpr std::size_t longest_filter = 8192;
constexpr std::size_t most_filter_nodes = 128;
constexpr std::size_t deepest_filter = 8;
constexpr std::size_t most_in_values = 100;

// The filter, or what is wrong with it: one sentence without a period.
std::variant<Filter, std::string> parse_filter(std::string_view text);

// The text of a filter; equal for filters that mean the same conditions in the same order. parse_filter() reads it back.
// How many conditions of a filter may be patterns, which cost more than others; counted without reading it.
std::size_t pattern_count(std::string_view text);

std::string text_of(const Filter& filter);

} // namespace protocol
