// Base64 as tokens use it: the URL-safe alphabet without padding (RFC 7515 section 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace token {

// Strict: nothing but the alphabet, a possible length, and the unused bits 0, so that one value has one text.
std::optional<std::string> read_base64url(std::string_view text);

} // namespace token
