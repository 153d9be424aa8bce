// Listens, keeps the connections, and knows everything that answers requests.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/exchange.hpp"
#include "gateway/request_rates.hpp"
#include "gateway/send_batch.hpp"
#include "hub/hub.hpp"
#include "web/cors.hpp"
#include "web/deflate.hpp"
#include "web/frame_reader.hpp"
#include "web/request_parser.hpp"

namespace gateway {

class Socket;

// What answers requests. `handle` may keep the exchange and answer later.
class Handler {
  public:
    virtual void handle(const std::shared_ptr<Exchange>& exchange, Socket& socket) = 0;
    // Token of a WebSocket's address, and so on: whether the path is that of the socket.
    virtual bool is_websocket_path(std::string_view path) const = 0;
    // How many bytes of a body are worth reading, before it comes.
    virtual std::size_t body_limit(const web::RequestHead& head) = 0;

  protected:
    ~Handler() = default;
};

struct ServerCounters {
    std::uint64_t accepted = 0, refused = 0, upgrades = 0, requests = 0;
    std::uint64_t bytes_in = 0, bytes_out = 0, frames_out = 0, writes = 0;
    std::uint64_t slow_consumers = 0, protocol_errors = 0, idle_closed = 0, rate_limited = 0;
    std::uint64_t answers_refused = 0; // because too many bytes of answers waited
    std::uint64_t reports_failed = 0;  // rows of realtime_connection_metrics
};

class Server {
  public:
    Server(uv_loop_t* loop, Config& config, hub::Hub& hub);
    ~Server();

    // Empty, or what is wrong.
    std::string listen();
    void set_handler(Handler& handler) { handler_ = &handler; }
    // Stops listening and sends everybody away, a few at a time.
    void drain();
    void destroy_all();
    bool draining() const { return draining_; }
    void reload();
    // Behind a change of keys.
    void look_at_tokens();

    // As those of RequestRates, with the setting requests-per-second.
    bool may_request(const std::string& who);
    bool has_room_for(const std::string& who);
    void count_request(const std::string& who);
    bool may_broadcast(const std::string& who, std::size_t bytes);

    // Whether an answer of these bytes may wait for its client; if so they count (AnswerCharge).
    bool may_answer(const std::string& account, std::size_t bytes, bool to_probe);
    // Whether the database should be asked for an answer to this account.
    bool has_room_for_answer(const std::string& account) const;
    const std::shared_ptr<AnswerBudget>& answers() const { return answers_; }

    uv_loop_t* loop() { return loop_; }
    // As hub().now() was when this turn of the loop began: cheap.
    double loop_now() const { return static_cast<double>(uv_now(loop_)) / 1000; }
    Config& config() { return config_; }
    hub::Hub& hub() { return hub_; }
    Handler& handler() { return *handler_; }
    web::Compressor& compressor() { return compressor_; }
    const web::Cors& cors() const { return *cors_; }
    // Many may come from its address, and it says for whom (X-Forwarded-For).
    bool is_proxy(const std::string& peer) const;
    // An address that broke the rules may come again a second later.
    void penalise(const std::string& peer);
    const web::FrameLimits& frame_limits() const { return frame_limits_; }
    const web::RequestLimits& request_limits() const { return request_limits_; }
    const std::unordered_set<Socket*>& sockets() const { return sockets_; }
    std::string new_id(const char* prefix);

    bool sends_by_ring() const { return batch_.has_ring(); }

    ServerCounters counters;

  private:
    friend class Socket;
    struct Listener;
    struct Address {
        std::size_t connections = 0;
        hub::TokenBucket accepts;
    };
    std::string listen_on(const std::string& address);
    static std::string bound_address(const Listener& listener, const std::string& address);
    std::string take_systemd_sockets(bool& any);
    std::string begin(std::unique_ptr<Listener> listener);
    void on_connection(Listener& listener);
    void mark_dirty(Socket& socket) { dirty_.push_back(&socket); }
    void flush();
    void send_batch();
    bool admit(Socket& socket);
    void forget(Socket& socket);
    // go_on() of the socket is called in the next turn.
    void call_again(Socket& socket);

    uv_loop_t* loop_;
    Config& config_;
    hub::Hub& hub_;
    Handler* handler_ = nullptr;
    std::vector<Listener*> listeners_;
    std::unordered_set<Socket*> sockets_;
    std::vector<Socket*> dirty_, flushing_, again_, calling_;
    SendBatch batch_;
    std::vector<Socket*> sending_; // those in the batch
    std::unordered_map<std::string, Address> addresses_;
    RequestRates requests_;
    std::shared_ptr<AnswerBudget> answers_ = std::make_shared<AnswerBudget>(); // answers may outlive us
    hub::TokenBucket accepts_;
    web::Compressor compressor_;
    std::unique_ptr<web::Cors> cors_;
    web::FrameLimits frame_limits_;
    web::RequestLimits request_limits_;
    std::unique_ptr<char[]> read_buffer_;
    uv_prepare_t* prepare_;
    uv_idle_t* idle_; // runs while somebody is in again_
    uv_timer_t* drain_timer_;
    std::uint64_t last_id_ = 0;
    std::string id_prefix_;
    bool draining_ = false;

  public:
    static constexpr std::size_t read_buffer_size = 64 * 1024;
    char* read_buffer() { return read_buffer_.get(); }
};

} // namespace gateway
