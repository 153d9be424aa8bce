// A filter bound to the columns of a table: it can be asked whether a row passes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/column_value.hpp"
#include "protocol/filter.hpp"

namespace protocol {

struct FilterColumn {
    std::string_view name;
    std::string_view type_name; // pg_type.typname, of a domain that of its base type
};

// A step takes some 5 ns at worst.
constexpr std::size_t most_pattern_steps = 32'000'000;

// Immutable; may be shared. Conditions are true, false or unknown as in SQL: a row passes when the filter is true. A column that
// is null is unknown to all operators but is and isdistinct, and so is one that the row does not have (a large value that did
// not change is not in the WAL): what cannot be decided is not sent.
//
// like takes % and _ and the escape \; ilike and imatch ignore the case of all letters of Unicode that have a simple other case. match is RE2's
// syntax, which knows no back references and no lookaround, in linear time; PostgreSQL's classes and quantifiers mean the same.
class RowFilter {
  public:
    // Or what is wrong: an unknown column, a value that is none of the column's type, an operator that the type has not.
    static std::variant<RowFilter, std::string> bind(const Filter& filter,
                                                     const std::vector<FilterColumn>& columns);

    ~RowFilter();
    RowFilter(RowFilter&&) noexcept;
    RowFilter& operator=(RowFilter&&) noexcept;

    // `row` is a JSON object as to_jsonb() gives it. `undecided` is set when that depends on a pattern that may take too long for
    // its text: bytes of the text times the size of the pattern's program are limited (most_pattern_steps).
    bool passes(std::string_view row, bool* undecided = nullptr) const;
    bool is_empty() const; // every row passes

    // A condition column = value that every row that passes satisfies, for an index of filters: the name of the column and a
    // text that is equal for equal values. Empty when there is none.
    struct Equality {
        std::string column;
        std::string key;
    };
    std::optional<Equality> equality() const;
    // The key of a row's value; empty when the row has none.
    static std::optional<std::string> key_of(std::string_view column, std::string_view type_name,
                                             std::string_view row);

  private:
    struct Bound;
    explicit RowFilter(std::unique_ptr<const Bound> bound);
    std::unique_ptr<const Bound> bound_;
};

} // namespace protocol
