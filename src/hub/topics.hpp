// Broadcast and presence: what clients tell each other on a topic.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/limits.hpp"
#include "hub/subscription.hpp"

namespace hub {

class Topic;

// A channel on a topic. Must leave before it is destroyed.
struct Member {
    explicit Member(Subscriber& owner) : subscriber(owner) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    Subscriber& subscriber;
    Encoding encoding = Encoding::PhoenixTwo;
    std::string_view topic;       // as the client calls it; lives as long as the member
    bool hears_itself = false;    // gets its own broadcasts
    bool wants_presence = false;  // gets presence_diff; behind join() see Topics::listen()
    bool silent = false;          // gets nothing until it is known whether it may
    std::shared_ptr<Topic> place; // null: on none
    std::string presence_key;
    std::size_t presence_bytes = 0; // of what it tracks
    std::string presence_reference; // of what it tracks; empty: nothing
};

struct Broadcast {
    std::string_view event;
    std::string_view payload;  // JSON, or any bytes when is_json is false
    std::string_view metadata; // JSON object, or empty
    bool is_json = true;
    // The whole message as a client has sent it, a JSON object, which is passed on as it is; then the others are not looked at.
    std::string_view message = {};
};

// Not thread-safe.
class Topics {
  public:
    explicit Topics(Counters& counters) : counters_(counters) {}

    // `name` tells topics apart and is not what clients call them: see name_of().
    void join(Member& member, const std::string& name);
    void leave(Member& member);

    // To all members of a topic but `sender` (unless it wants to hear itself; null: nobody is left out). Returns how many will get
    // it: with send_broadcasts(), which is to be called once a turn, or before somebody joins or leaves.
    std::size_t broadcast(const std::string& name, const Broadcast& broadcast, const Member* sender);

    void send_broadcasts();

    // Presence of one member. `payload` is a JSON object; false when it is none. The same once more changes nothing.
    bool track(Member& member, std::string_view payload);
    void untrack(Member& member);
    // How many are tracked on the member's topic.
    static std::size_t tracked(const Member& member);
    static std::size_t tracked_bytes(const Member& member);
    // Bytes that go out when the member tracks something of so many bytes now, instead of what it tracks: to each member that listens.
    static std::size_t presence_cost(const Member& member, std::size_t bytes);
    // A member that did not get presence_diff gets it from now on.
    static void listen(Member& member);
    // What is known of all members, for one that begins to listen.
    static FramePointer state_for(const Member& member);
    // Sends what has changed since the last time.
    void send_presence_changes();

    std::size_t size() const { return topics_.size(); }

    // Public topics are shared by everybody, private ones by the members of one tenant.
    static std::string name_of(std::string_view topic, const std::optional<std::string>& tenant);

  private:
    void send(Topic& topic);
    void note_change(const std::shared_ptr<Topic>& topic);

    Counters& counters_;
    std::unordered_map<std::string, std::shared_ptr<Topic>> topics_;
    std::vector<std::shared_ptr<Topic>> changed_;
    std::vector<std::shared_ptr<Topic>> waiting_; // have broadcasts for their members
    std::uint64_t last_reference_ = 0;
};

FramePointer broadcast_frame(Encoding encoding, std::string_view topic, const Broadcast& broadcast);

} // namespace hub
