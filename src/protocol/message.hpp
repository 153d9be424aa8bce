// What a client sends: one frame becomes one message. Both versions of the Phoenix protocol, as @supabase/realtime-js speaks them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace protocol {

// 1: JSON objects. 2: JSON arrays, and binary frames for broadcasts.
enum class Version : std::uint8_t { One = 1, Two = 2 };

// Parameter vsn of the address; absent means 1.0.0. Empty for any other.
std::optional<Version> version_named(std::string_view text);

struct ClientMessage {
    std::optional<std::string> join_ref, ref; // numbers are taken as their text
    std::string topic, event;
    std::string payload; // JSON document as it came; null when there was none
};

// A broadcast in a binary frame (kind 3), which the client uses for every broadcast of version 2.
struct BroadcastPush {
    std::optional<std::string> join_ref, ref; // empty texts stand for none
    std::string topic, event;
    std::string metadata; // JSON object, or empty
    bool is_json = true;  // else the payload is any bytes
    std::string payload;
};

// Takes messages apart. Keeps its memory from one to the next; one thread.
//
// Errors are texts for the log: a message that cannot be read is dropped and the connection goes on, as the original does.
class Decoder {
  public:
    Decoder();
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    // A text frame. False with error() when it is no message. Messages nested deeper than wire::deepest_json are none.
    bool decode(Version version, std::string_view frame, ClientMessage& message);
    const std::string& error() const { return error_; }

  private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
    std::string error_;
};

// A binary frame; false when it is no broadcast. `error` says why.
bool decode_broadcast_push(std::string_view frame, BroadcastPush& push, std::string& error);

} // namespace protocol
