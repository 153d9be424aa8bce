#include "gateway/server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include "gateway/address.hpp"
#include "gateway/listen_address.hpp"
#include "gateway/log.hpp"
#include "gateway/socket.hpp"

namespace gateway {

namespace {

constexpr int backlog = 1024;
constexpr double burst_seconds = 4; // of new connections of one address
constexpr std::size_t most_remembered_addresses = 10'000;
constexpr int first_systemd_socket = 3;
constexpr unsigned drain_milliseconds = 20;

} // namespace

struct Server::Listener {
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle{};
    Server* server = nullptr;
    bool is_pipe = false;
};

// With the port that the kernel has chosen, when it was to choose one.
std::string Server::bound_address(const Listener& listener, const std::string& address) {
    sockaddr_storage name{};
    int size = sizeof(name);
    if (listener.is_pipe || !address.ends_with(":0") ||
        uv_tcp_getsockname(&listener.handle.tcp, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
        return address;
    }
    const unsigned port = name.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port
                                                     : reinterpret_cast<const sockaddr_in*>(&name)->sin_port;
    return address.substr(0, address.size() - 1) + std::to_string(ntohs(static_cast<std::uint16_t>(port)));
}

Server::Server(uv_loop_t* loop, Config& config, hub::Hub& hub)
    : loop_(loop), config_(config), hub_(hub), batch_(config.io_uring),
      read_buffer_(std::make_unique<char[]>(read_buffer_size)), prepare_(new uv_prepare_t()),
      idle_(new uv_idle_t()), drain_timer_(new uv_timer_t()) {
    uv_prepare_init(loop, prepare_);
    prepare_->data = this;
    // Before the loop waits: everything that this turn has queued goes out, many sockets at a time.
    uv_prepare_start(prepare_, [](uv_prepare_t* prepare) { static_cast<Server*>(prepare->data)->flush(); });
    uv_unref(reinterpret_cast<uv_handle_t*>(prepare_));
    uv_idle_init(loop, idle_);
    idle_->data = this;
    uv_timer_init(loop, drain_timer_);
    drain_timer_->data = this;
    std::random_device random;
    char prefix[9];
    std::snprintf(prefix, sizeof(prefix), "%08x", random());
    id_prefix_ = prefix;
    if (!batch_.fault().empty()) {
        spdlog::info("io_uring cannot be used here: {}; each socket is written to by itself", batch_.fault());
    }
    reload();
}

Server::~Server() {
    uv_close(reinterpret_cast<uv_handle_t*>(prepare_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_prepare_t*>(handle); });
    uv_close(reinterpret_cast<uv_handle_t*>(idle_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_idle_t*>(handle); });
    uv_close(reinterpret_cast<uv_handle_t*>(drain_timer_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
}

void Server::reload() {
    cors_ = std::make_unique<web::Cors>(config_.cors_origins);
    frame_limits_.message_bytes = config_.message_bytes;
    frame_limits_.inflated_bytes = config_.message_bytes;
    request_limits_.body_bytes = config_.body_bytes;
    hub_.limits = config_.limits;
    // Well below the limit at which a socket is closed, with room for what is not paced: broadcasts and answers.
    hub_.limits.replay_queue_bytes = config_.send_queue_bytes / 4;
    hub_.history.set_limits({config_.resume_window, config_.resume_bytes});
    hub_.people.set_memory(config_.resume_window);
}

void Server::look_at_tokens() {
    const auto sockets = sockets_;
    for (Socket* socket : sockets) {
        if (sockets_.count(socket) != 0) {
            socket->look_at_tokens();
        }
    }
}

std::string Server::new_id(const char* prefix) {
    return std::string(prefix) + "_" + id_prefix_ + std::to_string(++last_id_);
}

std::string Server::listen() {
    bool from_systemd = false;
    if (std::string fault = take_systemd_sockets(from_systemd); !fault.empty() || from_systemd) {
        return fault;
    }
    for (const std::string& address : config_.listen) {
        if (std::string fault = listen_on(address); !fault.empty()) {
            return fault;
        }
    }
    return {};
}

// sd_listen_fds(3), without the library: the sockets begin with number 3.
std::string Server::take_systemd_sockets(bool& any) {
    const char* process = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (process == nullptr || count == nullptr || std::atol(process) != getpid()) {
        return {};
    }
    for (int socket = first_systemd_socket; socket < first_systemd_socket + std::atoi(count); ++socket) {
        any = true;
        sockaddr_storage name{};
        socklen_t size = sizeof(name);
        getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size);
        auto listener = std::make_unique<Listener>();
        listener->is_pipe = name.ss_family == AF_UNIX;
        int status = 0;
        if (listener->is_pipe) {
            uv_pipe_init(loop_, &listener->handle.pipe, 0);
            status = uv_pipe_open(&listener->handle.pipe, socket);
        } else {
            uv_tcp_init(loop_, &listener->handle.tcp);
            status = uv_tcp_open(&listener->handle.tcp, socket);
        }
        if (status != 0) {
            return "socket " + std::to_string(socket) + " of systemd cannot be used: " + uv_strerror(status);
        }
        if (std::string fault = begin(std::move(listener)); !fault.empty()) {
            return fault;
        }
        spdlog::info("listening on a socket of systemd");
    }
    return {};
}

std::string Server::listen_on(const std::string& address) {
    ListenAddress where;
    if (std::string fault = read_listen_address(address, where); !fault.empty()) {
        return fault;
    }
    auto listener = std::make_unique<Listener>();
    listener->is_pipe = !where.path.empty();
    int status = 0;
    if (listener->is_pipe) {
        struct stat existing {};
        if (stat(where.path.c_str(), &existing) == 0 && S_ISSOCK(existing.st_mode)) {
            unlink(where.path.c_str()); // left behind by an earlier run
        }
        uv_pipe_init(loop_, &listener->handle.pipe, 0);
        status = uv_pipe_bind(&listener->handle.pipe, where.path.c_str());
    } else {
        uv_tcp_init(loop_, &listener->handle.tcp);
        status = uv_tcp_bind(&listener->handle.tcp, reinterpret_cast<const sockaddr*>(&where.name), 0);
    }
    if (status != 0) {
        uv_close(reinterpret_cast<uv_handle_t*>(&listener->handle.stream), nullptr);
        listener.release(); // the loop still holds it; the program ends
        return "cannot listen on \"" + address + "\": " + uv_strerror(status);
    }
    const std::string fault = begin(std::move(listener));
    if (fault.empty()) {
        spdlog::info("listening on {}", bound_address(*listeners_.back(), address));
    }
    return fault.empty() ? fault : "cannot listen on \"" + address + "\": " + fault;
}

std::string Server::begin(std::unique_ptr<Listener> listener) {
    Listener* const raw = listener.release();
    raw->server = this;
    raw->handle.stream.data = raw;
    listeners_.push_back(raw);
    const int status = uv_listen(&raw->handle.stream, backlog, [](uv_stream_t* stream, int result) {
        auto* mine = static_cast<Listener*>(stream->data);
        if (result == 0) {
            mine->server->on_connection(*mine);
        }
    });
    return status == 0 ? std::string() : std::string(uv_strerror(status));
}

void Server::on_connection(Listener& listener) {
    auto* socket = new Socket(*this, listener.is_pipe);
    if (uv_accept(&listener.handle.stream, socket->stream()) != 0) {
        sockets_.insert(socket);
        socket->destroy();
        return;
    }
    ++counters.accepted;
    sockets_.insert(socket);
    socket->know_peer();
    if (admit(*socket)) {
        socket->start();
        return;
    }
    // It is not read: what is refused must cost next to nothing.
    ++counters.refused;
    uv_buf_t busy = uv_buf_init(const_cast<char*>("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                                                  "Content-Length: 0\r\nConnection: close\r\n\r\n"),
                                0);
    busy.len = std::strlen(busy.base);
    uv_try_write(socket->stream(), &busy, 1);
    socket->destroy();
}

void Server::penalise(const std::string& peer) {
    const auto address = addresses_.find(network_of(peer));
    const auto rate = static_cast<double>(config_.connections_per_second_per_address);
    if (address != addresses_.end() && rate > 0) {
        address->second.accepts.spend(hub_.now(), rate, rate * burst_seconds, rate);
    }
}

bool Server::is_proxy(const std::string& peer) const {
    return peer == "unix" ||
           std::find(config_.proxies.begin(), config_.proxies.end(), peer) != config_.proxies.end();
}

bool Server::admit(Socket& socket) {
    Address& address = addresses_[network_of(socket.peer())];
    ++address.connections;
    if (sockets_.size() > config_.max_connections) {
        return false;
    }
    // Who comes too often must not use up what all others may.
    if (!is_proxy(socket.peer())) {
        const auto rate = static_cast<double>(config_.connections_per_second_per_address);
        if ((config_.connections_per_address != 0 && address.connections > config_.connections_per_address) ||
            (rate > 0 && !address.accepts.take(hub_.now(), rate, rate * burst_seconds))) {
            return false;
        }
    }
    const auto rate = static_cast<double>(config_.connections_per_second);
    return accepts_.take(hub_.now(), rate, rate);
}

void Server::forget(Socket& socket) {
    sockets_.erase(&socket);
    dirty_.erase(std::remove(dirty_.begin(), dirty_.end(), &socket), dirty_.end());
    std::erase(again_, &socket);
    for (auto* list : {&flushing_, &calling_}) { // somebody walks through them
        std::replace(list->begin(), list->end(), &socket, static_cast<Socket*>(nullptr));
    }
    if (const auto address = addresses_.find(network_of(socket.peer())); address != addresses_.end()) {
        --address->second.connections;
    }
    // How often somebody has come is remembered longer than who is there.
    if (addresses_.size() > most_remembered_addresses + sockets_.size()) {
        std::erase_if(addresses_, [](const auto& one) { return one.second.connections == 0; });
    }
}

void Server::call_again(Socket& socket) {
    again_.push_back(&socket);
    uv_idle_start(idle_, [](uv_idle_t* idle) {
        auto* server = static_cast<Server*>(idle->data);
        server->calling_.swap(server->again_);
        for (std::size_t index = 0; index < server->calling_.size(); ++index) {
            if (server->calling_[index] != nullptr) {
                server->calling_[index]->go_on();
            }
        }
        server->calling_.clear();
        if (server->again_.empty()) {
            uv_idle_stop(idle);
        }
    });
}

void Server::flush() {
    hub_.end_turn();
    while (!dirty_.empty()) {
        flushing_.swap(dirty_);
        for (std::size_t index = 0; index < flushing_.size(); ++index) {
            if (!batch_.has_room()) {
                send_batch();
            }
            Socket* const socket = flushing_[index];
            if (socket != nullptr && socket->flush(batch_)) {
                sending_.push_back(socket);
            }
        }
        send_batch();
        flushing_.clear();
    }
}

void Server::send_batch() {
    if (sending_.empty()) {
        return;
    }
    const bool had_ring = batch_.has_ring();
    batch_.send();
    counters.writes += batch_.calls();
    if (had_ring && !batch_.has_ring()) {
        spdlog::error("io_uring has failed: {}; each socket is written to by itself now", batch_.fault());
    }
    // Each may destroy itself, which it outlives until the loop has closed it, and nobody else.
    for (std::size_t index = 0; index < sending_.size(); ++index) {
        sending_[index]->on_sent(batch_.result(index));
    }
    batch_.clear();
    sending_.clear();
}

bool Server::may_request(const std::string& who) {
    const bool may = requests_.take(who, hub_.now(), static_cast<double>(config_.requests_per_second));
    counters.rate_limited += may ? 0 : 1;
    return may;
}

bool Server::has_room_for(const std::string& who) {
    const bool has = requests_.has_room(who, hub_.now(), static_cast<double>(config_.requests_per_second));
    counters.rate_limited += has ? 0 : 1;
    return has;
}

void Server::count_request(const std::string& who) {
    requests_.count(who, hub_.now(), static_cast<double>(config_.requests_per_second));
}

bool Server::may_broadcast(const std::string& who, std::size_t bytes) {
    const bool may = requests_.take_broadcast(who, hub_.now(), hub_.limits, bytes);
    counters.rate_limited += may ? 0 : 1;
    return may;
}

bool Server::may_answer(const std::string& account, std::size_t bytes, bool to_probe) {
    const std::size_t most = to_probe ? std::numeric_limits<std::size_t>::max() : config_.answer_bytes;
    const bool may = answers_->take(account, bytes, most, config_.user_answer_bytes);
    counters.answers_refused += may ? 0 : 1;
    return may;
}

bool Server::has_room_for_answer(const std::string& account) const {
    return answers_->has_room(account, config_.answer_bytes, config_.user_answer_bytes);
}

void Server::drain() {
    if (draining_) {
        return;
    }
    draining_ = true;
    for (Listener* listener : listeners_) {
        uv_close(reinterpret_cast<uv_handle_t*>(&listener->handle.stream),
                 [](uv_handle_t* handle) { delete static_cast<Listener*>(handle->data); });
    }
    listeners_.clear();
    // Not all at once: those who are sent away come back somewhere else.
    uv_timer_start(
        drain_timer_,
        [](uv_timer_t* timer) {
            auto* server = static_cast<Server*>(timer->data);
            std::size_t left = server->sockets_.size() / 20 + 20;
            const std::vector<Socket*> sockets(server->sockets_.begin(), server->sockets_.end());
            for (Socket* socket : sockets) {
                if (socket->drain() && --left == 0) {
                    break;
                }
            }
        },
        0, drain_milliseconds);
}

void Server::destroy_all() {
    const std::vector<Socket*> sockets(sockets_.begin(), sockets_.end());
    for (Socket* socket : sockets) {
        socket->destroy();
    }
    uv_timer_stop(drain_timer_);
}

} // namespace gateway
