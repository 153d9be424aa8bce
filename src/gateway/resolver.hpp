// Addresses of host names, looked up by threads of the event loop: a resolver that is slow holds up nobody else.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/database_hosts.hpp"

namespace gateway {

// A name is looked up once at a time, whoever asks for it: many connections to one host are one look-up, and so are those that
// were given up while the resolver does not answer. Nothing is remembered.
class Resolver {
  public:
    // `faults` says which names have no address, and why.
    using Done = std::function<void(const HostAddresses& found, const std::string& faults)>;

    explicit Resolver(uv_loop_t* loop) : loop_(loop) {}
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    class Wait;
    // Calls `done` later, once, unless the result is destroyed before. It waits for all names, but not long for the rest when
    // some have an address or `has_others`: there are several so that one may fail.
    std::unique_ptr<Wait> look_up(const std::vector<std::string>& names, bool has_others, Done done);

  private:
    struct Request;
    static void on_answer(uv_getaddrinfo_t* handle, int status, addrinfo* addresses);
    void forget(const Request& request);

    uv_loop_t* loop_;
    std::unordered_map<std::string, Request*>
        requests_; // each is deleted by its answer, which may come after our end
};

// Somebody who waits for addresses; gives up when destroyed.
class Resolver::Wait {
  public:
    Wait(Resolver& resolver, bool has_others, Done done);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    // Of which names nothing has been heard yet, as a fault.
    std::string unanswered() const;

  private:
    friend class Resolver;
    void ask(const std::string& name);
    void end_in(unsigned milliseconds);
    void on_time();
    // May end with our destruction.
    void finish();

    Resolver& resolver_;
    bool has_others_;
    Done done_;
    std::vector<Request*> asked_; // and not answered
    HostAddresses found_;
    std::string faults_;
    uv_timer_t* timer_; // closes later than we do
};

} // namespace gateway
