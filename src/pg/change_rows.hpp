// The rows of one change as JSON: which of them are sent, and what becomes of a row that is too large.
#pragma once

#include "pg/decoder.hpp"
#include "wire/change.hpp"

namespace pg {

// What the WAL has of the change, taken apart into the arrays of the plan.
struct DeformedRows {
    bool has_new;
    bool has_old;
};

// Where the encoded parts lie in Decoder::row: the new row up to new_end, the old one up to old_end, and behind it the
// names of unchanged TOAST columns as a JSON array, or nothing.
struct EncodedRows {
    bool has_new = false;
    bool has_old = false;
    std::size_t new_end = 0;
    std::size_t old_end = 0;
    bool omitted = false; // too large: only the key was written
};

// `action` says which rows are needed: no old one for Insert, no new one for Delete. Raises what output functions raise.
EncodedRows encode_change_rows(Decoder& decoder, const RelationPlan& plan, const DeformedRows& deformed,
                               wire::Action action);

} // namespace pg
