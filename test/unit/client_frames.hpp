// WebSocket frames as a client sends them, written from the picture in RFC 6455 section 5.2 and able to break
// every rule.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "web/frame_reader.hpp"

namespace client_frames {

struct Frame {
    unsigned opcode = 1;
    std::string payload;
    bool fin = true;
    unsigned reserved = 0; // RSV1 is 4, RSV2 is 2, RSV3 is 1
    bool masked = true;
    std::array<unsigned char, 4> mask = {0x37, 0xfa, 0x21, 0x3d};
    int length_bytes = 0; // 0: the shortest form; else 2 or 8
};

inline std::string bytes_of(const Frame& frame) {
    std::string bytes;
    const auto put = [&](std::uint64_t value) { bytes += static_cast<char>(value & 0xff); };
    put((frame.fin ? 0x80U : 0U) + (frame.reserved << 4) + frame.opcode);
    const std::uint64_t size = frame.payload.size();
    int length_bytes = frame.length_bytes;
    if (length_bytes == 0 && size > 125) {
        length_bytes = size > 65535 ? 8 : 2;
    }
    put((frame.masked ? 0x80U : 0U) + (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
    for (int index = length_bytes - 1; index >= 0; --index) {
        put(size >> (8 * index));
    }
    for (std::size_t index = 0; frame.masked && index < 4; ++index) {
        put(frame.mask[index]);
    }
    for (std::size_t index = 0; index < size; ++index) {
        const auto byte = static_cast<unsigned char>(frame.payload[index]);
        put(frame.masked ? byte ^ frame.mask[index % 4] : byte);
    }
    return bytes;
}

inline std::string text_of(const web::Event& event) {
    static constexpr std::array<const char*, 7> names = {"none", "text",  "binary", "ping",
                                                         "pong", "close", "failed"};
    std::string text = names[static_cast<std::size_t>(event.kind)];
    if (event.code != 0) {
        text += " " + std::to_string(event.code);
    }
    return text + " " + std::string(event.bytes) + "\n";
}

// What a reader makes of the bytes, fed in pieces of the sizes that `next_size` says, each in memory of its
// exact size.
inline std::string transcript(std::string_view bytes, const std::function<std::size_t()>& next_size,
                              const web::FrameLimits& limits = {}, bool compression = false) {
    std::string text;
    web::FrameReader reader(limits, compression);
    while (!bytes.empty()) {
        const std::size_t size = std::min(std::max<std::size_t>(next_size(), 1), bytes.size());
        const std::unique_ptr<char[]> exact(new char[size]);
        bytes.copy(exact.get(), size);
        bytes.remove_prefix(size);
        std::string_view rest(exact.get(), size);
        for (;;) {
            const web::Event event = reader.next(rest);
            if (event.kind == web::Event::Kind::None) {
                break;
            }
            text += text_of(event);
        }
        if (!rest.empty()) {
            return text + "bytes left over\n";
        }
    }
    return text + (reader.at_rest() ? "at rest\n" : "incomplete\n");
}

inline std::string whole(std::string_view bytes, const web::FrameLimits& limits = {},
                         bool compression = false) {
    return transcript(
        bytes, [&] { return bytes.size(); }, limits, compression);
}

inline std::string byte_by_byte(std::string_view bytes, const web::FrameLimits& limits = {},
                                bool compression = false) {
    return transcript(
        bytes, [] { return 1; }, limits, compression);
}

} // namespace client_frames
