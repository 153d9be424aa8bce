// Percent-encoded text: what is accepted is UTF-8 without NUL, and encoded again it decodes to the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "web/query.hpp"
#include "wire/json_text.hpp"

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

std::string encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

void require_text(std::string_view text) {
    require(wire::valid_utf8_prefix(text) == text.size());
    require(text.find('\0') == std::string_view::npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = web::Query::parse(text);
    if (const auto* query = std::get_if<web::Query>(&parsed)) {
        std::string again;
        for (const auto& pair : query->pairs()) {
            require_text(pair.first);
            require_text(pair.second);
            again += encoded(pair.first) + "=" + encoded(pair.second) + "&";
        }
        const auto parsed_again = web::Query::parse(again);
        require(std::get<web::Query>(parsed_again).pairs() == query->pairs());
    }
    const auto split = web::split_path(text);
    if (const auto* segments = std::get_if<std::vector<std::string>>(&split)) {
        std::string again;
        for (const std::string& segment : *segments) {
            require_text(segment);
            again += "/" + encoded(segment);
        }
        require(std::get<std::vector<std::string>>(web::split_path(again)) == *segments);
    }
    return 0;
}
