// No data and errors: states of their own, entered after their own time, and what each action makes of them.
#include <cmath>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "alert_life.hpp"

using namespace alert;
using alert_life::error;
using alert_life::Life;
using alert_life::no_data;
using alert_life::number;
using metric::minute;
using metric::second;

namespace {

Life life_with(WhenMissing action) {
    Life life;
    life.rule.no_data_action = action;
    life.rule.error_action = action;
    life.rule.no_data_for = 300 * second;
    return life;
}

TEST(AlertNoData, KeepLeavesAFiringAlertOpenAndSaysSo) {
    Life life = life_with(WhenMissing::Keep);
    life.at(0, 11);
    EXPECT_EQ(life.at(10, no_data()), "firing");
    EXPECT_EQ(life.wakes_at(), 310);
    EXPECT_EQ(life.at(310, no_data()), "no_data");
    EXPECT_EQ(life.wakes_at(), std::nullopt);
    EXPECT_EQ(life.at(9000, no_data()), "no_data");
    EXPECT_EQ(life.at(9001, 11), "firing") << "the same alert, no second notification";
    EXPECT_EQ(life.at(9002, no_data()), "firing");
    EXPECT_EQ(life.at(9400, no_data()), "no_data");
    EXPECT_EQ(life.at(9401, 1), "inactive: resolve, notify resolved");
}

TEST(AlertNoData, KeepRemembersNothingOfWhatIsInactive) {
    Life life = life_with(WhenMissing::Keep);
    EXPECT_EQ(life.at(0, no_data()), "inactive");
    EXPECT_FALSE(life.decision.changed);
    EXPECT_EQ(life.at(9000, no_data()), "inactive");
    EXPECT_FALSE(life.decision.changed);
    EXPECT_EQ(life.wakes_at(), std::nullopt);
}

TEST(AlertNoData, AGapIsNoBreach) {
    Life life = life_with(WhenMissing::Keep);
    life.rule.for_duration = 60 * second;
    EXPECT_EQ(life.at(0, 11), "pending");
    EXPECT_EQ(life.at(40, no_data()), "pending");
    EXPECT_EQ(life.at(100, no_data()), "pending") << "`for` stands still";
    EXPECT_EQ(life.at(110, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 130) << "40 s of 60 s were breached before the gap";
    EXPECT_EQ(life.at(130, 11), "firing: fire, notify firing");
}

TEST(AlertNoData, ALongGapKeepsWhatPends) {
    Life life = life_with(WhenMissing::Keep);
    life.rule.for_duration = 60 * second;
    life.at(0, 11);
    life.at(40, no_data());
    EXPECT_EQ(life.at(340, no_data()), "no_data");
    EXPECT_EQ(life.at(400, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 420);
    EXPECT_EQ(life.at(410, 1), "inactive");
}

TEST(AlertNoData, AGapIsNoRecovery) {
    Life life = life_with(WhenMissing::Keep);
    life.rule.keep_firing = 60 * second;
    life.at(0, 11);
    EXPECT_EQ(life.at(10, 1), "recovering");
    EXPECT_EQ(life.at(50, no_data()), "recovering");
    EXPECT_EQ(life.at(200, no_data()), "recovering") << "late data resolves nothing";
    EXPECT_EQ(life.at(210, 1), "recovering");
    EXPECT_EQ(life.wakes_at(), 230);
    EXPECT_EQ(life.at(230, 1), "inactive: resolve, notify resolved");
}

TEST(AlertNoData, OkResolves) {
    Life life = life_with(WhenMissing::Ok);
    life.at(0, 11);
    EXPECT_EQ(life.at(10, no_data()), "firing");
    EXPECT_EQ(life.wakes_at(), 310);
    EXPECT_EQ(life.at(310, no_data()), "inactive: resolve, notify resolved");
    EXPECT_EQ(life.at(311, no_data()), "inactive");
    EXPECT_FALSE(life.decision.changed);
    EXPECT_EQ(life.at(400, 11), "firing: fire, notify firing");
}

TEST(AlertNoData, OkRecoversAsAClearValueDoes) {
    Life life = life_with(WhenMissing::Ok);
    life.rule.keep_firing = 60 * second;
    life.at(0, 11);
    life.at(10, no_data());
    EXPECT_EQ(life.at(310, no_data()), "recovering");
    EXPECT_EQ(life.wakes_at(), 370);
    EXPECT_EQ(life.at(370, no_data()), "inactive: resolve, notify resolved");
}

TEST(AlertNoData, OkEndsPending) {
    Life life = life_with(WhenMissing::Ok);
    life.rule.for_duration = 600 * second;
    life.at(0, 11);
    EXPECT_EQ(life.at(10, no_data()), "pending");
    EXPECT_EQ(life.at(310, no_data()), "inactive");
    EXPECT_EQ(life.at(700, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 1300);
}

TEST(AlertNoData, AlertOpensOneAfterItsOwnTime) {
    Life life = life_with(WhenMissing::Alert);
    EXPECT_EQ(life.at(0, no_data()), "inactive");
    EXPECT_TRUE(life.decision.changed) << "a restart must not begin the time anew";
    EXPECT_EQ(life.wakes_at(), 300);
    EXPECT_EQ(life.at(299, no_data()), "inactive");
    EXPECT_EQ(life.at(300, no_data()), "no_data: fire no_data, notify firing");
    EXPECT_EQ(life.at(400, no_data()), "no_data");
    EXPECT_EQ(life.at(500, 1), "inactive: resolve, notify resolved");
}

TEST(AlertNoData, DataInTimePreventsTheAlert) {
    Life life = life_with(WhenMissing::Alert);
    life.at(0, no_data());
    EXPECT_EQ(life.at(299, 1), "inactive");
    EXPECT_TRUE(life.decision.changed);
    EXPECT_EQ(life.at(300, no_data()), "inactive");
    EXPECT_EQ(life.wakes_at(), 600);
}

TEST(AlertNoData, ABreachBehindItIsAnAlertOfItsOwn) {
    Life life = life_with(WhenMissing::Alert);
    life.at(0, no_data());
    life.at(300, no_data());
    EXPECT_EQ(life.at(310, 11), "pending: resolve, notify resolved");
    EXPECT_EQ(life.wakes_at(), 310.000001);
    EXPECT_EQ(life.at(310.000001, 11), "firing: fire, notify firing");
    life.at(320, 1);
    life.rule.for_duration = 60 * second;
    life.at(330, no_data());
    life.at(630, no_data());
    EXPECT_EQ(life.at(640, 11), "pending: resolve, notify resolved");
    EXPECT_EQ(life.wakes_at(), 700);
}

TEST(AlertNoData, AlertOpensNoSecondOne) {
    Life life = life_with(WhenMissing::Alert);
    life.at(0, 11);
    life.at(10, no_data());
    EXPECT_EQ(life.at(310, no_data()), "no_data");
    EXPECT_EQ(life.at(320, 11), "firing");
    EXPECT_EQ(life.at(330, 1), "inactive: resolve, notify resolved");
}

TEST(AlertNoData, AlertReplacesWhatPends) {
    Life life = life_with(WhenMissing::Alert);
    life.rule.for_duration = 600 * second;
    life.at(0, 11);
    life.at(500, no_data());
    EXPECT_EQ(life.at(800, no_data()), "no_data: fire no_data, notify firing");
    EXPECT_EQ(life.at(810, 11), "pending: resolve, notify resolved");
    EXPECT_EQ(life.wakes_at(), 1410);
}

TEST(AlertNoData, ItsAlertKnowsNoKeepFiringAndNoClearThreshold) {
    Life life = life_with(WhenMissing::Alert);
    life.rule.keep_firing = 600 * second;
    life.rule.clear_threshold = 0;
    life.at(0, no_data());
    life.at(300, no_data());
    EXPECT_EQ(life.at(310, 5), "inactive: resolve, notify resolved");
}

TEST(AlertNoData, ItsAlertEscalates) {
    Life life = life_with(WhenMissing::Alert);
    life.rule.escalate_after = 10 * minute;
    life.at(0, no_data());
    life.at(300, no_data());
    EXPECT_EQ(life.wakes_at(), 900);
    EXPECT_EQ(life.at(900, no_data()), "no_data: escalate, notify escalated");
}

TEST(AlertError, IsEnteredAfterTheTimeOfTheRule) {
    Life life = life_with(WhenMissing::Alert);
    life.rule.for_duration = 60 * second;
    EXPECT_EQ(life.at(0, error()), "inactive");
    EXPECT_EQ(life.wakes_at(), 60);
    EXPECT_EQ(life.at(60, error()), "error: fire error, notify firing");
    EXPECT_EQ(life.at(70, 1), "inactive: resolve, notify resolved");
}

TEST(AlertError, IsEnteredAtOnceWithoutFor) {
    Life life = life_with(WhenMissing::Alert);
    EXPECT_EQ(life.at(0, error()), "error: fire error, notify firing");
    EXPECT_FALSE(life.at(0, error()) != "error");
}

TEST(AlertError, KeepAndOkDoAsWithNoData) {
    Life keep = life_with(WhenMissing::Keep);
    keep.at(0, 11);
    EXPECT_EQ(keep.at(10, error()), "error");
    EXPECT_EQ(keep.at(20, 11), "firing");
    Life ok = life_with(WhenMissing::Ok);
    ok.at(0, 11);
    EXPECT_EQ(ok.at(10, error()), "inactive: resolve, notify resolved");
    EXPECT_EQ(ok.at(11, error()), "inactive");
}

TEST(AlertError, ItsAlertGoesOnAsOneOfNoData) {
    Life life = life_with(WhenMissing::Alert);
    life.at(0, error());
    EXPECT_EQ(life.at(10, no_data()), "error");
    EXPECT_EQ(life.wakes_at(), 310);
    EXPECT_EQ(life.at(310, no_data()), "no_data") << "one alert, not two";
    EXPECT_EQ(life.at(320, 1), "inactive: resolve, notify resolved");
}

TEST(AlertError, TheGapsOfBothKindsAreOneGap) {
    Life life = life_with(WhenMissing::Keep);
    life.rule.for_duration = 60 * second;
    life.at(0, 11);
    EXPECT_EQ(life.at(30, no_data()), "pending");
    EXPECT_EQ(life.at(50, error()), "pending");
    EXPECT_EQ(life.at(70, no_data()), "pending");
    EXPECT_EQ(life.at(100, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 130);
}

TEST(AlertError, ANumberThatIsNoneIsAnError) {
    Life life = life_with(WhenMissing::Alert);
    EXPECT_EQ(life.at(0, std::nan("")), "error: fire error, notify firing");
    EXPECT_EQ(life.instance.last_value, 0) << "and is not remembered";
}

TEST(AlertError, AValueThatIsNotGivenIsAnError) {
    Life life = life_with(WhenMissing::Alert);
    life.rule.condition.slot = 1;
    EXPECT_EQ(life.at(0, 1), "error: fire error, notify firing");
}

} // namespace
