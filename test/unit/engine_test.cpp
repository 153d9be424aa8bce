#include "monitor/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "alert/compile.hpp"
#include "monitor/announcement.hpp"
#include "monitor/outgoing.hpp"

namespace {

using namespace monitor;
using metric::second;
using metric::Time;

constexpr Time start = 800'000'000 * second;

Uuid uuid(unsigned char number) {
    Uuid id;
    id.bytes[15] = number;
    return id;
}

alert::RuleText rule(std::string id, std::string metric, double threshold) {
    alert::RuleText text;
    text.rule_id = std::move(id);
    text.metric = std::move(metric);
    text.threshold_value = threshold;
    text.cooldown_minutes = 0;
    text.aggregation = text.metric == "load" ? "last" : "default";
    return text;
}

std::shared_ptr<RuleList> list_of(const std::vector<alert::RuleText>& texts) {
    auto list = std::make_shared<RuleList>();
    for (const alert::RuleText& text : texts) {
        list->add(std::get<alert::Rule>(alert::compile(text, list->table())));
    }
    list->finish();
    return list;
}

void sample(Engine& engine, unsigned char tenant, std::string_view subscription, double value, Time at,
            std::string_view metric = "load") {
    Tenant& owner = engine.tenant(uuid(tenant));
    Watch& watch = engine.watch(owner, subscription);
    watch.data.apply_sample(metric, value, at);
    engine.touch(owner, watch);
}

// Runs a pass and returns what happened, as text.
std::string pass(Engine& engine, Time at, bool all = false) {
    engine.evaluate(at, all);
    std::vector<Uuid> ids;
    for (std::size_t index = 0; index < Announcement::count_opening(engine); ++index) {
        ids.push_back(uuid(static_cast<unsigned char>(200 + index)));
    }
    Announcement announcement;
    announcement.build(engine, ids, {[](const Uuid&, char* to) { std::fill(to, to + 36, '0'); }, "now"});
    std::string happened;
    for (const auto& alert : announcement.opened) {
        happened += "open " + alert.action->watch->subscription_type + " " + alert.action->rule_id + "; ";
    }
    for (const auto& alert : announcement.ended) {
        happened += "end " + alert.action->watch->subscription_type + " " + alert.action->rule_id + "; ";
    }
    for (const auto& notification : announcement.owed) {
        happened += std::string("tell ") + notification.kind + " " + notification.action->rule_id + "; ";
    }
    return happened;
}

TEST(Engine, ABreachOpensAnAlertAndItsEndClosesIt) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    sample(engine, 1, "orders", 5, start);
    EXPECT_EQ(pass(engine, start), "");
    sample(engine, 1, "orders", 50, start + second);
    EXPECT_EQ(pass(engine, start + second), "open orders high; tell firing high; ");
    EXPECT_EQ(pass(engine, start + 2 * second), "");
    sample(engine, 1, "orders", 5, start + 3 * second);
    EXPECT_EQ(pass(engine, start + 3 * second), "end orders high; tell resolved high; ");
}

TEST(Engine, NothingIsDueAfterEverythingIsCalm) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    sample(engine, 1, "orders", 5, start);
    pass(engine, start);
    EXPECT_EQ(engine.wake_at(), metric::forever);
    sample(engine, 1, "orders", 50, start + second);
    pass(engine, start + second);
    EXPECT_LT(engine.wake_at(), start + 11 * second);
}

TEST(Engine, ATenantsRuleHidesTheGlobalOneOfTheSameId) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    engine.set_rules(engine.tenant(uuid(2)), list_of({rule("high", "load", 100)}));
    sample(engine, 1, "orders", 50, start);
    sample(engine, 2, "orders", 50, start);
    EXPECT_EQ(pass(engine, start), "open orders high; tell firing high; ");
    EXPECT_TRUE(engine.find(uuid(2), "orders")->instances.empty());
}

TEST(Engine, RulesLookOnlyAtWhatTheyAreFor) {
    Engine engine({});
    alert::RuleText only_orders = rule("orders_only", "load", 10);
    only_orders.subscription_type = "orders";
    alert::RuleText whole = rule("whole", "load", 10);
    whole.subscription_type = "*";
    engine.set_global_rules(list_of({only_orders, whole}));
    sample(engine, 1, "menu", 50, start);
    EXPECT_EQ(pass(engine, start), "open * whole; tell firing whole; ");
    sample(engine, 1, "orders", 50, start + second);
    EXPECT_EQ(pass(engine, start + second), "open orders orders_only; tell firing orders_only; ");
}

TEST(Engine, ARuleThatFiresMutesWhatItInhibitsInTheSamePass) {
    Engine engine({});
    alert::RuleText down = rule("down", "load", 90);
    alert::RuleText high = rule("high", "load", 10);
    high.inhibited_by = {"down"};
    engine.set_global_rules(list_of({high, down}));
    sample(engine, 1, "orders", 100, start);
    EXPECT_EQ(pass(engine, start), "open orders down; open orders high; tell firing down; ");
    sample(engine, 1, "orders", 50, start + second);
    EXPECT_EQ(pass(engine, start + second), "end orders down; tell resolved down; tell firing high; ");
}

TEST(Engine, AChainOfInhibitionTellsOnlyItsFirstRuleWhateverTheOrderOfTheRules) {
    alert::RuleText region = rule("region", "load", 90);
    alert::RuleText node = rule("node", "load", 50);
    alert::RuleText queue = rule("queue", "load", 10);
    node.inhibited_by = {"region"};
    queue.inhibited_by = {"node"};
    std::vector<alert::RuleText> rules{node, queue, region};
    std::sort(rules.begin(), rules.end(),
              [](const auto& left, const auto& right) { return left.rule_id < right.rule_id; });
    do {
        Engine engine({});
        engine.set_global_rules(list_of(rules));
        sample(engine, 1, "orders", 100, start);
        EXPECT_EQ(pass(engine, start),
                  "open orders region; open orders node; open orders queue; tell firing region; ");
    } while (std::next_permutation(rules.begin(), rules.end(), [](const auto& left, const auto& right) {
        return left.rule_id < right.rule_id;
    }));
}

TEST(Engine, OfRulesThatInhibitEachOtherExactlyOneIsToldWhenASilenceEnds) {
    for (const bool reversed : {false, true}) {
        Engine engine({});
        alert::RuleText one = rule("one", "load", 10);
        alert::RuleText two = rule("two", "load", 10);
        alert::RuleText itself = rule("zero", "load", 10);
        one.inhibited_by = {"two"};
        two.inhibited_by = {"one"};
        itself.inhibited_by = {"zero", "nobody"};
        engine.set_global_rules(reversed ? list_of({itself, two, one}) : list_of({one, two, itself}));
        engine.tenant(uuid(1)).silences.push_back({std::nullopt, std::nullopt, start, start + 20 * second});
        sample(engine, 1, "orders", 50, start);
        EXPECT_EQ(pass(engine, start).find("tell"), std::string::npos);
        EXPECT_EQ(pass(engine, start + 20 * second), "tell firing two; tell firing zero; ");
        sample(engine, 1, "orders", 5, start + 21 * second);
        EXPECT_EQ(pass(engine, start + 21 * second),
                  "end orders two; end orders one; end orders zero; tell resolved two; tell resolved zero; ");
    }
}

TEST(Engine, TheTenantAsAWholeInhibitsEverySubscriptionAndItsEndTellsThemAtOnce) {
    Engine engine({});
    alert::RuleText down = rule("down", "outage", 0);
    down.aggregation = "last";
    down.subscription_type = "*";
    alert::RuleText high = rule("high", "load", 10);
    high.inhibited_by = {"down"};
    engine.set_global_rules(list_of({high, down}));
    // One name sorts before the one of the whole, one behind it.
    for (const char* subscription : {"!first", "orders"}) {
        sample(engine, 1, subscription, 50, start);
    }
    sample(engine, 1, "*", 1, start, "outage");
    EXPECT_EQ(pass(engine, start), "open * down; open !first high; open orders high; tell firing down; ");
    sample(engine, 1, "*", 0, start + second, "outage");
    EXPECT_EQ(pass(engine, start + second),
              "end * down; tell resolved down; tell firing high; tell firing high; ");
}

TEST(Engine, ASilenceMutesAndItsEndTellsWhatStillFires) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    Tenant& tenant = engine.tenant(uuid(1));
    tenant.silences.push_back({"high", std::nullopt, start, start + 20 * second});
    sample(engine, 1, "orders", 50, start + second);
    EXPECT_EQ(pass(engine, start + second), "open orders high; ");
    EXPECT_LE(engine.wake_at(), start + 20 * second);
    EXPECT_EQ(pass(engine, start + 20 * second, true), "tell firing high; ");
}

TEST(Engine, ARemovedRuleEndsItsAlerts) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    sample(engine, 1, "orders", 50, start);
    pass(engine, start);
    engine.set_global_rules(list_of({}));
    EXPECT_EQ(pass(engine, start + second), "end orders high; tell resolved high; ");
}

TEST(Engine, ARuleThatCannotBeEvaluatedLeavesItsAlertsAsTheyAre) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    sample(engine, 1, "orders", 50, start);
    pass(engine, start);
    auto broken = std::make_shared<RuleList>();
    broken->freeze("high");
    broken->finish();
    engine.set_global_rules(broken);
    EXPECT_EQ(pass(engine, start + second), "");
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    sample(engine, 1, "orders", 5, start + 2 * second);
    EXPECT_EQ(pass(engine, start + 2 * second), "end orders high; tell resolved high; ");
}

// A tenant whose rules all breach at once: as many rules as given, for each of the subscription types.
std::vector<alert::RuleText> rules_that_never_rest(std::size_t count) {
    std::vector<alert::RuleText> texts;
    for (std::size_t index = 0; index < count; ++index) {
        texts.push_back(rule("rule" + std::to_string(index), "load", 10));
        texts.back().flap_detection = false;
    }
    return texts;
}

void samples(Engine& engine, unsigned char tenant, std::size_t subscriptions, double value, Time at) {
    for (std::size_t index = 0; index < subscriptions; ++index) {
        sample(engine, tenant, "s" + std::to_string(index), value, at);
    }
}

std::size_t count_of(const std::string& happened, const std::string& what) {
    std::size_t count = 0;
    for (std::size_t at = happened.find(what); at != std::string::npos; at = happened.find(what, at + 1)) {
        ++count;
    }
    return count;
}

TEST(Engine, VeryManyDecisionsAboutATenantAreMadeInSeveralPassesAndOthersAreJudgedInEach) {
    Engine engine({});
    engine.set_rules(engine.tenant(uuid(1)), list_of(rules_that_never_rest(100)));
    engine.set_rules(engine.tenant(uuid(2)), list_of({rule("other", "load", 10)}));
    std::size_t opened = 0;
    Time now = start;
    samples(engine, 1, 20, 50, now);
    for (int number = 1; number <= 4; ++number) {
        sample(engine, 2, "s" + std::to_string(number), 50, now);
        const std::string happened = pass(engine, now);
        opened += count_of(happened, "open s") - 1;
        EXPECT_EQ(count_of(happened, " other; tell"), 1U);
        EXPECT_EQ(opened, 500U * number);
        EXPECT_EQ(engine.wake_at() <= now, number < 4) << "the rest is due at once";
    }
    EXPECT_EQ(pass(engine, now, true), "") << "no alert is opened twice";

    // Alerts that end are as many rows.
    now += second;
    samples(engine, 1, 20, 5, now);
    std::size_t ended = 0;
    for (int number = 1; number <= 4; ++number) {
        ended += count_of(pass(engine, now, number == 2), "end s");
        EXPECT_EQ(ended, 500U * number) << "also when everything is looked at";
    }
    EXPECT_EQ(pass(engine, now), "");
    EXPECT_GT(engine.wake_at(), now);
}

TEST(Engine, AlertsOfRemovedRulesEndInSeveralPasses) {
    Engine engine({});
    Tenant& tenant = engine.tenant(uuid(1));
    engine.set_rules(tenant, list_of(rules_that_never_rest(60)));
    samples(engine, 1, 10, 50, start);
    pass(engine, start);
    pass(engine, start);
    engine.clear_rules(tenant);
    EXPECT_EQ(count_of(pass(engine, start), "end s"), 500U);
    EXPECT_LE(engine.wake_at(), start);
    EXPECT_EQ(count_of(pass(engine, start), "end s"), 100U);
    EXPECT_EQ(pass(engine, start, true), "");
}

TEST(Engine, WhatARuleInhibitsStaysMutedWhenItsAlertOpensInAnEarlierPass) {
    Engine engine({});
    std::vector<alert::RuleText> texts = rules_that_never_rest(800);
    for (alert::RuleText& text : texts) {
        text.inhibited_by = {"down"};
    }
    texts.push_back(rule("down", "load", 10));
    engine.set_rules(engine.tenant(uuid(1)), list_of(texts));
    sample(engine, 1, "orders", 50, start);
    const std::string first = pass(engine, start);
    EXPECT_EQ(count_of(first, "open orders"), 500U);
    EXPECT_EQ(count_of(first, "tell"), 1U);
    const std::string second_pass = pass(engine, start);
    EXPECT_EQ(count_of(second_pass, "open orders"), 301U);
    EXPECT_EQ(count_of(second_pass, "tell"), 0U);
}

TEST(Engine, ATenantHasNoMoreAlertsThanAreTrackedAndFurtherOnesAreCounted) {
    Engine engine({});
    engine.set_rules(engine.tenant(uuid(1)), list_of(rules_that_never_rest(1000)));
    samples(engine, 1, 12, 50, start);
    std::size_t opened = 0;
    for (int number = 0; number < 40; ++number) {
        opened += count_of(pass(engine, start), "open s");
    }
    EXPECT_EQ(opened, 10000U);
    const Totals totals = engine.evaluate(start + second, true);
    EXPECT_TRUE(engine.actions().empty());
    EXPECT_EQ(totals.ignored, 2000);
    EXPECT_EQ(totals.full_tenant, uuid(1));
    EXPECT_GT(engine.wake_at(), start + second) << "what is not tracked is not waited for";

    // Others have their own, and when alerts end there is room again.
    engine.set_rules(engine.tenant(uuid(2)), list_of({rule("other", "load", 10)}));
    sample(engine, 2, "orders", 50, start + second);
    EXPECT_EQ(pass(engine, start + second), "open orders other; tell firing other; ");
    sample(engine, 1, "s0", 5, start + 2 * second);
    std::size_t ended = 0;
    for (int number = 0; number < 4; ++number) {
        ended += count_of(pass(engine, start + 2 * second), "end s0");
    }
    EXPECT_EQ(ended, 1000U);
    const Time later = start + 7200 * second; // nothing is remembered of them any more
    opened = 0;
    for (int number = 0; number < 10; ++number) {
        samples(engine, 1, 12, 50, later);
        sample(engine, 1, "s0", 5, later);
        opened += count_of(pass(engine, later, number % 2 == 0), "open s");
    }
    EXPECT_EQ(opened, 1000U);
    EXPECT_EQ(engine.evaluate(later + second, true).ignored, 1000);
}

TEST(Engine, OnlyWhatChangedIsStored) {
    Engine engine({});
    Outgoing outgoing;
    Tenant& tenant = engine.tenant(uuid(1));
    Watch& watch = engine.watch(tenant, "orders");
    metric::Report report;
    report.connection_id = "a";
    report.counters = {100, 0, 0, 0, 0};
    report.recorded_at = report.heartbeat_at = start;
    watch.data.apply(report, engine.limits());
    watch.data_dirty = watch.position_dirty = true;
    engine.must_store(tenant, watch, false);
    outgoing.collect(engine, start, false);
    EXPECT_EQ(outgoing.connections.size(), 1U);
    EXPECT_EQ(outgoing.buckets.size(), 3U);
    EXPECT_EQ(outgoing.health.size(), 1U);
    outgoing.stored();
    outgoing.finish(engine);
    outgoing.collect(engine, start, false);
    EXPECT_TRUE(outgoing.empty());
}

// Of a hundred that wait a pass stores few, so that an alert waits for few; of very many it stores more. All are stored in the end.
TEST(Engine, APassStoresFewSubscriptionsUnlessVeryManyWait) {
    for (const auto& [waiting, first] : {std::pair(100U, 4U), std::pair(300U, 9U), std::pair(5000U, 16U)}) {
        Engine engine({});
        Outgoing outgoing;
        Tenant& tenant = engine.tenant(uuid(1));
        for (unsigned number = 0; number < waiting; ++number) {
            Watch& watch = engine.watch(tenant, "s" + std::to_string(number));
            watch.data_dirty = watch.position_dirty = true;
            engine.must_store(tenant, watch, false);
        }
        std::size_t stored = 0;
        for (bool begun = false; !engine.unstored().empty(); begun = true) {
            outgoing.collect(engine, start, false);
            EXPECT_TRUE(begun || outgoing.positions.size() == first) << outgoing.positions.size();
            stored += outgoing.positions.size();
            outgoing.stored();
            outgoing.finish(engine);
        }
        EXPECT_EQ(stored, waiting);
    }
}

TEST(Engine, AQuarantinedSubscriptionIsLeftAloneUntilItIsReleased) {
    Engine engine({});
    engine.set_global_rules(list_of({rule("high", "load", 10)}));
    Tenant& tenant = engine.tenant(uuid(1));
    Watch& watch = engine.watch(tenant, "orders");
    Engine::quarantine(watch);
    sample(engine, 1, "orders", 50, start);
    watch.data_dirty = watch.position_dirty = true;
    engine.must_store(tenant, watch, true);
    EXPECT_EQ(pass(engine, start), "");
    EXPECT_TRUE(engine.unstored().empty());
    EXPECT_FALSE(engine.has_urgent());
    sample(engine, 1, "menu", 50, start);
    EXPECT_NE(pass(engine, start + second), "") << "others are judged";
    engine.release_quarantined();
    EXPECT_EQ(engine.tried().size(), 1U);
    EXPECT_EQ(engine.unstored().size(), 1U);
    EXPECT_NE(pass(engine, start + 2 * second), "") << "what came in meanwhile counts";
}

TEST(Outgoing, APartHasTheRowsOfItsSubscriptionsOnly) {
    Engine engine({});
    Outgoing outgoing;
    Tenant& tenant = engine.tenant(uuid(1));
    for (const char* name : {"orders", "menu"}) {
        Watch& watch = engine.watch(tenant, name);
        metric::Report report;
        report.connection_id = "a";
        report.recorded_at = report.heartbeat_at = start;
        watch.data.apply(report, engine.limits());
        watch.data_dirty = watch.position_dirty = true;
        engine.must_store(tenant, watch, false);
    }
    outgoing.collect(engine, start, false);
    Outgoing part = outgoing.part({engine.find(uuid(1), "menu")});
    EXPECT_EQ(part.connections.size(), 1U);
    EXPECT_EQ(part.buckets.size(), 3U);
    EXPECT_EQ(part.health.size(), 1U);
    EXPECT_EQ(part.positions.front().watch->subscription_type, "menu");
    part.stored();
    outgoing.finish(engine);
    engine.must_store(tenant, *engine.find(uuid(1), "orders"), false);
    outgoing.collect(engine, start, false);
    EXPECT_EQ(outgoing.connections.size(), 1U) << "what was not stored is still to be";
}

} // namespace
