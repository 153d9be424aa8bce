#include "hub/topics.hpp"

#include <algorithm>
#include <utility>

#include "protocol/reply.hpp"
#include "wire/json_text.hpp"

namespace hub {

namespace {

constexpr std::size_t largest_frame = 1U << 30;

struct Meta {
    std::string reference;
    std::string before;  // the reference that this one takes the place of; empty: none that was announced
    std::string payload; // as the client gave it
};

using Metas = std::map<std::string, std::vector<Meta>>; // by key

// {<what the client said>, "phx_ref": "...", "phx_ref_prev": "..."}: the last one of a name counts, and nobody may speak for
// others.
void write_meta(wire::ByteBuffer& out, const Meta& meta) {
    const std::string_view members = std::string_view(meta.payload).substr(0, meta.payload.size() - 1);
    out.append(members);
    out.append(members.find('"') != std::string_view::npos ? ",\"phx_ref\":" : "\"phx_ref\":");
    wire::write_json_string(out, meta.reference);
    if (!meta.before.empty()) {
        out.append(",\"phx_ref_prev\":");
        wire::write_json_string(out, meta.before);
    }
    out.append('}');
}

void write_metas(wire::ByteBuffer& out, const Metas& metas) {
    out.append('{');
    bool first = true;
    for (const auto& [key, list] : metas) {
        if (list.empty()) {
            continue;
        }
        out.append(first ? "" : ",");
        first = false;
        wire::write_json_string(out, key);
        out.append(":{\"metas\":[");
        for (std::size_t index = 0; index < list.size(); ++index) {
            out.append(index > 0 ? "," : "");
            write_meta(out, list[index]);
        }
        out.append("]}");
    }
    out.append('}');
}

FramePointer presence_frame(Encoding encoding, std::string_view topic, bool is_state,
                            std::string_view payload) {
    wire::ByteBuffer out(largest_frame);
    protocol::write_presence(out, version_of(encoding), topic, is_state, payload);
    return Frame::message(web::Opcode::Text, {out.view()});
}

} // namespace

class Topic {
  public:
    // A broadcast that waits for the end of the turn.
    struct Waiting {
        FramePointer frames[2];         // by version; none where no member wants it
        const Member* sender = nullptr; // does not get it; null: everybody does
    };

    std::string name;
    std::vector<Member*> members;
    std::size_t members_of[2] = {}; // by version
    std::size_t listening = 0;      // members that want presence
    std::vector<Waiting> waiting;
    Metas present;
    Metas joined, left; // since the last presence_diff
    std::size_t tracked = 0, tracked_bytes = 0;
    bool changed = false;
    FramePointer state[2]; // by version, for those who begin to listen; made when somebody does

    static std::size_t cost_of(std::string_view key, std::string_view payload) {
        return key.size() + payload.size() + 100;
    }
    void forget_state() { state[0] = state[1] = {}; }

    // Returns the reference that the clients know it by, or empty.
    std::string remove_meta(const Member& member) {
        std::string known = member.presence_reference;
        auto& list = present[member.presence_key];
        const auto meta = std::find_if(list.begin(), list.end(), [&](const Meta& one) {
            return one.reference == member.presence_reference;
        });
        // Who was never announced need not be taken back.
        auto& fresh = joined[member.presence_key];
        const auto announced = std::find_if(fresh.begin(), fresh.end(), [&](const Meta& one) {
            return one.reference == member.presence_reference;
        });
        if (announced != fresh.end()) {
            known = announced->before;
            fresh.erase(announced);
        } else {
            left[member.presence_key].push_back(*meta);
        }
        tracked_bytes -= cost_of(member.presence_key, meta->payload);
        forget_state();
        list.erase(meta);
        if (list.empty()) {
            present.erase(member.presence_key);
        }
        --tracked;
        return known;
    }
};

namespace {

std::size_t form_of(const Member& member) {
    return member.encoding == Encoding::PhoenixOne ? 0 : 1;
}

} // namespace

std::string Topics::name_of(std::string_view topic, const std::optional<std::string>& tenant) {
    std::string name = tenant ? "t" + *tenant : "p";
    name += '\0';
    name += topic;
    return name;
}

void Topics::join(Member& member, const std::string& name) {
    auto& topic = topics_[name];
    if (topic == nullptr) {
        topic = std::make_shared<Topic>();
        topic->name = name;
    }
    send(*topic); // what was said before is not for who comes now
    member.place = topic;
    topic->members.push_back(&member);
    ++topic->members_of[form_of(member)];
    topic->listening += member.wants_presence ? 1 : 0;
}

void Topics::listen(Member& member) {
    if (!member.wants_presence) {
        member.wants_presence = true;
        ++member.place->listening;
    }
}

std::size_t Topics::presence_cost(const Member& member, std::size_t bytes) {
    return (bytes + member.presence_bytes) * (1 + member.place->listening);
}

void Topics::leave(Member& member) {
    if (member.place == nullptr) {
        return;
    }
    send(*member.place);
    untrack(member);
    auto& members = member.place->members;
    --member.place->members_of[form_of(member)];
    member.place->listening -= member.wants_presence ? 1 : 0;
    members.erase(std::find(members.begin(), members.end(), &member));
    if (members.empty()) {
        topics_.erase(std::string(member.place->name));
    }
    member.place.reset();
}

FramePointer broadcast_frame(Encoding encoding, std::string_view topic, const Broadcast& broadcast) {
    wire::ByteBuffer out(largest_frame);
    if (!broadcast.message.empty()) {
        protocol::write_broadcast_message(out, version_of(encoding), topic, broadcast.message);
        return Frame::message(web::Opcode::Text, {out.view()});
    }
    if (broadcast.is_json) {
        protocol::write_broadcast(out, version_of(encoding), topic, broadcast.event, broadcast.payload,
                                  broadcast.metadata);
        return Frame::message(web::Opcode::Text, {out.view()});
    }
    // Only version 2 has a form for bytes, and only with short names.
    if (encoding != Encoding::PhoenixTwo ||
        !protocol::write_broadcast_frame(out, topic, broadcast.event, broadcast.metadata, false,
                                         broadcast.payload)) {
        return {};
    }
    return Frame::message(web::Opcode::Binary, {out.view()});
}

std::size_t Topics::broadcast(const std::string& name, const Broadcast& broadcast, const Member* sender) {
    const auto found = topics_.find(name);
    if (found == topics_.end()) {
        return 0;
    }
    Topic& topic = *found->second;
    Topic::Waiting waiting;
    waiting.sender = sender != nullptr && !sender->hears_itself ? sender : nullptr;
    for (const Encoding encoding : {Encoding::PhoenixOne, Encoding::PhoenixTwo}) {
        const std::size_t form = encoding == Encoding::PhoenixOne ? 0 : 1;
        if (topic.members_of[form] > 0) {
            // All members of a topic call it alike.
            waiting.frames[form] = broadcast_frame(encoding, topic.members.front()->topic, broadcast);
        }
    }
    if (topic.waiting.empty()) {
        waiting_.push_back(found->second);
    }
    topic.waiting.push_back(std::move(waiting));
    return topic.members.size() - (topic.waiting.back().sender != nullptr ? 1 : 0);
}

// Member by member, because what belongs to one lies together in memory and is far from what belongs to the next.
void Topics::send(Topic& topic) {
    if (topic.waiting.empty()) {
        return;
    }
    for (Member* member : topic.members) {
        if (member->silent) {
            continue;
        }
        const std::size_t form = form_of(*member);
        for (const Topic::Waiting& waiting : topic.waiting) {
            if (waiting.sender == member) {
                continue;
            }
            if (waiting.frames[form]) {
                member->subscriber.deliver(waiting.frames[form]);
            } else {
                ++counters_.broadcasts_withheld;
            }
        }
    }
    topic.waiting.clear();
}

void Topics::send_broadcasts() {
    for (const auto& topic : std::exchange(waiting_, {})) {
        send(*topic);
    }
}

void Topics::note_change(const std::shared_ptr<Topic>& topic) {
    if (!topic->changed) {
        topic->changed = true;
        changed_.push_back(topic);
    }
}

bool Topics::track(Member& member, std::string_view payload) {
    if (payload.size() < 2 || payload.front() != '{' || payload.back() != '}') {
        return false;
    }
    const auto& topic = member.place;
    std::string before;
    if (!member.presence_reference.empty()) {
        for (const Meta& meta : topic->present[member.presence_key]) {
            if (meta.reference == member.presence_reference && meta.payload == payload) {
                return true;
            }
        }
        before = topic->remove_meta(member);
    }
    member.presence_reference = std::to_string(++last_reference_);
    const Meta meta{member.presence_reference, std::move(before), std::string(payload)};
    topic->present[member.presence_key].push_back(meta);
    topic->joined[member.presence_key].push_back(meta);
    member.presence_bytes = payload.size();
    topic->tracked_bytes += Topic::cost_of(member.presence_key, payload);
    topic->forget_state();
    ++topic->tracked;
    note_change(topic);
    return true;
}

void Topics::untrack(Member& member) {
    if (member.presence_reference.empty()) {
        return;
    }
    member.place->remove_meta(member);
    member.presence_reference.clear();
    member.presence_bytes = 0;
    note_change(member.place);
}

std::size_t Topics::tracked(const Member& member) {
    return member.place->tracked;
}

std::size_t Topics::tracked_bytes(const Member& member) {
    return member.place->tracked_bytes;
}

FramePointer Topics::state_for(const Member& member) {
    FramePointer& frame = member.place->state[form_of(member)];
    if (frame) {
        return frame;
    }
    // What is not announced yet will be, in the next presence_diff; both together would count it twice.
    Metas known = member.place->present;
    for (const auto& [key, fresh] : member.place->joined) {
        for (const Meta& meta : fresh) {
            std::erase_if(known[key], [&](const Meta& one) { return one.reference == meta.reference; });
        }
    }
    // Likewise those who have left and will be taken back.
    for (const auto& [key, gone] : member.place->left) {
        for (const Meta& meta : gone) {
            known[key].push_back(meta);
        }
    }
    wire::ByteBuffer out(largest_frame);
    write_metas(out, known);
    frame = presence_frame(member.encoding, member.topic, true, out.view());
    return frame;
}

void Topics::send_presence_changes() {
    for (const auto& topic : changed_) {
        topic->changed = false;
        wire::ByteBuffer out(largest_frame);
        out.append("{\"joins\":");
        write_metas(out, topic->joined);
        out.append(",\"leaves\":");
        write_metas(out, topic->left);
        out.append('}');
        topic->joined.clear();
        topic->left.clear();
        topic->forget_state();
        if (out.view() == "{\"joins\":{},\"leaves\":{}}") {
            continue;
        }
        FramePointer frames[2];
        for (Member* member : topic->members) {
            if (!member->wants_presence || member->silent) {
                continue;
            }
            FramePointer& frame = frames[form_of(*member)];
            if (!frame) {
                frame = presence_frame(member->encoding, member->topic, false, out.view());
            }
            member->subscriber.deliver(frame);
        }
    }
    changed_.clear();
}

} // namespace hub
