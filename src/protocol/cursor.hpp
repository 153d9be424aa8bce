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
    // Of the server that said so; no part of the order. 0: not known.
    std::uint32_t timeline = 0;

    // clang-tidy 14 takes the 0 of rewritten comparisons for a pointer.
    std::strong_ordering operator<=>(const Cursor& other) const { // NOLINT(modernize-use-nullptr)
        return lsn != other.lsn ? lsn <=> other.lsn : position <=> other.position;
    }
    bool operator==(const Cursor& other) const { return lsn == other.lsn && position == other.position; }
};

// LSN and position as PostgreSQL prints WAL addresses, for example 0/1A2B3C8-0/1A2A3C8. Behind a failover or a restore follows
// the timeline: 0/1A2B3C8-0/1A2A3C8-2. Without it is timeline 1.
std::string text_of(const Cursor& cursor);

// Exactly what text_of() gives, in either case of the digits; empty for everything else.
std::optional<Cursor> read_cursor(std::string_view text);

// A WAL address as PostgreSQL prints it.
std::string text_of_lsn(std::uint64_t lsn);

// The other way round; empty for everything else.
std::optional<std::uint64_t> read_lsn(std::string_view text);

} // namespace protocol
