// realtime_tenant_ids() and its kin: the tenants of the caller. Every statement on our tables asks, so they read the table of
// memberships directly, past its own policies: they tell callers only about themselves.

#include <algorithm>
#include <string_view>

#include "pg/monitor/caller.hpp"
#include "pg/monitor/extension.hpp"
#include "pg/monitor/payload.hpp"

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

int compare(const pg_uuid_t& left, const pg_uuid_t& right) {
    return memcmp(left.data, right.data, UUID_LEN);
}
bool is_less(const pg_uuid_t& left, const pg_uuid_t& right) {
    return compare(left, right) < 0;
}
bool is_same(const pg_uuid_t& left, const pg_uuid_t& right) {
    return compare(left, right) == 0;
}

// A growing array of tenants in the current memory context.
struct Tenants {
    Datum* values = nullptr;
    int count = 0, room = 0;

    void add(const pg_uuid_t* tenant) {
        if (count == room) {
            room = room == 0 ? 16 : room * 2;
            const Size size = sizeof(Datum) * static_cast<Size>(room);
            values = static_cast<Datum*>(values == nullptr ? palloc(size) : repalloc(values, size));
        }
        auto* copy = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
        *copy = *tenant;
        values[count++] = UUIDPGetDatum(copy);
    }
};

// Those tenants that the claims name and whose names are uuids, sorted, each once. A caller counts as member of each, unless
// there is a membership, which says more.
struct Claimed {
    pg_uuid_t* tenants = nullptr;
    bool* has_membership = nullptr;
    int count = 0;

    void note_membership(const pg_uuid_t& tenant) {
        const pg_uuid_t* found = std::lower_bound(tenants, tenants + count, tenant, is_less);
        if (found != tenants + count && is_same(*found, tenant)) {
            has_membership[found - tenants] = true;
        }
    }
};

Claimed claimed_by_caller() {
    Claimed claimed;
    ClaimedTenant* names = nullptr;
    const int named = claimed_tenants(&names);
    if (named == 0) {
        return claimed;
    }
    claimed.tenants = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t) * static_cast<Size>(named)));
    for (int index = 0; index < named; ++index) {
        claimed.count +=
            parse_uuid(names[index].text, names[index].length, &claimed.tenants[claimed.count]) ? 1 : 0;
    }
    std::sort(claimed.tenants, claimed.tenants + claimed.count, is_less);
    claimed.count = static_cast<int>(std::unique(claimed.tenants, claimed.tenants + claimed.count, is_same) -
                                     claimed.tenants);
    claimed.has_membership = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<Size>(named)));
    return claimed;
}

void add_memberships(const pg_uuid_t* user, Wanted wanted, Claimed& claimed, Tenants& tenants) {
    const Memberships where = find_memberships();
    Relation table = table_open(where.table, AccessShareLock);
    TupleDesc descriptor = RelationGetDescr(table);
    ScanKeyData key;
    ScanKeyInit(&key, where.user, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(user));
    SysScanDesc scan = systable_beginscan(table, where.index, true, GetActiveSnapshot(), 1, &key);
    while (HeapTuple row = systable_getnext(scan)) {
        bool null = false;
        const Datum tenant = heap_getattr(row, where.tenant, descriptor, &null);
        if (null) {
            continue;
        }
        claimed.note_membership(*DatumGetUUIDP(tenant));
        const Datum role = heap_getattr(row, where.role, descriptor, &null);
        if (!null && is_wanted(wanted, PG_DETOAST_DATUM_PACKED(role))) {
            tenants.add(DatumGetUUIDP(tenant));
        }
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
}

Datum tenants_of_caller(Wanted wanted) {
    Tenants tenants;
    Claimed claimed = claimed_by_caller();
    pg_uuid_t user;
    if (current_user_id(&user)) {
        add_memberships(&user, wanted, claimed, tenants);
    }
    for (int index = 0; index < claimed.count && wanted != Wanted::Administered; ++index) {
        if (!claimed.has_membership[index]) {
            tenants.add(&claimed.tenants[index]);
        }
    }
    return PointerGetDatum(
        construct_array(tenants.values, tenants.count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

Datum names_of_claimed_tenants() {
    ClaimedTenant* names = nullptr;
    const int count = claimed_tenants(&names);
    auto* texts = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(count + 1)));
    for (int index = 0; index < count; ++index) {
        pg_uuid_t uuid;
        texts[index] =
            parse_uuid(names[index].text, names[index].length, &uuid)
                ? DirectFunctionCall1(textin, DirectFunctionCall1(uuid_out, UUIDPGetDatum(&uuid)))
                : PointerGetDatum(cstring_to_text_with_len(names[index].text, names[index].length));
    }
    return PointerGetDatum(construct_array(texts, count, TEXTOID, -1, false, TYPALIGN_INT));
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

PG_FUNCTION_INFO_V1(pg_realtime_claimed_tenants);
PGDLLEXPORT Datum pg_realtime_claimed_tenants(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return names_of_claimed_tenants();
}
}
