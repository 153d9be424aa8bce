// JSON text: strings with every awkward character, and the short numbers that the formats need.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "wire/byte_buffer.hpp"

namespace wire {

// How bytes above 0x7f are written. Utf8 copies them (the input must be UTF-8). Ascii writes \u escapes, so that the text
// is valid in every server encoding. Input that is not UTF-8 becomes U+FFFD in Ascii mode.
enum class Charset : std::uint8_t { Utf8, Ascii };

// Non-zero when any of the eight bytes must be escaped in a JSON string: a control character, a quote or a backslash.
inline std::uint64_t escapes_in_word(std::uint64_t word) {
    constexpr std::uint64_t ones = 0x0101010101010101ULL;
    constexpr std::uint64_t highs = 0x8080808080808080ULL;
    const std::uint64_t quotes = word ^ (ones * '"');
    const std::uint64_t backslashes = word ^ (ones * '\\');
    return (((word - ones * 0x20) & ~word) | ((quotes - ones) & ~quotes) |
            ((backslashes - ones) & ~backslashes)) &
           highs;
}

// Copies `length` bytes and returns the end when none of them needs an escape; otherwise returns null, and what was
// written behind `to` means nothing. Never reads or writes beyond `length`.
inline char* copy_plain(char* to, const char* from, std::size_t length) {
    const auto copy8 = [&](std::size_t at) {
        std::uint64_t word = 0;
        std::memcpy(&word, from + at, 8);
        std::memcpy(to + at, &word, 8);
        return escapes_in_word(word);
    };
#if defined(__SSE2__)
    if (length >= 16) {
        const __m128i quote = _mm_set1_epi8('"');
        const __m128i backslash = _mm_set1_epi8('\\');
        const __m128i control = _mm_set1_epi8(0x1f);
        const auto copy16 = [&](std::size_t at) {
            const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), block);
            // min(byte, 0x1f) == byte exactly for 0x00..0x1f, compared as unsigned.
            const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(block, control), block);
            const __m128i marks =
                _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash));
            return _mm_or_si128(controls, marks);
        };
        __m128i special = copy16(length - 16);
        for (std::size_t at = 0; at + 16 < length; at += 16) {
            special = _mm_or_si128(special, copy16(at));
        }
        return _mm_movemask_epi8(special) == 0 ? to + length : nullptr;
    }
#else
    if (length >= 16) {
        std::uint64_t special = copy8(length - 8);
        for (std::size_t at = 0; at + 8 < length; at += 8) {
            special |= copy8(at);
        }
        return special == 0 ? to + length : nullptr;
    }
#endif
    if (length >= 8) {
        return (copy8(0) | copy8(length - 8)) == 0 ? to + length : nullptr;
    }
    // Shorter ones are gathered into one word; the filler must not look like an escape.
    std::uint64_t word = 0x2020202020202020ULL;
    if (length >= 4) {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::memcpy(&first, from, 4);
        std::memcpy(&last, from + length - 4, 4);
        std::memcpy(to, &first, 4);
        std::memcpy(to + length - 4, &last, 4);
        word = static_cast<std::uint64_t>(first) << 32 | last;
    } else {
        for (std::size_t at = 0; at < length; ++at) {
            to[at] = from[at];
            word = word << 8 | static_cast<unsigned char>(from[at]);
        }
    }
    return escapes_in_word(word) == 0 ? to + length : nullptr;
}

// copy_plain() for at most padded_length bytes, where padded_length bytes may be read at `from` and written at `to`.
constexpr std::size_t padded_length = 16;
[[gnu::always_inline]] inline char* copy_plain_padded(char* to, const char* from, std::size_t length) {
#if defined(__SSE2__)
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
    const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    const __m128i marks =
        _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    const auto special = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(controls, marks)));
    return (special & ((1U << length) - 1)) == 0 ? to + length : nullptr;
#else
    return copy_plain(to, from, length);
#endif
}

// The general form of write_json_string(), for text that needs escapes.
void write_json_string_slowly(ByteBuffer& out, std::string_view text, Charset charset);

// A JSON string (RFC 8259 section 7) with its quotes.
inline void write_json_string(ByteBuffer& out, std::string_view text, Charset charset = Charset::Utf8) {
    if (charset == Charset::Utf8) {
        char* to = out.reserve(text.size() + 2);
        *to = '"';
        if (char* end = copy_plain(to + 1, text.data(), text.size())) {
            *end = '"';
            out.advance_to(end + 1);
            return;
        }
    }
    write_json_string_slowly(out, text, charset);
}

// The text between the quotes.
void write_json_string_content(ByteBuffer& out, std::string_view text, Charset charset = Charset::Utf8);

// A JSON document as PostgreSQL's json type keeps it: copied, with raw line breaks (which can only stand between
// tokens) replaced by spaces, so that one change stays one line.
void write_json_document(ByteBuffer& out, std::string_view document, Charset charset);

// Decimal digits into `to`; returns the end. At most 20 bytes.
char* format_uint64(char* to, std::uint64_t value);
char* format_int64(char* to, std::int64_t value);
void write_int64(ByteBuffer& out, std::int64_t value);
void write_uint64(ByteBuffer& out, std::uint64_t value);

// A WAL address as PostgreSQL prints it, e.g. 16/B374D848. At most 17 bytes.
char* format_lsn(char* to, std::uint64_t lsn);

// Base64 (RFC 4648 section 4) of arbitrary bytes.
void write_base64(ByteBuffer& out, std::string_view bytes);

// The number of leading bytes of `text` that are well-formed UTF-8 (RFC 3629); text.size() when all are.
std::size_t valid_utf8_prefix(std::string_view text);

} // namespace wire
