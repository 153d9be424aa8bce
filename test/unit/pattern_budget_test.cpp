// Patterns of filters: how long they may be looked for, and what is said to who is over it.
#include "hub/pattern_budget.hpp"

#include <gtest/gtest.h>

#include "hub_world.hpp"
#include "protocol/row_filter.hpp"

namespace {

using made::Wire;
using made::World;

const auto plans = made::relation(8, "plans", wire::Access::Public);

TEST(PatternBudget, IsOneOfEachAddressAndUserOfTheTableAndOfTheChange) {
    hub::PatternBudget budget;
    const auto address = budget.account("address a", 0), user = budget.account("user u", 0);
    const auto other = budget.account("address b", 0);
    EXPECT_EQ(budget.account("address a", 0), address);
    budget.begin(1, "", 0.01);
    EXPECT_TRUE(budget.change_has_room(0) && budget.has_room({address, user}, 0));
    budget.spend({address, user}, 0.011);
    EXPECT_FALSE(budget.has_room({address}, 0));
    EXPECT_FALSE(budget.has_room({other, user}, 0)) << "from another address as well";
    EXPECT_TRUE(budget.has_room({other}, 0));
    EXPECT_TRUE(budget.has_room({address, user}, 0.1)) << "five times as much in a second";
    budget.spend({other}, 0.03);
    EXPECT_TRUE(budget.change_has_room(0)) << "one pattern takes no more of what all have than the measure";
    const auto third = budget.account("address c", 0);
    budget.spend({third}, 0.01);
    EXPECT_TRUE(budget.change_has_room(0));
    budget.spend({third}, 0.01);
    EXPECT_FALSE(budget.change_has_room(0)) << "four times as much for all clients";
    budget.begin(1, "", 0.01);
    EXPECT_FALSE(budget.change_has_room(0)) << "the table has had it";
    EXPECT_TRUE(budget.change_has_room(0.1));
    budget.begin(2, "", 0.01);
    EXPECT_TRUE(budget.change_has_room(0)) << "another table";
    EXPECT_FALSE(budget.has_room({other}, 0.3)) << "what was spent beyond has to be waited for";
    EXPECT_TRUE(budget.has_room({other}, 0.5));
    EXPECT_TRUE(budget.has_room({}, 0)) << "nobody is known";
}

TEST(PatternBudget, ForgetsAccountsThatOweNothing) {
    hub::PatternBudget budget;
    budget.begin(1, "", 0.01);
    budget.spend({budget.account("owes", 0)}, 100);
    for (int index = 0; index < 5000; ++index) {
        budget.account("address " + std::to_string(index), 1);
    }
    EXPECT_FALSE(budget.has_room({budget.account("owes", 1)}, 1)) << "who comes back owes it still";
}

TEST(PatternBudget, UsersOfOneTenantLeaveTheOthersTheirTimeForTheTable) {
    hub::PatternBudget budget;
    for (int user = 0; user < 4; ++user) {
        budget.begin(1, "hostile", 0.01);
        ASSERT_TRUE(budget.change_has_room(0));
        budget.spend({budget.account("user " + std::to_string(user), 0)}, 0.01);
    }
    budget.begin(1, "hostile", 0.01);
    EXPECT_FALSE(budget.change_has_room(0));
    budget.begin(1, "other", 0.01);
    EXPECT_TRUE(budget.change_has_room(0));
    budget.begin(1, "", 0.01);
    EXPECT_TRUE(budget.change_has_room(0));
}

TEST(PatternBudget, AllTenantsTogetherLeaveTheGatewayItsTime) {
    hub::PatternBudget budget;
    for (int tenant = 0; tenant < 8; ++tenant) {
        const std::string name = "hostile " + std::to_string(tenant);
        budget.begin(1, name, 0.01);
        ASSERT_TRUE(budget.change_has_room(0));
        budget.spend({budget.account("user " + std::to_string(tenant), 0)}, 0.01);
    }
    budget.begin(1, "other", 0.01);
    EXPECT_FALSE(budget.change_has_room(0));
    EXPECT_TRUE(budget.change_has_room(0.1)) << "forty times the measure in a second";
}

TEST(PatternBudget, ManyTenantsMakeItForgetNobodyWhoHasUsedUpHisTime) {
    hub::PatternBudget budget;
    const auto account = budget.account("a", 0);
    for (int count = 0; count < 4; ++count) {
        budget.begin(1, "hostile", 0.01);
        ASSERT_TRUE(budget.change_has_room(0));
        budget.spend({account}, 0.01);
    }
    for (int tenant = 0; tenant < 20'000; ++tenant) {
        const std::string name = std::to_string(tenant);
        budget.begin(1, name, 0.01);
        EXPECT_TRUE(budget.change_has_room(0));
    }
    budget.begin(1, "hostile", 0.01);
    EXPECT_FALSE(budget.change_has_room(0));
}

class Patterns : public testing::Test {
  protected:
    Patterns() {
        world.hub.on_stream_start(10, 10, false);
        world.hub.on_progress(10);
        world.go_on();
        other_wire.address = "10.0.0.2";
    }
    // A channel with so many patterns of its own, and one binding without.
    void join(hub::Session& session, int patterns, const std::string& own) {
        std::string bindings = R"({"event":"*","table":"plans","filter":"id=lt.0"})";
        for (int index = 0; index < patterns; ++index) {
            bindings += R"(,{"event":"*","table":"plans","filter":"status=match.n.w|)" + own +
                        std::to_string(index) + "\"}";
        }
        session.on_text(R"(["1","1","realtime:a","phx_join",{"config":{"postgres_changes":[)" + bindings +
                        "]}}]");
        world.go_on();
    }
    void insert(std::uint64_t lsn, int id) {
        world.insert(lsn, plans, "", "{\"id\":" + std::to_string(id) + ",\"status\":\"new\"}");
    }

    World world;
    Wire wire, other_wire;
    static constexpr const char* told = "PatternTimeExceeded: the patterns of filters of table public.plans";
};

TEST_F(Patterns, WhoIsOverTheTimeIsToldOnceAChangeAndOthersGetTheirRows) {
    wire.address = "10.0.0.1";
    hub::Session hostile(world.hub, wire, protocol::Version::Two, "anon");
    hub::Session other(world.hub, other_wire, protocol::Version::Two, "anon");
    join(hostile, 50, "h");
    join(other, 1, "o");
    world.step = 0.004;
    insert(100, 7);
    EXPECT_EQ(wire.count(told), 1U);
    EXPECT_EQ(wire.count("setting pattern-time"), 1U);
    EXPECT_EQ(wire.count(R"("refetch":true)"), 1U);
    EXPECT_EQ(other_wire.count(R"("record":{"id":7,)"), 1U);
    EXPECT_EQ(other_wire.count(told), 0U);
    EXPECT_EQ(world.hub.counters.patterns_undecided, 1U);
    world.step = 0;
    world.time += 10;
    insert(110, -1);
    EXPECT_EQ(wire.count(R"("record":{"id":-1,)"), 1U) << "quick ones pass, patterns or not";
    EXPECT_EQ(wire.count(told), 1U);
}

TEST_F(Patterns, ABindingWithoutPatternsGetsItsRowBesideThoseThatAreOver) {
    wire.address = "10.0.0.1";
    hub::Session hostile(world.hub, wire, protocol::Version::Two, "anon");
    join(hostile, 50, "h");
    world.step = 0.02;
    insert(100, 7);
    insert(110, -7);
    EXPECT_EQ(wire.count(R"("record":{"id":-7,)"), 1U);
    EXPECT_EQ(wire.count(told), 2U);
}

TEST_F(Patterns, ManyAddressesTogetherHoldAChangeUpNoLongerThanFour) {
    std::vector<std::unique_ptr<Wire>> wires;
    std::vector<std::unique_ptr<hub::Session>> sessions;
    for (int index = 0; index < 30; ++index) {
        wires.push_back(std::make_unique<Wire>());
        wires.back()->address = "10.1.0." + std::to_string(index);
        sessions.push_back(
            std::make_unique<hub::Session>(world.hub, *wires.back(), protocol::Version::Two, "anon"));
        join(*sessions.back(), 20, "h" + std::to_string(index) + "x");
    }
    world.step = 0.004;
    const double before = world.time;
    insert(100, 7);
    EXPECT_LT(world.time - before, 0.5) << "600 patterns of 4 ms";
    EXPECT_GE(world.hub.counters.patterns_undecided, 20U);
}

TEST_F(Patterns, ClientsWithoutAddressAndUserHaveOneAccountTogether) {
    Wire second;
    hub::Session hostile(world.hub, wire, protocol::Version::Two, "anon");
    hub::Session too(world.hub, second, protocol::Version::Two, "anon");
    hub::Session known(world.hub, other_wire, protocol::Version::Two, "anon");
    join(hostile, 50, "h");
    join(too, 50, "t");
    join(known, 1, "o");
    world.step = 0.006;
    insert(100, 7);
    EXPECT_EQ(wire.count(told), 1U);
    EXPECT_EQ(second.count(told), 1U);
    EXPECT_EQ(other_wire.count(R"("record":{"id":7,)"), 1U) << "there is time left for the others";
}

TEST_F(Patterns, AReplayIsLimitedAsWell) {
    wire.address = "10.0.0.1";
    hub::Session hostile(world.hub, wire, protocol::Version::Two, "anon");
    insert(100, 7);
    std::string bindings;
    for (int index = 0; index < 50; ++index) {
        bindings += std::string(index == 0 ? "" : ",") +
                    R"({"event":"*","table":"plans","since":"0/20-0/1","filter":"status=match.old|r)" +
                    std::to_string(index) + "\"}";
    }
    world.step = 0.004;
    hostile.on_text(R"(["1","1","realtime:a","phx_join",{"config":{"postgres_changes":[)" + bindings +
                    "]}}]");
    world.go_on();
    while (world.hub.continue_replays()) {
    }
    EXPECT_EQ(wire.count(told), 1U);
}

TEST(RowFilterPatterns, OneThatMayTakeTooLongForItsTextDecidesNothing) {
    const auto passes = [](const std::string& text, const std::string& note, bool& undecided) {
        const auto parsed = protocol::parse_filter(text);
        const auto bound =
            protocol::RowFilter::bind(std::get<protocol::Filter>(parsed), {{"id", "int8"}, {"note", "text"}});
        return std::get<protocol::RowFilter>(bound).passes("{\"id\":1,\"note\":\"" + note + "\"}",
                                                           &undecided);
    };
    const std::string slow = "note=match.(a?b?){1000}c|b$", all(200'000, 'b');
    bool undecided = false;
    EXPECT_TRUE(passes(slow, "bbb", undecided));
    EXPECT_FALSE(undecided);
    EXPECT_FALSE(passes(slow, all, undecided));
    EXPECT_TRUE(undecided);
    EXPECT_FALSE(passes(slow + ",id=eq.2", all, undecided));
    EXPECT_FALSE(undecided) << "another condition decides";
    EXPECT_TRUE(passes("or=(id.eq.1,note.match.\"(a?b?){1000}c|b$\")", all, undecided));
    EXPECT_FALSE(undecided);
    EXPECT_TRUE(passes("note=like.%b", all, undecided));
    EXPECT_FALSE(undecided);
}

} // namespace
