// A connection to PostgreSQL on the event loop: libpq without waiting.
#pragma once

#include <libpq-fe.h>
#include <uv.h>

#include <string>
#include <utility>
#include <vector>

namespace gateway {

// Connects, and says when there is something to read. Names of hosts are looked up by libpq when connecting, which waits for
// the answer: use addresses or a local resolver where that may take long.
class Link {
  public:
    explicit Link(uv_loop_t* loop);
    virtual ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

  protected:
    // `url` is a connection string or URL; `more` are further parameters.
    void connect(const std::string& url, const std::vector<std::pair<std::string, std::string>>& more);
    // No callback follows.
    void disconnect();
    bool connected() const { return state_ == State::Connected; }
    PGconn* connection() { return connection_; }
    // Sends what libpq has buffered, now or when the socket takes it.
    void flush();

    virtual void on_connected() = 0;
    // Input was taken in; results and copy data may be there.
    virtual void on_input() = 0;
    // The connection could not be made or is over. It is closed already.
    virtual void on_lost(const std::string& why) = 0;

    uv_loop_t* loop_;

  private:
    enum class State : unsigned char { Closed, Connecting, Connected };
    struct Poll {
        uv_poll_t handle{};
        Link* link = nullptr;
    };
    static void on_poll(uv_poll_t* handle, int status, int events);
    void watch(int events);
    void unwatch();
    void go_on_connecting();
    void fail(const std::string& why);

    PGconn* connection_ = nullptr;
    Poll* poll_ = nullptr; // closes later than we do
    int socket_ = -1;
    int events_ = 0;
    State state_ = State::Closed;
};

// libpq's messages in one line.
std::string one_line(const char* message);

} // namespace gateway
