// The HTTP parser against any bytes: it makes the same of them in one piece, byte by byte and in pieces that
// the first byte chooses.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../unit/request_transcript.hpp"
#include "web/upgrade.hpp"

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

// The first request's upgrade, when there is a first request.
void try_to_upgrade(std::string_view bytes) {
    web::RequestParser parser({});
    if (parser.feed(bytes).step != web::RequestParser::Step::HeadComplete) {
        return;
    }
    const auto result = web::check_upgrade(parser.head(), true);
    if (const auto* upgrade = std::get_if<web::Upgrade>(&result)) {
        require(upgrade->accept_key.size() == 28);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    web::RequestLimits limits;
    limits.head_bytes = 600; // within reach of short inputs
    limits.header_count = 8;
    limits.body_bytes = 100;
    const std::string whole = request_transcript::whole(bytes, limits);
    require(request_transcript::byte_by_byte(bytes, limits) == whole);
    std::uint32_t state = data[0];
    const auto next_size = [&] {
        state = state * 1'664'525 + 1'013'904'223;
        return std::size_t{1} + (state >> 24) % 16;
    };
    require(request_transcript::of(bytes, next_size, limits) == whole);
    require(!whole.ends_with("with bytes left over\n"));
    require(!whole.ends_with("consumed more than there was\n"));
    try_to_upgrade(bytes);
    web::acceptable_deflate_offer(bytes);
    return 0;
}
