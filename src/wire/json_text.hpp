// JSON text: strings with every awkward character, and the short numbers that the formats need.
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/byte_buffer.hpp"

namespace wire {

// How bytes above 0x7f are written. Utf8 copies them (the input must be UTF-8). Ascii writes \uXXXX, so that the text
// is valid in every server encoding. Input that is not UTF-8 becomes U+FFFD in Ascii mode.
enum class Charset : std::uint8_t { Utf8, Ascii };

// A JSON string (RFC 8259 section 7) with its quotes.
void write_json_string(ByteBuffer& out, std::string_view text, Charset charset = Charset::Utf8);

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
