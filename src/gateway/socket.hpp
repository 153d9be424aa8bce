// One connection of a client: HTTP requests, then perhaps a WebSocket or an event stream.
#pragma once

#include <uv.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/exchange.hpp"
#include "gateway/send_batch.hpp"
#include "gateway/send_queue.hpp"
#include "hub/session.hpp"
#include "web/frame_reader.hpp"
#include "web/request_parser.hpp"

namespace gateway {

class EventStream;

// Made by the server when a connection is accepted; destroys itself when it is closed, but never within send(), close() and
// answer(): whoever calls them may go on. At rest it holds no buffers.
class Socket final : public hub::Connection, private hub::Alarm {
  public:
    Socket(Server& server, bool is_pipe);

    uv_stream_t* stream() { return &handle_.stream; }
    // After uv_accept(): learns where the client is, then begins to read.
    void know_peer();
    void start();
    const std::string& peer() const { return peer_; }
    Server& server() { return server_; }

    void send(const hub::FramePointer& frame) override;
    void close(std::uint16_t code, std::string_view reason) override;
    std::size_t queued_bytes() const override { return queue_.bytes(); }
    std::string_view sender() const override { return sender_; }

    // The answer to the request that is being worked on.
    void answer(const web::RequestHead& head, const Reply& reply, AnswerCharge charge);
    // The request becomes an endless answer.
    void begin_events(const web::RequestHead& head, std::unique_ptr<EventStream> events);

    // Called once a turn of the loop for who has something to write: adds it to the batch, and on_sent() has to follow. False when
    // there is nothing to send, and nothing follows.
    bool flush(SendBatch& batch);
    // With the result of SendBatch.
    void on_sent(ssize_t result);
    // The next of several requests or messages that came at once, called in the turn behind the ones before.
    void go_on();
    // The server ends: a WebSocket is closed with 1012, a request is answered first.
    // False when it was on its way already.
    bool drain();
    void destroy(); // at once
    // Ends what goes on with a token that was revoked.
    void look_at_tokens();

    const hub::Session* session() const { return session_.get(); }
    bool is_event_stream() const { return events_ != nullptr; }
    std::string_view connection_id() const { return id_; }
    // Of the channels, or of the event stream.
    std::vector<hub::ChannelReport> reports() const;
    // Asks the client for an answer (ping, RFC 6455 section 5.5.2), unless it still owes one.
    void measure_round_trip();
    std::optional<double> round_trip() const { return round_trip_; } // seconds, when last asked
    double last_input() const { return last_input_; }

  private:
    ~Socket();
    enum class State : std::uint8_t { Request, Waiting, WebSocket, Events, Closing, Closed };

    void on_time() override;
    void read();
    template <class Action> void protect(Action&& action);
    void on_read(ssize_t size, const char* bytes);
    void feed_request(std::string_view bytes);
    void feed_frames(std::string_view bytes);
    void on_pong(std::string_view payload);
    void begin_request();
    std::string client_of(const web::RequestHead& head) const;
    void know_sender(const std::string& client);
    void upgrade();
    void end_with(std::uint16_t code, std::string_view reason);
    void refuse(const web::Error& error, std::span<const web::Header> headers = {});
    void close_after_writing();
    void queue(const hub::FramePointer& frame);
    bool take(ssize_t result);
    bool write();
    void after_write();
    void mark_dirty();
    void start_write();
    bool stalls();
    bool answers() const;
    void end_slow(const std::string& why);
    bool is_late(double now) const;
    void touch();
    void schedule(double seconds);

    // What each message needs lies together: with thousands of sockets, memory is what sending costs.
    Server& server_;
    SendQueue queue_;
    double last_output_ = 0; // or when there was nothing to write
    State state_ = State::Request;
    bool is_pipe_, keep_alive_ = true, compressed_ = false, dirty_ = false, told_continue_ = false,
                   doomed_ = false; // destroyed by the next flush()
    uv_os_fd_t descriptor_ = -1;
    unsigned writing_ = 0; // first frames of the queue that are in the batch, or that the loop writes now
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle_{};
    web::RequestParser parser_;
    std::optional<web::FrameReader> frames_;
    std::unique_ptr<hub::Session> session_;
    std::unique_ptr<EventStream> events_;
    std::shared_ptr<Exchange> exchange_;
    std::string pending_; // bytes behind a request that is worked on, or behind the messages of this turn
    std::string peer_, id_;
    std::string
        sender_; // network of the client of a WebSocket or an event stream; empty: a proxy that does not say
    std::size_t ignored_ = 0; // bytes that came after the end
    double last_input_ = 0;
    double pinged_ = 0; // 0: nothing was asked
    std::optional<double> round_trip_;
    double began_ = 0;                  // of the WebSocket, or of the message that is incomplete
    std::vector<AnswerCharge> charges_; // of the answers that wait
    AnswerPace answers_pace_;
    std::size_t answers_bytes_ = 0; // of those since the first of them began to wait
    std::size_t write_bytes_ = 0;   // of the running write
    std::size_t write_left_ = 0;    // bytes of it at the last look
};

} // namespace gateway
