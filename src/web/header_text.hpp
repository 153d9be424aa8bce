// The letters that HTTP headers are spelled with (RFC 9110 section 5.6).
#pragma once

#include <optional>
#include <string_view>

namespace web {

bool is_token_letter(char letter);
// A non-empty token: the form of header names, methods and list elements.
bool is_token(std::string_view text);
// Equal but for the case of ASCII letters.
bool equal_ignoring_case(std::string_view left, std::string_view right);
// Without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

// Cuts the text up to the next `separator` off the front of `rest`, trimmed; nullopt when `rest` is used up.
// Separators inside quoted strings do not count.
std::optional<std::string_view> next_part(std::optional<std::string_view>& rest, char separator);

// Whether the comma-separated list `value` has the element `token`, whatever its case.
bool list_has(std::string_view value, std::string_view token);

} // namespace web
