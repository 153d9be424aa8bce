#include "gateway/retry_pause.hpp"

#include <gtest/gtest.h>

namespace gateway {

namespace {

TEST(RetryPause, GrowsUntilThereIsProgress) {
    RetryPause pause;
    double total = 0;
    for (const double wanted : {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0}) {
        const double next = pause.after_failure(false);
        EXPECT_DOUBLE_EQ(next, wanted);
        total += next;
    }
    EXPECT_GT(total, 16);
    EXPECT_DOUBLE_EQ(pause.after_failure(true), 0.1);
    EXPECT_DOUBLE_EQ(pause.after_failure(false), 0.2);
}

} // namespace

} // namespace gateway
