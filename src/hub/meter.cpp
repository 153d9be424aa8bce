#include "hub/meter.hpp"

namespace hub {

void Meter::see(const std::vector<std::string>& tenants, bool every_tenant) {
    if (several_ || (!every_tenant && tenants.empty())) {
        return;
    }
    if (!every_tenant && tenants.size() == 1 && (only_.empty() || only_ == tenants.front())) {
        only_ = tenants.front();
        return;
    }
    several_ = true;
    if (!only_.empty()) {
        rows_of_.emplace(only_, all_);
    }
}

void Meter::add_row(std::size_t bytes, std::string_view tenant) {
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
        // Who never could have anybody else's rows: everything is that tenant's.
        const bool alone = seen.size() == 1 && !several_ && (only_.empty() || only_ == tenant);
        tenants.emplace_back(tenant, alone                    ? all_
                                     : rows != rows_of_.end() ? rows->second
                                                              : ChannelReport::Traffic());
    }
    return tenants;
}

} // namespace hub
