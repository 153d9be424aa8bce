// What answers requests: which address means what, who may ask, and what is asked of the database.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/dashboard.hpp"
#include "gateway/gatekeeper.hpp"
#include "gateway/pool.hpp"
#include "gateway/questions.hpp"
#include "gateway/server.hpp"

namespace gateway {

class Figures;

class Api final : public Handler {
  public:
    Api(Server& server, Pool& pool, Questions& questions, TokenGatekeeper& gatekeeper, Figures& figures);

    void handle(const std::shared_ptr<Exchange>& exchange, Socket& socket) override;
    bool is_websocket_path(std::string_view path) const override;
    std::size_t body_limit(const web::RequestHead& head) override;
    // Reads the files of the dashboard; again behind a change of settings.
    void load_dashboard();

  private:
    using Segments = std::vector<std::string>;
    // Who asks; null when that was answered with 401 or 429.
    hub::IdentityPointer caller(Exchange& exchange, const web::Query& query);
    void refuse_for_rate(Exchange& exchange, const std::string& who);
    // The database's role of a caller; empty when that was answered with 403.
    std::string role_of(Exchange& exchange, const hub::Identity& identity);

    void handle_probe(Exchange& exchange, std::string_view name, const web::Query& query);
    void handle_broadcast(const std::shared_ptr<Exchange>& exchange, const Segments& path,
                          const web::Query& query, const hub::IdentityPointer& identity);
    void handle_stream(const std::shared_ptr<Exchange>& exchange, Socket& socket, const web::Query& query,
                       const hub::IdentityPointer& identity);
    void handle_snapshot(const std::shared_ptr<Exchange>& exchange, const web::Query& query,
                         const hub::IdentityPointer& identity, bool asked_again = false);
    void answer_snapshot(Exchange& exchange, Answer answer, const std::string& name, bool every_tenant,
                         protocol::Cursor before);
    void handle_function(const std::shared_ptr<Exchange>& exchange, std::string_view name,
                         const web::Query& query, const hub::IdentityPointer& identity);
    void handle_dashboard(Exchange& exchange, const Segments& path);

    Server& server_;
    Pool& pool_;
    Questions& questions_;
    TokenGatekeeper& gatekeeper_;
    Figures& figures_;
    Dashboard dashboard_;
};

// 429 with Retry-After.
void fail_for_rate(Exchange& exchange, std::size_t limit, const std::string& of_what,
                   const std::string& setting);
// By whose address a request is counted.
std::string sender_of(const Exchange& exchange);
// 503 with Retry-After.
void fail_for_now(Exchange& exchange, std::string_view why);
// An error of the database as an answer: SQLSTATE to HTTP status. What went wrong inside is for the log only.
void reply_with_error(Exchange& exchange, const Answer& answer);

} // namespace gateway
