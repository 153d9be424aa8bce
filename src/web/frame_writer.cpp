#include "web/frame_writer.hpp"

#include <array>

#include "wire/json_text.hpp"

namespace web {

namespace {

constexpr unsigned final_bit = 0x80;
constexpr unsigned compressed_bit = 0x40;
constexpr unsigned length_in_two_bytes = 126;
constexpr unsigned length_in_eight_bytes = 127;

char* write_big_endian(char* to, std::uint64_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        *to++ = static_cast<char>(value >> shift & 0xff);
    }
    return to;
}

void write_control(std::string& out, Opcode opcode, std::string_view payload) {
    payload = payload.substr(0, longest_control_payload);
    write_frame_header(out, opcode, payload.size());
    out += payload;
}

} // namespace

bool is_sendable_close_code(std::uint16_t code) {
    // 1004 has no meaning, 1005, 1006 and 1015 are for reports only; 1016 to 2999 belong to later versions of
    // the protocol.
    const bool of_the_protocol = code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
    return of_the_protocol || (code >= 3000 && code <= 4999);
}

char* write_frame_header(char* to, Opcode opcode, std::uint64_t payload_size, bool compressed) {
    *to++ = static_cast<char>(final_bit | (compressed ? compressed_bit : 0) | static_cast<unsigned>(opcode));
    if (payload_size < length_in_two_bytes) {
        *to++ = static_cast<char>(payload_size);
        return to;
    }
    if (payload_size <= 0xffff) {
        *to++ = static_cast<char>(length_in_two_bytes);
        return write_big_endian(to, payload_size, 2);
    }
    *to++ = static_cast<char>(length_in_eight_bytes);
    return write_big_endian(to, payload_size, 8);
}

void write_frame_header(std::string& out, Opcode opcode, std::uint64_t payload_size, bool compressed) {
    std::array<char, longest_frame_header> header;
    out.append(header.data(), write_frame_header(header.data(), opcode, payload_size, compressed));
}

void write_ping(std::string& out, std::string_view payload) {
    write_control(out, Opcode::Ping, payload);
}

void write_pong(std::string& out, std::string_view payload) {
    write_control(out, Opcode::Pong, payload);
}

void write_close(std::string& out, std::uint16_t code, std::string_view reason) {
    if (!is_sendable_close_code(code)) {
        write_control(out, Opcode::Close, {});
        return;
    }
    if (wire::valid_utf8_prefix(reason) != reason.size()) {
        reason = {};
    }
    // valid_utf8_prefix() stops in front of the character that the cut went through.
    reason = reason.substr(0, longest_control_payload - 2);
    reason = reason.substr(0, wire::valid_utf8_prefix(reason));
    std::array<char, longest_control_payload> payload;
    char* end = write_big_endian(payload.data(), code, 2);
    end += reason.copy(end, reason.size());
    write_control(out, Opcode::Close, {payload.data(), static_cast<std::size_t>(end - payload.data())});
}

} // namespace web
