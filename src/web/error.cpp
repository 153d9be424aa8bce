#include "web/error.hpp"

namespace web {

namespace {

constexpr std::size_t longest_shown = 100;

} // namespace

std::string shown(std::string_view value) {
    std::string text = "\"";
    for (const char letter : value.substr(0, longest_shown)) {
        text += letter >= ' ' && letter <= '~' ? letter : '?';
    }
    text += value.size() > longest_shown ? "...\"" : "\"";
    return text;
}

} // namespace web
