#include "hub/meter.hpp"

namespace hub {

void Meter::count_row(std::size_t bytes, std::string_view tenant) {
    auto rows = rows_of_.find(tenant);
    if (rows == rows_of_.end()) {
        rows = rows_of_.emplace(tenant, ChannelReport::Traffic()).first;
    }
    ++rows->second.messages;
    rows->second.bytes += bytes;
}

std::vector<std::pair<std::string, ChannelReport::Traffic>>
Meter::tenants(const std::vector<std::string>& seen) const {
    std::vector<std::pair<std::string, ChannelReport::Traffic>> tenants;
    for (const std::string& tenant : seen) {
        const auto rows = rows_of_.find(tenant);
        // Who never had anybody else's rows: everything is that tenant's.
        const bool alone = seen.size() == 1 && rows_of_.empty();
        tenants.emplace_back(tenant, alone                    ? all_
                                     : rows != rows_of_.end() ? rows->second
                                                              : ChannelReport::Traffic());
    }
    return tenants;
}

} // namespace hub
