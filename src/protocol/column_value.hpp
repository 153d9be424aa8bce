// Values of columns, compared as PostgreSQL compares them: what a filter says against what a row says.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace protocol {

enum class ColumnKind : std::uint8_t {
    Decimal,    // int2 int4 int8 oid numeric: exact, of any length
    Float,      // float8
    SmallFloat, // float4
    Text,       // text varchar name: compared byte by byte (collation C)
    PaddedText, // bpchar: the same, without the blanks at the end
    Boolean,
    Uuid,
    Date,
    Timestamp,   // without time zone
    TimestampTz, // without a zone in the text: UTC
    Time,
    Opaque, // equal values may have different texts: json, arrays, intervals ... Only null can be asked for
    Other,  // only equality, of the text that the row has
};

// By pg_type.typname.
ColumnKind kind_named(std::string_view type_name);
// Whether < and > mean something.
bool has_order(ColumnKind kind);
// Whether like and match do.
inline bool is_textual(ColumnKind kind) {
    return kind == ColumnKind::Text || kind == ColumnKind::PaddedText;
}

// A value that can be compared with others of its kind.
struct ColumnValue {
    ColumnKind kind = ColumnKind::Other;
    std::string text;         // Text, Other, Uuid (32 lower-case digits), Decimal (as read)
    double number = 0;        // Float, SmallFloat
    std::int64_t integer = 0; // Boolean; Date, Timestamp(Tz), Time in microseconds
};

// Reads what somebody wrote in a filter; empty when it is no value of the kind.
std::optional<ColumnValue> read_value(ColumnKind kind, std::string_view text);

// Reads what a row has, as to_jsonb() writes it; empty for null and for what cannot be read.
std::optional<ColumnValue> read_json_value(ColumnKind kind, std::string_view json);

// A uuid in any form that PostgreSQL takes, as it writes it; empty for anything else.
std::optional<std::string> uuid_in(std::string_view text);

// A tenant as the stream calls it, whichever way somebody writes its uuid.
std::string tenant_named(std::string_view text);

// A text that is equal exactly for equal values; empty for kinds of which nobody looks for one value.
std::string key_of(const ColumnValue& value);

// Both of one kind. NaN equals NaN and is above everything, as in PostgreSQL.
std::strong_ordering compare(const ColumnValue& left, const ColumnValue& right);

} // namespace protocol
