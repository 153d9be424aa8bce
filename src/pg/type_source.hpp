// How the values of a type are gathered: looked up once per column, followed for every row.
#pragma once

#include "pg/postgres.hpp"
#include "value/cell.hpp"

namespace pg {

enum class Gather : std::uint8_t {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float4,
    Float8,
    Numeric,
    Text, // varlena whose bytes are the text
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Bytea,
    Bits,
    Json,
    Jsonb,
    Array,
    Composite,
    JsonCast,      // a cast function to json, as to_jsonb() uses it
    OutputFunction // everything else is its text
};

// Plain data; lives in the memory context it was described in. The categories are those of to_jsonb()
// (PostgreSQL's jsonb_categorize_type), with direct ways for the types whose bytes we can read ourselves.
struct TypeSource {
    Oid type = InvalidOid; // base type of a domain
    Gather gather = Gather::OutputFunction;
    value::Kind direct =
        value::Kind::Absent;     // the kind of values whose bytes are taken as they are; Absent: none
    bool needs_settings = false; // its text depends on DateStyle and the like
    bool names_objects = false;  // its text is a name that depends on search_path
    std::int16_t length = 0;
    bool by_value = false;
    char align = 'i';
    FmgrInfo function{};           // JsonCast, OutputFunction
    TypeSource* element = nullptr; // Array
};

// May read catalogs; allocates in `context`.
void describe_type(Oid type, MemoryContext context, TypeSource& source);

} // namespace pg
