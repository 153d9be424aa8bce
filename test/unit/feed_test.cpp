// Channels over time: what they replay, whom they are for, and what happens when that changes in the middle.
#include <gtest/gtest.h>

#include "hub_world.hpp"

namespace {

using made::Wire;
using made::World;

const auto orders = made::relation(7, "orders");
const auto plans = made::relation(8, "plans", wire::Access::Public);

std::string row(int id) {
    return "{\"id\":" + std::to_string(id) + ",\"status\":\"new\"}";
}

std::string id(int number) {
    return "\"record\":{\"id\":" + std::to_string(number) + ",";
}

class Feed : public testing::Test {
  protected:
    Feed() {
        world.hub.on_stream_start(10, 10, false);
        world.hub.on_progress(10);
        world.go_on();
    }
    void join(hub::Session& session, const std::string& bindings, const std::string& more = "") {
        session.on_text(R"(["1","1","realtime:a","phx_join",{"config":{"postgres_changes":[)" + bindings +
                        "]}" + more + "}]");
        world.go_on();
    }
    // The replays take a slice each time.
    void replay() {
        while (world.hub.continue_replays()) {
        }
    }

    World world;
    Wire wire;
};

TEST_F(Feed, ABindingWithoutACursorLosesNothingWhileAnotherIsReplayed) {
    world.insert(100, plans, "", row(1));
    world.insert(110, plans, "", row(2));
    hub::Session session(world.hub, wire, protocol::Version::Two, "u");
    wire.queued = 1 << 30; // the socket is busy, so the replay waits
    join(
        session,
        R"({"event":"*","table":"plans","since":"0/64-0/1"},{"event":"*","table":"plans","filter":"id=gt.2"})");
    world.insert(120, plans, "", row(3));
    wire.queued = 0;
    replay();
    world.insert(130, plans, "", row(4));
    EXPECT_EQ(wire.count(id(1)), 0U);
    EXPECT_EQ(wire.count(id(2)), 1U);
    EXPECT_EQ(wire.count("\"ids\":[1,2]"), 2U) << "3 and 4 are for both";
    EXPECT_EQ(wire.count(id(4)), 1U);
}

TEST_F(Feed, AnotherTokenInTheMiddleOfAReplayLosesNothing) {
    for (int number = 1; number <= 5; ++number) {
        world.insert(100 + static_cast<std::uint64_t>(number) * 10, plans, "", row(number));
    }
    hub::Session session(world.hub, wire, protocol::Version::Two, "anon");
    wire.queued = 1 << 30;
    join(session, R"({"event":"*","table":"plans","since":"0/64-0/1"})");
    session.on_text(R"(["1","2","realtime:a","access_token",{"access_token":"user"}])");
    wire.queued = 0;
    world.go_on();
    replay();
    for (int number = 1; number <= 5; ++number) {
        EXPECT_EQ(wire.count(id(number)), 1U) << number;
    }
}

TEST_F(Feed, AnotherTokenThatSeesMoreIsToldToReadAgain) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "anon");
    join(session, R"({"event":"*","table":"plans"})");
    session.on_text(R"(["1","2","realtime:a","access_token",{"access_token":"user"}])");
    world.go_on();
    EXPECT_EQ(wire.count("Refetch: the user is a member of tenant t now"), 1U);
}

TEST_F(Feed, AnAnonymousJoinOfMembersTablesIsRefusedOnceAndThenHasWhatIsForEverybody) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "anon");
    // A wildcard covers tables of members, too.
    join(session, R"({"event":"*","schema":"*"})");
    EXPECT_EQ(wire.count("Unauthorized: tables of *.* are for members of a tenant"), 2U)
        << "system and reply";
    EXPECT_EQ(wire.count("\"status\":\"ok\""), 0U);
    join(session, R"({"event":"*","schema":"*"})");
    EXPECT_EQ(wire.count("Unauthorized: tables of *.* are for members of a tenant"), 3U) << "not silently";
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U) << "that would say that all is well";
    world.insert(100, plans, "", row(1));
    world.insert(110, orders, "t", row(2));
    EXPECT_EQ(wire.count(id(1)), 1U);
    EXPECT_EQ(wire.count(id(2)), 0U);
    session.on_text(R"(["1","2","realtime:a","access_token",{"access_token":"user"}])");
    world.go_on();
    replay();
    world.insert(120, orders, "t", row(3));
    EXPECT_EQ(wire.count(id(3)), 1U);
}

TEST_F(Feed, AfterALostSlotNothingIsShownUntilTheDatabaseHasSaidToWhom) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"orders"})");
    world.database_is_there = false;
    world.hub.on_stream_end();
    world.hub.on_stream_start(200, 200, true);
    world.go_on();
    EXPECT_EQ(wire.count("\"refetch\":true"), 1U);
    world.insert(210, orders, "t", row(1));
    EXPECT_EQ(wire.count(id(1)), 0U);
    world.database_is_there = true;
    world.time += 2;
    world.hub.tick();
    world.go_on();
    replay();
    world.insert(220, orders, "t", row(2));
    EXPECT_EQ(wire.count(id(1)), 1U) << "what came meanwhile is not lost";
    EXPECT_EQ(wire.count(id(2)), 1U);
    EXPECT_EQ(wire.count("phx_close"), 0U);
}

TEST_F(Feed, CursorsOfTheHistoryBeforeAFailoverAreOld) {
    for (int number = 1; number <= 5; ++number) {
        world.insert(100 + static_cast<std::uint64_t>(number) * 10, plans, "", row(number));
    }
    // The new server continues from a place before what the old one had sent.
    world.hub.on_stream_end();
    world.hub.on_stream_start(120, 120, true);
    world.go_on();
    for (int number = 6; number <= 12; ++number) {
        world.insert(70 + static_cast<std::uint64_t>(number) * 10, plans, "", row(number));
    }
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"plans","since":"0/96-0/1"})"); // 150 of the old one
    EXPECT_EQ(wire.count("\"refetch\":true"), 1U);
    hub::Session other(world.hub, wire, protocol::Version::Two, "user");
    join(other, R"({"event":"*","table":"plans","since":"0/AA-0/1"})"); // 170 of the new one
    EXPECT_EQ(wire.count("\"refetch\":true"), 1U);
    EXPECT_EQ(wire.count(id(11)), 1U);
}

TEST_F(Feed, ACursorOfWhatTheServerHasLeftBehindIsOldAndOneFromBeforeIsNot) {
    World fresh; // a gateway that has just begun
    fresh.hub.on_stream_start(10, 200, false, {3, {{1, 100}, {2, 150}}});
    fresh.hub.on_progress(200);
    fresh.go_on();
    for (const std::uint64_t lsn : {90, 110, 160}) {
        fresh.insert(lsn, plans, "", row(static_cast<int>(lsn)));
    }
    const auto replayed = [&](const std::string& since) {
        Wire one;
        hub::Session session(fresh.hub, one, protocol::Version::Two, "user");
        session.on_text(
            R"(["1","1","realtime:a","phx_join",{"config":{"postgres_changes":[{"event":"*","table":"plans","since":")" +
            since + R"("}]}}])");
        while (!fresh.later.empty() || fresh.hub.continue_replays()) {
            fresh.go_on();
        }
        return one.count("\"refetch\":true") > 0 ? std::string("refetch")
                                                 : std::to_string(one.count("\"record\""));
    };
    EXPECT_EQ(replayed("0/50-0/1"), "3"); // 80, of timeline 1
    EXPECT_EQ(replayed("0/64-0/0"), "2"); // where timeline 1 was left, between transactions
    EXPECT_EQ(replayed("0/64-0/1"), "refetch") << "a transaction that this server never had";
    EXPECT_EQ(replayed("0/6E-0/1"), "refetch");
    EXPECT_EQ(replayed("0/6E-0/1-2"), "1");
    EXPECT_EQ(replayed("0/A0-0/1-2"), "refetch");
    EXPECT_EQ(replayed("0/50-0/1-3"), "3");
    EXPECT_EQ(replayed("0/50-0/1-4"), "refetch") << "a timeline that this server does not know";
}

TEST_F(Feed, WhatIsCompleteStaysSoWhenTheConnectionIsLostWithinATransaction) {
    world.insert(100, plans, "", row(1));
    const protocol::Cursor complete = world.hub.complete_head();
    EXPECT_GE(complete.lsn, 100U);
    world.hub.on_change(made::insert(plans, {200, 1}, "", row(2)));
    world.hub.on_stream_end();
    world.hub.on_stream_start(10, 300, false);
    world.hub.on_progress(50); // the server reads again from the confirmed place on
    EXPECT_EQ(world.hub.head(), (protocol::Cursor{200, 1}));
    EXPECT_EQ(world.hub.complete_head(), complete);
}

TEST_F(Feed, PrivateChannelsOutliveALostSlotAndNotALostMembership) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    session.on_text(R"(["1","1","realtime:r","phx_join",{"config":{"private":true}}])");
    world.go_on();
    world.hub.on_stream_end();
    world.hub.on_stream_start(200, 200, true);
    world.go_on();
    EXPECT_EQ(wire.count("phx_close"), 0U);
    world.members["user"] = {};
    world.hub.on_stream_end();
    world.hub.on_stream_start(300, 300, true);
    world.go_on();
    EXPECT_EQ(wire.count("phx_close"), 1U);
    EXPECT_EQ(world.hub.topics.size(), 0U);
}

TEST_F(Feed, WhoWasRemovedBeforeTheStreamBeganIsNoMemberBehindIt) {
    World fresh;
    hub::Session session(fresh.hub, wire, protocol::Version::Two, "user");
    session.on_text(R"(["1","1","realtime:r","phx_join",{"config":{"private":true}}])");
    fresh.go_on();
    EXPECT_EQ(wire.count("\"status\":\"ok\""), 1U);
    fresh.members["user"] = {}; // of which the slot, made later, tells nothing
    fresh.hub.on_stream_start(10, 10, false);
    fresh.go_on();
    EXPECT_EQ(wire.count("phx_close"), 1U);
}

TEST_F(Feed, TablesThatCouldNotBeDescribedAreAskedForAgain) {
    World fresh;
    fresh.database_is_there = false;
    fresh.hub.on_stream_start(10, 10, false);
    fresh.go_on();
    EXPECT_FALSE(fresh.hub.ready());
    fresh.database_is_there = true;
    fresh.time += 2;
    fresh.hub.tick();
    fresh.go_on();
    EXPECT_TRUE(fresh.hub.ready());
}

TEST_F(Feed, NobodyTracksWhileItIsNotKnownWhetherHeIsAMember) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    session.on_text(R"(["1","1","realtime:r","phx_join",{"config":{"private":true}}])");
    world.go_on();
    world.database_is_there = false;
    world.hub.on_stream_end();
    world.hub.on_stream_start(200, 200, true);
    world.go_on();
    session.on_text(R"(["1","2","realtime:r","presence",{"event":"track","payload":{"a":1}}])");
    world.hub.tick();
    EXPECT_EQ(wire.count("it is not known now whether the caller is a member"), 1U);
    EXPECT_EQ(wire.count("presence_diff"), 0U);
}

TEST_F(Feed, ReportsTellATenantNothingOfAnother) {
    world.members["both"] = {"s", "t"};
    hub::Session session(world.hub, wire, protocol::Version::Two, "both");
    join(session, R"({"event":"*","table":"orders"})");
    world.insert(100, orders, "t", row(1));
    world.insert(110, orders, "t", row(2));
    world.insert(120, orders, "s", row(3));
    const auto tenants = session.report().front().tenants;
    ASSERT_EQ(tenants.size(), 2U);
    EXPECT_EQ(tenants[0].first, "s");
    EXPECT_EQ(tenants[0].second.messages, 1U);
    EXPECT_EQ(tenants[1].second.messages, 2U);
    EXPECT_GT(tenants[1].second.bytes, tenants[0].second.bytes);
    session.on_text(
        R"(["2","2","realtime:r","phx_join",{"config":{"private":true,"broadcast":{"tenant":"t"}}}])");
    world.go_on();
    const auto room = session.report().back().tenants;
    ASSERT_EQ(room.size(), 1U) << "the others need not know its name";
    EXPECT_EQ(room[0].first, "t");
    session.on_text(
        R"(["3","3","realtime:q","phx_join",{"config":{"private":true,"broadcast":{"tenant":"t"},"postgres_changes":[{"event":"*","table":"orders"}]}}])");
    world.go_on();
    world.insert(130, orders, "s", row(4));
    world.insert(140, orders, "t", row(5));
    const auto both = session.report().back().tenants;
    ASSERT_EQ(both.size(), 1U);
    EXPECT_EQ(both[0].second.messages, 1U) << "the room's tenant is told of its own rows";
}

TEST_F(Feed, AReplayThatBeginsAgainAndAgainIsListedOnce) {
    world.members["user"] = {"t"};
    for (std::uint64_t number = 0; number < 20; ++number) {
        world.insert(100 + number * 10, plans, "", row(static_cast<int>(number)));
    }
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    wire.queued = 1 << 30;
    join(session, R"({"event":"*","table":"plans","since":"0/64-0/0"})");
    for (int time = 0; time < 40; ++time) {
        session.on_text(std::string(R"(["1","9","realtime:a","access_token",{"access_token":")") +
                        (time % 2 == 0 ? "anon" : "user") + "\"}]");
        world.go_on();
    }
    wire.queued = 0;
    EXPECT_FALSE(world.hub.continue_replays()) << "one turn is enough for twenty changes";
    EXPECT_EQ(wire.count("\"record\""), 20U);
}

TEST_F(Feed, AMemberOfManyTenantsResumesWithTheirChangesAndNoOthers) {
    for (int number = 0; number < 40; ++number) {
        world.members["many"].push_back("t" + std::to_string(number));
    }
    world.insert(100, plans, "", row(1000));
    for (int number = 0; number < 60; ++number) {
        world.insert(110 + static_cast<std::uint64_t>(number) * 10, orders, "t" + std::to_string(number),
                     row(number));
    }
    hub::Session session(world.hub, wire, protocol::Version::Two, "many");
    join(session, R"({"event":"*","schema":"public","table":"*","since":"0/32-0/0"})");
    replay();
    EXPECT_EQ(wire.count(id(1000)), 1U) << "for everybody";
    for (int number = 0; number < 60; ++number) {
        EXPECT_EQ(wire.count(id(number)), number < 40 ? 1U : 0U) << number;
    }
}

TEST_F(Feed, HoweverOftenAHeartBeatsItGetsACursorOnceASecond) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"plans"})");
    wire.texts.clear();
    for (int number = 0; number < 10; ++number) {
        world.insert(100 + static_cast<std::uint64_t>(number) * 10, orders, "other", row(number));
        session.on_text(R"([null,"9","phoenix","heartbeat",{}])");
    }
    EXPECT_EQ(wire.count("heartbeat"), 0U);
    EXPECT_EQ(wire.count("phx_reply"), 10U);
    EXPECT_EQ(wire.count("\"cursor\""), 1U);
    world.time += 1;
    session.on_text(R"([null,"9","phoenix","heartbeat",{}])");
    EXPECT_EQ(wire.count("\"cursor\""), 2U);
}

TEST_F(Feed, NobodySpeaksForThePresenceOfOthers) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    session.on_text(
        R"(["1","1","realtime:room","phx_join",{"config":{"presence":{"key":"k","enabled":true}}}])");
    world.go_on();
    session.on_text(
        R"(["1","2","realtime:room","presence",{"type":"presence","event":"track","payload":{"phx_ref":"7","a":1 }}])");
    world.hub.tick();
    // Of two members with one name the last one counts.
    EXPECT_EQ(wire.count(R"({"phx_ref":"7","a":1 ,"phx_ref":"1"})"), 1U);
}

TEST(Rates, WhoHasSpentTooMuchWaitsForASecondAtMost) {
    hub::TokenBucket bucket;
    for (int count = 0; count < 100; ++count) {
        bucket.spend(10, 50, 200, 50);
    }
    EXPECT_FALSE(bucket.take(10.9, 50, 200));
    EXPECT_TRUE(bucket.take(11.1, 50, 200));
}

TEST_F(Feed, BroadcastsFromBeforeThisProcessAreNotSentAgain) {
    World fresh;
    fresh.hub.on_stream_start(10, 100, false);
    hub::Session session(fresh.hub, wire, protocol::Version::Two, "user");
    session.on_text(R"(["1","1","realtime:r","phx_join",{"config":{"private":true}}])");
    fresh.go_on();
    for (const std::uint64_t lsn : {50, 150}) {
        stream::Change change;
        change.kind = stream::Kind::Broadcast;
        change.block = made::block("trb{}");
        const std::string_view view = change.block->view();
        change.tenant = view.substr(0, 1);
        change.topic = view.substr(1, 1);
        change.event = view.substr(2, 1);
        change.payload = view.substr(3);
        change.cursor = {lsn, 1};
        fresh.hub.on_change(change);
    }
    EXPECT_EQ(wire.count("\"broadcast\""), 1U);
    EXPECT_EQ(wire.count("\"id\":\"0/96-0/1\""), 1U);
}

TEST_F(Feed, AJoinIsAnsweredInTimeWhenTheSlotIsNotRead) {
    world.hub.on_stream_end();
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"orders"})");
    EXPECT_EQ(wire.count("phx_reply"), 0U);
    world.time += 9;
    world.hub.tick();
    EXPECT_EQ(wire.count("InitializingProjectConnection: the replication slot is not read now"), 2U)
        << "system and reply";
}

TEST_F(Feed, CursorsOfManyDoNotHoldUpTheirChanges) {
    constexpr std::size_t many = 400;
    world.hub.tick();
    std::vector<std::unique_ptr<Wire>> wires;
    std::vector<std::unique_ptr<hub::Session>> sessions;
    for (std::size_t number = 0; number < many; ++number) {
        wires.push_back(std::make_unique<Wire>());
        sessions.push_back(
            std::make_unique<hub::Session>(world.hub, *wires.back(), protocol::Version::Two, "user"));
        join(*sessions.back(), R"({"event":"*","table":"orders"})");
    }
    const auto told = [&](const char* cursor) {
        std::size_t count = 0;
        for (const auto& one : wires) {
            count += one->count(cursor);
        }
        return count;
    };
    world.insert(200, orders, "t", row(1));
    world.time += 1; // everybody is due
    std::size_t before = told("\"message\":\"cursor\"");
    for (int call = 0; call < 20; ++call) {
        world.time += 0.05;
        world.hub.tick();
        const std::size_t now = told("\"message\":\"cursor\"");
        EXPECT_LE(now - before, many / 10) << call;
        before = now;
    }
    EXPECT_EQ(before, many);
    for (int call = 0; call < 40; ++call) {
        world.time += 0.05;
        world.hub.tick();
    }
    EXPECT_EQ(told("\"message\":\"cursor\""), before) << "once";
}

TEST_F(Feed, MarksAreInTheRowOfThoseWhoWantThem) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session,
         R"({"event":"*","table":"orders","marks":true,"select":["status"]},{"event":"*","table":"orders"})");
    world.insert(100, orders, "t", row(1));
    EXPECT_EQ(wire.count(R"("record":{"$realtime":{"cursor":"0/64-0/1"},"id":1,"status":"new"})"), 1U);
    EXPECT_EQ(wire.count(R"("record":{"id":1,"status":"new"})"), 1U);
}

TEST_F(Feed, AColumnThatTheWalDoesNotHoldIsNamed) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"orders"},{"event":"*","table":"orders","select":["id"]},)"
                  R"({"event":"*","table":"orders","marks":true,"select":["status"]})");
    stream::Change change = made::insert(orders, {100, 1}, "t", row(1));
    change.kind = stream::Kind::Update;
    change.unchanged_toast = R"(["status","note"])";
    world.hub.on_change(change);
    EXPECT_EQ(wire.count(R"("cursor":"0/64-0/1","unchanged_toast":["status","note"],"columns")"), 1U);
    EXPECT_EQ(wire.count(R"("cursor":"0/64-0/1","columns")"), 1U) << "not one that was not selected";
    EXPECT_EQ(wire.count(R"("$realtime":{"cursor":"0/64-0/1","unchanged_toast":["status"]},"id":1)"), 1U);
}

TEST_F(Feed, ADeletionThatDoesNotSayOfWhichRowSaysSo) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"plans"},{"event":"*","table":"plans","marks":true})");
    stream::Change change = made::insert(plans, {100, 1}, "", "{}");
    change.kind = stream::Kind::Delete;
    change.record.reset();
    change.identity_nothing = true;
    world.hub.on_change(change);
    EXPECT_EQ(wire.count(R"("cursor":"0/64-0/1","replica_identity":"nothing","columns":[],"errors")"), 1U);
    EXPECT_EQ(wire.count(R"("old_record":{"$realtime":{"cursor":"0/64-0/1","replica_identity":"nothing"}})"),
              1U);
}

TEST_F(Feed, WhoBecomesAMemberAgainGetsNothingOfTheTimeBetween) {
    world.members["user"] = {"s", "t"};
    world.insert(100, orders, "t", row(1));
    world.change_membership(110, 110, "user", "t", false);
    world.insert(120, orders, "t", row(2));
    world.insert(125, orders, "s", row(3));
    world.change_membership(130, 130, "user", "t", true);
    world.insert(140, orders, "t", row(4));
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"orders","since":"0/64-0/1"})");
    replay();
    EXPECT_EQ(wire.count(id(2)), 0U);
    EXPECT_EQ(wire.count(id(3)), 1U) << "of another tenant, whose member the user was all the time";
    EXPECT_EQ(wire.count(id(4)), 1U);
    EXPECT_EQ(wire.count(R"("cursor":"0/64-0/1","refetch":true)"), 1U)
        << "the cursor from which the subscription goes on";
    world.insert(150, orders, "t", row(5));
    EXPECT_EQ(wire.count(id(5)), 1U);
}

TEST_F(Feed, WhoBecomesAMemberWhileOthersRowsAreReplayedGetsNothingFromBefore) {
    world.members["user"] = {"s"};
    world.insert(100, orders, "s", row(1));
    world.insert(110, orders, "t", row(2));
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    wire.queued = 1 << 30;
    join(session, R"({"event":"*","table":"orders","since":"0/A-0/0"})");
    world.change_membership(120, 120, "user", "t", true);
    world.insert(130, orders, "t", row(3));
    wire.queued = 0;
    replay();
    EXPECT_EQ(wire.count(id(1)), 1U);
    EXPECT_EQ(wire.count(id(2)), 0U);
    EXPECT_EQ(wire.count(id(3)), 1U);
    EXPECT_EQ(wire.count("Refetch: the user is a member of tenant t now"), 1U);
}

TEST_F(Feed, AMembershipThatTheDatabaseKnewBeforeTheStreamIsToldWhenItComes) {
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"orders"})");
    EXPECT_EQ(wire.count("\"refetch\":true"), 0U);
    world.change_membership(120, 0, "user", "t", true);
    EXPECT_EQ(wire.count("Refetch: the user is a member of tenant t now"), 1U);
    world.insert(130, orders, "t", row(1));
    EXPECT_EQ(wire.count(id(1)), 1U) << "once";
}

TEST_F(Feed, ATenantThatATokenNamesHasNoBeginning) {
    world.claimed = {"t"};
    world.members["user"] = {};
    world.insert(110, orders, "t", row(1));
    world.change_membership(120, 120, "user", "t", true);
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(session, R"({"event":"*","table":"orders","since":"0/A-0/0"})");
    replay();
    EXPECT_EQ(wire.count(id(1)), 1U);
}

TEST_F(Feed, ManyPatternsAndManyBindingsAreRefused) {
    world.hub.limits.joins_per_second = 5;
    world.hub.limits.bindings_per_socket = 3;
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    join(
        session,
        R"x({"table":"orders","filter":"or=(status.like.a%,status.match.b,status.ilike.c,status.imatch.d,status.like.e)"})x");
    EXPECT_EQ(wire.count("ClientJoinRateLimitReached"), 1U);
    world.time += 1;
    join(session, R"({"table":"orders"},{"table":"orders"},{"table":"orders"},{"table":"orders"})");
    EXPECT_EQ(wire.count("more than 3 postgres_changes"), 1U);
}

} // namespace
