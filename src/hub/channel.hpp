// A channel: what phx_join asked for, from its reply to its end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "hub/feed.hpp"
#include "hub/session.hpp"

namespace hub {

class Channel final : public Feed, public Alarm {
  public:
    Channel(Session& session, std::string topic, const protocol::ClientMessage& join);
    ~Channel() override;

    // Takes the wishes of a join. May end the channel at once.
    void join(protocol::Join join, IdentityPointer identity);
    // Everything that a client may send to a channel but a join.
    void on_message(const protocol::ClientMessage& message);
    void on_broadcast(const protocol::ClientMessage& from, const Broadcast& broadcast);
    // Somebody joined the same topic again.
    void replace();

    const std::string& topic() const { return subscription_.topic; }
    const std::optional<std::string>& join_ref() const { return join_ref_; }
    bool ended() const { return ended_; }
    ChannelReport report() const;
    void send_cursor_if_moved();
    std::size_t presence_bytes() const { return member_.presence_bytes; }

    void deliver(const FramePointer& frame) override;
    void on_time() override;
    void look_at_token();

  private:
    void advance() override;
    bool on_open() override;
    bool goes_on_without_user() override;
    bool goes_on_with_part() override { return !wait_; }
    bool knows_enough() override;
    void on_reopened() override;
    void on_suspended() override;
    void on_refused(const std::string& code, const std::string& message) override;
    void on_notice(bool ok, const std::string& message, std::optional<protocol::Cursor> refetch) override;
    void on_tenant_lost(const std::string& tenant) override;
    void on_live(bool all) override;
    std::size_t queued_bytes() const override;
    std::string_view sender() const override;

    bool find_room(std::string& why);
    void on_presence(const protocol::ClientMessage& message);
    void on_access_token(const protocol::ClientMessage& message);
    void reply(const protocol::ClientMessage& to, bool ok, std::string_view response = "{}");
    void system(std::string_view extension, bool ok, std::string_view message, bool refetch = false,
                std::optional<protocol::Cursor> cursor = std::nullopt);
    void fail(std::string_view message); // system error and phx_close
    void finish();
    void schedule_expiry();
    void tell_ready();

    Session& session_;
    Connection& connection_; // that of the session
    std::optional<std::string> join_ref_, ref_;
    Member member_;
    std::optional<std::string> room_tenant_; // of a private channel
    std::string wanted_tenant_;
    bool tenant_asked_ = false, tenant_answered_ = false; // whether there is only one, for who sees all
    std::vector<std::string> warnings_;                   // of the join, until it is answered
    std::shared_ptr<Channel*> self_ = std::make_shared<Channel*>(this); // answers may come after our end
    protocol::Cursor last_cursor_;
    std::uint64_t messages_received_ = 0, errors_ = 0;
    double join_ends_ = 0, cursor_due_ = 0;
    bool private_ = false, ack_ = false, wait_ = false, replied_ = false, ended_ = false;
    bool replication_ready_ = false; // the client waits to be told
};

} // namespace hub
