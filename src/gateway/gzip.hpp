// gzip (RFC 1952) for answers.
#pragma once

#include <string>
#include <string_view>

namespace gateway {

// False when zlib had no memory; then send the answer as it is.
bool gzip(std::string_view bytes, std::string& out);

} // namespace gateway
