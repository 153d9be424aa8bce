// WebSocket frames of a server (RFC 6455 section 5.2): never masked, never fragmented.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace web {

enum class Opcode : std::uint8_t { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

// Close codes that we send (RFC 6455 section 7.4.1; 1012 and 1013 from the IANA registry).
namespace close_code {
constexpr std::uint16_t normal = 1000;
constexpr std::uint16_t going_away = 1001;
constexpr std::uint16_t protocol_error = 1002;
constexpr std::uint16_t none = 1005; // stands for a close frame without a code; never on the wire
constexpr std::uint16_t not_utf8 = 1007;
constexpr std::uint16_t policy = 1008;
constexpr std::uint16_t too_big = 1009;
constexpr std::uint16_t internal_error = 1011;
constexpr std::uint16_t restart = 1012;
constexpr std::uint16_t try_later = 1013;
} // namespace close_code

// Whether a close frame may carry this code.
bool is_sendable_close_code(std::uint16_t code);

constexpr std::size_t longest_frame_header = 10;
constexpr std::size_t longest_control_payload = 125;

// Writes the header of a whole message, at most longest_frame_header bytes, and returns its end. The payload
// follows it. `compressed`: the payload comes from Compressor::compress() (only for connections that agreed
// on it). Lengths are below 2^63.
char* write_frame_header(char* to, Opcode opcode, std::uint64_t payload_size, bool compressed = false);
void write_frame_header(std::string& out, Opcode opcode, std::uint64_t payload_size, bool compressed = false);

// A whole ping or pong; a payload beyond longest_control_payload is cut.
void write_ping(std::string& out, std::string_view payload);
void write_pong(std::string& out, std::string_view payload);

// A whole close frame. A code that may not be sent leaves code and reason out; a reason is cut between two
// characters to what fits, 123 bytes, and left out when it is not UTF-8.
void write_close(std::string& out, std::uint16_t code, std::string_view reason = {});

} // namespace web
