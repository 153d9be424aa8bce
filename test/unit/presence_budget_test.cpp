// Presence counts as bytes of broadcasts, with what goes out to the others.
#include <gtest/gtest.h>

#include "hub_world.hpp"

namespace {

using made::Wire;
using made::World;

class Presence : public testing::Test {
  protected:
    Presence() {
        world.hub.on_stream_start(10, 10, false);
        world.hub.on_progress(10);
        world.go_on();
    }
    struct Client {
        explicit Client(World& world) : session(world.hub, wire, protocol::Version::Two, "anon") {
            session.on_text(
                R"(["1","1","realtime:r","phx_join",{"config":{"presence":{"enabled":true,"key":""}}}])");
        }
        void track(char letter, std::size_t bytes) {
            session.on_text(
                R"(["1","2","realtime:r","presence",{"type":"presence","event":"track","payload":{"a":")" +
                std::string(bytes, letter) + "\"}}]");
        }
        Wire wire;
        hub::Session session;
    };

    World world;
};

constexpr const char* refused = "Presence rate limit reached";

TEST_F(Presence, WhatIsTrackedIsChargedForEachMemberThatGetsIt) {
    std::vector<std::unique_ptr<Client>> clients;
    for (int index = 0; index < 10; ++index) {
        clients.push_back(std::make_unique<Client>(world));
    }
    Client& hostile = *clients.front();
    for (int index = 0; index < 26; ++index) {
        hostile.track(static_cast<char>('a' + index), 60'000);
        world.hub.tick();
    }
    std::size_t out = 0;
    for (const auto& client : clients) {
        for (const std::string& text : client->wire.texts) {
            out += text.size();
        }
    }
    EXPECT_LT(out, 3 * world.hub.limits.broadcast_bytes_per_second);
    EXPECT_GE(hostile.wire.count(refused), 15U);
    EXPECT_EQ(world.hub.counters.presence_refused, hostile.wire.count(refused));
    clients.back()->track('z', 100);
    EXPECT_EQ(clients.back()->wire.count(refused), 0U) << "others have budgets of their own";
    world.time += 1;
    const std::size_t before = hostile.wire.count(refused);
    hostile.track('Z', 60'000);
    EXPECT_EQ(hostile.wire.count(refused), before) << "a second later there is room again";
}

TEST_F(Presence, TheStateThatAJoinIsSentIsChargedToTheJoiner) {
    std::vector<std::unique_ptr<Client>> clients;
    for (int index = 0; index < 14; ++index) {
        clients.push_back(std::make_unique<Client>(world));
        clients.back()->track('a', 60'000);
    }
    world.hub.tick();
    Client late(world);
    for (int index = 0; index < 60; ++index) {
        late.session.on_text(
            R"(["2","3","realtime:r","phx_join",{"config":{"presence":{"enabled":true,"key":""}}}])");
    }
    std::size_t out = 0;
    for (const std::string& text : late.wire.texts) {
        out += text.size();
    }
    EXPECT_LT(out, 3 * world.hub.limits.broadcast_bytes_per_second);
    EXPECT_GE(late.wire.count("ClientPresenceRateLimitReached"), 40U);
    Client other(world);
    EXPECT_EQ(other.wire.count("ClientPresenceRateLimitReached"), 0U);
}

} // namespace
