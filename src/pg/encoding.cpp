#include "pg/encoding.hpp"

#include "wire/json_text.hpp"

namespace pg {

namespace {

constexpr char replacement[] = "\xEF\xBF\xBD";

// Every server encoding contains ASCII, so this text is UTF-8 already.
bool is_ascii(const char* text, Size length) {
    for (Size at = 0; at < length; ++at) {
        if (static_cast<signed char>(text[at]) < 0) {
            return false;
        }
    }
    return true;
}

// SQL_ASCII says nothing about its bytes: keep what is UTF-8, replace what is not.
std::string_view repair_utf8(const char* text, Size length) {
    Size valid = wire::valid_utf8_prefix({text, length});
    if (valid == length) {
        return {text, length};
    }
    StringInfoData repaired;
    initStringInfo(&repaired);
    for (;;) {
        appendBinaryStringInfo(&repaired, text, static_cast<int>(valid));
        text += valid;
        length -= valid;
        if (length == 0) {
            return {repaired.data, static_cast<Size>(repaired.len)};
        }
        appendBinaryStringInfo(&repaired, replacement, 3);
        text += 1;
        length -= 1;
        valid = wire::valid_utf8_prefix({text, length});
    }
}

// Of the character at `text`, never more than there is.
Size character_length(int encoding, const char* text, Size available) {
    if (available < 2) {
        return available;
    }
    const int length = pg_encoding_mblen(encoding, text);
    return length < 1 ? 1 : static_cast<Size>(length) < available ? static_cast<Size>(length) : available;
}

} // namespace

std::string_view to_utf8_without_catalogs(const char* text, Size length) {
    if (server_is_utf8() || is_ascii(text, length)) {
        return {text, length};
    }
    StringInfoData ascii;
    initStringInfo(&ascii);
    for (Size at = 0; at < length; ++at) {
        if (static_cast<signed char>(text[at]) < 0) {
            appendBinaryStringInfo(&ascii, replacement, 3);
        } else {
            appendStringInfoChar(&ascii, text[at]);
        }
    }
    return {ascii.data, static_cast<Size>(ascii.len)};
}

std::string_view to_utf8(const char* text, Size length) {
    const int encoding = GetDatabaseEncoding();
    if (encoding == PG_UTF8 || is_ascii(text, length)) {
        return {text, length};
    }
    if (encoding == PG_SQL_ASCII) {
        return repair_utf8(text, length);
    }
    const Oid procedure = FindDefaultConversionProc(encoding, PG_UTF8);
    if (!OidIsValid(procedure)) {
        return repair_utf8(text, length);
    }
    StringInfoData converted;
    initStringInfo(&converted);
    // In pieces, so that the worst growth of a piece (PostgreSQL's MAX_CONVERSION_GROWTH) fits the buffer.
    constexpr int piece_bytes = 16 * 1024;
    char buffer[piece_bytes * MAX_CONVERSION_GROWTH + 64];
    while (length > 0) {
        const int available = length > piece_bytes + 8 ? piece_bytes + 8 : static_cast<int>(length);
        const int piece = pg_encoding_mbcliplen(encoding, text, available, piece_bytes);
        const int done = piece == 0 ? 0
                                    : pg_do_encoding_conversion_buf(
                                          procedure, encoding, PG_UTF8,
                                          reinterpret_cast<unsigned char*>(const_cast<char*>(text)), piece,
                                          reinterpret_cast<unsigned char*>(buffer), sizeof buffer, true);
        if (done > 0) {
            appendStringInfoString(&converted, buffer);
        }
        text += done;
        length -= static_cast<Size>(done);
        if (done < piece || piece == 0) {
            appendBinaryStringInfo(&converted, replacement, 3);
            const Size skipped = character_length(encoding, text, length);
            text += skipped;
            length -= skipped;
        }
    }
    return {converted.data, static_cast<Size>(converted.len)};
}

bool converts_to_utf8(const char* text, Size length) {
    return server_is_utf8() || is_ascii(text, length) ||
           to_utf8(text, length).find(replacement) == std::string_view::npos;
}

} // namespace pg
