#include "gateway/grant_hint.hpp"

#include <gtest/gtest.h>

namespace {

using gateway::grant_hint;
using gateway::Right;

TEST(GrantHint, MendsMembershipsThatExistFromVersion16On) {
    for (const bool is_member : {false, true}) {
        EXPECT_EQ(grant_hint(160015, "realtime_gateway", "\"g\"", Right::Inherit, is_member),
                  "GRANT realtime_gateway TO \"g\" WITH INHERIT TRUE;");
        EXPECT_EQ(grant_hint(180000, "\"w\"", "\"g\"", Right::SetRole, is_member),
                  "GRANT \"w\" TO \"g\" WITH SET TRUE;");
    }
}

TEST(GrantHint, SaysWhatTheLoginRoleLacksBeforeVersion16) {
    EXPECT_EQ(grant_hint(150020, "realtime_gateway", "\"g\"", Right::Inherit, false),
              "GRANT realtime_gateway TO \"g\";");
    EXPECT_EQ(grant_hint(150020, "realtime_gateway", "\"g\"", Right::Inherit, true),
              "ALTER ROLE \"g\" INHERIT;");
    EXPECT_EQ(grant_hint(159999, "\"w\"", "\"g\"", Right::SetRole, false), "GRANT \"w\" TO \"g\";");
}

} // namespace
