// A connection to PostgreSQL on the event loop: libpq without waiting.
#pragma once

#include <libpq-fe.h>
#include <uv.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/resolver.hpp"

namespace gateway {

// Connects, and says when there is something to read. Names of hosts are looked up beforehand, because libpq would wait for the
// answer, and everybody else with it. `resolver` lives longer than the link.
class Link {
  public:
    Link(uv_loop_t* loop, Resolver& resolver);
    virtual ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

  protected:
    using Parameters = std::vector<std::pair<std::string, std::string>>;
    // `url` is a connection string or URL; `more` are further parameters. Takes as long as it takes: the owner gives up, with
    // what too_slow() says.
    void connect(const std::string& url, const Parameters& more);
    // No callback follows.
    void disconnect();
    bool connected() const { return state_ == State::Connected; }
    PGconn* connection() { return connection_; }
    // Why a connection that is given up was not made in time.
    std::string too_slow() const;
    // Sends what libpq has buffered, now or when the socket takes it.
    void flush();
    // Until resume_reading() nothing is taken in, so that the server has to wait; what libpq holds can be worked on, and sending
    // goes on. That the connection is lost is noticed afterwards. A new connection reads.
    void pause_reading();
    void resume_reading();

    virtual void on_connected() = 0;
    // Input was taken in; results and copy data may be there.
    virtual void on_input() = 0;
    // The connection could not be made or is over. It is closed already.
    virtual void on_lost(const std::string& why) = 0;

    uv_loop_t* loop_;

  private:
    enum class State : unsigned char { Closed, LookingUp, Connecting, Connected };
    struct Poll {
        uv_poll_t handle{};
        Link* link = nullptr;
    };
    static void on_poll(uv_poll_t* handle, int status, int events);
    // Nothing to read is waited for while reading is paused.
    void watch(int events);
    void unwatch();
    void begin_connecting(const Parameters& parameters);
    void go_on_connecting();
    void fail(const std::string& why);

    Resolver& resolver_;
    std::unique_ptr<Resolver::Wait> look_up_;
    std::string unknown_; // hosts that are not tried because they have no address, and why
    PGconn* connection_ = nullptr;
    std::size_t first_ = 0; // host that is tried first: one that does not answer at all keeps from the others
    Poll* poll_ = nullptr;  // closes later than we do
    int socket_ = -1;
    int events_ = 0;
    State state_ = State::Closed;
    bool paused_ = false;
};

// libpq's messages in one line.
std::string one_line(const char* message);

} // namespace gateway
