// GET /realtime/v1/stream: changes as server-sent events (HTML standard, section 9.2), with Last-Event-ID to resume.
#pragma once

#include "hub/feed.hpp"

namespace gateway {

class Socket;

class EventStream final : public hub::Feed, public hub::Alarm {
  public:
    EventStream(hub::Hub& hub, Socket& socket);
    ~EventStream();

    void begin(hub::IdentityPointer identity, std::vector<protocol::Binding> bindings,
               std::optional<protocol::Cursor> since);

    void deliver(const hub::FramePointer& frame) override;
    void on_time() override;
    // Ends when the token has expired. Whether it has.
    bool look_at_token();
    hub::ChannelReport report() const;

  private:
    bool on_open() override;
    bool goes_on_without_user() override { return false; }
    bool goes_on_with_part() override { return !subscription().kinds.empty(); }
    void on_reopened() override {}
    void on_suspended() override {}
    void on_refused(const std::string& code, const std::string& message) override;
    void on_notice(bool ok, const std::string& message, std::optional<protocol::Cursor> refetch) override;
    void on_tenant_lost(const std::string&) override {}
    void on_live(bool all) override;
    std::size_t queued_bytes() const override;
    std::string_view sender() const override;
    void schedule(const hub::Identity& owner);

    Socket& socket_;
};

} // namespace gateway
