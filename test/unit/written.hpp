// What a writer writes, and the promise every writer makes about a limit: reached at any byte, the buffer stays usable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "wire/byte_buffer.hpp"

namespace written {

constexpr std::size_t plenty = std::size_t{1} << 28;

// Writers may ask for this much more room than they use, to ask only once.
constexpr std::size_t most_slack = 1024;

template <class Write> std::string text_of(const Write& write) {
    wire::ByteBuffer out(plenty);
    write(out);
    return std::string(out.view());
}

// Lets `write` fail at limit 1, 2, ... until it succeeds. What stood before it must survive each failure, and the same
// buffer must take the whole text once its limit is raised.
template <class Write> void expect_every_limit_is_survived(const Write& write) {
    const std::string before = "kept";
    const std::string expected = before + text_of(write);
    std::size_t failures = 0;
    for (std::size_t limit = before.size();; ++limit) {
        ASSERT_LE(limit, expected.size() + most_slack) << "a writer asks for far more room than it uses";
        wire::ByteBuffer out(limit);
        out.append(before);
        try {
            write(out);
            ASSERT_EQ(out.view(), expected);
            break;
        } catch (const wire::LimitExceeded& exceeded) {
            ++failures;
            ASSERT_EQ(exceeded.limit, limit);
        }
        ASSERT_LE(out.size(), limit);
        ASSERT_EQ(out.view().substr(0, before.size()), before);
        out.set_limit(plenty);
        out.truncate(before.size());
        write(out);
        ASSERT_EQ(out.view(), expected) << "after a failure at limit " << limit;
    }
    EXPECT_GT(failures, 0U);
}

} // namespace written
