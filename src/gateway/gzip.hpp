// gzip (RFC 1952) for answers.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gateway {

// What the parts are together. False when zlib had no memory; then send the answer as it is.
bool gzip(std::span<const std::string_view> parts, std::string& out);

} // namespace gateway
