#include "gateway/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <memory>

namespace gateway {

bool gzip(std::span<const std::string_view> parts, std::string& out) {
    constexpr int level = 3;
    constexpr int with_gzip_header = 16;
    constexpr int usual_memory = 8;
    constexpr std::size_t least_room = 16 * 1024;
    z_stream stream{};
    if (deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + with_gzip_header, usual_memory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
    int result = Z_OK;
    // What the answer turns out to be, and not what it might be at most: the difference is often nearly all of it.
    const auto pack = [&](std::string_view bytes, int flush) {
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream.avail_in = static_cast<uInt>(bytes.size());
        do {
            if (out.size() - stream.total_out < least_room) {
                out.resize(std::max(out.size() * 2, least_room));
            }
            stream.next_out = reinterpret_cast<Bytef*>(out.data() + stream.total_out);
            stream.avail_out = static_cast<uInt>(out.size() - stream.total_out);
            result = deflate(&stream, flush);
        } while (result == Z_OK && (stream.avail_in > 0 || flush == Z_FINISH));
    };
    out.clear();
    for (const std::string_view part : parts) {
        if (!part.empty()) {
            pack(part, Z_NO_FLUSH);
        }
    }
    pack({}, Z_FINISH);
    out.resize(stream.total_out);
    return result == Z_STREAM_END;
}

} // namespace gateway
