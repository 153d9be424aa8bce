// One WebSocket client and its channels: the Phoenix protocol as the stock client speaks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/hub.hpp"
#include "hub/meter.hpp"
#include "protocol/message.hpp"
#include "wire/byte_buffer.hpp"

namespace hub {

class Channel;

// The socket, as a session sees it.
class Connection {
  public:
    virtual void send(const FramePointer& frame) = 0;
    // Ends the connection behind what was sent. `code` is a close code of RFC 6455.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    virtual std::size_t queued_bytes() const = 0;
    // The address of the client; empty when it is not known, or that of many.
    virtual std::string_view sender() const { return {}; }

  protected:
    ~Connection() = default;
};

// Not thread-safe. Whatever a client sends, nothing is thrown but std::bad_alloc.
class Session {
  public:
    // `token` is what the socket was opened with (apikey): channels that bring none of their own work for its owner. `tenant`
    // is whose rooms private channels are in that name no tenant; empty: the only one of the caller.
    Session(Hub& hub, Connection& connection, protocol::Version version, std::string token,
            std::string tenant = {});
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void on_text(std::string_view frame);
    void on_binary(std::string_view frame);

    // Whether one more message may be looked at; else the connection is closed. For messages that come past on_text() and
    // on_binary(), as pings do.
    bool take_message();

    // Ends channels whose token has expired before its time: it was revoked.
    void look_at_tokens();

    // Whether a channel was ever joined.
    bool has_joined() const { return joined_; }
    std::vector<ChannelReport> report() const;
    std::size_t channel_count() const { return channels_.size(); }

  private:
    friend class Channel;

    void on_join(const protocol::ClientMessage& message);
    Channel* find(std::string_view topic);
    void end(Channel& channel); // the channel is over; it is destroyed later
    void sweep();
    std::size_t tracked_bytes() const; // presences of all channels
    bool may_broadcast(std::size_t bytes);
    // Counts what cannot be refused; what follows waits for it.
    void count_broadcast(std::size_t bytes);
    // A text message; write() puts its bytes into the buffer.
    template <class Write> void write(Write&& write) {
        wire::ByteBuffer out(largest_message);
        write(out);
        connection_.send(Frame::message(web::Opcode::Text, {out.view()}));
    }
    static constexpr std::size_t largest_message = 1U << 30;

    Hub& hub_;
    Connection& connection_;
    std::string token_, tenant_;
    std::vector<std::unique_ptr<Channel>> channels_;
    std::vector<std::unique_ptr<Channel>> ended_;
    std::set<std::size_t> refused_; // hashes of topics that were refused because they name no user
    TokenBucket messages_, joins_, broadcast_bytes_;
    protocol::Version version_;
    bool joined_ = false;
};

} // namespace hub
