#include "monitor/marks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace monitor;

Uuid uuid(unsigned number) {
    Uuid id;
    std::memcpy(id.bytes.data() + 12, &number, sizeof(number));
    return id;
}

std::uint64_t hash_of(const Uuid& tenant, std::string_view name) {
    return std::hash<std::string_view>{}(name) ^ UuidHash {}(tenant);
}

struct Table {
    explicit Table(const Marks::Room& room) : memory(room.bytes() / 8 + 1), marks(memory.data(), room) {}

    void add(unsigned tenant, const std::string& name) {
        marks.add(uuid(tenant), name, hash_of(uuid(tenant), name));
    }
    std::multiset<std::pair<Uuid, std::string>> keys() const {
        std::multiset<std::pair<Uuid, std::string>> found;
        for (const char* at = marks.keys(); at < marks.keys() + marks.keys_size();) {
            const Marks::Key key = Marks::next_key(at);
            found.emplace(key.tenant, std::string(key.name));
        }
        return found;
    }

    std::vector<std::uint64_t> memory;
    Marks marks;
};

constexpr Marks::Room small{8, 4, 3, 400};

TEST(Marks, RemembersEachSubscriptionOnce) {
    Table table(small);
    EXPECT_TRUE(table.marks.empty());
    table.add(1, "orders");
    table.add(1, "orders");
    table.add(2, "orders");
    EXPECT_EQ(table.keys(),
              (std::multiset<std::pair<Uuid, std::string>>{{uuid(1), "orders"}, {uuid(2), "orders"}}));
    EXPECT_EQ(table.marks.waiting(), 2U);
    EXPECT_FALSE(table.marks.everything());
    table.marks.clear();
    EXPECT_TRUE(table.marks.empty());
    EXPECT_TRUE(table.keys().empty());
}

TEST(Marks, ATenantOfWhichTooManyNamesWaitIsMarkedAsATenantAndOthersKeepTheirs) {
    Table table(small);
    for (int index = 0; index < 1000; ++index) {
        table.add(1, "s" + std::to_string(index));
    }
    table.add(2, "orders");
    EXPECT_TRUE(table.marks.is_whole(uuid(1)));
    EXPECT_FALSE(table.marks.is_whole(uuid(2)));
    EXPECT_FALSE(table.marks.everything());
    EXPECT_TRUE(table.keys().contains({uuid(2), "orders"}));
    EXPECT_EQ(table.marks.spilled(), 1U);
}

TEST(Marks, ALongNameMarksItsTenantOnly) {
    Table table(small);
    table.add(1, std::string(256, 'x'));
    table.add(2, std::string(255, 'x'));
    EXPECT_TRUE(table.marks.is_whole(uuid(1)));
    EXPECT_FALSE(table.marks.is_whole(uuid(2)));
    EXPECT_FALSE(table.marks.everything());
}

TEST(Marks, WithoutRoomForAnotherTenantEverythingIsMarked) {
    Table table(small);
    for (unsigned tenant = 1; tenant <= 4; ++tenant) {
        EXPECT_FALSE(table.marks.everything());
        table.add(tenant, "orders");
    }
    EXPECT_TRUE(table.marks.everything());
}

TEST(Marks, ANameThatHasTheHashOfAnotherOneDoesNotHideIt) {
    Table table(small);
    table.marks.add(uuid(1), "mine", 7);
    table.marks.add(uuid(2), "yours", 7);
    EXPECT_TRUE(table.keys().contains({uuid(2), "yours"}));
}

// Whatever is added, it is there by name, by tenant, or everything is.
TEST(Marks, NothingThatWasMarkedIsForgotten) {
    std::mt19937 random(14);
    for (int round = 0; round < 300; ++round) {
        Table table(
            {1 + static_cast<std::uint32_t>(random() % 40), 1 + static_cast<std::uint32_t>(random() % 20),
             1 + static_cast<std::uint32_t>(random() % 8), 1 + static_cast<std::uint32_t>(random() % 2000)});
        for (int part = 0; part < 2; ++part) {
            std::set<std::pair<unsigned, std::string>> added;
            for (int count = static_cast<int>(random() % 100); count > 0; --count) {
                const auto tenant = static_cast<unsigned>(random() % 6);
                const std::string name(1 + random() % 300, static_cast<char>('a' + random() % 3));
                table.add(tenant, name);
                added.emplace(tenant, name);
            }
            const auto keys = table.keys();
            for (const auto& [tenant, name] : added) {
                EXPECT_TRUE(table.marks.everything() || table.marks.is_whole(uuid(tenant)) ||
                            keys.count({uuid(tenant), name}) == 1);
            }
            table.marks.clear();
        }
    }
}

TEST(FullTenants, NamesBeyondTheLimitAreWorthNoMark) {
    FullTenants full{};
    EXPECT_TRUE(full.is_judged(uuid(1), 5));
    const std::uint64_t hashes[] = {3, 5, 9};
    EXPECT_TRUE(full.remember(uuid(1), hashes, std::size(hashes)));
    EXPECT_TRUE(full.is_judged(uuid(1), 5));
    EXPECT_FALSE(full.is_judged(uuid(1), 6));
    EXPECT_TRUE(full.is_judged(uuid(2), 6)) << "of another tenant";
    full.clear();
    EXPECT_TRUE(full.is_judged(uuid(1), 6));
}

TEST(FullTenants, WhatFindsNoRoomIsMarkedAsEver) {
    FullTenants full{};
    const std::vector<std::uint64_t> many(FullTenants::most_names + 1);
    EXPECT_FALSE(full.remember(uuid(1), many.data(), many.size()));
    for (unsigned tenant = 1; tenant <= FullTenants::most_tenants; ++tenant) {
        EXPECT_TRUE(full.remember(uuid(tenant), many.data(), 1));
    }
    EXPECT_FALSE(full.remember(uuid(99), many.data(), 1));
    EXPECT_TRUE(full.is_judged(uuid(99), 1));
}

} // namespace
