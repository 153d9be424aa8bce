// Decimal digits two at a time.
#pragma once

#include <cstring>

namespace wire {

inline constexpr char two_digits[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

// Exactly two digits of a value below 100; returns the end.
inline char* format_two_digits(char* to, unsigned value) {
    std::memcpy(to, two_digits + 2 * value, 2);
    return to + 2;
}

} // namespace wire
