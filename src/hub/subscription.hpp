// A channel that wants changes, as the router sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/binding.hpp"
#include "hub/frame.hpp"
#include "hub/pattern_budget.hpp"
#include "protocol/cursor.hpp"
#include "protocol/message.hpp"

namespace hub {

struct Audience;
struct Shape;

// How messages are written for a client. ByEvent: the channel joined without config, and its changes come under their own names.
enum class Encoding : std::uint8_t { PhoenixOne, PhoenixTwo, EventStream, ByEventOne, ByEventTwo };

inline protocol::Version version_of(Encoding encoding) {
    return encoding == Encoding::PhoenixOne || encoding == Encoding::ByEventOne ? protocol::Version::One
                                                                                : protocol::Version::Two;
}
inline bool is_by_event(Encoding encoding) {
    return encoding == Encoding::ByEventOne || encoding == Encoding::ByEventTwo;
}

// Implemented by channels and event streams. Must not subscribe, unsubscribe or destroy a subscription while it is called.
class Subscriber {
  public:
    virtual void deliver(const FramePointer& frame) = 0;
    // A row of a tenant, or (empty) of a public table.
    virtual void deliver_row(const FramePointer& frame, std::string_view /*tenant*/) { deliver(frame); }

  protected:
    ~Subscriber() = default;
};

// Whose rows a subscription may see. The router is told when it changes.
struct Sight {
    std::vector<std::string> tenants; // sorted, each once
    bool every_tenant = false;
};

// Filled by whoever owns it; the members at the end belong to the router. Must be unsubscribed before it is destroyed.
struct Subscription {
    explicit Subscription(Subscriber& owner) : subscriber(owner) {}
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    Subscriber& subscriber;
    Encoding encoding = Encoding::PhoenixTwo;
    std::string topic;
    std::vector<std::shared_ptr<BindingKind>> kinds; // in the order of the join, repetitions included
    PatternBudget::Accounts accounts; // on which its patterns are looked for: of its address and its user

    struct Place {
        Audience* audience = nullptr;
        std::uint32_t index = 0;
    };
    std::shared_ptr<Shape> shape; // null: not live
    std::vector<Place> places;
    bool cursor_due = false;  // changes were delivered since the last cursor message
    double cursor_time = 0;   // of that message
    double cursor_spread = 0; // s that a message of its own waits longer than others
    static constexpr std::size_t unlisted = SIZE_MAX;
    std::size_t cursor_place = unlisted; // in the router's list
    std::uint64_t stamp = 0;
};

} // namespace hub
