// Where a change stands among all changes of a database: what a client remembers to resume.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace protocol {

// The order of changes (docs/protocol-frame.md, "Order and cursor").
struct Cursor {
    std::uint64_t lsn = 0;      // of the commit
    std::uint64_t position = 0; // within the transaction

    // clang-tidy 14 takes the 0 of rewritten comparisons for a pointer.
    auto operator<=>(const Cursor&) const = default; // NOLINT(modernize-use-nullptr)
};

// Both as PostgreSQL prints WAL addresses, for example 0/1A2B3C8-0/1A2A3C8.
std::string text_of(const Cursor& cursor);

// Exactly what text_of() gives, in either case of the digits; empty for everything else.
std::optional<Cursor> read_cursor(std::string_view text);

} // namespace protocol
