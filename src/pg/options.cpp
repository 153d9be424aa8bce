#include "pg/options.hpp"

#include <iterator>

namespace pg {

namespace {

struct OptionKind {
    const char* name;
    const char* allowed; // shown in error messages
    bool (*parse)(Options& options, char* value);
};

bool parse_format(Options& options, char* value) {
    if (pg_strcasecmp(value, "json") == 0) {
        options.format = Format::Json;
    } else if (pg_strcasecmp(value, "frame") == 0) {
        options.format = Format::Frame;
    } else {
        return false;
    }
    return true;
}

bool parse_batch(Options& options, char* value) {
    bool on = false;
    if (pg_strcasecmp(value, "auto") == 0) {
        options.batch = Batch::Automatic;
        return true;
    }
    if (!parse_bool(value, &on)) {
        return false;
    }
    options.batch = on ? Batch::On : Batch::Off;
    return true;
}

bool parse_origin(Options& options, char* value) {
    if (pg_strcasecmp(value, "none") == 0) {
        options.origin_none = true;
    } else if (pg_strcasecmp(value, "any") == 0) {
        options.origin_none = false;
    } else {
        return false;
    }
    return true;
}

bool parse_publication_names(Options& options, char* value) {
    options.publication_names_given = true;
    return SplitIdentifierString(value, ',', &options.publication_names) && options.publication_names != NIL;
}

char* skip_space(char* at) {
    while (scanner_isspace(*at)) {
        ++at;
    }
    return at;
}

// Reads one item of a comma list up to one of `stops`: either quoted with "" for a quote, or bare. Returns null when
// it is malformed; otherwise *end is where the item stopped.
char* read_item(char* at, const char* stops, bool fold_case, char** end) {
    StringInfoData item;
    initStringInfo(&item);
    at = skip_space(at);
    const bool quoted = *at == '"';
    if (quoted) {
        for (++at;; ++at) {
            if (*at == '\0') {
                return nullptr;
            }
            if (*at == '"') {
                if (at[1] != '"') {
                    break;
                }
                ++at;
            }
            appendStringInfoChar(&item, *at);
        }
        at = skip_space(at + 1);
        if (*at != '\0' && strchr(stops, *at) == nullptr) {
            return nullptr;
        }
    } else {
        char* const start = at;
        while (*at != '\0' && strchr(stops, *at) == nullptr && *at != '"') {
            ++at;
        }
        if (*at == '"') {
            return nullptr;
        }
        char* stop = at;
        while (stop > start && scanner_isspace(stop[-1])) {
            --stop;
        }
        appendBinaryStringInfo(&item, start, static_cast<int>(stop - start));
        if (fold_case) {
            item.data = downcase_identifier(item.data, item.len, false, false);
        }
    }
    *end = at;
    return item.data[0] == '\0' && !quoted ? nullptr : item.data;
}

bool parse_tenants(Options& options, char* value) {
    options.tenants_given = true;
    for (char* at = value;;) {
        char* end = nullptr;
        char* item = read_item(at, ",", false, &end);
        if (item == nullptr) {
            return false;
        }
        options.tenants = lappend(options.tenants, item);
        if (*end == '\0') {
            return true;
        }
        at = end + 1;
    }
}

bool parse_tables(List** patterns, char* value) {
    for (char* at = value;;) {
        char* end = nullptr;
        auto* pattern = static_cast<TablePattern*>(palloc0(sizeof(TablePattern)));
        pattern->schema = read_item(at, ".,", true, &end);
        if (pattern->schema == nullptr || *end != '.') {
            return false;
        }
        at = skip_space(end + 1);
        const bool bare = *at != '"';
        pattern->table = read_item(at, ".,", true, &end);
        if (pattern->table == nullptr || *end == '.') {
            return false;
        }
        if (bare && strcmp(pattern->table, "*") == 0) {
            pattern->table = nullptr;
        }
        *patterns = lappend(*patterns, pattern);
        if (*end == '\0') {
            return true;
        }
        at = end + 1;
    }
}

bool parse_include_tables(Options& options, char* value) {
    return parse_tables(&options.include_tables, value);
}

bool parse_exclude_tables(Options& options, char* value) {
    return parse_tables(&options.exclude_tables, value);
}

bool parse_actions(Options& options, char* value) {
    options.actions = {false, false, false, false};
    for (char* at = value;;) {
        char* end = nullptr;
        const char* item = read_item(at, ",", true, &end);
        if (item == nullptr) {
            return false;
        }
        if (strcmp(item, "insert") == 0) {
            options.actions.pubinsert = true;
        } else if (strcmp(item, "update") == 0) {
            options.actions.pubupdate = true;
        } else if (strcmp(item, "delete") == 0) {
            options.actions.pubdelete = true;
        } else if (strcmp(item, "truncate") == 0) {
            options.actions.pubtruncate = true;
        } else {
            return false;
        }
        if (*end == '\0') {
            return true;
        }
        at = end + 1;
    }
}

bool parse_max_change_bytes(Options& options, char* value) {
    const char* hint = nullptr;
    int kilobytes = 0;
    // Values with a unit ("64MB") are read as PostgreSQL reads memory settings; a bare number is bytes.
    char* end = nullptr;
    errno = 0;
    const long long bytes = strtoll(value, &end, 10);
    if (*value == '\0') {
        return false;
    }
    if (*end == '\0' && errno == 0) {
        options.max_change_bytes = bytes > 0 ? static_cast<Size>(bytes) : 0;
    } else if (isalpha(static_cast<unsigned char>(value[strlen(value) - 1])) != 0 &&
               parse_int(value, &kilobytes, GUC_UNIT_KB, &hint) && kilobytes > 0) {
        options.max_change_bytes = static_cast<Size>(kilobytes) * 1024;
    } else {
        return false;
    }
    return options.max_change_bytes >= 1024 && options.max_change_bytes <= largest_max_change_bytes;
}

template <bool Options::*member> bool parse_boolean(Options& options, char* value) {
    return parse_bool(value, &(options.*member));
}

constexpr const char* boolean_values = "on, off";

const OptionKind option_kinds[] = {
    // one of two encodings of the same content
    {"format", "json, frame", parse_format},
    // publications to stream; without it publication "pg_realtime", or every user table while that does not exist
    {"publication_names", "a comma-separated list of publication names", parse_publication_names},
    // only rows of these tenants (and of tables with public access) leave
    {"tenants",
     "a comma-separated list of tenants, each a uuid, an integer or text, in double quotes where needed",
     parse_tenants},
    {"include_tables", "a comma-separated list of schema.table or schema.*", parse_include_tables},
    {"exclude_tables", "a comma-separated list of schema.table or schema.*", parse_exclude_tables},
    {"actions", "a comma-separated list of insert, update, delete, truncate", parse_actions},
    // BEGIN and COMMIT objects in format json (frames always have them)
    {"include_transaction", boolean_values, parse_boolean<&Options::include_transaction>},
    // the "columns" array in format json
    {"include_types", boolean_values, parse_boolean<&Options::include_types>},
    // none: leave out what a replication origin wrote, i.e. what was replicated into this server
    {"origin", "any, none", parse_origin},
    // logical messages of other prefixes than realtime_broadcast()'s
    {"messages", boolean_values, parse_boolean<&Options::messages>},
    // the rows of tenant_memberships too, for whoever has to know at once who is no member any more
    {"memberships", boolean_values, parse_boolean<&Options::memberships>},
    // send large transactions before they commit
    {"streaming", boolean_values, parse_boolean<&Options::streaming>},
    // send prepared transactions at PREPARE TRANSACTION
    {"two_phase", boolean_values, parse_boolean<&Options::two_phase>},
    // many changes in one message
    {"batch", "auto, on, off", parse_batch},
    {"max_change_bytes", "a size from 1kB to 1022MB", parse_max_change_bytes},
};

char* list_of_names() {
    StringInfoData names;
    initStringInfo(&names);
    for (const OptionKind& kind : option_kinds) {
        appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", kind.name);
    }
    return names.data;
}

const OptionKind* find_kind(const char* name) {
    for (const OptionKind& kind : option_kinds) {
        if (strcmp(kind.name, name) == 0) {
            return &kind;
        }
    }
    return nullptr;
}

} // namespace

Options parse_options(List* elements) {
    Options options;
    options.max_change_bytes = default_max_change_bytes;
    bool seen[std::size(option_kinds)] = {};
    ListCell* cell = nullptr;
    foreach (cell, elements) {
        auto* element = static_cast<DefElem*>(lfirst(cell));
        const OptionKind* kind = find_kind(element->defname);
        if (kind == nullptr) {
            ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                            errmsg("unrecognized pg_realtime option: \"%s\"", element->defname),
                            errhint("Valid options are: %s.", list_of_names())));
        }
        bool& already = seen[kind - option_kinds];
        if (already) {
            ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                            errmsg("pg_realtime option \"%s\" was given more than once", kind->name)));
        }
        already = true;
        // A name without a value (START_REPLICATION ... (streaming)) can only mean "on".
        char* value = element->arg != nullptr ? pstrdup(strVal(element->arg)) : pstrdup("on");
        char* const shown = pstrdup(value);
        if (!kind->parse(options, value)) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("invalid value for pg_realtime option \"%s\": \"%s\"", kind->name, shown),
                            errhint("Valid is: %s.", kind->allowed)));
        }
    }
    return options;
}

bool matches(List* patterns, const char* schema, const char* table) {
    ListCell* cell = nullptr;
    foreach (cell, patterns) {
        auto* pattern = static_cast<TablePattern*>(lfirst(cell));
        if (strcmp(pattern->schema, schema) == 0 &&
            (pattern->table == nullptr || strcmp(pattern->table, table) == 0)) {
            return true;
        }
    }
    return false;
}

} // namespace pg
