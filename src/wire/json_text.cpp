#include "wire/json_text.hpp"

#include <charconv>

namespace wire {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

bool needs_escape(unsigned char byte) {
    return byte < 0x20 || byte == '"' || byte == '\\';
}

// The first byte at or after `from` that JSON (or, in Ascii mode, plain ASCII) cannot carry as it is.
const char* find_special(const char* from, const char* end, Charset charset) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    while (end - from >= 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        // min(byte, 0x1f) == byte exactly for the control characters 0x00..0x1f, compared as unsigned.
        __m128i special = _mm_cmpeq_epi8(_mm_min_epu8(block, control), block);
        special = _mm_or_si128(special, _mm_cmpeq_epi8(block, quote));
        special = _mm_or_si128(special, _mm_cmpeq_epi8(block, backslash));
        if (charset == Charset::Ascii) {
            special = _mm_or_si128(special, block); // the sign bit marks bytes above 0x7f
        }
        const int mask = _mm_movemask_epi8(special);
        if (mask != 0) {
            return from + __builtin_ctz(static_cast<unsigned>(mask));
        }
        from += 16;
    }
#endif
    while (from < end) {
        const auto byte = static_cast<unsigned char>(*from);
        if (needs_escape(byte) || (charset == Charset::Ascii && byte >= 0x80)) {
            return from;
        }
        ++from;
    }
    return end;
}

char* format_unicode_escape(char* to, unsigned unit) {
    *to++ = '\\';
    *to++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) {
        *to++ = hex_digits[(unit >> shift) & 0xf];
    }
    return to;
}

char* format_escape(char* to, unsigned char byte) {
    switch (byte) {
    case '"':
    case '\\':
        *to++ = '\\';
        *to++ = static_cast<char>(byte);
        return to;
    case '\b':
        *to++ = '\\';
        *to++ = 'b';
        return to;
    case '\f':
        *to++ = '\\';
        *to++ = 'f';
        return to;
    case '\n':
        *to++ = '\\';
        *to++ = 'n';
        return to;
    case '\r':
        *to++ = '\\';
        *to++ = 'r';
        return to;
    case '\t':
        *to++ = '\\';
        *to++ = 't';
        return to;
    default:
        return format_unicode_escape(to, byte);
    }
}

// The length of the well-formed UTF-8 sequence at `at`, or 0. Table 3-7 of the Unicode standard.
int utf8_sequence_length(const char* at, const char* end) {
    const auto byte = [&](int index) { return static_cast<unsigned char>(at[index]); };
    const auto continues = [&](int index) { return (byte(index) & 0xc0) == 0x80; };
    const auto available = end - at;
    const unsigned char lead = byte(0);
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return available >= 2 && continues(1) ? 2 : 0;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        if (available < 3 || !continues(1) || !continues(2)) {
            return 0;
        }
        const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
        const bool surrogate = lead == 0xed && byte(1) > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (available < 4 || !continues(1) || !continues(2) || !continues(3)) {
            return 0;
        }
        const bool overlong = lead == 0xf0 && byte(1) < 0x90;
        const bool too_large = lead == 0xf4 && byte(1) > 0x8f;
        return overlong || too_large ? 0 : 4;
    }
    return 0;
}

// Writes the escape of the code point at `at` and returns where the next one starts.
const char* write_escaped_code_point(ByteBuffer& out, const char* at, const char* end) {
    const int length = utf8_sequence_length(at, end);
    unsigned point = 0xfffd;
    if (length == 2) {
        point = (static_cast<unsigned>(at[0] & 0x1f) << 6) | static_cast<unsigned>(at[1] & 0x3f);
    } else if (length == 3) {
        point = (static_cast<unsigned>(at[0] & 0x0f) << 12) | (static_cast<unsigned>(at[1] & 0x3f) << 6) |
                static_cast<unsigned>(at[2] & 0x3f);
    } else if (length == 4) {
        point = (static_cast<unsigned>(at[0] & 0x07) << 18) | (static_cast<unsigned>(at[1] & 0x3f) << 12) |
                (static_cast<unsigned>(at[2] & 0x3f) << 6) | static_cast<unsigned>(at[3] & 0x3f);
    }
    char* to = out.reserve(12);
    if (point >= 0x10000) {
        to = format_unicode_escape(to, 0xd800 + ((point - 0x10000) >> 10));
        to = format_unicode_escape(to, 0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
        to = format_unicode_escape(to, point);
    }
    out.advance_to(to);
    return at + (length == 0 ? 1 : length);
}

} // namespace

void write_json_string_content(ByteBuffer& out, std::string_view text, Charset charset) {
    const char* from = text.data();
    const char* const end = from + text.size();
    for (;;) {
        const char* special = find_special(from, end, charset);
        out.append(from, static_cast<std::size_t>(special - from));
        if (special == end) {
            return;
        }
        const auto byte = static_cast<unsigned char>(*special);
        if (byte >= 0x80) {
            from = write_escaped_code_point(out, special, end);
        } else {
            out.advance_to(format_escape(out.reserve(6), byte));
            from = special + 1;
        }
    }
}

void write_json_string_slowly(ByteBuffer& out, std::string_view text, Charset charset) {
    out.append('"');
    write_json_string_content(out, text, charset);
    out.append('"');
}

void write_json_document(ByteBuffer& out, std::string_view document, Charset charset) {
    const std::size_t start = out.size();
    if (charset == Charset::Ascii) {
        const char* from = document.data();
        const char* const end = from + document.size();
        while (from < end) {
            const char* plain = from;
            while (plain < end && static_cast<unsigned char>(*plain) < 0x80) {
                ++plain;
            }
            out.append(from, static_cast<std::size_t>(plain - from));
            from = plain < end ? write_escaped_code_point(out, plain, end) : end;
        }
    } else {
        out.append(document);
    }
    const std::string_view written = out.view(start);
    for (std::size_t at = written.find_first_of("\n\r"); at != std::string_view::npos;
         at = written.find_first_of("\n\r", at + 1)) {
        out.put(start + at, ' ');
    }
}

char* format_uint64(char* to, std::uint64_t value) {
    return std::to_chars(to, to + 20, value).ptr;
}

char* format_int64(char* to, std::int64_t value) {
    return std::to_chars(to, to + 20, value).ptr;
}

void write_int64(ByteBuffer& out, std::int64_t value) {
    out.advance_to(format_int64(out.reserve(20), value));
}

void write_uint64(ByteBuffer& out, std::uint64_t value) {
    out.advance_to(format_uint64(out.reserve(20), value));
}

char* format_lsn(char* to, std::uint64_t lsn) {
    const auto upper = [](char* at, std::uint32_t value) {
        char* end = std::to_chars(at, at + 8, value, 16).ptr;
        for (char* digit = at; digit < end; ++digit) {
            if (*digit >= 'a') {
                *digit = static_cast<char>(*digit - 'a' + 'A');
            }
        }
        return end;
    };
    to = upper(to, static_cast<std::uint32_t>(lsn >> 32));
    *to++ = '/';
    return upper(to, static_cast<std::uint32_t>(lsn));
}

void write_base64(ByteBuffer& out, std::string_view bytes) {
    static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::size_t at = 0;
    while (at < bytes.size()) {
        const std::size_t count = bytes.size() - at < 3 ? bytes.size() - at : 3;
        std::uint32_t group = 0;
        for (std::size_t index = 0; index < 3; ++index) {
            group = (group << 8) | (index < count ? static_cast<unsigned char>(bytes[at + index]) : 0u);
        }
        char* to = out.reserve(4);
        *to++ = alphabet[(group >> 18) & 63];
        *to++ = alphabet[(group >> 12) & 63];
        *to++ = count > 1 ? alphabet[(group >> 6) & 63] : '=';
        *to++ = count > 2 ? alphabet[group & 63] : '=';
        out.advance_to(to);
        at += count;
    }
}

std::size_t valid_utf8_prefix(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        const int length = utf8_sequence_length(at, end);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return static_cast<std::size_t>(at - text.data());
}

} // namespace wire
