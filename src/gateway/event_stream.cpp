#include "gateway/event_stream.hpp"

#include <algorithm>

#include "gateway/socket.hpp"

namespace gateway {

namespace {

constexpr double beat_seconds = 20; // proxies give up connections that are silent for longer

} // namespace

EventStream::EventStream(hub::Hub& hub, Socket& socket)
    : Feed(hub, hub::Encoding::EventStream, "stream"), socket_(socket) {}

EventStream::~EventStream() = default;

void EventStream::begin(hub::IdentityPointer identity, std::vector<protocol::Binding> bindings,
                        std::optional<protocol::Cursor> since) {
    schedule(*identity);
    open(std::move(identity), std::move(bindings), since, false);
}

void EventStream::schedule(const hub::Identity& owner) {
    const double left = std::clamp(owner.expires_at - hub_.unix_now(), 0.0, beat_seconds);
    hub_.timers.schedule(*this, static_cast<web::Milliseconds>((hub_.now() + left) * 1000) + 1);
}

void EventStream::deliver(const hub::FramePointer& frame) {
    meter_.count(frame->size());
    socket_.send(frame);
    look_at_queue();
}

hub::ChannelReport EventStream::report() const {
    hub::ChannelReport report;
    report.subscription_type =
        bindings_.empty() || bindings_.front().table == "*" ? "stream" : bindings_.front().table;
    report.tenants = meter_.tenants(sight().tenants);
    return report;
}

bool EventStream::look_at_token() {
    if (identity()->expires_at > hub_.unix_now()) {
        return false;
    }
    on_notice(false, identity()->expires_at == 0 ? "Token was revoked" : "Token has expired", std::nullopt);
    close();
    socket_.close(0, {});
    return true;
}

void EventStream::on_time() {
    if (look_at_token()) {
        return;
    }
    if (live()) {
        send_cursor(); // also tells the cursor, so that a client that comes back has a late one
    } else {
        socket_.send(hub::Frame::raw({":\n\n"}));
    }
    schedule(*identity());
}

bool EventStream::on_open() {
    return true;
}

void EventStream::on_refused(const std::string& code, const std::string& message) {
    on_notice(false, code + ": " + message, std::nullopt);
    socket_.close(0, {});
}

void EventStream::on_notice(bool ok, const std::string& message, std::optional<protocol::Cursor> refetch) {
    protocol::SystemMessage system;
    system.ok = ok;
    system.message = message;
    system.refetch = refetch.has_value();
    system.cursor = refetch;
    socket_.send(hub::system_frame(hub::Encoding::EventStream, {}, system));
}

void EventStream::on_live(bool all) {
    if (all) {
        on_notice(true, "Subscribed to PostgreSQL", std::nullopt);
    }
    send_cursor();
}

std::string_view EventStream::sender() const {
    return socket_.sender();
}

std::size_t EventStream::queued_bytes() const {
    return socket_.queued_bytes();
}

} // namespace gateway
