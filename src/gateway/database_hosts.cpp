#include "gateway/database_hosts.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace gateway {

namespace {

struct Entry {
    std::string host, hostaddr, port;
};

std::vector<std::string> parts_of(std::string_view list) {
    std::vector<std::string> parts;
    if (list.empty()) {
        return parts;
    }
    for (std::size_t begin = 0;;) {
        const std::size_t comma = list.find(',', begin);
        parts.emplace_back(list.substr(begin, comma - begin));
        if (comma == std::string_view::npos) {
            return parts;
        }
        begin = comma + 1;
    }
}

// As libpq does it: the number of addresses counts, or that of hosts without addresses, or there is one entry.
std::optional<std::vector<Entry>> entries_of(const DatabaseHosts& hosts) {
    const auto names = parts_of(hosts.host);
    const auto addresses = parts_of(hosts.hostaddr);
    const auto ports = parts_of(hosts.port);
    const std::size_t count = std::max<std::size_t>(1, addresses.empty() ? names.size() : addresses.size());
    if ((!names.empty() && names.size() != count) || (ports.size() > 1 && ports.size() != count)) {
        return std::nullopt;
    }
    std::vector<Entry> entries(count);
    for (std::size_t index = 0; index < count; ++index) {
        Entry& entry = entries[index];
        entry.host = names.empty() ? "" : names[index];
        entry.hostaddr = addresses.empty() ? "" : addresses[index];
        if (!ports.empty()) {
            entry.port = ports.size() == 1 ? ports[0] : ports[index];
        }
    }
    return entries;
}

bool is_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    // The interface of a link-local address is no part of it for inet_pton().
    const std::string version6 = host.substr(0, host.find('%'));
    return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           inet_pton(AF_INET6, version6.c_str(), bytes.data()) == 1;
}

bool is_name(const Entry& entry) {
    return entry.hostaddr.empty() && !entry.host.empty() && entry.host[0] != '/' && entry.host[0] != '@' &&
           !is_address(entry.host);
}

template <class Part> std::string list_of(const std::vector<Entry>& entries, Part part) {
    std::string list;
    for (std::size_t index = 0; index < entries.size(); ++index) {
        list += (index == 0 ? "" : ",") + entries[index].*part;
    }
    return list;
}

} // namespace

std::vector<std::string> names_of(const DatabaseHosts& hosts) {
    std::vector<std::string> names;
    for (const Entry& entry : entries_of(hosts).value_or(std::vector<Entry>())) {
        if (is_name(entry) && std::find(names.begin(), names.end(), entry.host) == names.end()) {
            names.push_back(entry.host);
        }
    }
    return names;
}

bool has_others(const DatabaseHosts& hosts) {
    const auto entries = entries_of(hosts).value_or(std::vector<Entry>());
    return std::any_of(entries.begin(), entries.end(), [](const Entry& entry) { return !is_name(entry); });
}

DatabaseHosts beginning_with(const DatabaseHosts& hosts, std::size_t first) {
    auto entries = entries_of(hosts);
    if (!entries || first % entries->size() == 0) {
        return hosts;
    }
    std::rotate(entries->begin(), entries->begin() + static_cast<std::ptrdiff_t>(first % entries->size()),
                entries->end());
    const bool several_ports = hosts.port.find(',') != std::string::npos;
    return {hosts.host.empty() ? "" : list_of(*entries, &Entry::host),
            hosts.hostaddr.empty() ? "" : list_of(*entries, &Entry::hostaddr),
            several_ports ? list_of(*entries, &Entry::port) : hosts.port};
}

DatabaseHosts with_addresses(const DatabaseHosts& hosts, const HostAddresses& addresses) {
    std::vector<Entry> entries;
    for (Entry& entry : entries_of(hosts).value_or(std::vector<Entry>())) {
        if (!is_name(entry)) {
            if (entry.hostaddr.empty() && is_address(entry.host)) {
                entry.hostaddr = entry.host;
            }
            entries.push_back(std::move(entry));
            continue;
        }
        const auto found = addresses.find(entry.host);
        if (found == addresses.end()) {
            continue;
        }
        for (const std::string& address : found->second) {
            entries.push_back({entry.host, address, entry.port});
        }
    }
    if (entries.empty()) {
        return {};
    }
    const bool several_ports = hosts.port.find(',') != std::string::npos;
    const Entry& first = entries.front();
    if (entries.size() == 1 &&
        ((first.host.empty() && !hosts.host.empty()) || (first.hostaddr.empty() && !hosts.hostaddr.empty()) ||
         (first.port.empty() && several_ports))) {
        // A list of one empty entry would not count, and the old one would stay. One of two is none.
        entries.push_back(Entry(first));
    }
    return {list_of(entries, &Entry::host), list_of(entries, &Entry::hostaddr),
            several_ports ? list_of(entries, &Entry::port) : hosts.port};
}

} // namespace gateway
