// What clients of other makes and ages send, as the original's server understands it.
#include <gtest/gtest.h>

#include "hub_world.hpp"

namespace {

using made::Wire;
using made::World;

const auto orders = made::relation(7, "orders");

class Compatibility : public testing::TestWithParam<protocol::Version> {
  protected:
    Compatibility() {
        world.hub.on_stream_start(10, 10, false);
        world.hub.on_progress(10);
        world.go_on();
    }
    std::string frame(const std::string& join_ref, const std::string& ref, const std::string& topic,
                      const std::string& event, const std::string& payload) const {
        return GetParam() == protocol::Version::Two
                   ? "[\"" + join_ref + "\",\"" + ref + "\",\"" + topic + "\",\"" + event + "\"," + payload +
                         "]"
                   : R"({"topic":")" + topic + R"(","event":")" + event + R"(","payload":)" + payload +
                         R"(,"ref":")" + ref + R"(","join_ref":")" + join_ref + "\"}";
    }
    void say(hub::Session& session, const std::string& event, const std::string& payload,
             const std::string& join_ref = "1", const std::string& topic = "realtime:a") {
        session.on_text(frame(join_ref, std::to_string(++reference), topic, event, payload));
        world.go_on();
        world.time += 2; // tables are asked for once a second
        world.hub.tick();
        world.go_on();
        while (world.hub.continue_replays()) {
        }
        world.hub.end_turn();
        world.hub.topics.send_presence_changes();
    }
    std::size_t refused(const std::string& reason) const {
        return wire.count(R"("status":"error","response":{"reason":")" + reason);
    }

    World world;
    Wire wire;
    int reference = 0;
};

TEST_P(Compatibility, AJoinWithoutConfigGetsTheTableOfItsTopicUnderTheNamesOfTheEvents) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", "{}", "1", "realtime:public:orders:status=eq.new");
    EXPECT_EQ(wire.count(R"({"schema":"public","table":"orders","filter":"status=eq.new","id":1})"), 1U);
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 1U);
    world.insert(100, orders, "t", R"({"id":1,"status":"new"})");
    world.insert(110, orders, "t", R"({"id":2,"status":"old"})");
    const std::string head = GetParam() == protocol::Version::Two
                                 ? R"("INSERT",{"schema":"public")"
                                 : R"("event":"INSERT","ref":null,"payload":{)";
    EXPECT_EQ(wire.count(head), 1U);
    EXPECT_EQ(wire.count(R"("type":"INSERT")"), 1U);
    EXPECT_EQ(wire.count("postgres_changes\""), 2U) << "the reply and the system message, but no change";
}

TEST_P(Compatibility, AJoinWithoutConfigOfAnotherNameHasBroadcastAndPresence) {
    hub::Session session(world.hub, wire, GetParam(), "user"), other(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", "{}");
    say(other, "phx_join", R"({"config":{}})");
    EXPECT_EQ(wire.count("\"status\":\"ok\",\"response\""), 2U);
    EXPECT_EQ(wire.count("presence_state"), 2U);
    say(session, "broadcast", R"({"type":"broadcast","event":"said"})");
    EXPECT_EQ(wire.count("\"event\":\"said\""), 1U);
}

TEST_P(Compatibility, APushWithTheReferenceOfAnEarlierJoinIsForTheTopic) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{"broadcast":{"ack":true,"self":true}}})", "7");
    say(session, "broadcast", R"({"event":"said","payload":{}})", "stale");
    EXPECT_EQ(wire.count("\"event\":\"said\""), 1U);
    EXPECT_EQ(wire.count("unmatched topic"), 0U);
    say(session, "presence", R"({"event":"track","payload":{"n":1}})", "stale");
    EXPECT_EQ(wire.count("\"n\":1"), 1U);
    if (GetParam() == protocol::Version::Two) {
        EXPECT_EQ(wire.count("[\"stale\""), 0U) << "the client drops what is for another join";
    }
    // Who leaves the earlier join does not leave this one.
    say(session, "phx_leave", "{}", "stale");
    EXPECT_EQ(wire.count("phx_close"), 0U);
    say(session, "phx_leave", "{}", "7");
    EXPECT_EQ(wire.count("phx_close"), 1U);
}

TEST_P(Compatibility, PresenceEventsMayBeInCapitals) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{"presence":{"key":"k"}}})");
    say(session, "presence", R"({"type":"presence","event":"TRACK","payload":{"n":1}})");
    EXPECT_EQ(wire.count(R"("joins":{"k":{"metas":[{"n":1,)"), 1U);
    say(session, "presence", R"({"type":"presence","event":"Untrack"})");
    EXPECT_EQ(wire.count(R"("leaves":{"k":{"metas":[{"n":1,)"), 1U);
    say(session, "presence", R"({"type":"presence","event":"tracks","payload":{}})");
    EXPECT_EQ(refused(R"(there is no presence event \"tracks\"; did you mean \"track\"?)"), 1U);
}

TEST_P(Compatibility, AnEmptyTokenEndsTheChannelAndNoTokenDoesNot) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{}})");
    for (const char* none :
         {R"({"access_token":null})", R"({"access_token":"sb_publishable_x"})", "{}", "null"}) {
        say(session, "access_token", none);
        EXPECT_EQ(wire.count("phx_close"), 0U) << none;
    }
    say(session, "access_token", R"({"access_token":""})");
    EXPECT_EQ(wire.count(R"("extension":"system","status":"error","message":"MalformedJWT: no token")"), 1U);
    EXPECT_EQ(wire.count("phx_close"), 1U);
}

TEST_P(Compatibility, ATokenOfTheUserCountsWhateverItsNameInTheJoin) {
    hub::Session session(world.hub, wire, GetParam(), "bad");
    say(session, "phx_join", R"({"user_token":"user","config":{"postgres_changes":[{"table":"orders"}]}})");
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 1U);
}

TEST_P(Compatibility, ABroadcastIsPassedOnAsItIs) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{"broadcast":{"self":true}}})");
    for (const char* message :
         {R"({"type":"broadcast","event":"e","payload":{"a":1},"extra":[1, 2],"meta":{"x":null}})",
          R"({"event":"without payload"})", R"({"payload":"without event"})", "{}"}) {
        say(session, "broadcast", message);
        EXPECT_EQ(
            wire.count(GetParam() == protocol::Version::Two
                           ? std::string(R"("broadcast",)") + message + "]"
                           : std::string(R"("event":"broadcast","ref":null,"payload":)") + message + "}"),
            1U)
            << message;
    }
    for (const char* wrong : {"5", "[]", "null"}) {
        say(session, "broadcast", wrong);
    }
    EXPECT_EQ(refused("a broadcast is an object"), 3U);
    world.hub.limits.broadcast_bytes = 20;
    say(session, "broadcast", R"({"type":"broadcast","event":"e","payload":"of less"})");
    EXPECT_EQ(wire.count("payload_size_exceeded"), 0U);
    say(session, "broadcast",
        R"({"event":"e","extra":"of more than that, however long its envelope may be"})");
    EXPECT_EQ(wire.count("payload_size_exceeded"), 1U) << "what is not payload counts, too";
}

TEST_P(Compatibility, WhoSeesEveryTenantHasTheRoomOfTheOnlyOne) {
    world.only_tenant = "t";
    hub::Session session(world.hub, wire, GetParam(), "service"), member(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{"private":true}})");
    say(member, "phx_join", R"({"config":{"private":true}})");
    EXPECT_EQ(wire.count("\"status\":\"ok\",\"response\""), 2U);
    say(session, "broadcast", R"({"event":"for members","payload":{}})");
    EXPECT_EQ(wire.count("for members"), 1U);
    world.only_tenant.reset();
    say(session, "phx_join", R"({"config":{"private":true}})", "1", "realtime:b");
    EXPECT_EQ(refused("Unauthorized: the caller sees every tenant"), 1U);
    say(session, "phx_join", R"({"config":{"private":true,"broadcast":{"tenant":"t"}}})", "1", "realtime:c");
    EXPECT_EQ(wire.count("\"status\":\"ok\",\"response\""), 3U);
    {
        // Answers may come behind the end of who asked, and tokens before them.
        hub::Session gone(world.hub, wire, GetParam(), "service");
        gone.on_text(frame("1", "1", "realtime:a", "phx_join", R"({"config":{"private":true}})"));
        gone.on_text(frame("1", "2", "realtime:a", "access_token", R"({"access_token":"user"})"));
        EXPECT_EQ(gone.report().size(), 1U);
        gone.look_at_tokens();
    }
    world.go_on();
}

TEST_P(Compatibility, JoinsThatAreRefusedAreToldAndCountedByTheirReason) {
    std::vector<std::string> told;
    world.hub.on_refused = [&](std::string_view what, std::string_view topic, std::string_view reason) {
        told.push_back(std::string(what) + " " + std::string(topic) + " " + std::string(reason));
    };
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{"private":7}})");
    say(session, "phx_join", R"({"access_token":"bad","config":{}})");
    say(session, "phx_join", R"({"config":{}})", "1", "room");
    say(session, "phx_join", R"({"config":{"postgres_changes":[{"table":"plans","event":"INSRT"}]}})");
    const std::vector<std::string> expected{
        "join realtime:a InvalidJoinPayload: config.private is no boolean: 7",
        "join realtime:a MalformedJWT: no token", "join room unmatched topic",
        R"(postgres_changes realtime:a MalformedFilter: postgres_changes[0].event: there is no event "INSRT"; did you mean "INSERT"?)"};
    EXPECT_EQ(told, expected);
    using Counts = std::map<std::string, std::uint64_t>;
    EXPECT_EQ(world.hub.counters.joins_refused,
              (Counts{{"InvalidJoinPayload", 1}, {"MalformedJWT", 1}, {"UnmatchedTopic", 1}}));
    EXPECT_EQ(world.hub.counters.bindings_refused, (Counts{{"MalformedFilter", 1}}));
    EXPECT_EQ(wire.count("Subscribed to PostgreSQL"), 0U);
}

TEST_P(Compatibility, MembersOfAJoinThatMeanNothingAreSaidBehindIt) {
    hub::Session session(world.hub, wire, GetParam(), "user");
    say(session, "phx_join", R"({"config":{"broadcast":{"akc":true}}})");
    EXPECT_EQ(wire.count("\"status\":\"ok\",\"response\""), 1U);
    EXPECT_EQ(
        wire.count(
            R"("status":"error","message":"config.broadcast.akc is not known and has no effect; did you mean \"ack\"?")"),
        1U);
}

INSTANTIATE_TEST_SUITE_P(Versions, Compatibility,
                         testing::Values(protocol::Version::One, protocol::Version::Two));

} // namespace
