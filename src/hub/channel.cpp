#include "hub/channel.hpp"

#include <algorithm>
#include <functional>
#include <random>
#include <utility>

#include "protocol/nearest.hpp"
#include "protocol/reply.hpp"
#include "protocol/row_text.hpp"
#include "wire/json_text.hpp"
#include "json/reader.hpp"

namespace hub {

namespace {

Encoding encoding_of(protocol::Version version) {
    return version == protocol::Version::One ? Encoding::PhoenixOne : Encoding::PhoenixTwo;
}

// A key for a client that gave none: nothing secret, only different from all others.
std::string random_key() {
    static thread_local std::mt19937_64 source{std::random_device{}()};
    const std::uint64_t high = source();
    const std::uint64_t low = source();
    char text[37];
    std::snprintf(text, sizeof(text), "%08x-%04x-4%03x-a%03x-%012llx", static_cast<unsigned>(high >> 32),
                  static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xfff),
                  static_cast<unsigned>(low >> 52), static_cast<unsigned long long>(low & 0xffffffffffffULL));
    return text;
}

// The members of an object that are wanted; false when the text is no object.
struct WantedMember {
    std::string_view name;
    std::string* text = nullptr; // for strings
    std::string* raw = nullptr;  // for any value
};
bool read_members(std::string_view object, std::initializer_list<WantedMember> wanted) {
    json::Reader reader;
    simdjson::ondemand::document document;
    simdjson::ondemand::object members;
    if (!reader.read(object, document) || document.get_object().get(members) != simdjson::SUCCESS) {
        return false;
    }
    for (auto field : members) {
        std::string_view key;
        simdjson::ondemand::value value;
        if (field.unescaped_key().get(key) != simdjson::SUCCESS) {
            return false;
        }
        const std::string name(key);
        if (field.value().get(value) != simdjson::SUCCESS) {
            return false;
        }
        for (const WantedMember& member : wanted) {
            if (member.name != name) {
                continue;
            }
            if (member.text != nullptr) {
                *member.text = json::string_in(value).value_or("");
            } else {
                *member.raw = json::raw_json(value);
            }
            break;
        }
    }
    return true;
}

} // namespace

Channel::Channel(Session& session, std::string topic, const protocol::ClientMessage& join)
    : Feed(session.hub_, encoding_of(session.version_), std::move(topic)), session_(session),
      connection_(session.connection_), join_ref_(join.join_ref ? join.join_ref : join.ref), ref_(join.ref),
      member_(*this) {
    member_.encoding = subscription_.encoding;
    member_.topic = subscription_.topic;
}

Channel::~Channel() {
    hub_.topics.leave(member_);
}

void Channel::join(protocol::Join wish, IdentityPointer identity) {
    constexpr double longest_wait = 60;
    const double patience = wish.timeout_seconds > 0 ? wish.timeout_seconds : hub_.limits.join_timeout;
    join_ends_ = hub_.now() + std::min(patience, longest_wait);
    hub_.timers.schedule(*this, static_cast<web::Milliseconds>(join_ends_ * 1000));
    private_ = wish.is_private;
    ack_ = wish.broadcast_ack;
    wait_ = wish.wait;
    replication_ready_ = wish.replication_ready;
    wanted_tenant_ = std::move(wish.tenant);
    warnings_ = std::move(wish.warnings);
    if (!wish.configured) {
        subscription_.encoding =
            session_.version_ == protocol::Version::One ? Encoding::ByEventOne : Encoding::ByEventTwo;
    }
    member_.hears_itself = wish.broadcast_self;
    member_.wants_presence = wish.presence;
    member_.presence_key = wish.presence_key.empty() ? random_key() : std::move(wish.presence_key);
    open(std::move(identity), std::move(wish.bindings), wish.since, private_);
}

// Who sees every tenant and names none means the only one that there is, if there is only one.
bool Channel::knows_enough() {
    if (!private_ || !identity()->every_tenant || !wanted_tenant_.empty() ||
        identity()->claimed_tenants.size() == 1 || tenant_answered_) {
        return true;
    }
    if (!std::exchange(tenant_asked_, true)) {
        hub_.find_only_tenant([alive =
                                   std::weak_ptr<Channel*>(self_)](const std::optional<std::string>& tenant) {
            if (const auto self = alive.lock(); self && !(*self)->ended_) {
                if ((*self)->identity()->every_tenant) { // not so for who came with another token meanwhile
                    (*self)->wanted_tenant_ = tenant.value_or("");
                }
                (*self)->tenant_answered_ = true;
                (*self)->advance();
            }
        });
    }
    return false;
}

// The room of a private channel belongs to one tenant: the one that the channel names, or the only one of the caller.
bool Channel::find_room(std::string& why) {
    if (!private_) {
        return true;
    }
    const Sight all = sight();
    std::string tenant = wanted_tenant_;
    if (tenant.empty() && all.tenants.size() == 1) {
        tenant = all.tenants.front();
    }
    if (tenant.empty()) {
        why = all.every_tenant      ? "the caller sees every tenant, of which there is not exactly one in "
                                      "tenant_memberships: name one in config.broadcast.tenant"
              : all.tenants.empty() ? "a private channel is for members of a tenant"
                                    : "the caller has several tenants: name one in config.broadcast.tenant";
        return false;
    }
    if (!all.every_tenant && !std::binary_search(all.tenants.begin(), all.tenants.end(), tenant)) {
        why = "the caller is no member of tenant " + tenant;
        return false;
    }
    room_tenant_ = std::move(tenant);
    return true;
}

bool Channel::on_open() {
    std::string why;
    if (!find_room(why)) {
        close();
        on_refused("Unauthorized", why);
        return false;
    }
    hub_.topics.join(member_, Topics::name_of(topic(), room_tenant_));
    if (member_.wants_presence && !session_.may_broadcast(Topics::state_for(member_)->size())) {
        close();
        on_refused("ClientPresenceRateLimitReached",
                   "what is tracked on the topics of the joins is more than " +
                       std::to_string(hub_.limits.broadcast_bytes_per_second) + " bytes per second");
        return false;
    }
    replied_ = session_.joined_ = true;
    schedule_expiry();
    session_.write([&](wire::ByteBuffer& out) {
        protocol::write_join_reply(out, session_.version_, join_ref_, ref_, topic(), bindings_, ids_);
    });
    for (protocol::Binding& binding : bindings_) {
        std::string().swap(binding.request); // it was only to be echoed
    }
    for (const std::string& warning : std::exchange(warnings_, {})) {
        system("system", false, warning);
    }
    if (member_.wants_presence) {
        session_.connection_.send(Topics::state_for(member_));
    }
    if (replication_ready_) {
        tell_ready();
    }
    return true;
}

void Channel::tell_ready() {
    if (!hub_.ready()) {
        hub_.wait(*this); // advance() looks again
        return;
    }
    replication_ready_ = false;
    system("system", true, "Replication connection established");
}

void Channel::advance() {
    Feed::advance();
    if (replication_ready_ && replied_ && !ended_) {
        tell_ready();
    }
}

// The new token, or the new look at the tenants, has to belong to a member of the room's tenant, too.
void Channel::on_reopened() {
    if (!private_) {
        return;
    }
    const Sight all = sight();
    if (!all.every_tenant && !std::binary_search(all.tenants.begin(), all.tenants.end(), *room_tenant_)) {
        on_tenant_lost(*room_tenant_);
        return;
    }
    if (std::exchange(member_.silent, false) && member_.wants_presence) {
        session_.connection_.send(Topics::state_for(member_)); // differences were not told
    }
}

void Channel::on_suspended() {
    member_.silent = private_;
}

// Who was told that something is missing is not told that all is well.
void Channel::on_live(bool all) {
    last_cursor_ = hub_.head();
    if (all) {
        system("postgres_changes", true, "Subscribed to PostgreSQL", false, last_cursor_);
    } else {
        send_cursor();
    }
}

// The stock client joins again, by then with a token if there is one. If not, it shall have what is for everybody.
bool Channel::goes_on_without_user() {
    constexpr std::size_t most = 1000;
    const std::size_t hash = std::hash<std::string>()(topic());
    if (session_.refused_.count(hash) != 0 || session_.refused_.size() == most) {
        return true;
    }
    session_.refused_.insert(hash);
    return false;
}

void Channel::on_refused(const std::string& code, const std::string& message) {
    const std::string reason = code + ": " + message;
    if (replied_) {
        fail(reason);
        return;
    }
    hub_.note_refused_join(topic(), reason);
    system(bindings_.empty() ? "system" : "postgres_changes", false, reason);
    session_.write([&](wire::ByteBuffer& out) {
        protocol::write_refusal(out, session_.version_, join_ref_, ref_, topic(), reason);
    });
    finish();
}

void Channel::on_notice(bool ok, const std::string& message, std::optional<protocol::Cursor> refetch) {
    errors_ += ok ? 0 : 1;
    system("postgres_changes", ok, message, refetch.has_value(), refetch);
}

void Channel::on_tenant_lost(const std::string& tenant) {
    if (room_tenant_ == tenant) {
        fail("You no longer have permission to read from this Channel topic: the user is no member of "
             "tenant " +
             tenant + " any more");
    }
}

std::string_view Channel::sender() const {
    return connection_.sender();
}

std::size_t Channel::queued_bytes() const {
    return connection_.queued_bytes();
}

void Channel::deliver(const FramePointer& frame) {
    meter_.count(frame->size());
    connection_.send(frame);
    look_at_queue();
}

void Channel::send_cursor_if_moved() {
    constexpr double seconds_between_cursors = 1; // however often the client lets its heart beat
    if (live() && last_cursor_ < hub_.head() && hub_.now() >= cursor_due_) {
        cursor_due_ = hub_.now() + seconds_between_cursors;
        last_cursor_ = hub_.head();
        send_cursor();
    }
}

void Channel::reply(const protocol::ClientMessage& to, bool ok, std::string_view response) {
    session_.write([&](wire::ByteBuffer& out) {
        protocol::write_reply(out, session_.version_, to.join_ref, to.ref, topic(), ok, response);
    });
}

void Channel::system(std::string_view extension, bool ok, std::string_view message, bool refetch,
                     std::optional<protocol::Cursor> cursor) {
    protocol::SystemMessage system_message;
    system_message.extension = extension;
    system_message.ok = ok;
    system_message.message = message;
    system_message.refetch = refetch;
    system_message.cursor = cursor;
    session_.connection_.send(system_frame(subscription_.encoding, topic(), system_message));
}

void Channel::finish() {
    if (ended_) {
        return;
    }
    ended_ = true;
    cancel();
    close();
    if (member_.presence_bytes > 0) {
        session_.count_broadcast(Topics::presence_cost(member_, 0)); // its leaving goes out
    }
    hub_.topics.leave(member_);
    session_.end(*this);
}

void Channel::fail(std::string_view message) {
    if (ended_) {
        return;
    }
    system("system", false, message);
    replace();
}

void Channel::replace() {
    if (ended_) {
        return;
    }
    session_.write(
        [&](wire::ByteBuffer& out) { protocol::write_close(out, session_.version_, join_ref_, topic()); });
    finish();
}

// The wheel's times are those of the hub's clock, the token's are Unix time.
void Channel::schedule_expiry() {
    const double left = identity()->expires_at - hub_.unix_now();
    constexpr double longest = 86400 * 30; // then it is looked at again
    const double at = hub_.now() + std::clamp(left, 0.0, longest);
    hub_.timers.schedule(*this, static_cast<web::Milliseconds>(at * 1000) + 1);
}

void Channel::on_time() {
    if (!replied_) {
        // The client would give up without knowing why.
        close();
        const std::string why = hub_.ready() ? "the database was not asked in time for who the caller is"
                                             : "the replication slot is not read now";
        wait_ ? on_refused("PostgresChangesSubscribeTimeout", why)
              : on_refused("InitializingProjectConnection", why);
        return;
    }
    schedule_expiry();
    look_at_token();
}

void Channel::look_at_token() {
    const double over = hub_.unix_now() - identity()->expires_at;
    if (!replied_ || ended_ || over < 0) {
        return;
    }
    ++hub_.counters.tokens_expired;
    fail(identity()->expires_at == 0
             ? "Token was revoked"
             : "Token has expired " + std::to_string(static_cast<long long>(over)) + " seconds ago");
}

void Channel::on_message(const protocol::ClientMessage& message) {
    ++messages_received_;
    if (message.event == "phx_leave") {
        reply(message, true);
        replace();
    } else if (message.event == "access_token") {
        on_access_token(message);
    } else if (!replied_) {
        reply(message, false, R"({"reason":"the channel is not joined yet"})");
    } else if (message.event == "broadcast") {
        // Passed on as it is: what its members mean is between the clients.
        if (!message.payload.starts_with('{')) {
            reply(message, false, R"({"reason":"a broadcast is an object with event and payload"})");
            return;
        }
        on_broadcast(message, {{}, {}, {}, true, message.payload});
    } else if (message.event == "presence") {
        on_presence(message);
    } else {
        reply(message, false, R"({"reason":"unknown event"})");
    }
}

void Channel::on_broadcast(const protocol::ClientMessage& from, const Broadcast& broadcast) {
    if (!replied_) {
        return;
    }
    if (member_.silent) {
        reply(from, false, R"({"error":"it is not known now whether the caller is a member of the tenant"})");
        return;
    }
    // A whole message counts without what each one has.
    constexpr std::string_view envelope = R"({"type":"broadcast","event":"","payload":})";
    const std::size_t bytes = broadcast.message.empty()
                                  ? broadcast.event.size() + broadcast.payload.size()
                                  : std::max(broadcast.message.size(), envelope.size()) - envelope.size();
    if (bytes > hub_.limits.broadcast_bytes) {
        ++hub_.counters.broadcasts_refused;
        reply(from, false,
              R"({"error":"payload_size_exceeded","limit":)" + std::to_string(hub_.limits.broadcast_bytes) +
                  "}");
        return;
    }
    if (broadcast.is_json && broadcast.message.empty() && !wire::is_json(broadcast.payload)) {
        ++hub_.counters.broadcasts_refused;
        reply(from, false, R"({"error":"the payload is not JSON"})");
        return;
    }
    if (!session_.may_broadcast(bytes)) {
        ++hub_.counters.broadcasts_refused;
        reply(from, false,
              R"({"error":"rate_limit_exceeded","limit":)" +
                  std::to_string(hub_.limits.broadcast_bytes_per_second) + "}");
        return;
    }
    ++hub_.counters.broadcasts;
    hub_.topics.broadcast(member_.place == nullptr ? std::string() : Topics::name_of(topic(), room_tenant_),
                          broadcast, &member_);
    if (ack_) {
        reply(from, true);
    }
}

void Channel::on_presence(const protocol::ClientMessage& message) {
    std::string event, payload = "{}";
    if (!read_members(message.payload, {{"event", &event, nullptr}, {"payload", nullptr, &payload}})) {
        reply(message, false, R"({"reason":"presence is an object with event and payload"})");
        return;
    }
    if (member_.silent) {
        reply(message, false,
              R"({"reason":"it is not known now whether the caller is a member of the tenant"})");
        return;
    }
    std::transform(event.begin(), event.end(), event.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    if (event == "untrack") {
        session_.count_broadcast(Topics::presence_cost(member_, 0));
        hub_.topics.untrack(member_);
        reply(message, true);
        return;
    }
    if (event != "track") {
        static constexpr std::string_view known[] = {"track", "untrack"};
        wire::ByteBuffer response(event.size() * 6 + 200);
        response.append("{\"reason\":");
        wire::write_json_string(response, "there is no presence event \"" + event.substr(0, 100) + '"' +
                                              protocol::suggestion(event, known));
        response.append('}');
        reply(message, false, response.view());
        return;
    }
    if (payload.size() > hub_.limits.presence_bytes) {
        reply(message, false, R"({"reason":"Track message size exceeded"})");
        return;
    }
    if ((member_.presence_reference.empty() && Topics::tracked(member_) >= hub_.limits.presence_per_topic) ||
        Topics::tracked_bytes(member_) + payload.size() > hub_.limits.presence_topic_bytes) {
        reply(message, false, R"({"reason":"Presence limit of the topic reached"})");
        return;
    }
    if (session_.tracked_bytes() - member_.presence_bytes + payload.size() >
        hub_.limits.presence_topic_bytes) {
        reply(message, false, R"({"reason":"Presence limit of the socket reached"})");
        return;
    }
    // Each member that listens gets it, and what it takes the place of.
    if (!session_.may_broadcast(Topics::presence_cost(member_, payload.size()))) {
        ++hub_.counters.presence_refused;
        reply(
            message, false,
            R"({"reason":"Presence rate limit reached: what is tracked, times the members of the topic, counts as bytes of broadcasts","limit":)" +
                std::to_string(hub_.limits.broadcast_bytes_per_second) + "}");
        return;
    }
    if (!hub_.topics.track(member_, payload)) {
        reply(message, false, R"({"reason":"what is tracked is an object"})");
        return;
    }
    reply(message, true);
    if (!member_.wants_presence) {
        // track() switches presence on. The client waits for a state before it believes differences.
        Topics::listen(member_);
        const FramePointer state = Topics::state_for(member_);
        session_.count_broadcast(state->size());
        session_.connection_.send(state);
    }
}

void Channel::on_access_token(const protocol::ClientMessage& message) {
    std::string raw;
    if (!read_members(message.payload, {{"access_token", nullptr, &raw}})) {
        return;
    }
    const std::optional<std::string> text = protocol::string_content(raw);
    if (!text || text->starts_with("sb_")) {
        return; // null, and opaque keys are no tokens; the original ignores them, too
    }
    const std::string& token = *text; // an empty one is a bad one
    auto who = hub_.gatekeeper.identify(token);
    if (const auto* denial = std::get_if<Denial>(&who)) {
        fail(denial->code + ": " + denial->message);
        return;
    }
    change_identity(std::get<IdentityPointer>(who));
    if (ended_ || !replied_) {
        return;
    }
    schedule_expiry();
}

ChannelReport Channel::report() const {
    ChannelReport report;
    const bool has_table = !bindings_.empty() && bindings_.front().table != "*";
    report.subscription_type =
        has_table ? bindings_.front().table : topic().substr(std::string_view("realtime:").size());
    report.tenants = meter_.tenants(room_tenant_ ? std::vector{*room_tenant_} : sight().tenants);
    report.messages_received = messages_received_;
    report.errors = errors_;
    return report;
}

} // namespace hub
