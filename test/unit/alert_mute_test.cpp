// What mutes a notification, what passes nevertheless, and what is owed and sent later.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "alert/flapping.hpp"
#include "alert_life.hpp"

using namespace alert;
using alert_life::Life;
using metric::minute;
using metric::second;

namespace {

TEST(AlertCooldown, MutesTheNotificationAndNotTheState) {
    Life life;
    life.rule.cooldown = 15 * minute;
    EXPECT_EQ(life.at(0, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.at(10, 1), "inactive: resolve, notify resolved") << "a resolve passes";
    EXPECT_EQ(life.at(20, 11), "firing: fire");
    EXPECT_EQ(life.wakes_at(), 900);
    EXPECT_EQ(life.at(30, 1), "inactive: resolve") << "nobody was told, nobody is owed a resolve";
}

TEST(AlertCooldown, IsExactAndPaysWhatIsOwed) {
    Life life;
    life.rule.cooldown = 15 * minute;
    life.at(0, 11);
    life.at(10, 1);
    EXPECT_EQ(life.at(20, 11), "firing: fire");
    EXPECT_EQ(life.at(899.999999, 11), "firing");
    EXPECT_EQ(life.at(900, 11), "firing: notify firing");
    EXPECT_EQ(life.at(1000, 1), "inactive: resolve, notify resolved");
    EXPECT_EQ(life.at(1799, 11), "firing: fire") << "counted from the last notification";
    EXPECT_EQ(life.wakes_at(), 1800);
}

TEST(AlertCooldown, LetsPassAHigherSeverityOnly) {
    for (const Severity severity : {Severity::Low, Severity::Medium, Severity::High}) {
        Life life;
        life.rule.cooldown = 15 * minute;
        life.at(0, 11);
        life.at(10, 1);
        life.rule.severity = severity;
        EXPECT_EQ(life.at(20, 11),
                  severity > Severity::Medium ? "firing: fire, notify firing" : "firing: fire");
    }
}

TEST(AlertCooldown, AnEscalationBeginsItAnewForItsSeverity) {
    Life life;
    life.rule.cooldown = 15 * minute;
    life.rule.escalate_after = 5 * minute;
    life.at(0, 11);
    EXPECT_EQ(life.at(300, 11), "firing: escalate, notify escalated");
    life.at(310, 1);
    EXPECT_EQ(life.at(320, 11), "firing: fire") << "less severe than what was told last";
    EXPECT_EQ(life.wakes_at(), 620) << "it escalates before the cooldown is over";
    EXPECT_EQ(life.at(620, 11), "firing: escalate") << "as severe, not more";
    EXPECT_EQ(life.wakes_at(), 1200);
    EXPECT_EQ(life.at(1200, 11), "firing: notify firing");
}

TEST(AlertCooldown, WhatIsOwedIsNotSentWhileItRecovers) {
    Life life;
    life.rule.cooldown = 15 * minute;
    life.rule.keep_firing = 60 * minute;
    life.at(0, 11);
    life.instance = Instance();
    life.instance.last_notified_at = alert_life::start;
    life.instance.last_notified_severity = Severity::Medium;
    EXPECT_EQ(life.at(20, 11), "firing: fire");
    EXPECT_EQ(life.at(30, 1), "recovering");
    EXPECT_EQ(life.at(1000, 1), "recovering");
    EXPECT_EQ(life.at(1010, 11), "firing: notify firing");
}

TEST(AlertSilence, MutesEverythingAndOwesIt) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    life.around.silenced = true;
    EXPECT_EQ(life.at(0, 11), "firing: fire");
    EXPECT_EQ(life.at(600, 11), "firing: escalate");
    EXPECT_EQ(life.wakes_at(), std::nullopt) << "the end of a silence is the caller's to know";
    life.around.silenced = false;
    EXPECT_EQ(life.at(700, 11), "firing: notify firing") << "one notification, of the severity it has now";
    EXPECT_EQ(life.instance.last_notified_severity, Severity::Critical);
    EXPECT_EQ(life.at(701, 11), "firing");
}

TEST(AlertSilence, AnAlertThatBeganAndEndedInItIsNeverTold) {
    Life life;
    life.around.silenced = true;
    life.at(0, 11);
    EXPECT_EQ(life.at(10, 1), "inactive: resolve");
    life.around.silenced = false;
    EXPECT_EQ(life.at(20, 1), "inactive");
}

TEST(AlertSilence, DelaysTheResolveOfWhatWasToldBefore) {
    Life life;
    EXPECT_EQ(life.at(0, 11), "firing: fire, notify firing");
    life.around.silenced = true;
    EXPECT_EQ(life.at(10, 1), "inactive: resolve");
    EXPECT_EQ(life.at(20, 1), "inactive");
    life.around.silenced = false;
    EXPECT_EQ(life.at(30, 1), "inactive: notify earlier resolved");
    EXPECT_EQ(life.at(40, 1), "inactive");
}

TEST(AlertSilence, TheOwedResolveComesBeforeTheNextFiring) {
    Life life;
    life.at(0, 11);
    life.around.silenced = true;
    EXPECT_EQ(life.at(10, 1), "inactive: resolve");
    EXPECT_EQ(life.at(20, 11), "firing: fire");
    life.around.silenced = false;
    EXPECT_EQ(life.at(30, 11), "firing: notify earlier resolved, notify firing");
    EXPECT_EQ(life.at(40, 1), "inactive: resolve, notify resolved");
}

TEST(AlertSilence, TheCooldownStillCountsWhenItEnds) {
    Life life;
    life.rule.cooldown = 15 * minute;
    life.at(0, 11);
    life.around.silenced = true;
    life.at(10, 1);
    life.at(20, 11);
    life.around.silenced = false;
    EXPECT_EQ(life.at(30, 11), "firing: notify earlier resolved");
    EXPECT_EQ(life.wakes_at(), 900);
    EXPECT_EQ(life.at(900, 11), "firing: notify firing");
}

TEST(AlertSilence, AnEscalationInItIsOwed) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    life.at(0, 11);
    life.around.silenced = true;
    EXPECT_EQ(life.at(600, 11), "firing: escalate");
    life.around.silenced = false;
    EXPECT_EQ(life.at(700, 11), "firing: notify escalated");
}

TEST(AlertInhibition, MutesAsASilenceDoes) {
    Life life;
    life.around.inhibited = true;
    EXPECT_EQ(life.at(0, 11), "firing: fire");
    life.around.inhibited = false;
    EXPECT_EQ(life.at(10, 11), "firing: notify firing");
    life.around.inhibited = true;
    EXPECT_EQ(life.at(20, 1), "inactive: resolve");
    life.around.inhibited = false;
    EXPECT_EQ(life.at(30, 1), "inactive: notify earlier resolved");
}

// Fires and resolves every ten seconds; returns how many firings were notified.
int flap(Life& life, double from, int times) {
    int notified = 0;
    for (int time = 0; time < times; ++time) {
        life.at(from + 20 * time, 11);
        notified += life.decision.notification == Notification::Firing;
        life.at(from + 20 * time + 10, 1);
    }
    return notified;
}

TEST(AlertFlapping, IsToldThreeTimesAndThenNoMore) {
    Life life;
    EXPECT_EQ(flap(life, 0, 3), 3);
    EXPECT_EQ(flap(life, 60, 200), 0);
    EXPECT_EQ(life.instance.flap_count, flap_memory);
}

TEST(AlertFlapping, WithoutDetectionEachFiringIsTold) {
    Life life;
    life.rule.flap_detection = false;
    EXPECT_EQ(flap(life, 0, 50), 50);
}

TEST(AlertFlapping, TheResolveOfWhatWasToldIsSent) {
    Life life;
    flap(life, 0, 2);
    EXPECT_EQ(life.at(40, 11), "firing: fire, notify firing");
    EXPECT_EQ(life.at(50, 1), "inactive: resolve, notify resolved") << "the sixth change";
    EXPECT_EQ(life.at(60, 11), "firing: fire");
    EXPECT_EQ(life.at(70, 1), "inactive: resolve");
}

TEST(AlertFlapping, WhatStillFiresWhenItCalmsIsTold) {
    Life life;
    flap(life, 0, 3);
    EXPECT_EQ(life.at(60, 11), "firing: fire");
    // The changes at 40, 50 and 60 s are the last three; with the first of them out of the window it is calm.
    EXPECT_EQ(life.wakes_at(), 40 + 1800);
    EXPECT_EQ(life.at(1839.999999, 11), "firing");
    EXPECT_EQ(life.at(1840, 11), "firing: notify firing");
    EXPECT_EQ(life.at(1850, 1), "inactive: resolve, notify resolved");
}

TEST(AlertFlapping, LetsPassAHigherSeverity) {
    Life life;
    life.rule.escalate_after = 10 * minute;
    flap(life, 0, 3);
    EXPECT_EQ(life.at(60, 11), "firing: fire");
    EXPECT_EQ(life.at(660, 11), "firing: escalate, notify firing");
    EXPECT_EQ(life.at(700, 1), "inactive: resolve, notify resolved");
}

TEST(AlertFlapping, SlowChangesAreNone) {
    Life life;
    int notified = 0;
    for (int time = 0; time < 20; ++time) {
        life.at(800 * time, 11);
        notified += life.decision.notification == Notification::Firing;
        life.at(800 * time + 400, 1);
    }
    EXPECT_EQ(notified, 20);
}

TEST(AlertFlapping, LastsUntilFewerThanThreeChangesLieInTheWindow) {
    Life life;
    flap(life, 0, 3);
    EXPECT_EQ(flaps_until(life.instance, life.now), alert_life::start + (30 + 1800) * second);
    EXPECT_EQ(life.at(1831, 11), "firing: fire, notify firing") << "calm again";
}

} // namespace
