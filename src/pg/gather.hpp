// The gather half of the sandwich: a decoded tuple becomes cells.
#pragma once

#include "pg/postgres.hpp"
#include "pg/type_source.hpp"
#include "value/cell.hpp"

namespace pg {

// Fills `cell` with the value of `datum`, detoasted and in UTF-8, allocating in the current memory context. Calls output
// functions where there is no direct way, so it may raise whatever they raise.
void gather_cell(value::Cell& cell, Datum datum, TypeSource& source);

// The name of a column as the finished bytes `,"name":`, in the current memory context.
value::Column make_column(const char* name, bool ascii_only);

// Settings that change the text of values. enter_settings() makes them what the format promises (UTC, ISO dates,
// default float, bytea and interval forms), and returns a nest level for leave_settings(); after an ERROR the
// transaction's end restores them. Costs next to nothing when the session has these settings anyway.
int enter_settings();
void leave_settings(int nest_level);

} // namespace pg
