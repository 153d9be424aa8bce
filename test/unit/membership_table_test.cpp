// Another table of memberships: what the one before has said counts no more.
#include <gtest/gtest.h>

#include "hub_world.hpp"

namespace {

const auto orders = made::relation(7, "orders");

TEST(MembershipTable, BehindADropAndANewOneEverybodyIsAskedForAgain) {
    made::World world;
    made::Wire wire;
    world.hub.extension_schema = "public";
    world.hub.on_stream_start(10, 10, false);
    world.hub.on_progress(10);
    world.go_on();
    hub::Session session(world.hub, wire, protocol::Version::Two, "user");
    session.on_text(
        R"(["1","1","realtime:a","phx_join",{"config":{"postgres_changes":[{"event":"*","table":"orders"}]}}])");
    world.go_on();
    const std::string somebody = R"({"user_id":"v","tenant_id":"s"})";
    const auto before = made::relation(50, "tenant_memberships");
    world.insert(100, before, "s", somebody);
    world.go_on();
    world.insert(110, orders, "t", R"({"id":1})");
    EXPECT_EQ(wire.count(R"("record":{"id":1)"), 1U);
    world.members["user"] = {};
    world.insert(120, std::make_shared<stream::Relation>(*before), "s", somebody);
    world.insert(130, orders, "t", R"({"id":2})");
    EXPECT_EQ(wire.count(R"("record":{"id":2)"), 1U) << "the same table, described again by a new connection";
    world.insert(140, made::relation(51, "tenant_memberships"), "s", somebody);
    world.insert(150, orders, "t", R"({"id":3})");
    world.go_on();
    world.insert(160, orders, "t", R"({"id":4})");
    EXPECT_EQ(wire.count(R"("record":{"id":3)") + wire.count(R"("record":{"id":4)"), 0U);
}

} // namespace
