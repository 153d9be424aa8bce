// The options of START_REPLICATION, pg_recvlogical -o and the slot functions.
#pragma once

#include "pg/postgres.hpp"

namespace pg {

enum class Format : char { Json, Frame };
enum class Batch : char { Automatic, On, Off };

// A table of include_tables or exclude_tables; `table` is null for schema.*.
struct TablePattern {
    const char* schema;
    const char* table;
};

// Plain data in the memory context of the decoding session. What each option means is said in options.cpp, in the table
// that parses it, and for users in docs/output-plugin.md.
struct Options {
    Format format = Format::Json;
    bool publication_names_given = false;
    List* publication_names = NIL; // of char*
    bool tenants_given = false;
    List* tenants = NIL;        // of char*
    List* include_tables = NIL; // of TablePattern*, NIL: all
    List* exclude_tables = NIL; // of TablePattern*
    PublicationActions actions = {true, true, true, true};
    bool include_transaction = false;
    bool include_types = true;
    bool origin_none = false;
    bool messages = false;
    bool memberships = false;
    bool streaming = false;
    bool two_phase = false;
    Batch batch = Batch::Automatic;
    Size max_change_bytes = 0;
};

// Upper bound and default of max_change_bytes: a message must fit PostgreSQL's 1 GB allocation limit together with its
// head, and the default leaves room for several copies of it in memory.
constexpr Size largest_max_change_bytes = MaxAllocSize - 1024 * 1024;
constexpr Size default_max_change_bytes = 256 * 1024 * 1024;

// Parses the DefElem list of a decoding session in the current memory context. Raises 42601 (syntax_error) for an
// unknown or duplicate option, 22023 (invalid_parameter_value) for a malformed value; each names option and value
// and lists what is allowed.
Options parse_options(List* elements);

bool matches(List* patterns, const char* schema, const char* table);

} // namespace pg
