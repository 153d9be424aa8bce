// Bytes of a WebSocket client to messages (RFC 6455 sections 5 to 7, RFC 7692), without the connection.
//
//   std::string_view rest = bytes_that_came;
//   for (;;) {
//       const Event event = reader.next(rest);   // moves `rest` on
//       None:    all bytes are used: wait for more
//       Text, Binary, Ping, Pong: event.bytes, until the next call of next()
//       Close:   the client said it will send no more; answer with a close frame with the same code, then close
//       Failed:  the client broke the protocol; send a close frame with event.code and event.bytes, then close
//   }
// After Close and Failed every further byte is ignored; one more next() frees what event.bytes pointed to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace web {

struct FrameLimits {
    std::size_t message_bytes = 5'000'000;  // a message, all fragments together, as it came
    std::size_t inflated_bytes = 1'000'000; // a message that came compressed, after inflating it
};

struct Event {
    enum class Kind : std::uint8_t { None, Text, Binary, Ping, Pong, Close, Failed };

    Kind kind = Kind::None;
    // Close: the client's code, 1005 when it sent none. Failed: 1002 (protocol), 1007 (not UTF-8, or
    // compressed data that cannot be inflated), 1009 (message too big).
    std::uint16_t code = 0;
    // Message or payload; Close: the client's reason, UTF-8; Failed: our reason. Text is whole UTF-8.
    std::string_view bytes;
};

// The sequence of events depends on the bytes alone, not on how they are cut into pieces.
//
// Frame headers are read and payloads are unmasked by wslay's frame layer. Its context takes about 4.3 kB, so
// it lives only while a frame is incomplete or its bytes are looked at; a fragmented message that waits for
// its next frame keeps what has come. At rest, that is after None between two messages, there is nothing but
// the object itself: 24 bytes on a 64-bit machine and nothing on the heap. Otherwise at most twice
// limits.message_bytes, or limits.inflated_bytes while a compressed message is given out. Throws nothing but
// std::bad_alloc. Not thread-safe. `limits` must outlive the reader.
class FrameReader {
  public:
    // `compression`: permessage-deflate without context takeover has been agreed on.
    FrameReader(const FrameLimits& limits, bool compression);
    ~FrameReader();
    FrameReader(FrameReader&&) noexcept;
    FrameReader& operator=(FrameReader&&) noexcept;

    Event next(std::string_view& bytes);

    // Whether no frame and no message is incomplete, so that an idle connection costs nothing.
    bool at_rest() const { return state_ == nullptr; }

  private:
    struct State;

    const FrameLimits* limits_;
    std::unique_ptr<State> state_;
    bool compression_;
    bool finished_ = false; // behind Close or Failed
};

} // namespace web
