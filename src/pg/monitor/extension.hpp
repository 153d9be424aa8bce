// Where the extension's objects are, and whose they are.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Schema of the extension in this database; InvalidOid when it is not installed.
Oid extension_schema();

// The same as a quoted name; an error when it is not installed.
const char* extension_schema_name();

// The text with each @extschema@ replaced by that name, as in the install script. In the current memory context, or the text
// itself where there is nothing to replace.
const char* with_extension_schema(const char* text);

// Whoever the session acted as before.
struct Identity {
    Oid user;
    int context;
};

// From here on the session acts as the owner of the extension, in an operation in which no other identity can be taken on, and
// past the policies of the owner's own tables. An error that ends the transaction or subtransaction ends this, too.
Identity act_as_extension_owner();

void act_as(const Identity& before);

} // namespace pg::monitor
