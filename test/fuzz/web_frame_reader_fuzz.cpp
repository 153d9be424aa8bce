// The WebSocket reader against any bytes: it makes the same of them in one piece, byte by byte and in pieces
// that the first byte chooses, and what it calls text is UTF-8.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../unit/client_frames.hpp"
#include "wire/json_text.hpp"

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

void check_events(std::string_view bytes, const web::FrameLimits& limits, bool compression) {
    using Kind = web::Event::Kind;
    web::FrameReader reader(limits, compression);
    for (bool ended = false;;) {
        const web::Event event = reader.next(bytes);
        if (event.kind == Kind::None) {
            break;
        }
        require(!ended); // nothing follows a close
        ended = event.kind == Kind::Close || event.kind == Kind::Failed;
        require(event.bytes.size() <= std::max(limits.message_bytes, limits.inflated_bytes));
        if (event.kind == Kind::Text || event.kind == Kind::Close) {
            require(wire::valid_utf8_prefix(event.bytes) == event.bytes.size());
        }
        if (event.kind == Kind::Ping || event.kind == Kind::Pong) {
            require(event.bytes.size() <= 125);
        }
    }
    require(bytes.empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    web::FrameLimits limits;
    limits.message_bytes = 300;
    limits.inflated_bytes = 1000;
    const bool compression = (data[0] & 1) != 0;
    const std::string whole = client_frames::whole(bytes, limits, compression);
    require(client_frames::byte_by_byte(bytes, limits, compression) == whole);
    std::uint32_t state = data[0];
    const auto next_size = [&] {
        state = state * 1'664'525 + 1'013'904'223;
        return std::size_t{1} + (state >> 24) % 16;
    };
    require(client_frames::transcript(bytes, next_size, limits, compression) == whole);
    check_events(bytes, limits, compression);
    return 0;
}
