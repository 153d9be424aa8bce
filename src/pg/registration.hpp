// What realtime_add_table() recorded: the access of a table and its tenant column. Kept as security labels of provider
// "pg_realtime", which PostgreSQL itself carries through RENAME, DROP, pg_dump and transactions (docs/architecture.md).
#pragma once

#include "pg/postgres.hpp"
#include "wire/frame.hpp"

namespace pg {

constexpr const char* label_provider = "pg_realtime";
constexpr const char* label_tenant = "tenant"; // on a table: access by tenant; on a column: the tenant column
constexpr const char* label_public = "public"; // on a table

struct Registration {
    wire::Access access = wire::Access::Unregistered;
    AttrNumber tenant_column = InvalidAttrNumber;
};

// Reads the labels of one relation under the current catalog snapshot, historic ones included.
Registration read_registration(Oid relation);

// Whether any relation of this database is registered.
bool any_registration();

// Called once when the library is loaded: makes SECURITY LABEL FOR pg_realtime work and checks what it is given.
void register_labels();

} // namespace pg
