#include "gateway/question_lines.hpp"
#include "gateway/running_quota.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace gateway {

namespace {

using Lines = QuestionLines<std::string>;
using Items = std::vector<std::string>;

Items popped(Lines& lines, bool only_look_ups = false) {
    Items items;
    while (auto item = lines.pop(only_look_ups)) {
        items.push_back(std::move(*item));
    }
    return items;
}

TEST(QuestionLines, LookUpsGoFirst) {
    Lines lines;
    lines.push(QuestionLine::Caller, "a", "a1");
    lines.push(QuestionLine::LookUp, "", "l1");
    lines.push(QuestionLine::Report, "", "r1");
    lines.push(QuestionLine::LookUp, "", "l2");
    EXPECT_EQ(lines.size(), 4U);
    EXPECT_EQ(popped(lines, true), Items({"l1", "l2"}));
    EXPECT_EQ(lines.size(), 2U);
    EXPECT_EQ(popped(lines), Items({"r1", "a1"}));
    EXPECT_EQ(lines.size(), 0U);
}

TEST(QuestionLines, OwnersTakeTurns) {
    Lines lines;
    for (const char* item : {"a1", "a2", "a3", "b1", "c1", "c2"}) {
        lines.push(QuestionLine::Caller, std::string(1, item[0]), item);
    }
    EXPECT_EQ(lines.size(QuestionLine::Caller), 6U);
    EXPECT_EQ(popped(lines), Items({"a1", "b1", "c1", "a2", "c2", "a3"}));
}

TEST(QuestionLines, WhoComesBackStandsBehindTheOthers) {
    Lines lines;
    lines.push(QuestionLine::Caller, "a", "a1");
    lines.push(QuestionLine::Caller, "b", "b1");
    EXPECT_EQ(lines.pop(false), "a1");
    lines.push(QuestionLine::Caller, "a", "a2");
    lines.push(QuestionLine::Caller, "a", "a3");
    lines.push(QuestionLine::Caller, "b", "b2");
    EXPECT_EQ(popped(lines), Items({"b1", "a2", "b2", "a3"}));
}

TEST(QuestionLines, ReportsAndCallersTakeTurns) {
    Lines lines;
    for (const char* item : {"r1", "r2", "r3", "r4"}) {
        lines.push(QuestionLine::Report, "", item);
    }
    lines.push(QuestionLine::Caller, "a", "a1");
    lines.push(QuestionLine::Caller, "b", "b1");
    EXPECT_EQ(popped(lines), Items({"r1", "a1", "r2", "b1", "r3", "r4"}));
}

TEST(QuestionLines, TheOldestCanBeTakenOut) {
    Lines lines;
    for (const char* item : {"a1", "a2", "b1"}) {
        lines.push(QuestionLine::Caller, std::string(1, item[0]), item);
    }
    lines.push(QuestionLine::Report, "", "r1");
    lines.push(QuestionLine::LookUp, "", "l1");
    const auto is = [](const char* wanted) {
        return [wanted](const std::string& item) { return item == wanted; };
    };
    EXPECT_EQ(lines.pop_if(is("a2")), std::nullopt); // not the first of its owner
    EXPECT_EQ(lines.pop_if(is("b1")), "b1");
    EXPECT_EQ(lines.pop_if(is("r1")), "r1");
    EXPECT_EQ(lines.pop_if(is("l1")), "l1");
    EXPECT_EQ(lines.pop_if(is("a1")), "a1");
    EXPECT_EQ(popped(lines), Items({"a2"}));
}

TEST(QuestionLines, WhoMayNotBeginKeepsHisPlaceAndHoldsUpNobody) {
    Lines lines;
    for (const char* item : {"a1", "a2", "b1", "c1", "c2"}) {
        lines.push(QuestionLine::Caller, std::string(1, item[0]), item);
    }
    const auto none_of = [](const std::string& letters) {
        return [letters](const std::string& item) { return letters.find(item[0]) == std::string::npos; };
    };
    EXPECT_EQ(lines.pop(false, none_of("a")), "b1");
    EXPECT_EQ(lines.pop(false, none_of("a")), "c1");
    EXPECT_EQ(lines.pop(false, none_of("ac")), std::nullopt);
    EXPECT_EQ(lines.size(QuestionLine::Caller), 3U);
    lines.push(QuestionLine::Report, "", "r1");
    EXPECT_EQ(lines.pop(false, none_of("ac")), "r1");
    EXPECT_EQ(lines.pop(false, none_of("")), "a1") << "it had kept its turn";
    EXPECT_EQ(lines.pop(false, [](const std::string& item) { return item != "c2"; }), "a2");
    EXPECT_EQ(popped(lines), Items({"c2"}));
}

TEST(QuestionLines, OneTenantsItemsDoNotHoldUpAnothersOfTheSameOwner) {
    Lines lines;
    for (const char* item : {"x1", "x2", "y1"}) {
        lines.push(QuestionLine::Caller, "service", item);
    }
    EXPECT_EQ(lines.pop(false, [](const std::string& item) { return item[0] != 'x'; }), "y1");
    EXPECT_EQ(popped(lines), Items({"x1", "x2"}));
}

TEST(RunningQuota, CountsEachAccountUntilTheEnd) {
    RunningQuota quota;
    const std::vector<std::string> one{"user a", "tenant t"}, other{"user b", "tenant t"}, third{"user c"};
    quota.begin(one);
    EXPECT_TRUE(quota.has_room(one, 2));
    EXPECT_FALSE(quota.has_room(one, 1));
    quota.begin(other);
    EXPECT_FALSE(quota.has_room({"user d", "tenant t"}, 2)) << "the tenant has its share";
    EXPECT_TRUE(quota.has_room(third, 1));
    quota.end(one);
    EXPECT_TRUE(quota.has_room({"user d", "tenant t"}, 2));
    quota.end(other);
    EXPECT_EQ(quota.size(), 0U);
}

TEST(RunningQuota, LeavesAConnectionToOthers) {
    EXPECT_EQ(RunningQuota::default_for(1), 1U);
    EXPECT_EQ(RunningQuota::default_for(2), 1U);
    EXPECT_EQ(RunningQuota::default_for(3), 1U);
    EXPECT_EQ(RunningQuota::default_for(4), 2U);
    EXPECT_EQ(RunningQuota::default_for(20), 18U);
}

} // namespace

} // namespace gateway
