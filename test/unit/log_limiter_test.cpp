#include "gateway/log_limiter.hpp"

#include <string>

#include <gtest/gtest.h>

namespace gateway {

namespace {

TEST(LogLimiter, LinesThatDifferInNumbersAndQuotedTextsAreSimilar) {
    const auto kind = [](std::string_view line) { return LogLimiter::kind_of(line); };
    EXPECT_EQ(kind("client conn_1a2 (10.0.0.1) is too slow: more than 100 bytes waited; it is closed"),
              "client # (#) is too slow: more than # bytes waited; it is closed");
    EXPECT_EQ(kind("request req_7: relation \"a\" is no table (42809)"),
              kind("request req_8: relation \"b c\" is no table (42809)"));
    EXPECT_NE(kind("keys: added \"a\""), kind("keys: removed \"a\""));
    EXPECT_EQ(kind("an open \"quote"), "an open \"\"");
    EXPECT_LT(kind(std::string(100'000, 'x') + " y").size(), 100'100U);
}

TEST(LogLimiter, WhatIsRepeatedIsCountedAndSaidOnce) {
    LogLimiter limiter;
    std::size_t written = 0;
    for (int line = 0; line < 2317; ++line) {
        written +=
            limiter.take("request req_" + std::to_string(line) + ": it failed", 100 + line / 400.0) ? 1 : 0;
    }
    EXPECT_EQ(written, LogLimiter::most_similar);
    EXPECT_EQ(limiter.suppressed(), 2317 - written);
    EXPECT_TRUE(limiter.take("something else", 106)) << "others are written";
    EXPECT_TRUE(limiter.take_summaries(109).empty());
    const auto summaries = limiter.take_summaries(110.5);
    ASSERT_EQ(summaries.size(), 1U);
    EXPECT_EQ(summaries[0].count, 2317 - written);
    EXPECT_EQ(summaries[0].line, "request req_2316: it failed");
    EXPECT_TRUE(limiter.take_summaries(130).empty());
    EXPECT_TRUE(limiter.take("request req_1: it failed", 111));
}

TEST(LogLimiter, NoCountIsLostWhenNobodyAsksInTime) {
    LogLimiter limiter;
    for (std::size_t line = 0; line < LogLimiter::most_similar + 3; ++line) {
        limiter.take("the same", 0);
    }
    EXPECT_FALSE(limiter.take("the same", 500));
    const auto summaries = limiter.take_summaries(501);
    ASSERT_EQ(summaries.size(), 1U);
    EXPECT_EQ(summaries[0].count, 4U);
}

TEST(LogLimiter, KindsAreForgottenAndNeverHoldALineBack) {
    LogLimiter limiter;
    const auto word = [](std::size_t number) {
        std::string letters;
        for (std::size_t left = number + 1; left > 0; left /= 26) {
            letters += static_cast<char>('a' + left % 26);
        }
        return letters;
    };
    for (std::size_t kind = 0; kind < 3 * LogLimiter::most_kinds; ++kind) {
        EXPECT_TRUE(limiter.take(word(kind) + (kind % 2 == 0 ? " x" : " y"), 1));
    }
    EXPECT_TRUE(limiter.take("later", 100));
}

} // namespace

} // namespace gateway
