// Filters of strangers: what is taken has a normal text that means the same, and can be asked about any bytes. The first line is
// the filter, the rest the row.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "protocol/filter.hpp"
#include "protocol/row_filter.hpp"

namespace {

bool operator_equal(const protocol::FilterNode& left, const protocol::FilterNode& right) {
    return left.kind == right.kind && left.negated == right.negated &&
           left.child_count == right.child_count && left.column == right.column &&
           left.values == right.values &&
           (left.kind != protocol::FilterNode::Kind::Leaf || left.operation == right.operation);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t line = input.find('\n');
    const std::string_view row =
        line == std::string_view::npos ? std::string_view("{}") : input.substr(line + 1);
    const auto parsed = protocol::parse_filter(input.substr(0, line));
    const auto* filter = std::get_if<protocol::Filter>(&parsed);
    if (filter == nullptr) {
        return 0;
    }
    const std::string normal = protocol::text_of(*filter);
    if (normal.size() <= protocol::longest_filter) {
        const auto again = protocol::parse_filter(normal);
        const auto* same = std::get_if<protocol::Filter>(&again);
        if (same == nullptr || same->size() != filter->size()) {
            std::abort();
        }
        for (std::size_t index = 0; index < filter->size(); ++index) {
            if (!operator_equal((*filter)[index], (*same)[index])) {
                std::abort();
            }
        }
    }
    static const std::vector<protocol::FilterColumn> columns{
        {"id", "int8"},   {"name", "text"}, {"ok", "bool"}, {"at", "timestamptz"}, {"day", "date"},
        {"n", "numeric"}, {"f", "float8"},  {"u", "uuid"},  {"j", "jsonb"}};
    const auto bound = protocol::RowFilter::bind(*filter, columns);
    if (const auto* ready = std::get_if<protocol::RowFilter>(&bound)) {
        const bool passes = ready->passes(row);
        // The index must never hide a row that passes.
        if (const auto equality = ready->equality(); passes && equality) {
            for (const protocol::FilterColumn& column : columns) {
                if (column.name == equality->column &&
                    protocol::RowFilter::key_of(column.name, column.type_name, row) != equality->key) {
                    std::abort();
                }
            }
        }
    }
    return 0;
}
