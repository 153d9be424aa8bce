#include "protocol/row_text.hpp"

#include <algorithm>
#include <cstdint>

#include "wire/json_text.hpp"

namespace protocol {

namespace {

constexpr std::size_t nowhere = std::string_view::npos;

std::size_t skip_space(std::string_view text, std::size_t at) {
    while (at < text.size() &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
        ++at;
    }
    return at;
}

// Behind the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return nowhere;
}

// Behind the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    while (at < text.size()) {
        switch (text[at]) {
        case '"':
            at = end_of_string(text, at);
            if (at == nowhere || depth == 0) {
                return at;
            }
            continue;
        case '{':
        case '[':
            ++depth;
            break;
        case '}':
        case ']':
            if (depth == 0) {
                return at;
            }
            if (--depth == 0) {
                return at + 1;
            }
            break;
        case ',':
        case ' ':
            if (depth == 0) {
                return at;
            }
            break;
        default:
            break;
        }
        ++at;
    }
    return nowhere;
}

// Calls `member(name, value)` for each member, as they stand in the text; ends where the text is no object any more.
template <class Member> void for_each_member(std::string_view text, Member member) {
    std::size_t at = skip_space(text, 0);
    if (at == text.size() || text[at] != '{') {
        return;
    }
    for (++at;;) {
        at = skip_space(text, at);
        if (at >= text.size() || text[at] != '"') {
            return;
        }
        const std::size_t name_end = end_of_string(text, at);
        if (name_end == nowhere) {
            return;
        }
        const std::size_t colon = skip_space(text, name_end);
        if (colon >= text.size() || text[colon] != ':') {
            return;
        }
        const std::size_t value = skip_space(text, colon + 1);
        const std::size_t end = end_of_value(text, value);
        if (end == nowhere || end == value) {
            return;
        }
        member(text.substr(at, name_end - at), text.substr(value, end - value));
        at = skip_space(text, end);
        if (at >= text.size() || text[at] != ',') {
            return;
        }
        ++at;
    }
}

std::optional<std::uint32_t> read_hex(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (std::size_t index = at; index < at + 4; ++index) {
        const char letter = text[index];
        const char lower = static_cast<char>(letter | 0x20);
        if (letter >= '0' && letter <= '9') {
            value = value * 16 + static_cast<std::uint32_t>(letter - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
        } else {
            return std::nullopt;
        }
    }
    return value;
}

void append_utf8(std::string& to, std::uint32_t point) {
    if (point < 0x80) {
        to += static_cast<char>(point);
    } else if (point < 0x800) {
        to += static_cast<char>(0xC0 | point >> 6);
        to += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        to += static_cast<char>(0xE0 | point >> 12);
        to += static_cast<char>(0x80 | (point >> 6 & 0x3F));
        to += static_cast<char>(0x80 | (point & 0x3F));
    } else {
        to += static_cast<char>(0xF0 | point >> 18);
        to += static_cast<char>(0x80 | (point >> 12 & 0x3F));
        to += static_cast<char>(0x80 | (point >> 6 & 0x3F));
        to += static_cast<char>(0x80 | (point & 0x3F));
    }
}

} // namespace

void find_members(std::string_view object, std::span<const std::string> names,
                  std::span<std::string_view> values) {
    for_each_member(object, [&](std::string_view name, std::string_view value) {
        for (std::size_t index = 0; index < names.size(); ++index) {
            if (names[index] == name) {
                values[index] = value;
            }
        }
    });
}

void write_members(wire::ByteBuffer& out, std::string_view object, std::span<const std::string> names) {
    char separator = '{';
    for_each_member(object, [&](std::string_view name, std::string_view value) {
        for (const std::string& wanted : names) {
            if (wanted == name) {
                out.append(separator);
                out.append(name);
                out.append(':');
                out.append(value);
                separator = ',';
                return;
            }
        }
    });
    out.append(separator == '{' ? "{}" : "}");
}

void write_elements(wire::ByteBuffer& out, std::string_view array, std::span<const std::string> names) {
    char separator = '[';
    for (std::size_t at = array.find('"'); at < array.size(); at = array.find('"', at)) {
        const std::size_t end = end_of_string(array, at);
        if (end == nowhere) {
            break;
        }
        const std::string_view name = array.substr(at, end - at);
        if (std::find(names.begin(), names.end(), name) != names.end()) {
            out.append(separator);
            out.append(name);
            separator = ',';
        }
        at = end;
    }
    if (separator == ',') {
        out.append(']');
    }
}

std::string member_name(std::string_view name) {
    wire::ByteBuffer out(name.size() * 6 + 16);
    wire::write_json_string(out, name);
    return std::string(out.view());
}

std::optional<std::string> string_content(std::string_view json) {
    if (json.size() < 2 || json.front() != '"' || end_of_string(json, 0) != json.size()) {
        return std::nullopt;
    }
    const std::string_view inner = json.substr(1, json.size() - 2);
    if (inner.find('\\') == nowhere) {
        return std::string(inner);
    }
    std::string content;
    for (std::size_t at = 0; at < inner.size(); ++at) {
        if (inner[at] != '\\') {
            content += inner[at];
            continue;
        }
        const char letter = ++at < inner.size() ? inner[at] : '\0';
        constexpr std::string_view escapes = "\"\\/bfnrt";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        if (const std::size_t known = escapes.find(letter); known != nowhere && letter != '\0') {
            content += meanings[known];
            continue;
        }
        std::optional<std::uint32_t> point = letter == 'u' ? read_hex(inner, at + 1) : std::nullopt;
        if (!point) {
            return std::nullopt;
        }
        at += 4;
        if (*point >= 0xD800 && *point < 0xDC00 && inner.substr(at + 1, 2) == "\\u") {
            const std::optional<std::uint32_t> low = read_hex(inner, at + 3);
            if (low && *low >= 0xDC00 && *low < 0xE000) {
                point = 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00);
                at += 6;
            }
        }
        append_utf8(content, *point);
    }
    return content;
}

} // namespace protocol
