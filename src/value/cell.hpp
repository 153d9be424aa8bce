// One value of a row, gathered from PostgreSQL as plain data: what the writer needs and nothing that can fail.
#pragma once

#include <cstddef>
#include <cstdint>

namespace value {

// How a cell becomes JSON. The member of `Cell` that carries the value is named behind each.
enum class Kind : std::uint8_t {
    Absent,      // no key at all: dropped, not in the column list, unchanged TOAST
    TooLarge,    // the row cannot be written: writing it throws wire::LimitExceeded
    Null,        // null
    Boolean,     // integer: true when not 0
    Integer,     // integer
    Number,      // bytes, length: the text of a JSON number
    Text,        // bytes, length: UTF-8, becomes a JSON string
    Json,        // bytes, length: a JSON document in UTF-8, embedded
    Jsonb,       // bytes: a jsonb container (the part behind the varlena header), length: its size
    Numeric,     // bytes, length: a numeric behind its varlena header
    Uuid,        // bytes: 16 bytes
    Date,        // integer: days since 2000-01-01
    Time,        // integer: microseconds since midnight
    Timestamp,   // integer: microseconds since 2000-01-01 without time zone
    Timestamptz, // integer: microseconds since 2000-01-01 00:00 UTC
    Bytea,       // bytes, length: written as \x and hex digits
    Bits,        // bytes: the bits, first bit highest, length: number of bits
    Array,       // array
    Composite    // composite
};

struct Cell;

// An array of any number of dimensions; elements in storage order, the last dimension varies fastest.
struct Array {
    int dimension_count; // 0: empty
    const int* dimensions;
    const Cell* elements;
};

// Keys are the finished bytes `,"name":`, so that a row is written without looking at a name. Behind a key there are
// key_slack more readable bytes: short keys are copied in one fixed-size piece.
constexpr std::size_t key_slack = 32;

struct Column {
    const char* key;
    std::uint32_t key_length;
};

struct Composite {
    int column_count;
    const Column* columns;
    const Cell* cells;
};

// All pointers belong to the caller and live as long as the row is being written. Trivially destructible on purpose:
// cells are gathered between PostgreSQL calls that may jump away.
struct Cell {
    Kind kind = Kind::Absent;
    std::size_t length = 0;
    union {
        std::int64_t integer;
        const char* bytes;
        const Array* array;
        const Composite* composite;
    };

    Cell() : integer(0) {}
};

} // namespace value
