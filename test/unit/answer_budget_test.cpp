#include "gateway/answer_budget.hpp"

#include <gtest/gtest.h>

namespace gateway {

namespace {

TEST(AnswerBudget, IsOneOfAllAndOneOfEach) {
    AnswerBudget budget;
    EXPECT_TRUE(budget.take("a", 60, 150, 100));
    EXPECT_FALSE(budget.take("a", 60, 150, 100)) << "more than one may have";
    EXPECT_TRUE(budget.take("a", 40, 150, 100));
    EXPECT_FALSE(budget.has_room("a", 150, 100));
    EXPECT_TRUE(budget.has_room("b", 150, 100));
    EXPECT_FALSE(budget.take("b", 60, 150, 100)) << "more than all may have";
    EXPECT_TRUE(budget.take("b", 50, 150, 100));
    EXPECT_FALSE(budget.has_room("c", 150, 100));
    budget.give_back("a", 100);
    EXPECT_TRUE(budget.take("c", 100, 150, 100));
    budget.give_back("b", 50);
    budget.give_back("c", 100);
    EXPECT_EQ(budget.bytes(), 0U);
    EXPECT_EQ(budget.accounts(), 0U);
}

TEST(AnswerBudget, WhatIsTooLargeForItIsGivenAlone) {
    AnswerBudget budget;
    EXPECT_TRUE(budget.take("a", 1000, 150, 100));
    EXPECT_FALSE(budget.take("a", 1, 150, 100));
    EXPECT_FALSE(budget.take("b", 1, 150, 100));
    EXPECT_TRUE(budget.take("b", 0, 2000, 100));
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

TEST(AnswerBudget, AnAnswerMayTakeItsTimeAndNoMore) {
    EXPECT_FALSE(takes_too_slowly(15, 0, 15, 1000));
    EXPECT_FALSE(takes_too_slowly(24, 10'000, 15, 1000));
    EXPECT_TRUE(takes_too_slowly(26, 10'000, 15, 1000));
}

} // namespace

} // namespace gateway
