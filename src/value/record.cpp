#include "value/record.hpp"

#include <cstring>
#include <string_view>

#include "value/jsonb.hpp"
#include "value/numeric.hpp"
#include "value/uuid.hpp"
#include "wire/datetime.hpp"

namespace value {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

void write_bytea(wire::ByteBuffer& out, const char* bytes, std::size_t length) {
    out.append("\"\\\\x", 4);
    char* to = out.reserve(length * 2 + 1);
    for (std::size_t index = 0; index < length; ++index) {
        const auto byte = static_cast<unsigned char>(bytes[index]);
        *to++ = hex_digits[byte >> 4];
        *to++ = hex_digits[byte & 0xf];
    }
    *to++ = '"';
    out.advance_to(to);
}

void write_bits(wire::ByteBuffer& out, const char* bytes, std::size_t count) {
    char* to = out.reserve(count + 2);
    *to++ = '"';
    for (std::size_t index = 0; index < count; ++index) {
        const auto byte = static_cast<unsigned char>(bytes[index / 8]);
        *to++ = static_cast<char>('0' + ((byte >> (7 - index % 8)) & 1));
    }
    *to++ = '"';
    out.advance_to(to);
}

// Writes one dimension and everything inside it; returns the element behind the last one written.
const Cell* write_dimension(wire::ByteBuffer& out, const Array& array, int dimension, const Cell* element,
                            wire::Charset charset) {
    out.append('[');
    for (int index = 0; index < array.dimensions[dimension]; ++index) {
        if (index > 0) {
            out.append(',');
        }
        if (dimension + 1 < array.dimension_count) {
            element = write_dimension(out, array, dimension + 1, element, charset);
        } else {
            write_cell(out, *element++, charset);
        }
    }
    out.append(']');
    return element;
}

void write_array(wire::ByteBuffer& out, const Array& array, wire::Charset charset) {
    if (array.dimension_count == 0) {
        out.append("[]", 2);
    } else {
        write_dimension(out, array, 0, array.elements, charset);
    }
}

// Bytes that any of the small kinds need at most, quotes included.
constexpr std::size_t small_value = wire::longest_datetime + 2;

char* format_quoted_datetime(char* to, const Cell& cell) {
    *to++ = '"';
    if (cell.kind == Kind::Timestamptz || cell.kind == Kind::Timestamp) {
        to = wire::format_timestamp(to, cell.integer, cell.kind == Kind::Timestamptz);
    } else if (cell.kind == Kind::Date) {
        to = wire::format_date(to, static_cast<std::int32_t>(cell.integer));
    } else {
        to = wire::format_time(to, cell.integer);
    }
    *to++ = '"';
    return to;
}

char* format_word(char* to, std::string_view word) {
    return to + word.copy(to, word.size());
}

// Writes a value that fits small_value bytes and returns its end, or null for all other kinds.
[[gnu::always_inline]] inline char* format_small(char* to, const Cell& cell) {
    switch (cell.kind) {
    case Kind::Null:
        return format_word(to, "null");
    case Kind::Boolean:
        return format_word(to, cell.integer != 0 ? "true" : "false");
    case Kind::Integer:
        return wire::format_int64(to, cell.integer);
    case Kind::Uuid:
        *to = '"';
        to = format_uuid(to + 1, cell.bytes);
        *to = '"';
        return to + 1;
    case Kind::Date:
    case Kind::Time:
    case Kind::Timestamp:
    case Kind::Timestamptz:
        return format_quoted_datetime(to, cell);
    default:
        return nullptr;
    }
}

char* copy_key(char* to, const Column& column) {
    if (column.key_length <= key_slack) {
        std::memcpy(to, column.key, key_slack);
    } else {
        std::memcpy(to, column.key, column.key_length);
    }
    return to + column.key_length;
}

} // namespace

// The kinds that format_small() does not write.
static void write_large(wire::ByteBuffer& out, const Cell& cell, wire::Charset charset) {
    switch (cell.kind) {
    case Kind::TooLarge:
        throw wire::LimitExceeded{0};
    case Kind::Number:
        out.append(cell.bytes, cell.length);
        return;
    case Kind::Text:
        wire::write_json_string(out, {cell.bytes, cell.length}, charset);
        return;
    case Kind::Json:
        wire::write_json_document(out, {cell.bytes, cell.length}, charset);
        return;
    case Kind::Jsonb:
        write_jsonb(out, cell.bytes, cell.length, charset);
        return;
    case Kind::Numeric:
        write_numeric(out, cell.bytes, cell.length);
        return;
    case Kind::Bytea:
        write_bytea(out, cell.bytes, cell.length);
        return;
    case Kind::Bits:
        write_bits(out, cell.bytes, cell.length);
        return;
    case Kind::Array:
        write_array(out, *cell.array, charset);
        return;
    case Kind::Composite:
        write_record(out, cell.composite->columns, cell.composite->cells, cell.composite->column_count,
                     charset);
        return;
    default: // Absent, as a value of its own
        out.append("null", 4);
        return;
    }
}

void write_cell(wire::ByteBuffer& out, const Cell& cell, wire::Charset charset) {
    if (char* end = format_small(out.reserve(small_value), cell)) {
        out.advance_to(end);
    } else {
        write_large(out, cell, charset);
    }
}

void write_record(wire::ByteBuffer& out, const Column* columns, const Cell* cells, int count,
                  wire::Charset charset) {
    const std::size_t start = out.size();
    for (int index = 0; index < count; ++index) {
        const Cell& cell = cells[index];
        if (cell.kind == Kind::Absent) {
            continue;
        }
        const Column& column = columns[index];
        char* to = copy_key(out.reserve(column.key_length + key_slack + small_value), column);
        if (char* end = format_small(to, cell)) {
            out.advance_to(end);
            continue;
        }
        out.advance_to(to);
        write_large(out, cell, charset);
    }
    if (out.size() == start) {
        out.append("{}", 2);
        return;
    }
    out.put(start, '{'); // over the comma of the first key
    out.append('}');
}

} // namespace value
