#include "gateway/answer_budget.hpp"

#include <gtest/gtest.h>

namespace gateway {

namespace {

constexpr std::size_t large = AnswerBudget::small + 1;

TEST(AnswerBudget, IsOneOfAllAndOneOfEach) {
    AnswerBudget budget;
    EXPECT_TRUE(budget.take("a", 6 * large, 15 * large, 10 * large));
    EXPECT_FALSE(budget.take("a", 6 * large, 15 * large, 10 * large)) << "more than one may have";
    EXPECT_TRUE(budget.take("a", 4 * large, 15 * large, 10 * large));
    EXPECT_FALSE(budget.has_room("a", 15 * large, 10 * large));
    EXPECT_TRUE(budget.has_room("b", 15 * large, 10 * large));
    EXPECT_FALSE(budget.take("b", 6 * large, 15 * large, 10 * large)) << "more than all may have";
    EXPECT_TRUE(budget.take("b", 5 * large, 15 * large, 10 * large));
    EXPECT_FALSE(budget.has_room("b", 15 * large, 10 * large));
    budget.give_back("a", 10 * large);
    EXPECT_TRUE(budget.take("c", 10 * large, 15 * large, 10 * large));
    budget.give_back("b", 5 * large);
    budget.give_back("c", 10 * large);
    EXPECT_EQ(budget.bytes(), 0U);
    EXPECT_EQ(budget.accounts(), 0U);
}

TEST(AnswerBudget, OthersNeverRefuseASmallAnswerOfAnAccountThatHasNothingWaiting) {
    AnswerBudget budget;
    ASSERT_TRUE(budget.take("a", 15 * large, 15 * large, 15 * large));
    EXPECT_TRUE(budget.has_room("b", 15 * large, 10 * large)) << "it may turn out to be small";
    EXPECT_FALSE(budget.take("b", large, 15 * large, 10 * large));
    EXPECT_TRUE(budget.take("b", AnswerBudget::small, 15 * large, 10 * large));
    EXPECT_FALSE(budget.take("b", 1, 15 * large, 10 * large)) << "now it has something waiting";
    EXPECT_FALSE(budget.take("a", 1, 15 * large, 15 * large));
    EXPECT_TRUE(budget.take("c", 1, 15 * large, 10 * large));
}

TEST(AnswerBudget, WhatIsTooLargeForItIsGivenAlone) {
    AnswerBudget budget;
    EXPECT_TRUE(budget.take("a", 20 * large, 15 * large, 10 * large));
    EXPECT_FALSE(budget.take("a", 1, 15 * large, 10 * large));
    EXPECT_FALSE(budget.take("b", large, 15 * large, 10 * large));
    EXPECT_TRUE(budget.take("b", 0, 30 * large, 10 * large));
}

TEST(AnswerBudget, AChargeIsGivenBackOnceHoweverItEnds) {
    const auto budget = std::make_shared<AnswerBudget>();
    ASSERT_TRUE(budget->take("a", 100, 1000, 1000));
    {
        AnswerCharge charge(budget, "a", 100);
        charge.shrink_to(30);
        EXPECT_EQ(budget->bytes(), 30U);
        AnswerCharge moved(std::move(charge));
        AnswerCharge last;
        last = std::move(moved);
        last.shrink_to(90);
        EXPECT_EQ(budget->bytes(), 30U);
    }
    EXPECT_EQ(budget->bytes(), 0U);
}

TEST(AnswerPace, IsLookedAtInEachPeriodWhateverWasTakenBefore) {
    AnswerPace pace;
    pace.begin(100);
    EXPECT_FALSE(pace.is_too_slow(114, 0, 15, 1000)) << "the period is not over";
    EXPECT_FALSE(pace.is_too_slow(115, 1'000'000, 15, 1000));
    EXPECT_FALSE(pace.is_too_slow(129, 1'000'001, 15, 1000));
    EXPECT_TRUE(pace.is_too_slow(130, 1'000'002, 15, 1000)) << "quick at first, then a byte now and then";
    pace.begin(200);
    EXPECT_FALSE(pace.is_too_slow(215, 15'000, 15, 1000)) << "just quick enough, for as long as it takes";
    EXPECT_FALSE(pace.is_too_slow(230, 30'000, 15, 1000));
    EXPECT_TRUE(pace.is_too_slow(260, 59'000, 15, 1000)) << "a look that comes late is at a longer period";
}

} // namespace

} // namespace gateway
