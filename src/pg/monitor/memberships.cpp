// realtime_tenant_ids() and its kin: the tenants of the caller. Every statement on our tables asks, so they read the table of
// memberships directly, past its own policies: they tell callers only about themselves.

#include <string_view>

#include "pg/monitor/caller.hpp"
#include "pg/monitor/extension.hpp"

namespace pg::monitor {

namespace {

// Where the memberships are, until the catalogs change.
struct Memberships {
    Oid table = InvalidOid, index = InvalidOid;
    AttrNumber tenant = 0, user = 0, role = 0;
};

Memberships memberships;
bool callback_registered = false;

void forget(Datum argument, Oid relation) {
    (void)argument;
    (void)relation;
    memberships.table = InvalidOid;
}

const Memberships& find_memberships() {
    if (!callback_registered) {
        CacheRegisterRelcacheCallback(forget, 0);
        callback_registered = true;
    }
    if (!OidIsValid(memberships.table)) {
        const Oid schema = extension_schema();
        Memberships found;
        found.table = get_relname_relid("tenant_memberships", schema);
        found.index = get_relname_relid("tenant_memberships_user", schema);
        if (!OidIsValid(found.table) || !OidIsValid(found.index)) {
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_TABLE),
                     errmsg("extension pg_realtime has no table \"tenant_memberships\" with its index"),
                     errhint("DROP EXTENSION pg_realtime; CREATE EXTENSION pg_realtime;")));
        }
        found.tenant = get_attnum(found.table, "tenant_id");
        found.user = get_attnum(found.table, "user_id");
        found.role = get_attnum(found.table, "role");
        memberships = found;
    }
    return memberships;
}

enum class Wanted { Readable, Writable, Administered };

bool is_wanted(Wanted wanted, const varlena* role) {
    const std::string_view name(VARDATA_ANY(role), VARSIZE_ANY_EXHDR(role));
    return wanted == Wanted::Readable || name == "owner" || name == "admin" ||
           (wanted == Wanted::Writable && name == "member");
}

Datum tenants_of_caller(Wanted wanted) {
    pg_uuid_t user;
    if (!current_user_id(&user)) {
        return PointerGetDatum(construct_empty_array(UUIDOID));
    }
    const Memberships where = find_memberships();
    Relation table = table_open(where.table, AccessShareLock);
    TupleDesc descriptor = RelationGetDescr(table);
    ScanKeyData key;
    ScanKeyInit(&key, where.user, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&user));
    SysScanDesc scan = systable_beginscan(table, where.index, true, GetActiveSnapshot(), 1, &key);
    int count = 0;
    int room = 16;
    auto* tenants = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(room)));
    while (HeapTuple row = systable_getnext(scan)) {
        bool null = false;
        const Datum role = heap_getattr(row, where.role, descriptor, &null);
        if (null || !is_wanted(wanted, PG_DETOAST_DATUM_PACKED(role))) {
            continue;
        }
        if (count == room) {
            room *= 2;
            tenants = static_cast<Datum*>(repalloc(tenants, sizeof(Datum) * static_cast<Size>(room)));
        }
        auto* tenant = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
        *tenant = *DatumGetUUIDP(heap_getattr(row, where.tenant, descriptor, &null));
        tenants[count++] = UUIDPGetDatum(tenant);
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return PointerGetDatum(construct_array(tenants, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

} // namespace

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_tenant_ids);
PGDLLEXPORT Datum pg_realtime_tenant_ids(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return tenants_of_caller(Wanted::Readable);
}

PG_FUNCTION_INFO_V1(pg_realtime_writable_tenant_ids);
PGDLLEXPORT Datum pg_realtime_writable_tenant_ids(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return tenants_of_caller(Wanted::Writable);
}

PG_FUNCTION_INFO_V1(pg_realtime_administered_tenant_ids);
PGDLLEXPORT Datum pg_realtime_administered_tenant_ids(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return tenants_of_caller(Wanted::Administered);
}
}
