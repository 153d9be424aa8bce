// The JSON checker against any bytes, and against what JSON is: wrapping a document in an array keeps it one, cutting its
// closing byte off does not, and a document followed by another is none.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/json_check.hpp"

namespace {

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

bool starts_with_any(std::string_view text, std::string_view letters) {
    const std::size_t at = text.find_first_not_of(" \t\r\n");
    return at != std::string_view::npos && letters.find(text[at]) != std::string_view::npos;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (!wire::is_json(text)) {
        return 0;
    }
    require(wire::is_json(" \n" + text + "\t"));
    require(!wire::is_json(text + ",null"));
    require(!wire::is_json(text + "]"));
    if (text.find('[') == std::string::npos && text.find('{') == std::string::npos) {
        require(wire::is_json("[" + text + "," + text + "]"));
        require(wire::is_json(R"({"key":)" + text + "}"));
    }
    if (starts_with_any(text, "[{\"")) {
        const std::size_t last = text.find_last_not_of(" \t\r\n");
        require(!wire::is_json(std::string_view(text).substr(0, last)));
    }
    return 0;
}
