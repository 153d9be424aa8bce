#include "value/uuid.hpp"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace value {

namespace {

void format_32_digits(char* to, const char* bytes) {
#if defined(__SSE2__)
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    const __m128i low_mask = _mm_set1_epi8(0x0f);
    const __m128i high = _mm_and_si128(_mm_srli_epi16(all, 4), low_mask);
    const __m128i low = _mm_and_si128(all, low_mask);
    const auto digits = [](__m128i nibbles) {
        const __m128i letters =
            _mm_and_si128(_mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9)), _mm_set1_epi8('a' - 10 - '0'));
        return _mm_add_epi8(_mm_add_epi8(nibbles, _mm_set1_epi8('0')), letters);
    };
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), digits(_mm_unpacklo_epi8(high, low)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), digits(_mm_unpackhi_epi8(high, low)));
#else
    static constexpr char hex[] = "0123456789abcdef";
    for (int index = 0; index < 16; ++index) {
        const auto byte = static_cast<unsigned char>(bytes[index]);
        *to++ = hex[byte >> 4];
        *to++ = hex[byte & 0xf];
    }
#endif
}

} // namespace

char* format_uuid(char* to, const char* bytes) {
    char digits[32];
    format_32_digits(digits, bytes);
    std::memcpy(to, digits, 8);
    to[8] = '-';
    std::memcpy(to + 9, digits + 8, 4);
    to[13] = '-';
    std::memcpy(to + 14, digits + 12, 4);
    to[18] = '-';
    std::memcpy(to + 19, digits + 16, 4);
    to[23] = '-';
    std::memcpy(to + 24, digits + 20, 12);
    return to + 36;
}

} // namespace value
