// The frame reader against any bytes: it reads frames until an error, and what it read is written again byte by byte.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "../unit/any_frame.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    wire::ByteBuffer out(2 * size + 1024);
    wire::Frame frame;
    while (!rest.empty()) {
        const wire::ReadResult result = wire::read_frame(rest, frame);
        if (result.consumed > rest.size() || (result.error == wire::ReadError::None && result.consumed < 5)) {
            std::fprintf(stderr, "consumed %zu of %zu bytes\n", result.consumed, rest.size());
            std::abort();
        }
        if (result.error != wire::ReadError::None) {
            break;
        }
        out.clear();
        write_any_frame(out, frame); // throws for nothing that was read
        if (out.view() != rest.substr(0, result.consumed)) {
            std::fprintf(stderr, "a frame of %zu bytes was written back differently\n", result.consumed);
            std::abort();
        }
        rest.remove_prefix(result.consumed);
    }
    return 0;
}
