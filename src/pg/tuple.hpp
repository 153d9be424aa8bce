// Reading single attributes of a stored row.
#pragma once

#include "pg/postgres.hpp"

namespace pg {

// heap_getattr() is an inline function whose body changes between minor releases and would tie the library to the
// newest one; what this uses instead is stable.
inline Datum read_attribute(HeapTuple tuple, TupleDesc descriptor, AttrNumber attnum, bool* is_null) {
    if (attnum > static_cast<AttrNumber>(HeapTupleHeaderGetNatts(tuple->t_data))) {
        return getmissingattr(descriptor, attnum, is_null);
    }
    if (HeapTupleHasNulls(tuple) && att_isnull(attnum - 1, tuple->t_data->t_bits)) {
        *is_null = true;
        return static_cast<Datum>(0);
    }
    *is_null = false;
    return nocachegetattr(tuple, attnum, descriptor);
}

} // namespace pg
