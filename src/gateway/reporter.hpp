// The gateway's own reports: how each connection is, into realtime_connection_metrics, without any code in the client.
#pragma once

#include "gateway/pool.hpp"
#include "gateway/server.hpp"

namespace gateway {

class Reporter {
  public:
    Reporter(Server& server, Pool& pool) : server_(server), pool_(pool) {}
    // Reports those whose time has come.
    void tick();

  private:
    bool is_due(std::string_view connection, double interval, double now) const;
    void send(std::vector<std::string> rows);

    Server& server_;
    Pool& pool_;
    double last_ = 0; // look at who is due; 0: none yet
    bool said_ = false;
};

} // namespace gateway
