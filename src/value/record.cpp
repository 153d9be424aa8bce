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

void write_datetime(wire::ByteBuffer& out, const Cell& cell) {
    char* to = out.reserve(wire::longest_datetime + 2);
    *to++ = '"';
    if (cell.kind == Kind::Date) {
        to = wire::format_date(to, static_cast<std::int32_t>(cell.integer));
    } else if (cell.kind == Kind::Time) {
        to = wire::format_time(to, cell.integer);
    } else {
        to = wire::format_timestamp(to, cell.integer, cell.kind == Kind::Timestamptz);
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

} // namespace

void write_cell(wire::ByteBuffer& out, const Cell& cell, wire::Charset charset) {
    switch (cell.kind) {
    case Kind::TooLarge:
        throw wire::LimitExceeded{0};
    case Kind::Absent:
    case Kind::Null:
        out.append("null", 4);
        return;
    case Kind::Boolean:
        out.append(cell.integer != 0 ? std::string_view("true") : std::string_view("false"));
        return;
    case Kind::Integer:
        wire::write_int64(out, cell.integer);
        return;
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
    case Kind::Uuid: {
        char* to = out.reserve(38);
        *to++ = '"';
        to = format_uuid(to, cell.bytes);
        *to++ = '"';
        out.advance_to(to);
        return;
    }
    case Kind::Date:
    case Kind::Time:
    case Kind::Timestamp:
    case Kind::Timestamptz:
        write_datetime(out, cell);
        return;
    case Kind::Bytea:
        write_bytea(out, cell.bytes, cell.length);
        return;
    case Kind::Bits:
        write_bits(out, cell.bytes, cell.length);
        return;
    case Kind::Array:
        if (cell.array->dimension_count == 0) {
            out.append("[]", 2);
        } else {
            write_dimension(out, *cell.array, 0, cell.array->elements, charset);
        }
        return;
    case Kind::Composite:
        write_record(out, cell.composite->columns, cell.composite->cells, cell.composite->column_count,
                     charset);
        return;
    }
}

namespace {

void write_key(wire::ByteBuffer& out, const Column& column) {
    char* to = out.reserve(column.key_length + key_slack);
    if (column.key_length <= key_slack) {
        std::memcpy(to, column.key, key_slack);
    } else {
        std::memcpy(to, column.key, column.key_length);
    }
    out.advance_to(to + column.key_length);
}

} // namespace

void write_record(wire::ByteBuffer& out, const Column* columns, const Cell* cells, int count,
                  wire::Charset charset) {
    const std::size_t start = out.size();
    for (int index = 0; index < count; ++index) {
        if (cells[index].kind == Kind::Absent) {
            continue;
        }
        write_key(out, columns[index]);
        write_cell(out, cells[index], charset);
    }
    if (out.size() == start) {
        out.append("{}", 2);
        return;
    }
    out.put(start, '{'); // over the comma of the first key
    out.append('}');
}

} // namespace value
