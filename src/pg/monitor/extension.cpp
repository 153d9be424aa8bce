#include "pg/monitor/extension.hpp"

namespace pg::monitor {

Oid extension_schema() {
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("pg_realtime"));
    SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true, nullptr, 1, &key);
    Oid schema = InvalidOid;
    if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
        schema = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace;
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return schema;
}

const char* extension_schema_name() {
    const Oid schema = extension_schema();
    const char* name = OidIsValid(schema) ? get_namespace_name(schema) : nullptr;
    if (name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"pg_realtime\" does not exist"),
                        errhint("CREATE EXTENSION pg_realtime;")));
    }
    return quote_identifier(name);
}

} // namespace pg::monitor
