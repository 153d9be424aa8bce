#include "hub/people.hpp"
#include "hub/router.hpp"
#include "hub/topics.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "stream_maker.hpp"

namespace {

struct Listener final : hub::Subscriber {
    std::vector<std::string> frames;
    void deliver(const hub::FramePointer& frame) override { frames.emplace_back(frame->bytes()); }
};

protocol::Binding binding(const std::string& table, const std::string& filter = {}) {
    protocol::Binding made;
    made.table = table;
    made.filter = filter;
    return made;
}

// Every wish of every subscriber against every change, the slow way, beside the router with its indexes.
TEST(HubRouter, DeliversExactlyWhatEachSubscriberWantsAndMaySee) {
    std::mt19937 random(20261124);
    const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
    const std::vector<std::string> tenants{"a", "b", "c"};
    const std::vector<std::string> tables{"orders", "plans", "*"};
    const std::vector<std::string> filters{"",
                                           "status=eq.x",
                                           "status=eq.y,number=gt.5",
                                           "number=eq.3",
                                           "number=lt.4",
                                           "or=(status.eq.x,number.eq.7)",
                                           "no_such_column=eq.1"};
    auto orders = made::relation(7, "orders");
    const auto plans = made::relation(8, "plans", wire::Access::Public);
    hub::BindingKinds kinds;
    hub::Router router;
    struct One {
        Listener listener;
        std::unique_ptr<hub::Subscription> subscription;
        std::set<std::string> tenants;
        bool all = false;
        std::size_t expected = 0;
    };
    std::vector<std::unique_ptr<One>> ones;
    const auto enter = [&] {
        auto one = std::make_unique<One>();
        one->subscription = std::make_unique<hub::Subscription>(one->listener);
        one->subscription->topic = "realtime:" + std::to_string(pick(3));
        const int count = 1 + pick(3);
        for (int index = 0; index < count; ++index) {
            auto wish = binding(tables[static_cast<std::size_t>(pick(3))],
                                filters[static_cast<std::size_t>(pick(7))]);
            wish.event = static_cast<protocol::Event>(pick(4));
            one->subscription->kinds.push_back(std::get<0>(kinds.find(wish)));
        }
        hub::Sight sight;
        one->all = pick(10) == 0;
        sight.every_tenant = one->all;
        for (const std::string& tenant : tenants) {
            if (pick(2) == 0) {
                sight.tenants.push_back(tenant);
                one->tenants.insert(tenant);
            }
        }
        router.subscribe(*one->subscription, sight);
        ones.push_back(std::move(one));
    };
    std::uint64_t lsn = 100;
    for (int round = 0; round < 3000; ++round) {
        const int what = pick(20);
        if (what == 0 || ones.size() < 20) {
            enter();
            continue;
        }
        One& someone = *ones[static_cast<std::size_t>(pick(static_cast<int>(ones.size())))];
        const std::string& tenant = tenants[static_cast<std::size_t>(pick(3))];
        if (what == 1) {
            router.unsubscribe(*someone.subscription);
            std::erase_if(ones, [&](const auto& one) { return one.get() == &someone; });
            continue;
        }
        if (what == 2) {
            router.forbid(*someone.subscription, tenant);
            someone.tenants.erase(tenant);
            continue;
        }
        if (what == 3) {
            router.allow(*someone.subscription, tenant);
            someone.tenants.insert(tenant);
            continue;
        }
        if (what == 4) {
            orders = made::relation(7, "orders"); // the table changed: all indexes are made anew
        }
        const bool is_public = pick(3) == 0;
        const std::string row = std::string(R"({"id":1,"status":")") + (pick(2) == 0 ? "x" : "y") +
                                R"(","number":)" + std::to_string(pick(9)) + "}";
        stream::Change change =
            made::insert(is_public ? plans : orders, {++lsn, 1}, is_public ? "" : tenant, row);
        if (is_public) {
            change.tenant.reset();
        }
        change.kind = static_cast<stream::Kind>(pick(3));
        if (change.kind == stream::Kind::Delete) {
            change.old_record = change.record;
            change.record.reset();
        }
        for (auto& one : ones) {
            bool wanted = false;
            for (const auto& kind : one->subscription->kinds) {
                const bool event = kind->event == protocol::Event::All ||
                                   static_cast<int>(kind->event) == static_cast<int>(change.kind) + 1;
                std::vector<protocol::FilterColumn> columns;
                for (const stream::Column& column : change.relation->columns) {
                    columns.push_back({column.name, column.type_name});
                }
                bool passes = kind->filter == nullptr;
                if (!passes) {
                    const auto bound = protocol::RowFilter::bind(kind->filter->filter(), columns);
                    passes = bound.index() == 0 && std::get<0>(bound).passes(row);
                }
                wanted = wanted ||
                         (event && passes && (kind->table == "*" || kind->table == change.relation->table));
            }
            const bool may = is_public || one->all || one->tenants.count(tenant) != 0;
            one->expected += wanted && may ? 1 : 0;
        }
        router.route(change, *stream::scope_of(change));
        for (const auto& one : ones) {
            ASSERT_EQ(one->listener.frames.size(), one->expected) << "round " << round;
        }
    }
    while (!ones.empty()) {
        router.unsubscribe(*ones.back()->subscription);
        ones.pop_back();
    }
    EXPECT_EQ(router.shape_count(), 0U);
}

TEST(HubRouter, EqualSubscriptionsShareOneFrame) {
    struct Keeper final : hub::Subscriber {
        hub::FramePointer last;
        void deliver(const hub::FramePointer& frame) override { last = frame; }
    };
    Keeper first, second;
    hub::BindingKinds kinds;
    hub::Router router;
    hub::Subscription one(first), two(second);
    for (hub::Subscription* subscription : {&one, &two}) {
        subscription->topic = "realtime:x";
        subscription->kinds = {std::get<0>(kinds.find(binding("orders")))};
        router.subscribe(*subscription, {{"a"}, false});
    }
    const auto change = made::insert(made::relation(7, "orders"), {5, 1}, "a", R"({"id":1})");
    EXPECT_EQ(router.route(change, *stream::scope_of(change)), 2U);
    EXPECT_EQ(&*first.last, &*second.last);
    router.unsubscribe(one);
    router.unsubscribe(two);
}

TEST(HubRouter, WhatHappensToATableIsToldOnceAClientAndWrittenOnce) {
    struct Keeper final : hub::Subscriber {
        std::vector<hub::FramePointer> told;
        void deliver(const hub::FramePointer& frame) override { told.push_back(frame); }
    };
    Keeper first, second, elsewhere;
    hub::BindingKinds kinds;
    hub::Router router;
    hub::Subscription one(first), two(second), three(elsewhere);
    const auto subscribe = [&](hub::Subscription& subscription, std::vector<protocol::Binding> bindings) {
        subscription.topic = "realtime:x";
        for (const protocol::Binding& wish : bindings) {
            subscription.kinds.push_back(std::get<0>(kinds.find(wish)));
        }
        router.subscribe(subscription, {{"a", "b"}, false});
    };
    // Different shapes, several bindings to the table, and an index by equality.
    subscribe(one,
              {binding("orders"), binding("orders", "status=eq.x"), binding("orders", "status=like.y%")});
    subscribe(two, {binding("orders", "status=eq.x"), binding("orders", "status=eq.z")});
    subscribe(three, {binding("plans")});
    std::uint64_t lsn = 5;
    const auto route = [&](std::shared_ptr<const stream::Relation> relation, stream::Kind kind) {
        stream::Change change = made::insert(std::move(relation), {++lsn, 1}, "c", "{}");
        change.kind = kind;
        first.told.clear();
        second.told.clear();
        router.route(change, *stream::scope_of(change));
    };
    const auto expect_told = [&](const char* what) {
        ASSERT_EQ(first.told.size(), 1U) << what;
        ASSERT_EQ(second.told.size(), 1U) << what;
        EXPECT_EQ(&*first.told[0], &*second.told[0]) << what;
        EXPECT_NE(first.told[0]->bytes().find(what), std::string_view::npos);
    };
    route(made::relation(7, "orders"), stream::Kind::Insert);
    EXPECT_TRUE(first.told.empty());
    route(made::relation(7, "orders"), stream::Kind::Truncate);
    expect_told("was truncated");
    auto without_status = std::make_shared<stream::Relation>(*made::relation(7, "orders"));
    without_status->columns.erase(without_status->columns.begin() + 1);
    route(without_status, stream::Kind::Insert);
    expect_told("nothing passes the filter any more");
    route(made::relation(7, "bestellungen"), stream::Kind::Insert);
    expect_told("was renamed");
    EXPECT_TRUE(elsewhere.told.empty());
    for (hub::Subscription* subscription : {&one, &two, &three}) {
        router.unsubscribe(*subscription);
    }
}

class FakeDirectory final : public hub::Directory {
  public:
    std::vector<std::function<void(std::optional<hub::TenantsAnswer>)>> questions;
    void look_up_tenants(const hub::Identity&,
                         std::function<void(std::optional<hub::TenantsAnswer>)> done) override {
        questions.push_back(std::move(done));
    }
    void answer(std::vector<std::string> tenants, const char* snapshot) {
        auto done = std::move(questions.front());
        questions.erase(questions.begin());
        done(hub::TenantsAnswer{std::move(tenants), *stream::Snapshot::read(snapshot)});
    }
};

struct Watching final : hub::Viewer {
    int known = 0, unknown = 0, forgotten = 0;
    std::function<void()> on_forgotten = [] {};
    void on_tenants_unknown() override {
        ++forgotten;
        on_forgotten();
    }
    std::vector<std::string> added, removed;
    void on_tenants_known(bool is_known) override { ++(is_known ? known : unknown); }
    void on_tenant_added(const std::string& tenant) override { added.push_back(tenant); }
    void on_tenant_removed(const std::string& tenant) override { removed.push_back(tenant); }
};

stream::Change membership(stream::Kind kind, std::uint32_t xid, const std::string& user,
                          const std::string& tenant) {
    stream::Change change =
        made::insert(made::relation(9, "tenant_memberships", wire::Access::Unregistered), {xid, 1}, tenant,
                     R"({"tenant_id":")" + tenant + R"(","user_id":")" + user + "\"}");
    change.kind = kind;
    change.xid = xid;
    if (kind == stream::Kind::Delete) {
        change.old_record = change.record;
        change.record.reset();
    }
    return change;
}

hub::IdentityPointer identity(const std::string& subject) {
    auto made = std::make_shared<hub::Identity>();
    made->subject = subject;
    return made;
}

TEST(HubPeople, AMemberWhoWasRemovedWhileTheQuestionWasOnItsWayIsNone) {
    FakeDirectory directory;
    hub::People people(directory);
    Watching viewer;
    people.watch(identity("u"), viewer);
    // The deletion comes through the stream first; the answer was made before it and still names the tenant.
    people.on_membership(membership(stream::Kind::Delete, 50, "u", "t"), 1);
    directory.answer({"s", "t"}, "50:51:50");
    ASSERT_EQ(viewer.known, 1);
    EXPECT_EQ(*people.tenants_of("u"), std::vector<std::string>{"s"});
    people.leave("u", viewer);
}

TEST(HubPeople, ADeletionThatIsOlderThanTheAnswerChangesNothing) {
    FakeDirectory directory;
    hub::People people(directory);
    Watching viewer;
    people.watch(identity("u"), viewer);
    directory.answer({"t"}, "60:60:");
    people.on_membership(membership(stream::Kind::Delete, 50, "u", "t"), 1);
    EXPECT_EQ(*people.tenants_of("u"), std::vector<std::string>{"t"});
    EXPECT_TRUE(viewer.removed.empty());
    people.on_membership(membership(stream::Kind::Delete, 61, "u", "t"), 1);
    EXPECT_EQ(viewer.removed, std::vector<std::string>{"t"});
    people.on_membership(membership(stream::Kind::Insert, 62, "u", "t2"), 1);
    EXPECT_EQ(viewer.added, std::vector<std::string>{"t2"});
    people.leave("u", viewer);
    // Who comes back soon is known still, also what has happened meanwhile.
    people.on_membership(membership(stream::Kind::Insert, 63, "u", "t3"), 1);
    people.watch(identity("u"), viewer);
    EXPECT_TRUE(directory.questions.empty());
    EXPECT_EQ(*people.tenants_of("u"), (std::vector<std::string>{"t2", "t3"}));
    people.leave("u", viewer);
    people.refresh(1, false);
    people.refresh(100, false);
    EXPECT_EQ(people.size(), 0U);
}

TEST(HubPeople, AfterTruncateNobodyIsAMember) {
    FakeDirectory directory;
    hub::People people(directory);
    Watching viewer, late;
    people.watch(identity("u"), viewer);
    directory.answer({"t"}, "60:60:");
    people.watch(identity("v"), late);
    stream::Change truncate = membership(stream::Kind::Truncate, 61, "", "");
    truncate.record.reset();
    people.on_membership(truncate, 1);
    people.on_membership(membership(stream::Kind::Insert, 61, "v", "n"), 1);
    EXPECT_EQ(viewer.removed, std::vector<std::string>{"t"});
    directory.answer({"o"}, "60:60:"); // made before it
    EXPECT_EQ(*people.tenants_of("v"), std::vector<std::string>{"n"});
    people.leave("u", viewer);
    people.leave("v", late);
}

TEST(HubPeople, WhoLeavesBecauseHeIsForgottenIsGone) {
    FakeDirectory directory;
    hub::People people(directory);
    Watching viewer, other;
    viewer.on_forgotten = [&] { people.leave("u", viewer); };
    people.watch(identity("u"), viewer);
    people.watch(identity("v"), other);
    directory.answer({"t"}, "1:1:");
    directory.answer({"t"}, "1:1:");
    people.forget();
    EXPECT_EQ(viewer.forgotten + other.forgotten, 2);
    people.leave("v", other);
}

TEST(HubPeople, AfterALostSlotNobodySeesAnythingUntilTheDatabaseHasAnswered) {
    FakeDirectory directory;
    hub::People people(directory);
    Watching viewer;
    people.watch(identity("u"), viewer);
    directory.answer({"s", "t"}, "1:1:");
    people.forget();
    EXPECT_EQ(viewer.forgotten, 1);
    EXPECT_EQ(people.tenants_of("u"), nullptr);
    auto done = std::move(directory.questions.front());
    directory.questions.clear();
    done(std::nullopt); // the database is away
    EXPECT_EQ(viewer.unknown, 0);
    people.refresh(1, false);
    ASSERT_EQ(directory.questions.size(), 1U);
    directory.answer({"t"}, "5:5:");
    EXPECT_EQ(viewer.known, 2);
    EXPECT_EQ(*people.tenants_of("u"), std::vector<std::string>{"t"});
    people.leave("u", viewer);
}

// Somebody who is known to be a member of "t".
class HubMember : public testing::Test {
  protected:
    HubMember() {
        people.watch(identity("u"), viewer);
        directory.answer({"t"}, "1:1:");
    }
    ~HubMember() override { people.leave("u", viewer); }

    FakeDirectory directory;
    hub::People people{directory};
    Watching viewer;
};

TEST_F(HubMember, WhileTheStreamIsAwayTheDatabaseIsAskedWhoIsStillAMember) {
    people.refresh(1, false);
    people.refresh(20, true); // it may come back soon
    people.refresh(30, true);
    EXPECT_TRUE(directory.questions.empty());
    people.refresh(40, true);
    ASSERT_EQ(directory.questions.size(), 1U);
    directory.answer({}, "5:5:");
    EXPECT_EQ(viewer.removed, std::vector<std::string>{"t"});
}

TEST_F(HubMember, ADeletionThatDoesNotSayWhomIsAskedAbout) {
    stream::Change nameless = membership(stream::Kind::Delete, 5, "u", "t");
    nameless.old_record.reset(); // REPLICA IDENTITY NOTHING
    people.on_membership(nameless, 1);
    EXPECT_EQ(people.tenants_of("u"), nullptr);
    ASSERT_EQ(directory.questions.size(), 1U);
    directory.answer({}, "6:6:");
    EXPECT_TRUE(people.tenants_of("u")->empty());
    EXPECT_FALSE(people.beginnings_behind("u", {}).empty()) << "what was not understood may have been that";
}

TEST(HubPeople, MembershipsAreRememberedAsLongAsChangesAre) {
    FakeDirectory directory;
    hub::People people(directory);
    people.set_memory(3600);
    people.on_membership(membership(stream::Kind::Insert, 50, "u", "t"), 1);
    people.on_membership(membership(stream::Kind::Insert, 51, "v", "t"), 3000);
    EXPECT_FALSE(people.beginnings_behind("u", {}).empty());
    EXPECT_TRUE(people.beginnings_behind("w", {}).empty());
    people.on_membership(membership(stream::Kind::Insert, 52, "v", "s"), 5000);
    EXPECT_FALSE(people.beginnings_behind("w", {}).empty())
        << "the first is forgotten: it may have been anybody's";
}

TEST(HubPeople, ManyViewersOfOnePersonAskOnce) {
    FakeDirectory directory;
    hub::People people(directory);
    Watching first, second, late;
    people.watch(identity("u"), first);
    people.watch(identity("u"), second);
    EXPECT_EQ(directory.questions.size(), 1U);
    directory.answer({"t"}, "1:1:");
    people.watch(identity("u"), late);
    EXPECT_EQ(first.known + second.known + late.known, 3);
    EXPECT_TRUE(directory.questions.empty());
    for (Watching* viewer : {&first, &second, &late}) {
        people.leave("u", *viewer);
    }
}

TEST(HubTopics, PresenceTellsEachJoinAndLeaveOnce) {
    hub::Counters counters;
    hub::Topics topics(counters);
    Listener first, second;
    hub::Member one(first), two(second);
    for (hub::Member* member : {&one, &two}) {
        member->topic = "realtime:room";
        member->wants_presence = true;
    }
    one.presence_key = "a";
    two.presence_key = "b";
    topics.join(one, "room");
    topics.join(two, "room");
    EXPECT_TRUE(topics.track(one, R"({"n":1})"));
    EXPECT_FALSE(topics.track(two, "1"));
    EXPECT_TRUE(topics.track(two, R"({"n":2})"));
    // Announced with the next difference, so not part of a state that is sent before it.
    EXPECT_NE(std::string(hub::Topics::state_for(one)->bytes()).find("\"presence_state\",{}"),
              std::string::npos);
    topics.send_presence_changes();
    ASSERT_EQ(first.frames.size(), 1U);
    EXPECT_NE(
        first.frames[0].find(
            R"("joins":{"a":{"metas":[{"n":1,"phx_ref":"1"}]},"b":{"metas":[{"n":2,"phx_ref":"2"}]}},"leaves":{})"),
        std::string::npos)
        << first.frames[0];
    EXPECT_TRUE(topics.track(one, R"({"n":1})")); // the same changes nothing
    topics.send_presence_changes();
    EXPECT_EQ(first.frames.size(), 1U);
    // An update says what it takes the place of, of what the others know: 3 was never announced.
    EXPECT_TRUE(topics.track(one, R"({"n":3})"));
    EXPECT_TRUE(topics.track(one, R"({"n":4})"));
    topics.send_presence_changes();
    ASSERT_EQ(first.frames.size(), 2U);
    EXPECT_NE(
        first.frames[1].find(
            R"("joins":{"a":{"metas":[{"n":4,"phx_ref":"4","phx_ref_prev":"1"}]}},"leaves":{"a":{"metas":[{"n":1,"phx_ref":"1"}]}})"),
        std::string::npos)
        << first.frames[1];
    topics.leave(two);
    topics.send_presence_changes();
    ASSERT_EQ(first.frames.size(), 3U);
    EXPECT_NE(first.frames[2].find(R"("leaves":{"b":)"), std::string::npos);
    topics.leave(one);
    EXPECT_EQ(topics.size(), 0U);
}

} // namespace
