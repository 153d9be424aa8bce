// The gather half of the sandwich: a decoded tuple becomes cells.
#pragma once

#include "pg/postgres.hpp"
#include "pg/type_source.hpp"
#include "value/cell.hpp"

namespace pg {

// Fills `cell` with the value of `datum`, detoasted and in UTF-8, allocating in the current memory context. Calls output
// functions where there is no direct way, so it may raise whatever they raise. A value that is larger than `most` bytes
// before it is detoasted, converted or taken apart becomes Kind::TooLarge without any of that: a row that cannot be sent
// must cost no memory and raise no error.
void gather_cell(value::Cell& cell, Datum datum, TypeSource& source, Size most);

// gather_cell() for the values that need no function call: small types, and varlena values that are stored plain.
// Returns false for all others.
inline bool gather_directly(value::Cell& cell, Datum datum, const TypeSource& source);

// The name of a column as the finished bytes `,"name":`, in the current memory context.
value::Column make_column(const char* name, bool ascii_only);

// Settings that change the text of values. enter_settings() makes them what the format promises (UTC, ISO dates,
// default float, bytea and interval forms; with `names` also a search_path under which names of objects are qualified),
// and returns a nest level for leave_settings(); after an ERROR the transaction's end restores them. Costs next to
// nothing when the session has these settings anyway.
int enter_settings(bool names);
void leave_settings(int nest_level);

inline bool gather_directly(value::Cell& cell, Datum datum, const TypeSource& source) {
    if (source.direct == value::Kind::Absent) {
        return false;
    }
    cell.kind = source.direct;
    if (source.length == -1) {
        const char* stored = DatumGetPointer(datum);
        if (VARATT_IS_1B(stored) && !VARATT_IS_1B_E(stored)) {
            cell.bytes = VARDATA_1B(stored);
            cell.length = VARSIZE_1B(stored) - VARHDRSZ_SHORT;
            return true;
        }
        if (!VARATT_IS_4B_U(stored)) {
            return false;
        }
        cell.bytes = VARDATA_4B(stored);
        cell.length = VARSIZE_4B(stored) - VARHDRSZ;
        return true;
    }
    if (!source.by_value) {
        cell.bytes = DatumGetPointer(datum);
        return true;
    }
    switch (source.length) {
    case 8:
        cell.integer = DatumGetInt64(datum);
        return true;
    case 4:
        cell.integer = DatumGetInt32(datum);
        return true;
    case 2:
        cell.integer = DatumGetInt16(datum);
        return true;
    default:
        cell.integer = DatumGetBool(datum) ? 1 : 0;
        return true;
    }
}

} // namespace pg
