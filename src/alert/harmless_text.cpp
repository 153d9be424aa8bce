#include "alert/harmless_text.hpp"

#include <cstdint>

namespace alert {

namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t length = 0; // in bytes; 0: none begins here
};

Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]));
    };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) {
        return {lead, 1};
    }
    // The smallest code of each length keeps overlong forms out.
    constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const std::size_t length = lead >= 0xC0 && lead < 0xE0 ? 2U : lead >= 0xE0 && lead < 0xF0 ? 3U : 4U;
    if (lead < 0xC0 || lead >= 0xF8 || text.size() < length) {
        return {};
    }
    std::uint32_t code = lead & (0x7FU >> length);
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0U) != 0x80U) {
            return {};
        }
        code = code << 6 | (byte(at) & 0x3FU);
    }
    const bool is_surrogate = code >= 0xD800 && code < 0xE000;
    return code < smallest[length] || code > 0x10FFFF || is_surrogate ? Character() : Character{code, length};
}

bool is_harmful(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) ||       // C0, DEL, C1
           code == 0x61C || code == 0x200E || code == 0x200F ||  // marks of direction
           (code >= 0x2028 && code <= 0x202E) ||                 // line separators, embeddings, overrides
           (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF; // isolates, byte order mark
}

} // namespace

bool append_harmless(std::string& to, std::string_view text, LineBreaks line_breaks, std::size_t limit) {
    while (!text.empty()) {
        const Character character = first_character(text);
        std::string_view shown = text.substr(0, character.length);
        if (character.length == 0) {
            shown = "\xEF\xBF\xBD";
        } else if (is_harmful(character.code) &&
                   !(line_breaks == LineBreaks::Kept && (character.code == '\n' || character.code == '\t'))) {
            shown = " ";
        }
        if (to.size() + shown.size() > limit) {
            return false;
        }
        to += shown;
        text.remove_prefix(character.length == 0 ? 1 : character.length);
    }
    return true;
}

} // namespace alert
