#include "gateway/database_hosts.hpp"

#include <ostream>

#include <gtest/gtest.h>

namespace gateway {

// What the test library prints.
void PrintTo(const DatabaseHosts& hosts, std::ostream* out) {
    *out << "host=" << hosts.host << " hostaddr=" << hosts.hostaddr << " port=" << hosts.port;
}

namespace {

using Names = std::vector<std::string>;

const HostAddresses known{{"one", {"10.0.0.1"}}, {"two", {"10.0.0.2", "fd00::2"}}};

TEST(DatabaseHosts, NamesAreLookedUp) {
    EXPECT_EQ(names_of({"one", "", "5432"}), Names({"one"}));
    EXPECT_EQ(names_of({"one,two,one", "", ""}), Names({"one", "two"}));
    EXPECT_EQ(names_of({"one,two", "", "1,2"}), Names({"one", "two"}));
}

TEST(DatabaseHosts, WhatIsNoNameIsNotLookedUp) {
    EXPECT_EQ(names_of({"", "", "5432"}), Names());
    EXPECT_EQ(names_of({"/run/postgresql", "", "5432"}), Names());
    EXPECT_EQ(names_of({"@abstract", "", "5432"}), Names());
    EXPECT_EQ(names_of({"127.0.0.1,::1,fe80::1%eth0", "", "5432"}), Names());
    EXPECT_EQ(names_of({"/run/postgresql,one,10.0.0.9,", "", "5432"}), Names({"one"}));
}

TEST(DatabaseHosts, AGivenAddressCounts) {
    EXPECT_EQ(names_of({"one", "10.0.0.9", "5432"}), Names());
    EXPECT_EQ(names_of({"", "10.0.0.9", "5432"}), Names());
    EXPECT_EQ(names_of({"one,two", "10.0.0.9,", "5432"}), Names({"two"}));
}

TEST(DatabaseHosts, ListsThatDoNotMatchAreLeftToLibpq) {
    EXPECT_EQ(names_of({"one,two", "10.0.0.9", "5432"}), Names());
    EXPECT_EQ(names_of({"one,two", "", "1,2,3"}), Names());
    EXPECT_EQ(names_of({"one", "", "1,2"}), Names());
    EXPECT_FALSE(has_others({"one", "", "1,2"}));
    EXPECT_EQ(with_addresses({"one", "", "1,2"}, known), DatabaseHosts());
}

TEST(DatabaseHosts, OthersAreWhatIsNoName) {
    EXPECT_FALSE(has_others({"one,two", "", "5432"}));
    EXPECT_TRUE(has_others({"one,10.0.0.9", "", "5432"}));
    EXPECT_TRUE(has_others({"one,/run", "", "5432"}));
    EXPECT_TRUE(has_others({"one,", "", "5432"}));
    EXPECT_TRUE(has_others({"one,two", ",10.0.0.9", "5432"}));
}

TEST(DatabaseHosts, TheNameStaysBesideItsAddress) {
    EXPECT_EQ(with_addresses({"one", "", "5432"}, known), DatabaseHosts({"one", "10.0.0.1", "5432"}));
    EXPECT_EQ(with_addresses({"one", "", ""}, known), DatabaseHosts({"one", "10.0.0.1", ""}));
}

TEST(DatabaseHosts, EachAddressIsTriedWithThePortOfItsHost) {
    EXPECT_EQ(with_addresses({"two", "", "5432"}, known),
              DatabaseHosts({"two,two", "10.0.0.2,fd00::2", "5432"}));
    EXPECT_EQ(with_addresses({"two,one", "", "5,6"}, known),
              DatabaseHosts({"two,two,one", "10.0.0.2,fd00::2,10.0.0.1", "5,5,6"}));
    EXPECT_EQ(with_addresses({"two,one", "", ",6"}, known),
              DatabaseHosts({"two,two,one", "10.0.0.2,fd00::2,10.0.0.1", ",,6"}));
}

TEST(DatabaseHosts, OthersKeepTheirPlace) {
    EXPECT_EQ(with_addresses({"/run,one,10.0.0.9,@x,", "", "1,2,3,4,5"}, known),
              DatabaseHosts({"/run,one,10.0.0.9,@x,", ",10.0.0.1,10.0.0.9,,", "1,2,3,4,5"}));
    EXPECT_EQ(with_addresses({"one,two", "10.0.0.9,", "5432"}, known),
              DatabaseHosts({"one,two,two", "10.0.0.9,10.0.0.2,fd00::2", "5432"}));
}

TEST(DatabaseHosts, WhatHasNoAddressIsLeftOut) {
    EXPECT_EQ(with_addresses({"gone,one", "", "1,2"}, known), DatabaseHosts({"one", "10.0.0.1", "2"}));
    EXPECT_EQ(with_addresses({"gone,/run", "", "5432"}, known), DatabaseHosts({"/run", "", "5432"}));
    EXPECT_EQ(with_addresses({"gone", "", "5432"}, known), DatabaseHosts());
}

TEST(DatabaseHosts, AnotherOneCanBeTheFirst) {
    const DatabaseHosts hosts{"one,two,/run", "10.0.0.1,10.0.0.2,", "1,2,3"};
    EXPECT_EQ(beginning_with(hosts, 0), hosts);
    EXPECT_EQ(beginning_with(hosts, 1), (DatabaseHosts{"two,/run,one", "10.0.0.2,,10.0.0.1", "2,3,1"}));
    EXPECT_EQ(beginning_with(hosts, 6), hosts);
    EXPECT_EQ(beginning_with({"one,two", "", "5"}, 1), (DatabaseHosts{"two,one", "", "5"}));
    EXPECT_EQ(beginning_with({"one", "", ""}, 7), (DatabaseHosts{"one", "", ""}));
    EXPECT_EQ(beginning_with({"", "", ""}, 1), (DatabaseHosts{"", "", ""}));
    EXPECT_EQ(beginning_with({"one,two", "10.0.0.1", ""}, 1), (DatabaseHosts{"one,two", "10.0.0.1", ""}));
}

TEST(DatabaseHosts, NoParameterBecomesEmpty) {
    EXPECT_EQ(with_addresses({"gone,", "", "5432"}, known), DatabaseHosts({",", ",", "5432"}));
    EXPECT_EQ(with_addresses({"gone,/run", ",", "5432"}, known), DatabaseHosts({"/run,/run", ",", "5432"}));
    EXPECT_EQ(with_addresses({"gone,one", "", "1,"}, known),
              DatabaseHosts({"one,one", "10.0.0.1,10.0.0.1", ","}));
}

} // namespace

} // namespace gateway
