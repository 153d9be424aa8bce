// Where the extension's objects are.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Schema of the extension in this database; InvalidOid when it is not installed.
Oid extension_schema();

// The same as a quoted name; an error when it is not installed.
const char* extension_schema_name();

} // namespace pg::monitor
