#include "gateway/link.hpp"

#include <new>
#include <string_view>

namespace gateway {

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// `dbname` may be a whole connection string, which what follows overrides.
PGconn* start(const Parameters& parameters) {
    std::vector<const char*> names, values;
    for (const auto& [name, value] : parameters) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    PGconn* const connection = PQconnectStartParams(names.data(), values.data(), 1);
    if (connection == nullptr) {
        throw std::bad_alloc();
    }
    return connection;
}

// Where libpq would connect to, by the parameters, the environment and services. It tells that only of a connection: of one that
// it refuses, because of another parameter, before it looks anything up. Nothing, if it understands the others as little.
DatabaseHosts hosts_of(Parameters parameters) {
    parameters.emplace_back("sslmode", "none of them");
    DatabaseHosts hosts;
    PGconn* const refused = start(parameters);
    if (PQconninfoOption* const options = PQconninfo(refused)) {
        for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
            const std::string_view keyword = option->keyword;
            std::string* const place = keyword == "host"       ? &hosts.host
                                       : keyword == "hostaddr" ? &hosts.hostaddr
                                       : keyword == "port"     ? &hosts.port
                                                               : nullptr;
            if (place != nullptr && option->val != nullptr) {
                *place = option->val;
            }
        }
        PQconninfoFree(options);
    }
    PQfinish(refused);
    return hosts;
}

void add_hosts(Parameters& parameters, const DatabaseHosts& hosts) {
    parameters.emplace_back("host", hosts.host);
    parameters.emplace_back("hostaddr", hosts.hostaddr);
    parameters.emplace_back("port", hosts.port);
}

} // namespace

std::string one_line(const char* message) {
    std::string line = message;
    while (!line.empty() && line.back() == '\n') {
        line.pop_back();
    }
    for (std::size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) {
        line.replace(at, 1, "; ");
    }
    return line;
}

Link::Link(uv_loop_t* loop, Resolver& resolver) : loop_(loop), resolver_(resolver) {}

Link::~Link() {
    disconnect();
}

void Link::connect(const std::string& url, const Parameters& more) {
    disconnect();
    Parameters parameters{{"dbname", url}};
    parameters.insert(parameters.end(), more.begin(), more.end());
    const DatabaseHosts hosts = hosts_of(parameters);
    const std::vector<std::string> names = names_of(hosts);
    if (names.empty()) {
        if (const DatabaseHosts ordered = beginning_with(hosts, first_); ordered != hosts) {
            add_hosts(parameters, ordered);
        }
        begin_connecting(parameters);
        return;
    }
    state_ = State::LookingUp;
    look_up_ = resolver_.look_up(
        names, has_others(hosts),
        [this, parameters, hosts](const HostAddresses& addresses, const std::string& faults) mutable {
            look_up_.reset();
            const DatabaseHosts known = with_addresses(hosts, addresses);
            if (known == DatabaseHosts()) {
                fail(faults);
                return;
            }
            unknown_ = faults;
            add_hosts(parameters, beginning_with(known, first_));
            begin_connecting(parameters);
        });
}

void Link::begin_connecting(const Parameters& parameters) {
    connection_ = start(parameters);
    // Notices of the server belong into its log, not into ours.
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    state_ = State::Connecting;
    if (PQstatus(connection_) == CONNECTION_BAD) {
        fail(one_line(PQerrorMessage(connection_)));
        return;
    }
    watch(UV_WRITABLE);
}

void Link::disconnect() {
    if (state_ == State::Connecting) {
        ++first_; // the owner gives up, and libpq would be waiting for the same host again
    }
    look_up_.reset();
    unwatch();
    if (connection_ != nullptr) {
        PQfinish(connection_);
        connection_ = nullptr;
    }
    unknown_.clear();
    paused_ = false;
    state_ = State::Closed;
}

void Link::fail(const std::string& why) {
    const std::string all = unknown_.empty() || state_ == State::Connected ? why : unknown_ + "; " + why;
    state_ = State::Closed;
    disconnect();
    on_lost(all);
}

std::string Link::too_slow() const {
    return look_up_ ? look_up_->unanswered() : "the connection could not be made in time";
}

void Link::unwatch() {
    if (poll_ != nullptr) {
        poll_->link = nullptr;
        uv_poll_stop(&poll_->handle);
        uv_close(reinterpret_cast<uv_handle_t*>(&poll_->handle),
                 [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
        poll_ = nullptr;
    }
    socket_ = -1;
    events_ = 0;
}

void Link::watch(int events) {
    // While connecting libpq may go on to the next address with another socket.
    if (PQsocket(connection_) != socket_) {
        unwatch();
        if (PQsocket(connection_) < 0) {
            return; // libpq has given up while it sent; the owner learns of it when it sends again or nothing comes
        }
        socket_ = PQsocket(connection_);
        poll_ = new Poll();
        poll_->link = this;
        poll_->handle.data = poll_;
        uv_poll_init(loop_, &poll_->handle, socket_);
    }
    if (paused_) {
        events &= ~UV_READABLE;
    }
    if (events != events_) {
        events_ = events;
        uv_poll_start(&poll_->handle, events, on_poll); // with none it stops
    }
}

void Link::on_poll(uv_poll_t* handle, int status, int events) {
    Link* link = static_cast<Poll*>(handle->data)->link;
    if (link == nullptr) {
        return;
    }
    if (status < 0) {
        // The loop has stopped to look because of an error (a reset, for example), which reading will tell.
        link->events_ = 0;
        events = UV_READABLE;
    }
    if (link->state_ == State::Connecting) {
        link->go_on_connecting();
        return;
    }
    if (!link->paused_) {
        const bool readable = (events & (UV_READABLE | UV_DISCONNECT)) != 0;
        if (readable && PQconsumeInput(link->connection_) == 0) {
            link->fail(one_line(PQerrorMessage(link->connection_)));
            return;
        }
        // When it is only writable as well: libpq reads while it cannot send.
        link->on_input();
    }
    link->flush(); // and watches for what comes next
}

void Link::go_on_connecting() {
    switch (PQconnectPoll(connection_)) {
    case PGRES_POLLING_READING:
        watch(UV_READABLE);
        return;
    case PGRES_POLLING_WRITING:
        watch(UV_WRITABLE);
        return;
    case PGRES_POLLING_OK:
        state_ = State::Connected;
        PQsetnonblocking(connection_, 1);
        watch(UV_READABLE);
        on_connected();
        return;
    default:
        fail(one_line(PQerrorMessage(connection_)));
    }
}

void Link::flush() {
    if (state_ != State::Connected) {
        return;
    }
    const int left = PQflush(connection_);
    if (left < 0) {
        // The reason follows when the input ends, which is soon; what the server said before is still to be read.
        watch(UV_READABLE);
        return;
    }
    watch(left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void Link::pause_reading() {
    if (state_ == State::Connected && !paused_) {
        paused_ = true;
        watch(events_);
    }
}

void Link::resume_reading() {
    if (state_ == State::Connected && paused_) {
        paused_ = false;
        flush(); // and watches for both
    }
}

} // namespace gateway
