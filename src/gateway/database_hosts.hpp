// The hosts of a connection string, as text: which names have to be looked up, and what libpq is told when they were.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace gateway {

// Three parameters of libpq, each a list with commas: `hostaddr` is empty or as long as `host`, `port` is empty, one for all, or as
// long as the others.
struct DatabaseHosts {
    std::string host, hostaddr, port;
    bool operator==(const DatabaseHosts&) const = default;
};

// Addresses by name; a name that has none is not there.
using HostAddresses = std::unordered_map<std::string, std::vector<std::string>>;

// Each once, in order: no addresses, no folders of Unix sockets, none whose address is given. Nothing if the lists do not match:
// libpq then says so without looking anything up.
std::vector<std::string> names_of(const DatabaseHosts& hosts);

// Whether there is something to connect to beside the names.
bool has_others(const DatabaseHosts& hosts);

// The same hosts in the same order with their addresses, one entry for each; what has none is left out. `host` stays beside it,
// for certificates and the password file. All lists are empty if nothing is left. libpq takes an empty parameter for one that was not
// given, so none is empty that was not so before.
DatabaseHosts with_addresses(const DatabaseHosts& hosts, const HostAddresses& addresses);

// The same hosts, beginning with the one at `first` of them and ending with the one before it.
DatabaseHosts beginning_with(const DatabaseHosts& hosts, std::size_t first);

} // namespace gateway
