#include "pg/monitor/extension.hpp"

namespace pg::monitor {

namespace {

struct Installed {
    Oid schema, owner;
};

Installed installed() {
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("pg_realtime"));
    SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true, nullptr, 1, &key);
    Installed found{InvalidOid, InvalidOid};
    if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
        const auto* row = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple));
        found = {row->extnamespace, row->extowner};
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

[[noreturn]] void raise_not_installed() {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"pg_realtime\" does not exist"),
                    errhint("CREATE EXTENSION pg_realtime;")));
}

constexpr const char schema_token[] = "@extschema@";

} // namespace

Oid extension_schema() {
    return installed().schema;
}

const char* extension_schema_name() {
    const Oid schema = extension_schema();
    const char* name = OidIsValid(schema) ? get_namespace_name(schema) : nullptr;
    if (name == nullptr) {
        raise_not_installed();
    }
    return quote_identifier(name);
}

const char* with_extension_schema(const char* text) {
    const char* found = strstr(text, schema_token);
    if (found == nullptr) {
        return text;
    }
    const char* schema = extension_schema_name();
    StringInfoData result;
    initStringInfo(&result);
    for (; found != nullptr; found = strstr(text, schema_token)) {
        appendBinaryStringInfo(&result, text, static_cast<int>(found - text));
        appendStringInfoString(&result, schema);
        text = found + strlen(schema_token);
    }
    appendStringInfoString(&result, text);
    return result.data;
}

Identity act_as_extension_owner() {
    Identity before;
    GetUserIdAndSecContext(&before.user, &before.context);
    const Oid owner = installed().owner;
    if (!OidIsValid(owner)) {
        raise_not_installed();
    }
    SetUserIdAndSecContext(owner, before.context | SECURITY_LOCAL_USERID_CHANGE |
                                      SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
    return before;
}

void act_as(const Identity& before) {
    SetUserIdAndSecContext(before.user, before.context);
}

} // namespace pg::monitor
