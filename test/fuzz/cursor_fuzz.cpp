// A cursor has one text: what is read gives the same text again, but for the case of its digits.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/cursor.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto cursor = protocol::read_cursor(text)) {
        std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
            return letter >= 'a' && letter <= 'f' ? static_cast<char>(letter - 32) : letter;
        });
        if (protocol::text_of(*cursor) != text) {
            std::abort();
        }
    }
    return 0;
}
