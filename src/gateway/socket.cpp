#include "gateway/socket.hpp"

#include <algorithm>
#include <cstring>

#include "gateway/event_stream.hpp"
#include "gateway/gzip.hpp"
#include "gateway/log.hpp"
#include "gateway/server.hpp"
#include "web/upgrade.hpp"

namespace gateway {

namespace {

constexpr unsigned most_buffers = 64;           // of one writev
constexpr double close_seconds = 3;             // for a client to take what is left and to close
constexpr std::size_t most_pending = 64 * 1024; // bytes of pipelined requests that wait
constexpr std::size_t worth_compressing = 1024; // bytes of an answer

std::string address_of(const uv_tcp_t* tcp) {
    sockaddr_storage storage{};
    int size = sizeof(storage);
    char text[INET6_ADDRSTRLEN] = "";
    if (uv_tcp_getpeername(tcp, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
        uv_ip_name(reinterpret_cast<const sockaddr*>(&storage), text, sizeof(text));
    }
    return text;
}

std::string_view query_value(const web::Result<web::Query>& query, std::string_view name) {
    const auto* pairs = std::get_if<web::Query>(&query);
    return pairs == nullptr ? std::string_view() : pairs->value(name).value_or(std::string_view());
}

} // namespace

Socket::Socket(Server& server, bool is_pipe)
    : server_(server), parser_(server.request_limits()), is_pipe_(is_pipe) {
    handle_.stream.data = this;
    if (is_pipe) {
        uv_pipe_init(server.loop(), &handle_.pipe, 0);
    } else {
        uv_tcp_init(server.loop(), &handle_.tcp);
    }
}

Socket::~Socket() {
    cancel();
}

void Socket::start() {
    handle_.stream.data = this;
    if (is_pipe_) {
        peer_ = "unix";
    } else {
        uv_tcp_nodelay(&handle_.tcp, 1);
        peer_ = address_of(&handle_.tcp);
    }
    touch();
    schedule(server_.config().handshake_timeout);
    uv_read_start(
        &handle_.stream,
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
            // One buffer for all: what is read is used before the next read.
            auto* socket = static_cast<Socket*>(handle->data);
            *buffer = uv_buf_init(socket->server_.read_buffer(), Server::read_buffer_size);
        },
        [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
            static_cast<Socket*>(stream->data)->on_read(size, buffer->base);
        });
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
        if (silent < idle) {
            schedule(std::min<double>(idle - silent, server_.config().stall_timeout));
            return;
        }
        ++server_.counters.idle_closed;
        close(web::close_code::normal,
              "no message for " + std::to_string(server_.config().idle_timeout) + " seconds");
        return;
    case State::Waiting: // a request that is worked on has a time limit of its own
        schedule(idle);
        return;
    case State::Events:
        if (!stalls()) {
            schedule(server_.config().stall_timeout);
        }
        return;
    case State::Request:
        if (!parser_.idle()) {
            refuse({408, "the request did not come in time"});
            return;
        }
        destroy();
        return;
    case State::Closing:
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
        feed_request(view);
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
    case State::Closing:
    case State::Closed:
        break;
    }
}

void Socket::feed_request(std::string_view rest) {
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
            parser_.set_body_limit(server_.config().body_bytes);
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

void Socket::begin_request() {
    ++server_.counters.requests;
    state_ = State::Waiting;
    keep_alive_ = parser_.head().keep_alive() && !server_.draining();
    web::RequestHead head = parser_.head();
    std::string body = parser_.take_body();
    parser_.reset();
    std::string id(head.header("x-request-id").value_or(""));
    if (id.empty() || id.size() > 100) {
        id = server_.new_id("req");
    }
    std::string peer = peer_;
    if (server_.config().trust_forwarded) {
        // The last address is the one that our own proxy has seen.
        std::string_view forwarded = head.header("x-forwarded-for").value_or("");
        forwarded.remove_prefix(std::min(forwarded.rfind(',') + 1, forwarded.size()));
        while (forwarded.starts_with(' ')) {
            forwarded.remove_prefix(1);
        }
        if (!forwarded.empty() && forwarded.size() < INET6_ADDRSTRLEN) {
            peer = forwarded;
        }
    }
    exchange_ = std::make_shared<Exchange>(*this, std::move(head), std::move(body), std::move(id));
    exchange_->peer_ = std::move(peer);
    const std::shared_ptr<Exchange> exchange = exchange_;
    server_.handler().handle(exchange, *this);
}

void Socket::answer(const web::RequestHead& head, const Reply& reply) {
    if (state_ != State::Waiting) {
        return;
    }
    exchange_.reset();
    std::vector<web::Header> headers;
    std::string packed;
    std::string_view body = reply.body;
    if (!reply.body.empty()) {
        headers.push_back({"Content-Type", reply.content_type});
    }
    for (const auto& [name, value] : reply.headers) {
        headers.push_back({name, value});
    }
    headers.push_back({"Cache-Control", "no-store"});
    headers.push_back({"X-Content-Type-Options", "nosniff"});
    if (body.size() >= worth_compressing && head.header_has("accept-encoding", "gzip") &&
        gzip(body, packed)) {
        body = packed;
        headers.push_back({"Content-Encoding", "gzip"});
        headers.push_back({"Vary", "Accept-Encoding"});
    }
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
    response.to_head_request = head.method() == web::Method::Head;
    std::string bytes;
    web::write_response(bytes, response);
    send(hub::Frame::raw({bytes}));
    if (!keep_alive_) {
        close_after_writing();
        return;
    }
    state_ = State::Request;
    schedule(server_.config().idle_timeout);
    if (!pending_.empty()) {
        const std::string rest = std::move(pending_);
        pending_.clear();
        feed_request(rest);
    }
}

void Socket::refuse(const web::Error& error, std::span<const web::Header> headers) {
    std::vector<web::Header> all(headers.begin(), headers.end());
    all.push_back({"Content-Type", "application/json"});
    const Reply reply =
        error_reply(error.status, web::reason_phrase(error.status), error.message, {}, server_.new_id("req"));
    web::Response response;
    response.status = error.status;
    response.headers = all;
    response.body = reply.body;
    response.keep_alive = false;
    std::string bytes;
    web::write_response(bytes, response);
    ++server_.counters.protocol_errors;
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
        refuse({503, "the gateway is going down"});
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
    std::string token(head.header("x-api-key").value_or(query_value(query, "apikey")));
    const auto& agreed = std::get<web::Upgrade>(result);
    compressed_ = agreed.permessage_deflate;
    std::string bytes;
    web::write_upgrade_response(bytes, agreed);
    parser_.reset();
    frames_.emplace(server_.frame_limits(), compressed_);
    id_ = server_.new_id("conn");
    state_ = State::WebSocket;
    ++server_.counters.upgrades;
    session_ = std::make_unique<hub::Session>(server_.hub(), *this, *version, std::move(token));
    schedule(std::min(server_.config().idle_timeout, server_.config().stall_timeout));
    send(hub::Frame::raw({bytes}));
}

void Socket::feed_frames(std::string_view rest) {
    for (;;) {
        const web::Event event = frames_->next(rest);
        switch (event.kind) {
        case web::Event::Kind::None:
            return;
        case web::Event::Kind::Text:
            session_->on_text(event.bytes);
            break;
        case web::Event::Kind::Binary:
            session_->on_binary(event.bytes);
            break;
        case web::Event::Kind::Ping: {
            std::string pong;
            web::write_pong(pong, event.bytes);
            send(hub::Frame::raw({pong}));
            break;
        }
        case web::Event::Kind::Pong:
            break;
        case web::Event::Kind::Close:
            close(event.code == web::close_code::none ? web::close_code::normal : event.code, {});
            return;
        case web::Event::Kind::Failed:
            ++server_.counters.protocol_errors;
            close(event.code, event.bytes);
            return;
        }
        if (state_ != State::WebSocket) {
            return;
        }
    }
}

void Socket::begin_events(const web::RequestHead& head, std::unique_ptr<EventStream> events) {
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

void Socket::send(const hub::FramePointer& frame) {
    if (state_ == State::Closed || state_ == State::Closing) {
        return;
    }
    const hub::FramePointer& form = compressed_ ? hub::Frame::compressed(frame, server_.compressor()) : frame;
    queued_ += form->size();
    queue_.push_back(form);
    ++server_.counters.frames_out;
    if (queued_ == form->size()) {
        last_output_ = server_.hub().now(); // the time for taking it begins
    }
    if (queued_ > server_.config().send_queue_bytes + form->size()) {
        end_slow("more than " + std::to_string(server_.config().send_queue_bytes) + " bytes waited");
        return;
    }
    if (!dirty_) {
        dirty_ = true;
        server_.mark_dirty(*this);
    }
}

// Dropping some messages would lose them silently: the client is told to come back and resume.
void Socket::end_slow(const std::string& why) {
    ++server_.counters.slow_consumers;
    spdlog::info("client {} ({}) is too slow: {}; it is closed", id_, peer_, why);
    // What was begun has to be finished, or the close frame would stand within another one.
    queue_.resize(!writing_ && skip_ > 0 ? 1 : 0);
    queued_ = queue_.empty() ? 0 : queue_.front()->size() - skip_;
    if (state_ == State::WebSocket) {
        close(web::close_code::try_later, "slow consumer: " + why + "; resume with the last cursor");
    } else {
        destroy();
    }
}

bool Socket::stalls() {
    const unsigned most = server_.config().stall_timeout;
    if (queued_ == 0 || server_.hub().now() - last_output_ < most) {
        return false;
    }
    end_slow("nothing was taken for " + std::to_string(most) + " seconds");
    return true;
}

void Socket::close(std::uint16_t code, std::string_view reason) {
    if (state_ == State::Closing || state_ == State::Closed) {
        return;
    }
    if (state_ == State::WebSocket) {
        std::string bytes;
        web::write_close(bytes, code, reason);
        queue_.push_back(hub::Frame::raw({bytes}));
        queued_ += bytes.size();
        if (!dirty_) {
            dirty_ = true;
            server_.mark_dirty(*this);
        }
    }
    close_after_writing();
}

void Socket::close_after_writing() {
    state_ = State::Closing;
    schedule(close_seconds);
    if (!dirty_) {
        dirty_ = true;
        server_.mark_dirty(*this);
    }
}

void Socket::note_written(std::size_t bytes) {
    if (bytes > 0) {
        last_output_ = server_.hub().now();
    }
    server_.counters.bytes_out += bytes;
    queued_ -= bytes;
    bytes += skip_;
    std::size_t done = 0;
    while (done < queue_.size() && bytes >= queue_[done]->size()) {
        bytes -= queue_[done]->size();
        ++done;
    }
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(done));
    skip_ = bytes;
    if (queue_.empty()) {
        // An idle socket keeps no queue.
        std::vector<hub::FramePointer>().swap(queue_);
    }
}

void Socket::flush() {
    dirty_ = false;
    while (!writing_ && !queue_.empty() && state_ != State::Closed) {
        uv_buf_t buffers[most_buffers];
        const unsigned count = static_cast<unsigned>(std::min<std::size_t>(queue_.size(), most_buffers));
        std::size_t wanted = 0;
        for (unsigned index = 0; index < count; ++index) {
            const std::string_view bytes = queue_[index]->bytes().substr(index == 0 ? skip_ : 0);
            buffers[index] =
                uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
            wanted += bytes.size();
        }
        ++server_.counters.writes;
        const int written = uv_try_write(&handle_.stream, buffers, count);
        if (written < 0 && written != UV_EAGAIN) {
            destroy();
            return;
        }
        note_written(written > 0 ? static_cast<std::size_t>(written) : 0);
        if (written < 0 || static_cast<std::size_t>(written) < wanted) {
            start_write();
            return;
        }
    }
    if (state_ == State::Closing && queue_.empty() && !writing_) {
        // The end of our side; the client's close, or the timer, ends the rest.
        auto* request = new uv_shutdown_t();
        if (uv_shutdown(request, &handle_.stream, [](uv_shutdown_t* shutdown, int) { delete shutdown; }) !=
            0) {
            delete request;
            destroy();
        }
    }
}

// The kernel's buffer is full: the loop writes what is queued now when there is room again.
void Socket::start_write() {
    struct Write {
        uv_write_t request{};
        Socket* socket = nullptr;
        std::vector<hub::FramePointer> frames;
        std::size_t bytes = 0;
    };
    auto* write = new Write();
    write->request.data = write;
    write->socket = this;
    std::vector<uv_buf_t> buffers;
    const std::size_t count = std::min<std::size_t>(queue_.size(), most_buffers);
    for (std::size_t index = 0; index < count; ++index) {
        const std::string_view bytes = queue_[index]->bytes().substr(index == 0 ? skip_ : 0);
        buffers.push_back(uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size())));
        write->bytes += bytes.size();
    }
    write->frames.assign(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    skip_ = 0;
    writing_ = true;
    const int status = uv_write(&write->request, &handle_.stream, buffers.data(),
                                static_cast<unsigned>(buffers.size()), [](uv_write_t* request, int result) {
                                    const std::unique_ptr<Write> done(static_cast<Write*>(request->data));
                                    Socket& socket = *done->socket;
                                    socket.writing_ = false;
                                    if (socket.state_ == State::Closed) {
                                        return;
                                    }
                                    socket.queued_ -= std::min(socket.queued_, done->bytes);
                                    socket.server_.counters.bytes_out += done->bytes;
                                    socket.last_output_ = socket.server_.hub().now();
                                    if (result < 0) {
                                        socket.destroy();
                                        return;
                                    }
                                    socket.flush();
                                });
    if (status != 0) {
        writing_ = false;
        delete write;
        destroy();
    }
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
