#include "hub/session.hpp"

#include <algorithm>

#include "hub/channel.hpp"
#include "protocol/join.hpp"
#include "protocol/reply.hpp"

namespace hub {

Session::Session(Hub& hub, Connection& connection, protocol::Version version, std::string token,
                 std::string tenant)
    : hub_(hub), connection_(connection), token_(std::move(token)), tenant_(std::move(tenant)),
      version_(version) {}

Session::~Session() = default;

void Session::sweep() {
    ended_.clear();
}

void Session::end(Channel& channel) {
    const auto found = std::find_if(channels_.begin(), channels_.end(),
                                    [&](const auto& one) { return one.get() == &channel; });
    if (found != channels_.end()) {
        ended_.push_back(std::move(*found));
        channels_.erase(found);
    }
}

Channel* Session::find(std::string_view topic) {
    const auto found = std::find_if(channels_.begin(), channels_.end(),
                                    [&](const auto& channel) { return channel->topic() == topic; });
    return found == channels_.end() ? nullptr : found->get();
}

bool Session::take_message() {
    ++hub_.counters.messages_in;
    sweep();
    const auto rate = static_cast<double>(hub_.limits.messages_per_second);
    if (messages_.take(hub_.now(), rate, rate * 2)) {
        return true;
    }
    ++hub_.counters.message_limits;
    connection_.close(web::close_code::policy, "more than " +
                                                   std::to_string(hub_.limits.messages_per_second) +
                                                   " messages per second");
    return false;
}

bool Session::may_broadcast(std::size_t bytes) {
    return take_broadcast(broadcast_bytes_, hub_.now(), hub_.limits, bytes);
}

void Session::count_broadcast(std::size_t bytes) {
    const auto rate = static_cast<double>(hub_.limits.broadcast_bytes_per_second);
    broadcast_bytes_.spend(hub_.now(), rate, rate * 2, static_cast<double>(bytes));
}

void Session::on_text(std::string_view frame) {
    if (!take_message()) {
        return;
    }
    // Kept by nobody: an idle session costs no parser.
    static thread_local protocol::Decoder decoder;
    static thread_local protocol::ClientMessage message;
    if (!decoder.decode(version_, frame, message)) {
        ++hub_.counters.messages_malformed;
        return; // dropped, as the original does; the connection goes on
    }
    if (message.topic == "phoenix" && message.event == "heartbeat") {
        write([&](wire::ByteBuffer& out) {
            protocol::write_reply(out, version_, std::nullopt, message.ref, message.topic, true);
        });
        for (const auto& channel : channels_) {
            channel->send_cursor_if_moved();
        }
        return;
    }
    if (message.event == "phx_join") {
        on_join(message);
        return;
    }
    const bool leaves = message.event == "phx_leave";
    Channel* channel = find(message.topic);
    // Who leaves an earlier join of the topic has left it already. Everything else is for the topic, as the original has it, and
    // the answer is for the present join: the client drops others.
    if (channel != nullptr && (!leaves || !message.join_ref || message.join_ref == channel->join_ref())) {
        message.join_ref = channel->join_ref();
        channel->on_message(message);
        return;
    }
    write([&](wire::ByteBuffer& out) {
        if (leaves) {
            protocol::write_reply(out, version_, message.join_ref, message.ref, message.topic, true);
        } else {
            protocol::write_refusal(out, version_, message.join_ref, message.ref, message.topic,
                                    "unmatched topic");
        }
    });
}

void Session::on_binary(std::string_view frame) {
    if (!take_message()) {
        return;
    }
    protocol::BroadcastPush push;
    std::string error;
    if (version_ != protocol::Version::Two || !protocol::decode_broadcast_push(frame, push, error)) {
        ++hub_.counters.messages_malformed;
        return;
    }
    protocol::ClientMessage message;
    message.ref = push.ref;
    message.topic = push.topic;
    if (Channel* channel = find(push.topic)) {
        message.join_ref = channel->join_ref();
        channel->on_broadcast(message, {push.event, push.payload, {}, push.is_json});
    }
}

void Session::on_join(const protocol::ClientMessage& message) {
    const auto refuse = [&](const std::string& reason) {
        hub_.note_refused_join(message.topic, reason);
        write([&](wire::ByteBuffer& out) {
            protocol::write_refusal(out, version_, message.join_ref, message.ref, message.topic, reason);
        });
    };
    ++hub_.counters.joins;
    const Limits& limits = hub_.limits;
    if (!protocol::channel_of(message.topic)) {
        refuse(message.topic == "realtime:" ? "TopicNameRequired: a topic is realtime: and a name"
                                            : "unmatched topic");
        return;
    }
    if (message.topic.size() > limits.topic_bytes) {
        refuse("TopicNameTooLong: a topic has at most " + std::to_string(limits.topic_bytes) + " bytes");
        return;
    }
    if (Channel* before = find(message.topic)) {
        before->replace();
    }
    const auto rate = static_cast<double>(limits.joins_per_second);
    if (!joins_.take(hub_.now(), rate, rate)) {
        refuse("ClientJoinRateLimitReached: more than " + std::to_string(limits.joins_per_second) +
               " joins per second");
        return;
    }
    if (channels_.size() >= limits.channels_per_socket) {
        refuse("ChannelRateLimitReached: more than " + std::to_string(limits.channels_per_socket) +
               " channels on one connection");
        return;
    }
    if (message.payload.size() > limits.join_bytes) {
        refuse("InvalidJoinPayload: a join has at most " + std::to_string(limits.join_bytes) + " bytes");
        return;
    }
    std::string error;
    std::optional<protocol::Join> join = protocol::read_join(message.payload, error);
    if (!join) {
        refuse("InvalidJoinPayload: " + error);
        return;
    }
    if (!join->configured) {
        protocol::take_table_from(*join, *protocol::channel_of(message.topic));
    }
    std::size_t bindings = join->bindings.size(), patterns = 0;
    for (const auto& channel : channels_) {
        bindings += channel->subscription().kinds.size();
    }
    for (const protocol::Binding& binding : join->bindings) {
        patterns += protocol::pattern_count(binding.filter);
    }
    if (bindings > limits.bindings_per_socket) {
        refuse("ChannelRateLimitReached: more than " + std::to_string(limits.bindings_per_socket) +
               " postgres_changes on one connection");
        return;
    }
    // A pattern takes about as long as a join.
    for (std::size_t pattern = 0; pattern < patterns; ++pattern) {
        if (!joins_.take(hub_.now(), rate, rate)) {
            refuse("ClientJoinRateLimitReached: more than " + std::to_string(limits.joins_per_second) +
                   " joins and patterns per second");
            return;
        }
    }
    if (join->tenant.empty()) {
        join->tenant = tenant_;
    }
    join->tenant = protocol::tenant_named(join->tenant);
    auto identity = hub_.gatekeeper.identify(join->access_token ? *join->access_token : token_);
    if (const auto* denial = std::get_if<Denial>(&identity)) {
        refuse(denial->code + ": " + denial->message);
        return;
    }
    channels_.push_back(std::make_unique<Channel>(*this, message.topic, message));
    channels_.back()->join(std::move(*join), std::get<IdentityPointer>(identity));
}

void Session::look_at_tokens() {
    std::vector<Channel*> channels;
    for (const auto& channel : channels_) {
        channels.push_back(channel.get());
    }
    for (Channel* channel : channels) {
        channel->look_at_token(); // those that end are kept until the next message
    }
}

std::size_t Session::tracked_bytes() const {
    std::size_t bytes = 0;
    for (const auto& channel : channels_) {
        bytes += channel->presence_bytes();
    }
    return bytes;
}

std::vector<ChannelReport> Session::report() const {
    std::vector<ChannelReport> reports;
    for (const auto& channel : channels_) {
        reports.push_back(channel->report());
    }
    return reports;
}

} // namespace hub
