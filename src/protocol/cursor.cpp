#include "protocol/cursor.hpp"

#include <charconv>

#include "wire/json_text.hpp"

namespace protocol {

namespace {

std::optional<std::uint32_t> read_half(std::string_view text) {
    std::uint32_t half = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, half, 16);
    // Leading zeros would give one place two names.
    if (error != std::errc{} || stopped != end || (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    return half;
}

std::optional<std::uint64_t> read_lsn(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto high = read_half(text.substr(0, slash));
    const auto low = read_half(text.substr(slash + 1));
    if (!high || !low) {
        return std::nullopt;
    }
    return std::uint64_t{*high} << 32 | *low;
}

} // namespace

std::string text_of(const Cursor& cursor) {
    char text[40];
    char* end = wire::format_lsn(text, cursor.lsn);
    *end++ = '-';
    end = wire::format_lsn(end, cursor.position);
    return {text, end};
}

std::optional<Cursor> read_cursor(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto lsn = read_lsn(text.substr(0, dash));
    const auto position = read_lsn(text.substr(dash + 1));
    if (!lsn || !position) {
        return std::nullopt;
    }
    return Cursor{*lsn, *position};
}

} // namespace protocol
