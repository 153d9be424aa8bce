#include "pg/registration.hpp"

#include "pg/tuple.hpp"

namespace pg {

Registration read_registration(Oid relation) {
    Registration registration;
    Relation labels = table_open(SecLabelRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_seclabel_objoid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    ScanKeyInit(&keys[1], Anum_pg_seclabel_classoid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(RelationRelationId));
    SysScanDesc scan = systable_beginscan(labels, SecLabelObjectIndexId, true, nullptr, 2, keys);
    while (HeapTuple tuple = systable_getnext(scan)) {
        bool is_null = false;
        TupleDesc descriptor = RelationGetDescr(labels);
        const Datum provider = read_attribute(tuple, descriptor, Anum_pg_seclabel_provider, &is_null);
        if (is_null || strcmp(TextDatumGetCString(provider), label_provider) != 0) {
            continue;
        }
        const Datum label = read_attribute(tuple, descriptor, Anum_pg_seclabel_label, &is_null);
        const char* stored = is_null ? "" : TextDatumGetCString(label);
        const int column =
            DatumGetInt32(read_attribute(tuple, descriptor, Anum_pg_seclabel_objsubid, &is_null));
        if (column == 0) {
            registration.access =
                strcmp(stored, label_public) == 0 ? wire::Access::Public : wire::Access::Tenant;
        } else {
            registration.tenant_column = static_cast<AttrNumber>(column);
        }
    }
    systable_endscan(scan);
    table_close(labels, AccessShareLock);
    return registration;
}

bool any_registration() {
    bool found = false;
    Relation labels = table_open(SecLabelRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(labels, InvalidOid, false, nullptr, 0, nullptr);
    while (HeapTuple tuple = systable_getnext(scan)) {
        bool is_null = false;
        const Datum provider =
            read_attribute(tuple, RelationGetDescr(labels), Anum_pg_seclabel_provider, &is_null);
        if (!is_null && strcmp(TextDatumGetCString(provider), label_provider) == 0) {
            found = true;
            break;
        }
    }
    systable_endscan(scan);
    table_close(labels, AccessShareLock);
    return found;
}

namespace {

void check_label(const ObjectAddress* object, const char* label) {
    const char kind = object->classId == RelationRelationId ? get_rel_relkind(object->objectId) : '\0';
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("pg_realtime labels only tables and their tenant columns"),
                        errhint("Use realtime_add_table() and realtime_remove_table().")));
    }
    const bool column = object->objectSubId != 0;
    const bool known =
        label == nullptr || strcmp(label, label_tenant) == 0 || (!column && strcmp(label, label_public) == 0);
    if (!known) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid pg_realtime label: \"%s\"", label),
                 column ? errdetail("The label of a tenant column is \"%s\".", label_tenant)
                        : errdetail("The label of a table is \"%s\" or \"%s\".", label_tenant, label_public),
                 errhint("Use realtime_add_table() and realtime_remove_table().")));
    }
    // A label changes no other catalog, so nothing else would tell running streams to look again.
    CacheInvalidateRelcacheByRelid(object->objectId);
}

} // namespace

void register_labels() {
    register_label_provider(label_provider, check_label);
}

} // namespace pg
