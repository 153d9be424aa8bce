// One HTTP request and its one answer, which may come later.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/answer_budget.hpp"
#include "hub/frame.hpp"
#include "web/query.hpp"
#include "web/request_head.hpp"
#include "web/response.hpp"

namespace gateway {

class Socket;
class Server;

struct Reply {
    int status = 200;
    std::string body;
    std::vector<std::string> parts; // instead of `body`, which they are together
    hub::FramePointer shared_body;  // instead of `body`, as it goes out: a frame that others may share
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
};

// {error, message, hint, requestId}; `code` is a word for programs.
Reply error_reply(int status, std::string_view code, std::string_view message, std::string_view hint,
                  std::string_view request_id);

// Kept by whoever will answer; the socket may be gone by then. Exactly one answer counts.
class Exchange : public std::enable_shared_from_this<Exchange> {
  public:
    Exchange(Socket& socket, web::RequestHead head, std::string body, std::string id);

    const web::RequestHead& head() const { return head_; }
    const std::string& body() const { return body_; }
    const std::string& id() const { return id_; } // request id: the client's x-request-id, or ours
    std::string_view peer() const { return peer_; }
    // On whose account the answer waits until it is taken.
    const std::string& account() const { return account_; }
    void set_account(std::string account) { account_ = std::move(account); }
    // The answer goes out however much waits to be taken by others. It has an account of its own.
    void answer_probe(std::string account) {
        set_account(std::move(account));
        is_probe_ = true;
    }

    // Large answers are put together and compressed first, beside the loop. One for which there is no room becomes a 503 (AnswerBudget).
    void reply(Reply reply);
    void fail(int status, std::string_view code, std::string_view message, std::string_view hint = {});
    bool answered() const { return answered_; }
    // Nobody waits for the answer any more.
    bool abandoned() const { return socket_ == nullptr; }

  private:
    friend class Socket;
    struct Packing;
    void pack(Reply reply, bool packs);
    void send(const Reply& reply);

    Socket* socket_; // null when it is gone
    web::RequestHead head_;
    std::string body_, id_, peer_, account_;
    AnswerCharge charge_; // of the answer, until the socket has it
    bool answered_ = false, is_probe_ = false;
};

} // namespace gateway
