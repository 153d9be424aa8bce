// What clients of the benchmarks send.
#pragma once

#include <string>
#include <string_view>

// A frame of up to 64 kB. Clients mask what they send (RFC 6455 section 5.3); a mask of zeros is one.
inline std::string client_frame(unsigned char first_byte, std::string_view payload) {
    std::string frame(1, static_cast<char>(first_byte));
    if (payload.size() < 126) {
        frame += static_cast<char>(0x80 | payload.size());
    } else {
        frame += static_cast<char>(0x80 | 126);
        frame += static_cast<char>(payload.size() >> 8);
        frame += static_cast<char>(payload.size() & 0xff);
    }
    return frame.append(4, '\0').append(payload);
}
