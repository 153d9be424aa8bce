// From the server's encoding to UTF-8, which is what leaves the server.
#pragma once

#include <string_view>

#include "pg/postgres.hpp"

namespace pg {

inline bool server_is_utf8() {
    return GetDatabaseEncoding() == PG_UTF8;
}

// Text of the server's encoding as UTF-8 in the current memory context; the input itself when it needs no conversion.
// A character that has no UTF-8 form becomes U+FFFD instead of an error: a row that cannot be converted must not stop
// a slot for ever. Outside of a transaction, where conversions cannot be looked up, that goes for every character that
// is neither ASCII nor UTF-8.
std::string_view to_utf8(const char* text, Size length);

} // namespace pg
