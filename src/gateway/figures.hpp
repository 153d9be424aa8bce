// Everything that is counted, as Prometheus reads it.
#pragma once

#include <string>

#include "gateway/pool.hpp"
#include "gateway/replication.hpp"
#include "gateway/server.hpp"

namespace gateway {

class Figures {
  public:
    Figures(const Server& server, const Pool& pool, const Replication& replication, const hub::Hub& hub,
            const Config& config)
        : server_(server), pool_(pool), replication_(replication), hub_(hub), config_(config) {}

    // As text(), at most a second old: strangers may ask for it as often as they like.
    const std::string& page(bool tenants);

    // The text format 0.0.4. With `tenants` the metrics-tenants largest ones have series of their own, the others are summed up as
    // tenant "other".
    std::string text(bool tenants) const;

  private:
    const Server& server_;
    const Pool& pool_;
    const Replication& replication_;
    const hub::Hub& hub_;
    const Config& config_;
    struct Kept {
        std::string text;
        double time = 0;
    };
    Kept kept_[2]; // without and with tenants
};

} // namespace gateway
