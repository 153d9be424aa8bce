// A change as the bytes that clients get: the payload once for each selection of columns, the frame once for each topic.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/subscription.hpp"
#include "protocol/reply.hpp"
#include "stream/change.hpp"
#include "wire/byte_buffer.hpp"

namespace hub {

// A binding that a change concerns.
struct Match {
    const BindingKind* kind = nullptr;
    bool left_filter = false; // the row passed its filter before, and does not now
};

// Two matches whose clients get the same payload.
inline bool alike(const Match& left, const Match& right) {
    return left.left_filter == right.left_filter && left.kind->selection == right.kind->selection;
}

// Keeps its memory from change to change. Not thread-safe.
class ChangeWriter {
  public:
    ChangeWriter();

    // The change that the next frames are about.
    void begin(const stream::Change& change);
    // Whose row it is; empty: everybody's.
    std::string_view tenant() const { return change_->tenant.value_or(std::string_view()); }
    // A message about the change for bindings of one payload; ids of `matches`, in their order, each once.
    FramePointer frame(Encoding encoding, std::string_view topic, std::span<const Match> matches);

  private:
    struct Payload {
        wire::ByteBuffer bytes;
        explicit Payload(std::size_t limit) : bytes(limit) {}
    };
    const Payload& payload(const Match& match);
    void write_payload(Payload& payload, const Selection& selection, bool left_filter);
    std::string_view marked(std::string_view row, const protocol::ChangeData& change);

    const stream::Change* change_ = nullptr;
    std::vector<std::unique_ptr<Payload>> payloads_;
    std::size_t used_ = 0;
    std::uint64_t stamp_ = 0;
    wire::ByteBuffer head_, tail_, columns_, record_, old_record_, unchanged_, marks_, marked_;
    std::vector<std::uint32_t> ids_;
};

FramePointer system_frame(Encoding encoding, std::string_view topic, const protocol::SystemMessage& message);
FramePointer cursor_frame(Encoding encoding, std::string_view topic, protocol::Cursor cursor);

} // namespace hub
