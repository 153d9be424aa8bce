// Row filters of publications, evaluated on decoded rows.
#pragma once

#include "pg/postgres.hpp"
#include "pg/publication.hpp"

namespace pg {

// Plain data in the entry's memory context.
struct RowFilter {
    ExprState* conditions[filter_action_count] = {nullptr, nullptr, nullptr}; // null: every row passes
    EState* executor = nullptr;
    TupleTableSlot* old_slot = nullptr; // in the layout of the published relation
    TupleTableSlot* new_slot = nullptr;
};

// Null when no action has a filter. Allocates in the current memory context.
RowFilter* make_row_filter(const Publishing& publishing, Relation published);

// Whether the row passes the filter of an action. `attribute_map[i]` is the attribute number in the stored row of the
// published attribute i + 1, or 0; the slot is filled from `values` and `nulls` of the stored row.
bool row_passes(RowFilter& filter, FilterAction action, TupleTableSlot* slot, const Datum* values,
                const bool* nulls, const AttrNumber* attribute_map);

} // namespace pg
