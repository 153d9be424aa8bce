// Every transition of the state machine, one table each: second, value, what the step decided.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "alert_life.hpp"

using namespace alert;
using alert_life::error;
using alert_life::Life;
using alert_life::no_data;
using alert_life::rule_above_10;
using metric::minute;
using metric::second;

namespace {

TEST(AlertState, FiresAtOnceWithoutFor) {
    Life life;
    EXPECT_EQ(life.at(0, 10), "inactive");
    EXPECT_FALSE(life.decision.changed);
    EXPECT_EQ(life.at(1, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.instance.last_value, 11);
    EXPECT_EQ(life.instance.severity, Severity::Medium);
    EXPECT_EQ(life.at(2, 12), "firing");
    EXPECT_FALSE(life.decision.changed);
    EXPECT_EQ(life.at(3, 10), "inactive: resolve, notify resolved");
    EXPECT_EQ(life.at(4, 10), "inactive");
}

TEST(AlertState, PendsForItsWholeTimeToTheMicrosecond) {
    Life life;
    life.rule.for_duration = 60 * second;
    EXPECT_EQ(life.at(0, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 60);
    EXPECT_EQ(life.at(59.999999, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 60);
    EXPECT_EQ(life.at(60, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.wakes_at(), std::nullopt);
}

TEST(AlertState, FiresLateWhenNobodyStepsInTime) {
    Life life;
    life.rule.for_duration = 60 * second;
    EXPECT_EQ(life.at(0, 11), "pending");
    EXPECT_EQ(life.at(6000, 11), "firing: fire, notify firing");
}

TEST(AlertState, AClearValueEndsPendingAndTheNextBreachBeginsAnew) {
    Life life;
    life.rule.for_duration = 60 * second;
    EXPECT_EQ(life.at(0, 11), "pending");
    EXPECT_EQ(life.at(59, 9), "inactive");
    EXPECT_EQ(life.at(61, 11), "pending");
    EXPECT_EQ(life.wakes_at(), 121);
}

TEST(AlertState, RecoversOnlyAfterItsWholeTime) {
    Life life;
    life.rule.keep_firing = 300 * second;
    life.at(0, 11);
    EXPECT_EQ(life.at(10, 9), "recovering");
    EXPECT_EQ(life.wakes_at(), 310);
    EXPECT_EQ(life.at(100, 11), "firing") << "the same alert goes on";
    EXPECT_EQ(life.at(110, 9), "recovering");
    EXPECT_EQ(life.wakes_at(), 410);
    EXPECT_EQ(life.at(409.999999, 9), "recovering");
    EXPECT_EQ(life.at(410, 9), "inactive: resolve, notify resolved");
}

TEST(AlertState, ClearThresholdKeepsAnAlertButOpensNone) {
    Life life;
    life.rule.clear_threshold = 5;
    EXPECT_EQ(life.at(0, 7), "inactive");
    EXPECT_EQ(life.at(1, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.at(2, 7), "firing");
    EXPECT_EQ(life.at(3, 5.001), "firing");
    EXPECT_EQ(life.at(4, 5), "inactive: resolve, notify resolved");
    EXPECT_EQ(life.at(5, 7), "inactive");
}

TEST(AlertState, ClearThresholdCountsWhileRecovering) {
    Life life;
    life.rule.clear_threshold = 5;
    life.rule.keep_firing = 60 * second;
    life.at(0, 11);
    EXPECT_EQ(life.at(10, 4), "recovering");
    EXPECT_EQ(life.at(20, 7), "firing");
    EXPECT_EQ(life.at(30, 4), "recovering");
    EXPECT_EQ(life.wakes_at(), 90);
}

TEST(AlertState, ClearThresholdsOfEveryOperator) {
    struct Case {
        Condition condition;
        double clear, fires, keeps, clears;
    };
    for (const Case& each : {
             Case{{0, Operator::Greater, 10, 0}, 8, 11, 8.5, 8},
             Case{{0, Operator::GreaterOrEqual, 10, 0}, 8, 10, 8, 7.9},
             Case{{0, Operator::Less, 10, 0}, 12, 9, 11.5, 12},
             Case{{0, Operator::LessOrEqual, 10, 0}, 12, 10, 12, 12.1},
             Case{{0, Operator::Between, 10, 20}, 8, 10, 8, 7.9},
             Case{{0, Operator::Between, 10, 20}, 8, 20, 22, 22.1}, // the other edge moves as far
             Case{{0, Operator::Between, 10, 20}, 25, 15, 5, 4.9},
             Case{{0, Operator::Outside, 10, 20}, 12, 9, 11.9, 12},
             Case{{0, Operator::Outside, 10, 20}, 12, 21, 18.1, 18},
             Case{{0, Operator::Outside, 10, 20}, 19, 21, 19.1, 19},
             Case{{0, Operator::Equal, 10, 0}, 8, 10, 10, 9},
         }) {
        Life life;
        life.rule.condition = each.condition;
        life.rule.clear_threshold = each.clear;
        SCOPED_TRACE(std::string(name_of(each.condition.operation)) + " " + std::to_string(each.fires));
        EXPECT_EQ(life.at(1, each.fires), "firing: fire, notify firing");
        EXPECT_EQ(life.at(2, each.keeps), "firing");
        EXPECT_EQ(life.at(3, each.clears), "inactive: resolve, notify resolved");
    }
}

TEST(AlertState, AStepThatIsRepeatedDecidesNothing) {
    Life life;
    life.rule.keep_firing = 60 * second;
    life.rule.escalate_after = 0;
    const auto twice = [&](double seconds, metric::Value value, const std::string& first) {
        EXPECT_EQ(life.at(seconds, value), first);
        const Instance once = life.instance;
        const Decision decision = life.decision;
        EXPECT_EQ(life.at(seconds, value), first.substr(0, first.find(':')));
        EXPECT_FALSE(life.decision.changed);
        EXPECT_EQ(life.instance, once);
        EXPECT_EQ(life.decision.wake_at, decision.wake_at);
    };
    twice(0, alert_life::number(11), "firing: fire, notify firing");
    twice(1, alert_life::number(11), "firing: escalate, notify escalated");
    twice(2, alert_life::number(1), "recovering");
    twice(62, alert_life::number(1), "inactive: resolve, notify resolved");
}

TEST(AlertEscalation, RaisesTheSeverityOfWhatNobodyAcknowledged) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    life.rule.escalate_severity = Severity::Critical;
    life.rule.cooldown = 60 * minute;
    EXPECT_EQ(life.at(0, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.wakes_at(), 600);
    EXPECT_EQ(life.at(599, 11), "firing");
    EXPECT_EQ(life.at(600, 11), "firing: escalate, notify escalated")
        << "the cooldown lets a higher severity pass";
    EXPECT_EQ(life.instance.severity, Severity::Critical);
    EXPECT_EQ(life.at(1200, 11), "firing");
    EXPECT_EQ(life.wakes_at(), std::nullopt);
    EXPECT_EQ(life.at(1300, 1), "inactive: resolve, notify resolved");
}

TEST(AlertEscalation, StopsAtAnAcknowledgement) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    life.at(0, 11);
    life.instance.acknowledged = true;
    EXPECT_EQ(life.at(600, 11), "firing");
    EXPECT_EQ(life.wakes_at(), std::nullopt);
}

TEST(AlertEscalation, AnAcknowledgementEndsWithItsAlert) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    life.at(0, 11);
    life.instance.acknowledged = true;
    life.at(10, 1);
    EXPECT_EQ(life.at(20, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.wakes_at(), 620);
}

TEST(AlertEscalation, WaitsWhileTheAlertRecovers) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    life.rule.keep_firing = 60 * minute;
    life.at(0, 11);
    life.at(500, 1);
    EXPECT_EQ(life.at(700, 1), "recovering");
    EXPECT_EQ(life.at(800, 11), "firing: escalate, notify escalated");
}

TEST(AlertEscalation, NeverLowersASeverity) {
    Life life;
    life.rule.severity = Severity::High;
    life.rule.escalate_after = 10 * minute;
    life.rule.escalate_severity = Severity::High;
    life.at(0, 11);
    EXPECT_EQ(life.wakes_at(), std::nullopt);
    EXPECT_EQ(life.at(700, 11), "firing");
}

TEST(AlertRetire, ResolvesWhatIsOpenAndKeepsTheCooldown) {
    Life life;
    life.rule.cooldown = 15 * minute;
    life.at(0, 11);
    const Decision decision = retire(life.instance, life.now);
    EXPECT_EQ(alert_life::text_of(life.instance, decision), "inactive: resolve, notify resolved");
    EXPECT_TRUE(decision.changed);
    EXPECT_EQ(life.at(1, 11), "firing: fire") << "enabled again";
    EXPECT_EQ(life.wakes_at(), 900);
}

TEST(AlertRetire, SaysNothingOfWhatWasNotTold) {
    Life life;
    life.around.silenced = true;
    life.at(0, 11);
    EXPECT_EQ(alert_life::text_of(life.instance, retire(life.instance, life.now)), "inactive: resolve");
    EXPECT_EQ(life.instance.state, State::Inactive);
    EXPECT_FALSE(retire(life.instance, life.now).changed);
}

TEST(AlertRetire, ForgetsWhatPends) {
    Life life;
    life.rule.for_duration = 60 * second;
    life.at(0, 11);
    EXPECT_TRUE(retire(life.instance, life.now).changed);
    EXPECT_EQ(life.at(60, 11), "pending");
}

TEST(AlertRetire, SendsTheResolveThatASilenceHeldBack) {
    Life life;
    life.at(0, 11);
    life.around.silenced = true;
    EXPECT_EQ(life.at(1, 1), "inactive: resolve");
    const Decision decision = retire(life.instance, life.now);
    EXPECT_TRUE(decision.resolve_earlier);
    EXPECT_FALSE(life.instance.resolve_owed);
}

TEST(AlertForgettable, OnlyWhenNothingOfItCanMatter) {
    Life life;
    life.rule.cooldown = 60 * minute;
    EXPECT_TRUE(forgettable(life.rule, life.instance, life.now));
    life.at(0, 11);
    EXPECT_FALSE(forgettable(life.rule, life.instance, life.now));
    life.at(10, 1);
    EXPECT_FALSE(forgettable(life.rule, life.instance, life.now)) << "the cooldown";
    life.at(3599, 1);
    EXPECT_FALSE(forgettable(life.rule, life.instance, life.now));
    life.at(3600, 1);
    EXPECT_TRUE(forgettable(life.rule, life.instance, life.now));
    life.instance.resolve_owed = true;
    EXPECT_FALSE(forgettable(life.rule, life.instance, life.now));
}

TEST(AlertState, NamesAreThoseOfTheType) {
    for (const State state :
         {State::Inactive, State::Pending, State::Firing, State::Recovering, State::NoData, State::Error}) {
        EXPECT_EQ(state_named(name_of(state)), state);
    }
    EXPECT_EQ(name_of(State::NoData), "no_data");
    EXPECT_EQ(state_named("alerting"), std::nullopt);
}

} // namespace
