// PostgreSQL's jsonb from its stored bytes to JSON text, without PostgreSQL: half of the cost of a row is here.
#pragma once

#include <cstddef>

#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace value {

// The layout of a stored jsonb (PostgreSQL's utils/jsonb.h, unchanged since 9.4); src/pg asserts that these are still
// the server's own numbers.
struct JsonbLayout {
    static constexpr unsigned count_mask = 0x0FFFFFFF;
    static constexpr unsigned is_scalar = 0x10000000;
    static constexpr unsigned is_object = 0x20000000;
    static constexpr unsigned is_array = 0x40000000;
    static constexpr unsigned entry_length_mask = 0x0FFFFFFF;
    static constexpr unsigned entry_type_mask = 0x70000000;
    static constexpr unsigned entry_has_offset = 0x80000000;
    static constexpr unsigned entry_string = 0x00000000;
    static constexpr unsigned entry_numeric = 0x10000000;
    static constexpr unsigned entry_false = 0x20000000;
    static constexpr unsigned entry_true = 0x30000000;
    static constexpr unsigned entry_null = 0x40000000;
    static constexpr unsigned entry_container = 0x50000000;
};

// `container` is the jsonb behind its varlena header, 4-byte aligned, `length` its size in bytes. Strings must be UTF-8.
// Writes the same document as jsonb_out() with no spaces between tokens. Any depth; the stack is not used for nesting.
// Throws wire::Error XX001 for bytes that are not a jsonb.
void write_jsonb(wire::ByteBuffer& out, const char* container, std::size_t length, wire::Charset charset);

} // namespace value
