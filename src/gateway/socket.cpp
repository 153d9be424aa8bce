#include "gateway/socket.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/address.hpp"
#include "gateway/event_stream.hpp"
#include "gateway/log.hpp"
#include "gateway/server.hpp"
#include "web/upgrade.hpp"

namespace gateway {

namespace {

constexpr std::size_t most_pending = 64 * 1024;    // bytes of pipelined requests that wait
constexpr std::size_t most_ignored = 256 * 1024;   // bytes of a client that is on its way out
constexpr std::size_t bytes_per_turn = 256 * 1024; // likewise; compressed ones grow
constexpr unsigned messages_per_turn = 32;         // of one WebSocket, before others have their turn

std::string_view query_value(const web::Result<web::Query>& query, std::string_view name) {
    const auto* pairs = std::get_if<web::Query>(&query);
    return pairs == nullptr ? std::string_view() : pairs->value(name).value_or(std::string_view());
}

} // namespace

Socket::Socket(Server& server, bool is_pipe)
    : server_(server), is_pipe_(is_pipe), parser_(server.request_limits()) {
    handle_.stream.data = this;
    if (is_pipe) {
        uv_pipe_init(server.loop(), &handle_.pipe, 0);
    } else {
        uv_tcp_init(server.loop(), &handle_.tcp);
    }
}

Socket::~Socket() {
    cancel();
    if (exchange_ != nullptr) {
        exchange_->socket_ = nullptr;
    }
}

void Socket::know_peer() {
    handle_.stream.data = this;
    uv_fileno(reinterpret_cast<uv_handle_t*>(&handle_.stream), &descriptor_);
    if (is_pipe_) {
        peer_ = "unix";
    } else {
        uv_tcp_nodelay(&handle_.tcp, 1);
        sockaddr_storage name{};
        int size = sizeof(name);
        if (uv_tcp_getpeername(&handle_.tcp, reinterpret_cast<sockaddr*>(&name), &size) == 0) {
            peer_ = address_of(reinterpret_cast<const sockaddr*>(&name));
        }
    }
}

void Socket::start() {
    touch();
    schedule(server_.config().handshake_timeout);
    read();
}

void Socket::read() {
    uv_read_start(
        &handle_.stream,
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
            // One buffer for all: what is read is used before the next read.
            auto* socket = static_cast<Socket*>(handle->data);
            *buffer = uv_buf_init(socket->server_.read_buffer(), Server::read_buffer_size);
        },
        [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
            auto* socket = static_cast<Socket*>(stream->data);
            socket->protect([&] { socket->on_read(size, buffer->base); });
        });
}

// Whatever a stranger's bytes bring about ends that connection and no other.
template <class Action> void Socket::protect(Action&& action) {
    if (const std::string fault = guarded(std::forward<Action>(action)); !fault.empty()) {
        spdlog::error("connection of {}: {}; it is closed", peer_, fault);
        destroy();
    }
}

void Socket::touch() {
    last_input_ = server_.hub().now();
}

void Socket::schedule(double seconds) {
    server_.hub().timers.schedule(*this,
                                  static_cast<web::Milliseconds>((server_.hub().now() + seconds) * 1000));
}

void Socket::on_time() {
    const double idle = server_.config().idle_timeout;
    const double silent = server_.hub().now() - last_input_;
    switch (state_) {
    case State::WebSocket:
        if (stalls()) {
            return;
        }
        if (is_late(server_.hub().now())) {
            ++server_.counters.idle_closed;
            // Not always the client's fault, who may come again at once: the database may be away.
            end_with(web::close_code::policy,
                     session_->has_joined()
                         ? "a message was not complete after " +
                               std::to_string(server_.config().stall_timeout) + " seconds"
                         : "no channel was joined within " +
                               std::to_string(server_.config().handshake_timeout) + " seconds");
            return;
        }
        if (silent < idle) {
            schedule(std::min<double>(idle - silent, server_.config().stall_timeout));
            return;
        }
        ++server_.counters.idle_closed;
        close(web::close_code::normal,
              "no message for " + std::to_string(server_.config().idle_timeout) + " seconds");
        return;
    case State::Waiting: // a request that is worked on has a time limit of its own
        if (!stalls()) {
            schedule(idle);
        }
        return;
    case State::Events:
        if (!stalls()) {
            schedule(server_.config().stall_timeout);
        }
        return;
    case State::Request:
        if (stalls()) {
            return;
        }
        if (!parser_.idle()) {
            refuse({408, "the request did not come in time"});
            return;
        }
        if (answers()) {
            schedule(server_.config().stall_timeout);
            return;
        }
        destroy();
        return;
    case State::Closing:
        if (answers()) {
            if (!stalls()) {
                schedule(server_.config().stall_timeout);
            }
            return;
        }
        destroy();
        return;
    case State::Closed:
        destroy();
    }
}

void Socket::on_read(ssize_t size, const char* bytes) {
    if (size == 0) {
        return;
    }
    if (size < 0) {
        // The client has closed or is gone; nobody reads what is left.
        destroy();
        return;
    }
    server_.counters.bytes_in += static_cast<std::uint64_t>(size);
    touch();
    const std::string_view view(bytes, static_cast<std::size_t>(size));
    switch (state_) {
    case State::Request:
        if (pending_.empty()) {
            feed_request(view);
        } else {
            pending_ += view; // behind what came while the last request was answered
            go_on();
        }
        break;
    case State::Waiting:
        pending_ += view;
        if (pending_.size() > most_pending) {
            destroy();
        }
        break;
    case State::WebSocket:
        feed_frames(view);
        break;
    case State::Events: // has nothing more to say
        break;
    case State::Closing:
        // A polite client stops soon; one that goes on is not read to the end.
        ignored_ += static_cast<std::size_t>(size);
        if (ignored_ > most_ignored) {
            destroy();
        }
        break;
    case State::Closed:
        break;
    }
}

void Socket::feed_request(std::string_view rest) {
    if (parser_.idle() && !rest.empty()) {
        schedule(server_.config().handshake_timeout); // each request has as long as the first one
    }
    for (;;) {
        const auto [step, consumed] = parser_.feed(rest);
        rest.remove_prefix(consumed);
        switch (step) {
        case web::RequestParser::Step::NeedMore:
            if (parser_.has_head() && parser_.head().expects_continue() && !told_continue_) {
                told_continue_ = true;
                send(hub::Frame::raw({web::continue_response}));
            }
            return;
        case web::RequestParser::Step::HeadComplete:
            told_continue_ = false;
            if (web::wants_upgrade(parser_.head()) &&
                server_.handler().is_websocket_path(parser_.head().path())) {
                upgrade();
                if (state_ == State::WebSocket && !rest.empty()) {
                    feed_frames(rest);
                }
                return;
            }
            parser_.set_body_limit(server_.handler().body_limit(parser_.head()));
            break;
        case web::RequestParser::Step::BodyComplete:
            pending_.assign(rest);
            begin_request();
            return;
        case web::RequestParser::Step::Failed:
            refuse(parser_.error());
            return;
        }
    }
}

std::string Socket::client_of(const web::RequestHead& head) const {
    if (server_.config().trust_forwarded && server_.is_proxy(peer_)) {
        // The last address of the last such header is the one that our own proxy has seen.
        std::string_view forwarded = head.last_header("x-forwarded-for").value_or("");
        forwarded.remove_prefix(std::min(forwarded.rfind(',') + 1, forwarded.size()));
        while (forwarded.starts_with(' ')) {
            forwarded.remove_prefix(1);
        }
        if (!forwarded.empty() && forwarded.size() < INET6_ADDRSTRLEN) {
            return std::string(forwarded);
        }
    }
    return peer_;
}

void Socket::know_sender(const std::string& client) {
    sender_ = client == peer_ && server_.is_proxy(peer_) ? std::string() : network_of(client);
}

void Socket::begin_request() {
    ++server_.counters.requests;
    state_ = State::Waiting;
    schedule(server_.config().idle_timeout);
    keep_alive_ = parser_.head().keep_alive() && !server_.draining();
    web::RequestHead head = parser_.head();
    std::string body = parser_.take_body();
    parser_.reset();
    std::string id(head.header("x-request-id").value_or(""));
    if (id.empty() || id.size() > 100) {
        id = server_.new_id("req");
    }
    std::string peer = client_of(head);
    exchange_ = std::make_shared<Exchange>(*this, std::move(head), std::move(body), std::move(id));
    exchange_->peer_ = std::move(peer);
    const std::shared_ptr<Exchange> exchange = exchange_;
    server_.handler().handle(exchange, *this);
}

void Socket::answer(const web::RequestHead& head, const Reply& reply, AnswerCharge charge) {
    if (state_ != State::Waiting) {
        return;
    }
    exchange_.reset();
    std::vector<web::Header> headers;
    const std::string_view body =
        reply.shared_body ? reply.shared_body->bytes() : std::string_view(reply.body);
    if (!body.empty()) {
        headers.push_back({"Content-Type", reply.content_type});
    }
    for (const auto& [name, value] : reply.headers) {
        headers.push_back({name, value});
    }
    headers.push_back({"Cache-Control", "no-store"});
    headers.push_back({"X-Content-Type-Options", "nosniff"});
    if (!web::Cors::is_preflight(head)) {
        server_.cors().add_headers(headers, head);
    }
    uv_timeval64_t time{};
    uv_gettimeofday(&time);
    const std::string date = web::format_http_date(time.tv_sec);
    web::Response response;
    response.status = reply.status;
    response.headers = headers;
    response.body = body;
    response.date = date;
    response.keep_alive = keep_alive_;
    const bool with_body = head.method() != web::Method::Head;
    response.to_head_request = !with_body || reply.shared_body;
    std::string bytes;
    web::write_response(bytes, response);
    if (queue_.empty()) {
        answers_bytes_ = 0;
        charges_.clear();
    }
    answers_bytes_ += bytes.size() + (with_body && reply.shared_body ? body.size() : 0);
    charges_.push_back(std::move(charge));
    send(hub::Frame::raw({bytes}));
    if (with_body && reply.shared_body) {
        send(reply.shared_body);
    }
    if (state_ != State::Waiting) {
        return; // the client takes nothing
    }
    if (!keep_alive_) {
        close_after_writing();
        return;
    }
    state_ = State::Request;
    schedule(answers() ? std::min(server_.config().stall_timeout, server_.config().idle_timeout)
                       : server_.config().idle_timeout);
    if (!pending_.empty()) {
        server_.call_again(*this);
    }
}

void Socket::go_on() {
    if (pending_.empty()) {
        return;
    }
    protect([&] {
        if (state_ == State::Request) {
            feed_request(std::exchange(pending_, {}));
        } else if (state_ == State::WebSocket) {
            feed_frames(std::exchange(pending_, {}));
        }
    });
    if (state_ != State::Closed && pending_.empty()) {
        read();
    }
}

void Socket::refuse(const web::Error& error, std::span<const web::Header> headers) {
    std::vector<web::Header> all(headers.begin(), headers.end());
    all.push_back({"Content-Type", "application/json"});
    const Reply reply =
        error_reply(error.status, web::reason_phrase(error.status), error.message, {}, server_.new_id("req"));
    if (parser_.has_head()) {
        server_.cors().add_headers(all, parser_.head()); // or a page could not read what is wrong
    }
    web::Response response;
    response.status = error.status;
    response.headers = all;
    response.body = reply.body;
    response.keep_alive = false;
    std::string bytes;
    web::write_response(bytes, response);
    // A late request is a slow network, and what is not served now is our own doing.
    if (error.status == 408) {
        ++server_.counters.idle_closed;
    } else if (error.status != 503) {
        ++server_.counters.protocol_errors;
        // Too large a body may be that of a page whose token has just expired.
        if (error.status != 413) {
            server_.penalise(peer_);
        }
    }
    send(hub::Frame::raw({bytes}));
    close_after_writing();
}

void Socket::upgrade() {
    const web::RequestHead& head = parser_.head();
    auto result = web::check_upgrade(head, server_.config().compression);
    if (const auto* error = std::get_if<web::Error>(&result)) {
        refuse(*error, web::refusal_headers(*error));
        return;
    }
    if (server_.draining()) {
        const web::Header later[] = {{"Retry-After", "1"}};
        refuse({503, "the gateway is going down"}, later);
        return;
    }
    const auto query = web::Query::parse(head.query());
    if (const auto* error = std::get_if<web::Error>(&query)) {
        refuse(*error);
        return;
    }
    const std::string_view vsn = query_value(query, "vsn");
    const auto version = protocol::version_named(vsn.empty() ? "1.0.0" : vsn);
    if (!version) {
        refuse({400, "parameter vsn is neither 1.0.0 nor 2.0.0"});
        return;
    }
    know_sender(client_of(head));
    std::string token(
        head.header("x-api-key").value_or(head.header("apikey").value_or(query_value(query, "apikey"))));
    const auto& agreed = std::get<web::Upgrade>(result);
    compressed_ = agreed.permessage_deflate;
    std::string bytes;
    web::write_upgrade_response(bytes, agreed);
    parser_.reset();
    frames_.emplace(server_.frame_limits(), compressed_);
    id_ = server_.new_id("conn");
    state_ = State::WebSocket;
    ++server_.counters.upgrades;
    session_ = std::make_unique<hub::Session>(server_.hub(), *this, *version, std::move(token),
                                              std::string(query_value(query, "tenant")));
    began_ = server_.hub().now();
    schedule(std::min(
        {server_.config().idle_timeout, server_.config().stall_timeout, server_.config().handshake_timeout}));
    send(hub::Frame::raw({bytes}));
}

void Socket::feed_frames(std::string_view rest) {
    bool begins = frames_->at_rest();
    std::size_t taken = 0;
    for (unsigned messages = 0;; ++messages) {
        if ((messages == messages_per_turn || taken > bytes_per_turn) && !rest.empty()) {
            // Whoever sends many at once waits for others, and the kernel holds back what comes behind them.
            uv_read_stop(&handle_.stream);
            pending_.assign(rest);
            if (begins && session_->has_joined()) {
                began_ = last_input_; // what follows may begin with half a message
            }
            server_.call_again(*this);
            return;
        }
        const web::Event event = frames_->next(rest);
        // Behind a message that is complete; pings come between its fragments, too.
        begins = begins || event.kind == web::Event::Kind::Text || event.kind == web::Event::Kind::Binary;
        taken += event.bytes.size();
        switch (event.kind) {
        case web::Event::Kind::None:
            if (begins && session_->has_joined()) {
                began_ = last_input_; // of what is incomplete now, if anything is
            }
            return;
        case web::Event::Kind::Text:
            session_->on_text(event.bytes);
            break;
        case web::Event::Kind::Binary:
            session_->on_binary(event.bytes);
            break;
        case web::Event::Kind::Ping:
            if (session_->take_message()) {
                std::string pong;
                web::write_pong(pong, event.bytes);
                send(hub::Frame::raw({pong}));
            }
            break;
        case web::Event::Kind::Pong:
            on_pong(event.bytes);
            break;
        case web::Event::Kind::Close:
            end_with(event.code == web::close_code::none ? web::close_code::normal : event.code, {});
            return;
        case web::Event::Kind::Failed:
            ++server_.counters.protocol_errors;
            server_.penalise(peer_);
            close(event.code, event.bytes);
            return;
        }
        if (state_ != State::WebSocket) {
            return;
        }
    }
}

void Socket::measure_round_trip() {
    if (state_ == State::WebSocket && pinged_ == 0) {
        pinged_ = server_.hub().now();
        std::string ping;
        web::write_ping(ping, std::to_string(pinged_));
        send(hub::Frame::raw({ping}));
    }
}

void Socket::on_pong(std::string_view payload) {
    if (pinged_ != 0 && payload == std::to_string(pinged_)) {
        round_trip_ = server_.hub().now() - pinged_;
        pinged_ = 0;
    } else {
        session_->take_message(); // nobody has asked
    }
}

std::vector<hub::ChannelReport> Socket::reports() const {
    if (session_ != nullptr) {
        return session_->report();
    }
    return events_ != nullptr ? std::vector{events_->report()} : std::vector<hub::ChannelReport>();
}

void Socket::begin_events(const web::RequestHead& head, std::unique_ptr<EventStream> events) {
    know_sender(client_of(head));
    exchange_.reset();
    std::vector<web::Header> headers{
        {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    server_.cors().add_headers(headers, head);
    web::Response response;
    response.headers = headers;
    std::string bytes;
    web::write_stream_head(bytes, response);
    state_ = State::Events;
    events_ = std::move(events);
    id_ = server_.new_id("sse");
    schedule(server_.config().stall_timeout);
    send(hub::Frame::raw({bytes}));
}

void Socket::look_at_tokens() {
    if (state_ == State::WebSocket) {
        session_->look_at_tokens();
    } else if (state_ == State::Events) {
        events_->look_at_token();
    }
}

// A socket that only sits there costs a place, and an unfinished message memory.
bool Socket::is_late(double now) const {
    return session_->has_joined() ? !frames_->at_rest() && now - began_ > server_.config().stall_timeout
                                  : now - began_ > server_.config().handshake_timeout;
}

// A client may take as long as it likes for an answer, as long as it takes some of it.
bool Socket::answers() const {
    return session_ == nullptr && events_ == nullptr && !doomed_ && !queue_.empty();
}

bool Socket::drain() {
    switch (state_) {
    case State::WebSocket:
        close(web::close_code::restart, "the gateway restarts");
        return true;
    case State::Events:
        close_after_writing();
        return true;
    case State::Request:
        if (answers()) {
            close_after_writing();
            return true;
        }
        if (parser_.idle()) {
            destroy();
            return true;
        }
        return false;
    case State::Waiting:
        keep_alive_ = false;
        return false;
    case State::Closing:
    case State::Closed:
        break;
    }
    return false;
}

void Socket::destroy() {
    if (state_ == State::Closed) {
        return;
    }
    state_ = State::Closed;
    charges_.clear();
    cancel();
    if (exchange_ != nullptr) {
        exchange_->socket_ = nullptr;
        exchange_.reset();
    }
    server_.forget(*this);
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_.stream), [](uv_handle_t* handle) {
        // Only now: we may have been called from within the session or the stream.
        delete static_cast<Socket*>(handle->data);
    });
}

} // namespace gateway
