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
// a slot for ever. Reads catalogs, so it needs a transaction.
std::string_view to_utf8(const char* text, Size length);

// The same for callbacks that may run outside of a transaction, and for texts that have to look the same inside and
// outside of one (the gid of PREPARE and of COMMIT PREPARED): in servers that are not UTF-8 every character that is not
// ASCII becomes U+FFFD.
std::string_view to_utf8_without_catalogs(const char* text, Size length);

// Whether nothing of the text is lost when it is converted.
bool converts_to_utf8(const char* text, Size length);

} // namespace pg
