// SQL that the pass runs again and again: prepared once in a session, run with arrays of rows.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// To be defined static. It runs with the search_path pg_catalog, pg_temp, which the caller has set. So the text names what is
// the extension's as @extschema@.name. Arguments of its functions have exactly the declared types: in that schema somebody
// else may have a function of the same name, and of two that fit PostgreSQL takes the one that fits better.
struct Statement {
    const char* text;
    const char* argument_types[24]; // names of types, up to the first null
    SPIPlanPtr plan = nullptr;
    Oid extension = InvalidOid; // for which the plan was made: it may be dropped and created again
};

// Runs it, inside an SPI connection. `nulls` as for SPI_execute_plan. With read_only the active snapshot is used as it is.
// Returns the number of rows; any error of the statement is raised.
uint64 run(Statement& statement, Datum* arguments, const char* nulls, bool read_only);

// A cursor over its rows, to be fetched in portions.
Portal open(Statement& statement, Datum* arguments, const char* nulls);

// One column of rows that are handed to a statement as an array, in the current memory context.
struct Column {
    Oid type;
    int16 length;
    bool by_value;
    char align;
    Datum* values;
    bool* nulls;
    int count;
    int room;
};

Column make_column_of(Oid type, Size room);
void push(Column& column, Datum value);
void push_null(Column& column);
void push_text(Column& column, const char* text, Size length);
void push_bytes(Column& column, const char* bytes, Size length); // a varlena with these bytes
void push_uuid(Column& column, const unsigned char* bytes);
Datum array_of(const Column& column);

// The type of that name, as in a statement; an error when there is none.
Oid type_named(const char* name);

} // namespace pg::monitor
