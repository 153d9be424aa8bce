#include "web/utf8_stream.hpp"

#include "wire/json_text.hpp"

namespace web {

bool Utf8Stream::feed(std::string_view piece) {
    std::size_t at = 0;
    while (at < piece.size() && missing_ != 0) {
        if (!feed_byte(static_cast<unsigned char>(piece[at++]))) {
            return false;
        }
    }
    // Whole characters are checked many at once; then at most one that is cut off remains, or a wrong one.
    at += wire::valid_utf8_prefix(piece.substr(at));
    for (; at < piece.size(); ++at) {
        if (!feed_byte(static_cast<unsigned char>(piece[at]))) {
            return false;
        }
    }
    return true;
}

bool Utf8Stream::feed_byte(unsigned char byte) {
    if (missing_ != 0) {
        if (byte < lowest_ || byte > highest_) {
            return false;
        }
        --missing_;
        lowest_ = 0x80;
        highest_ = 0xbf;
        return true;
    }
    if (byte < 0x80) {
        return true;
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return false; // a continuation, an overlong form, beyond U+10FFFF
    }
    missing_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    // The second byte keeps out overlong forms, surrogates, and what is beyond U+10FFFF.
    lowest_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    highest_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

} // namespace web
