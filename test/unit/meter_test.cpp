// Whose messages may be told to whom.
#include "hub/meter.hpp"

#include <gtest/gtest.h>

namespace {

using Told = std::vector<std::pair<std::string, std::uint64_t>>;

Told told(const hub::Meter& meter, const std::vector<std::string>& seen) {
    Told told;
    for (const auto& [tenant, traffic] : meter.tenants(seen)) {
        told.emplace_back(tenant, traffic.messages);
    }
    return told;
}

void deliver(hub::Meter& meter, const char* tenant) {
    meter.count(100);
    meter.count_row(100, tenant);
}

TEST(Meter, AllMessagesAreOfTheOnlyTenant) {
    hub::Meter meter;
    meter.see({"a"}, false);
    deliver(meter, "a");
    meter.count(100); // a broadcast
    EXPECT_EQ(told(meter, {"a"}), (Told{{"a", 2}}));
}

TEST(Meter, ASecondTenantIsToldOfItsOwnRowsAndTheFirstKeepsItsOwn) {
    hub::Meter meter;
    meter.see({"a"}, false);
    deliver(meter, "a");
    deliver(meter, "a");
    meter.see({"a", "b"}, false);
    deliver(meter, "a");
    deliver(meter, "b");
    EXPECT_EQ(told(meter, {"a", "b"}), (Told{{"a", 3}, {"b", 1}}));
}

TEST(Meter, WhoTakesTheFirstOnesPlaceIsNotToldOfIt) {
    hub::Meter meter;
    meter.see({"a"}, false);
    deliver(meter, "a");
    meter.see({}, false);
    meter.see({"b"}, false);
    deliver(meter, "b");
    EXPECT_EQ(told(meter, {"b"}), (Told{{"b", 1}}));
}

TEST(Meter, ARoomIsNotToldOfTheRowsOfWhoSeesEveryTenant) {
    hub::Meter meter;
    meter.see({}, true);
    deliver(meter, "a");
    deliver(meter, "b");
    deliver(meter, "b");
    EXPECT_EQ(told(meter, {"a"}), (Told{{"a", 1}}));
}

} // namespace
