// Compressed messages: any bytes inflate within the limit, and every message survives compression.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "web/deflate.hpp"

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

void survives(const std::string& message) {
    web::Compressor compressor;
    std::string bytes;
    std::string back;
    require(compressor.compress(message, bytes));
    require(web::inflate_message(bytes, message.size(), back) == web::Inflated::Complete);
    require(back == message);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t limit = 100'000;
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    std::string out;
    const web::Inflated result = web::inflate_message(bytes, limit, out);
    require(out.size() <= limit);
    if (result == web::Inflated::Complete) {
        // Exactly that much room is enough, one byte less is not.
        std::string again;
        require(web::inflate_message(bytes, out.size(), again) == web::Inflated::Complete);
        require(again == out);
        again.clear();
        require(out.empty() || web::inflate_message(bytes, out.size() - 1, again) == web::Inflated::TooLong);
    }
    survives(bytes);
    return 0;
}
