// The gateway's own reports: how each connection is, into realtime_connection_metrics, without any code in the client.
#pragma once

#include "gateway/pool.hpp"
#include "gateway/server.hpp"

namespace gateway {

class Reporter {
  public:
    Reporter(Server& server, Pool& pool) : server_(server), pool_(pool) {}
    // Reports when it is time again.
    void tick();

    std::uint64_t failed() const { return failed_; }

  private:
    void send(std::vector<std::string> rows);

    Server& server_;
    Pool& pool_;
    double next_ = 0;
    std::uint64_t failed_ = 0;
    bool said_ = false;
};

} // namespace gateway
