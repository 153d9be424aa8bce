#include "protocol/cursor.hpp"

#include <charconv>

#include "wire/json_text.hpp"

namespace protocol {

namespace {

std::optional<std::uint32_t> read_number(std::string_view text, int base) {
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number, base);
    // Leading zeros would give one place two names.
    if (error != std::errc{} || stopped != end || (text.size() > 1 && text.front() == '0')) {
        return std::nullopt;
    }
    return number;
}

} // namespace

std::optional<std::uint64_t> read_lsn(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto high = read_number(text.substr(0, slash), 16);
    const auto low = read_number(text.substr(slash + 1), 16);
    if (!high || !low) {
        return std::nullopt;
    }
    return std::uint64_t{*high} << 32 | *low;
}

std::string text_of_lsn(std::uint64_t lsn) {
    char text[32];
    return {text, wire::format_lsn(text, lsn)};
}

std::string text_of(const Cursor& cursor) {
    char text[64];
    char* end = wire::format_lsn(text, cursor.lsn);
    *end++ = '-';
    end = wire::format_lsn(end, cursor.position);
    if (cursor.timeline > 1) {
        *end++ = '-';
        end = wire::format_uint64(end, cursor.timeline);
    }
    return {text, end};
}

std::optional<Cursor> read_cursor(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const std::size_t second = text.find('-', dash + 1);
    const auto lsn = read_lsn(text.substr(0, dash));
    const auto position = read_lsn(text.substr(dash + 1, second - dash - 1));
    std::uint32_t timeline = 1;
    if (second != std::string_view::npos) {
        timeline = read_number(text.substr(second + 1), 10).value_or(0);
        if (timeline < 2) {
            return std::nullopt;
        }
    }
    if (!lsn || !position) {
        return std::nullopt;
    }
    return Cursor{*lsn, *position, timeline};
}

} // namespace protocol
