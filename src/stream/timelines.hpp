// Which cursors mean the same changes on this server. Behind a failover or a restore the server is on another timeline, which
// shares the WAL of the one before only up to where it left it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/cursor.hpp"

namespace stream {

struct Timelines {
    struct Left {
        std::uint32_t timeline = 0;
        std::uint64_t at = 0; // the first WAL address that is not of it
    };
    std::uint32_t current = 0; // 0: not known, then every cursor is one of ours
    std::vector<Left> before;

    // Whether what stands before the cursor is what this server has there. Where more than the last timelines is not known, only
    // cursors of those are ours.
    bool have(const protocol::Cursor& cursor) const;

    // Content of the server's file of a timeline's history: lines of a timeline, where it was left, and why. Empty when it is
    // something else.
    static std::optional<std::vector<Left>> read_history(std::string_view content);
};

} // namespace stream
