// What a channel or an event stream has given, and what of it may be told to which tenant: for the gateway's own reports.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hub {

struct ChannelReport {
    struct Traffic {
        std::uint64_t messages = 0, bytes = 0; // sent to the client
    };
    std::string subscription_type;
    // What may be told to each tenant: of a channel that sees several ones only the rows of that tenant.
    std::vector<std::pair<std::string, Traffic>> tenants;
    std::uint64_t messages_received = 0, errors = 0;
};

class Meter {
  public:
    void count(std::size_t bytes) {
        ++all_.messages;
        all_.bytes += bytes;
    }
    // In addition: whose row it was.
    void count_row(std::size_t bytes, std::string_view tenant) {
        if (several_) {
            add_row(bytes, tenant);
        }
    }
    // Whose rows can come from now on. As long as they are of one tenant, rows are not counted by themselves.
    void see(const std::vector<std::string>& tenants, bool every_tenant);
    // For each of the tenants that the client sees now.
    std::vector<std::pair<std::string, ChannelReport::Traffic>>
    tenants(const std::vector<std::string>& seen) const;

  private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    void add_row(std::size_t bytes, std::string_view tenant);

    ChannelReport::Traffic all_;
    std::string only_; // whose rows came until there were several; empty: nobody's
    bool several_ = false;
    std::unordered_map<std::string, ChannelReport::Traffic, Hash, std::equal_to<>> rows_of_; // by tenant
};

} // namespace hub
