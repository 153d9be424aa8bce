// PostgreSQL's numeric from its stored bytes to decimal text, all digits kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "wire/byte_buffer.hpp"

namespace value {

// `bytes` is the numeric behind its varlena header (PostgreSQL's NumericChoice, stable since 9.1). Finite values are
// written as a JSON number with the digits of numeric_out(); NaN and the infinities as JSON strings, as to_jsonb() does.
// Throws wire::Error XX001 when the bytes are not a numeric.
void write_numeric(wire::ByteBuffer& out, const char* bytes, std::size_t length);

// The same in two steps, for writers that manage their own room: numeric_room() says how many bytes format_numeric() may
// write at most. Both throw like write_numeric().
std::size_t numeric_room(const char* bytes, std::size_t length);
char* format_numeric(char* to, const char* bytes, std::size_t length);

// As a whole number; empty when it is none, or lies outside of the type. Throws like write_numeric().
std::optional<std::int64_t> numeric_integer(const char* bytes, std::size_t length);

// The nearest double, infinite beyond the range of the type; NaN for NaN. Throws like write_numeric().
double numeric_double(const char* bytes, std::size_t length);

} // namespace value
