// Channels that ask for something that cannot be served: they have the rest, and are told what is missing.
#include <gtest/gtest.h>

#include "hub_world.hpp"

namespace {

using made::Wire;
using made::World;

const auto plans = made::relation(8, "plans", wire::Access::Public);

class BindingFault : public testing::TestWithParam<protocol::Version> {
  protected:
    BindingFault() {
        world.hub.on_stream_start(10, 10, false);
        world.hub.on_progress(10);
        world.go_on();
    }
    std::string frame(const std::string& ref, const std::string& event, const std::string& payload) const {
        return GetParam() == protocol::Version::Two
                   ? "[\"1\",\"" + ref + "\",\"realtime:a\",\"" + event + "\"," + payload + "]"
                   : "{\"topic\":\"realtime:a\",\"event\":\"" + event + "\",\"payload\":" + payload +
                         ",\"ref\":\"" + ref + "\",\"join_ref\":\"1\"}";
    }
    void join(hub::Session& session, const std::string& bindings, const std::string& more = "") {
        session.on_text(frame("1", "phx_join",
                              R"({"config":{"broadcast":{"self":true},"postgres_changes":[)" + bindings +
                                  "]" + more + "}}"));
        world.go_on();
        world.time += 2; // tables are asked for once a second
        world.hub.tick();
        world.go_on();
        while (world.hub.continue_replays()) {
        }
    }
    // It is joined, and broadcasts reach it.
    void expect_talk(hub::Session& session) {
        session.on_text(frame("2", "broadcast", R"({"type":"broadcast","event":"said","payload":{}})"));
        world.hub.end_turn();
        EXPECT_EQ(wire.count("\"event\":\"said\""), 1U);
        EXPECT_EQ(wire.count("phx_close"), 0U);
    }

    World world;
    Wire wire;
};

TEST_P(BindingFault, AFilterThatCannotBeReadLeavesTheRestOfTheChannel) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    join(session, R"({"event":"*","table":"plans","filter":"id=is.many"},{"event":"*","table":"plans"})");
    EXPECT_EQ(wire.count(R"("status":"ok","response":{"postgres_changes":[{)"), 1U);
    EXPECT_EQ(wire.count(R"("status":"error","message":"MalformedFilter: postgres_changes[0].filter: )"), 1U);
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U);
    expect_talk(session);
    world.insert(100, plans, "", R"({"id":1,"status":"new"})");
    EXPECT_EQ(wire.count(R"("record":{"id":1,)"), 1U) << "the other binding has its changes";
    EXPECT_EQ(wire.count(R"({"ids":[1],"data")") + wire.count(R"({"ids":[2],"data")"), 1U);
}

TEST_P(BindingFault, AnIdIsGivenToEachBindingWhetherItIsServedOrNot) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    join(session, R"({"table":"plans","filter":"x"},{"table":"plans"},{"table":"plans","filter":"y"})");
    // The stock client wants all of them, in their order, each with an id above 0.
    EXPECT_EQ(
        wire.count(
            R"([{"table":"plans","filter":"x","id":1},{"table":"plans","id":2},{"table":"plans","filter":"y","id":3}])"),
        1U);
}

TEST_P(BindingFault, ATableThatIsNotStreamedIsNoEndOfTheChannelAndComesWhenItIs) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    join(session, R"({"event":"*","table":"secrets"})");
    EXPECT_EQ(wire.count("RealtimeDisabledForConfiguration: table public.secrets is not streamed"), 1U);
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U);
    expect_talk(session);
    world.insert(100, made::relation(9, "secrets", wire::Access::Public), "", R"({"id":1})");
    EXPECT_EQ(wire.count(R"("record":{"id":1})"), 1U);
}

TEST_P(BindingFault, ASchemaOfWhichNothingIsStreamedIsNotSubscribedTo) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    join(session, R"({"event":"*","schema":"elsewhere"})");
    EXPECT_EQ(wire.count("tables of elsewhere.* are not streamed"), 1U);
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U);
}

TEST_P(BindingFault, ColumnsThatDoNotExistAreNamed) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    join(session,
         R"({"table":"plans","select":["name"]},{"table":"plans","filter":"name=eq.x"},{"table":"plans"})");
    EXPECT_EQ(wire.count(R"(postgres_changes[0].select: column \"name\" does not exist)"), 1U);
    EXPECT_EQ(wire.count(R"(postgres_changes[1].filter: column \"name\" does not exist)"), 1U);
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U);
}

TEST_P(BindingFault, WhoIsMemberOfNoTenantIsNotSubscribedToTablesOfMembers) {
    world.members["user"] = {};
    hub::Session session(world.hub, wire, GetParam(), "user");
    join(session, R"({"table":"orders"})");
    EXPECT_EQ(wire.count("Unauthorized: table public.orders is for members of a tenant"), 1U);
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U);
    expect_talk(session);
}

TEST_P(BindingFault, WhoWaitsForChangesIsRefused) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    for (const char* bindings : {R"({"table":"plans","filter":"x"})", R"({"table":"secrets"})",
                                 R"({"table":"plans","select":["x"]})"}) {
        wire.texts.clear();
        join(session, bindings, R"(,"postgres_changes_options":{"wait":true})");
        EXPECT_EQ(wire.count(R"("status":"error","response":{"reason":")"), 1U) << bindings;
        EXPECT_EQ(wire.count("\"status\":\"ok\""), 0U) << bindings;
    }
    wire.texts.clear();
    join(session, R"({"table":"plans"})", R"(,"postgres_changes_options":{"wait":true})");
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 1U);
}

INSTANTIATE_TEST_SUITE_P(Versions, BindingFault,
                         testing::Values(protocol::Version::One, protocol::Version::Two));

} // namespace
