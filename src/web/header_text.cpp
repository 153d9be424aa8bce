#include "web/header_text.hpp"

#include <algorithm>

namespace web {

namespace {

bool is_digit_or_letter(char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
           (letter >= 'A' && letter <= 'Z');
}

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

// Where the first part of `text` ends: at its first separator outside of quotes, or at its end.
std::size_t end_of_part(std::string_view text, char separator) {
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (quoted && text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            quoted = !quoted;
        } else if (text[at] == separator && !quoted) {
            return at;
        }
    }
    return text.size();
}

} // namespace

bool is_token_letter(char letter) {
    return is_digit_or_letter(letter) ||
           (letter != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(letter) != std::string_view::npos);
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_letter);
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char one, char other) { return lower(one) == lower(other); });
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::string_view> next_part(std::optional<std::string_view>& rest, char separator) {
    if (!rest) {
        return std::nullopt;
    }
    const std::size_t end = end_of_part(*rest, separator);
    const std::string_view part = trimmed(rest->substr(0, end));
    if (end == rest->size()) {
        rest.reset();
    } else {
        rest->remove_prefix(end + 1);
    }
    return part;
}

bool list_has(std::string_view value, std::string_view token) {
    std::optional<std::string_view> rest = value;
    while (const auto part = next_part(rest, ',')) {
        if (equal_ignoring_case(*part, token)) {
            return true;
        }
    }
    return false;
}

} // namespace web
