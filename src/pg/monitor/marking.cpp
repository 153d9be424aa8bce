// Marks on their way: a session collects those of its transaction, publishes them when it commits, and the worker takes them.
#include <algorithm>

#include "pg/monitor/dirty.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/shared_memory.hpp"

namespace pg::monitor {

namespace {

// Of the current transaction. Fixed memory: nothing may fail at commit, and a mark costs no allocation.
constexpr core::Marks::Room local_room{256, 256, 256, 16384};

struct Local {
    bool any;
    bool rules_changed, wake_launcher;
    int tenant_count;
    pg_uuid_t tenants[64];
    int64 beyond_limit;
    int64 reports, late_reports; // late_reports: those that were too old when they were written
    pg_uuid_t last_tenant; // of the subscription that was marked last: most transactions write about one
    Size last_length;      // 0: none
    char last_name[core::Marks::longest_name];
};

Local local{};
bool callback_registered = false;

core::Marks local_marks() {
    alignas(8) static char memory[48 * 1024];
    Assert(local_room.bytes() <= sizeof(memory));
    return {memory, local_room};
}

core::Uuid uuid_of(const pg_uuid_t& tenant) {
    core::Uuid uuid;
    memcpy(uuid.bytes.data(), tenant.data, UUID_LEN);
    return uuid;
}

void clear_local() {
    local_marks().clear();
    local.any = local.rules_changed = local.wake_launcher = false;
    local.tenant_count = 0;
    local.beyond_limit = 0;
    local.reports = local.late_reports = 0;
    local.last_length = 0;
}

void publish_marks(Database& database) {
    core::Marks marks = marks_of(database);
    const core::Marks mine = local_marks();
    const uint64 spilled = marks.spilled();
    for (const char* at = mine.keys(); at < mine.keys() + mine.keys_size();) {
        const core::Marks::Key key = core::Marks::next_key(at);
        marks.add(key.tenant, key.name, hash_of_mark(key.tenant, key.name));
    }
    for (uint32 index = 0; index < mine.tenants(); ++index) {
        if (const core::Uuid* tenant = mine.whole_tenant(index); tenant != nullptr) {
            marks.add_tenant(*tenant);
            database.overflows += 1;
        }
    }
    if (mine.everything()) {
        marks.add_everything();
    }
    database.overflows += static_cast<int64>(marks.spilled() - spilled);
    database.beyond_limit += local.beyond_limit;
    if (local.reports > 0) {
        const bool stayed_open = GetCurrentTransactionStartTimestamp() <= GetCurrentTimestamp() - look_back;
        database.late_reports += stayed_open ? local.reports : local.late_reports;
    }
    database.rules_changed = database.rules_changed || local.rules_changed;
    for (int index = 0; index < local.tenant_count; ++index) {
        add_tenant(database.tenants, &database.tenant_count, lengthof(database.tenants), local.tenants[index],
                   &database.rules_changed);
    }
}

// After the commit, so that the worker sees what was written. Nothing here can raise an error.
void publish(bool prepared) {
    Latch* worker = nullptr;
    Latch* launcher = nullptr;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    if (const int place = place_of(MyDatabaseId); place >= 0) {
        Database& database = database_at(place);
        if (prepared) {
            // Who commits it later knows nothing of these marks; the worker looks now and then until it is gone.
            database.prepared = true;
        } else {
            publish_marks(database);
        }
        const bool anything =
            prepared || !local_marks().empty() || local.rules_changed || local.tenant_count > 0;
        worker = anything && database.worker != nullptr ? &database.worker->procLatch : nullptr;
    }
    if (local.wake_launcher) {
        if (shared->request_count < static_cast<int>(lengthof(shared->requests))) {
            shared->requests[shared->request_count++] = MyDatabaseId;
        } else {
            shared->requests_overflown = true;
        }
        launcher = shared->launcher != nullptr ? &shared->launcher->procLatch : nullptr;
    }
    LWLockRelease(shared->lock);
    if (worker != nullptr) {
        SetLatch(worker);
    }
    if (launcher != nullptr) {
        SetLatch(launcher);
    }
}

void at_end_of_transaction(XactEvent event, void* argument) {
    (void)argument;
    if (!local.any) {
        return;
    }
    switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PARALLEL_COMMIT:
        publish(false);
        clear_local();
        break;
    case XACT_EVENT_PREPARE:
        publish(true);
        clear_local();
        break;
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_ABORT:
        clear_local();
        break;
    default:
        break;
    }
}

// Registered once in a session: the list of callbacks is walked at the end of every transaction.
void begin_marking() {
    local.any = true;
    if (!callback_registered) {
        RegisterXactCallback(at_end_of_transaction, nullptr);
        callback_registered = true;
    }
}

// Whether the worker would look at the subscription. Asked before the name takes a place from others; what changes meanwhile
// is as if the report had come a moment earlier or later.
bool is_judged(const core::Uuid& tenant, uint64 hash) {
    bool judged = true;
    LWLockAcquire(shared->lock, LW_SHARED);
    if (const int place = place_of(MyDatabaseId); place >= 0) {
        judged = database_at(place).full.is_judged(tenant, hash);
    }
    LWLockRelease(shared->lock);
    return judged;
}

} // namespace

uint64 hash_of_mark(const core::Uuid& tenant, std::string_view name) {
    const uint64 seed = hash_bytes_extended(tenant.bytes.data(), UUID_LEN, shared->seed);
    return hash_bytes_extended(reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), seed);
}

void mark_dirty(const pg_uuid_t& tenant, const char* subscription, Size length) {
    if (shared == nullptr || (local.last_length == length && length > 0 &&
                              memcmp(local.last_tenant.data, tenant.data, UUID_LEN) == 0 &&
                              memcmp(local.last_name, subscription, length) == 0)) {
        return;
    }
    begin_marking();
    const core::Uuid uuid = uuid_of(tenant);
    const std::string_view name(subscription, length);
    const uint64 hash = hash_of_mark(uuid, name);
    if (length <= sizeof(local.last_name)) {
        local.last_tenant = tenant;
        local.last_length = length;
        memcpy(local.last_name, subscription, length);
    }
    if (is_judged(uuid, hash)) {
        local_marks().add(uuid, name, hash);
    } else {
        local.beyond_limit += 1;
    }
}

void note_report(TimestampTz recorded_at) {
    if (shared != nullptr) {
        begin_marking();
        local.reports += 1;
        local.late_reports += recorded_at <= GetCurrentTransactionStartTimestamp() - look_back ? 1 : 0;
    }
}

void mark_configuration_dirty(const pg_uuid_t* tenant) {
    if (shared == nullptr) {
        return;
    }
    begin_marking();
    if (tenant == nullptr) {
        local.rules_changed = true;
    } else {
        add_tenant(local.tenants, &local.tenant_count, lengthof(local.tenants), *tenant,
                   &local.rules_changed);
    }
}

void wake_launcher_at_commit() {
    if (shared != nullptr) {
        begin_marking();
        local.wake_launcher = true;
        local.rules_changed = true;
        local_marks().add_everything();
    }
}

DirtyKeys take_dirty(bool* prepared) {
    Database& database = database_at(own_database);
    core::Marks marks = marks_of(database);
    // Room for all that there can be, before the lock is held: palloc may raise an error. Its pages are made when they are used.
    static char* names = nullptr;
    static core::Uuid* unknown = nullptr;
    if (names == nullptr) {
        const core::Marks::Room room = room_for_marks();
        unknown =
            static_cast<core::Uuid*>(MemoryContextAlloc(TopMemoryContext, sizeof(core::Uuid) * room.tenants));
        names = static_cast<char*>(MemoryContextAllocHuge(TopMemoryContext, room.arena));
    }
    DirtyKeys taken{};
    taken.tenants = static_cast<pg_uuid_t*>(palloc(sizeof(database.tenants)));
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    *prepared = database.prepared;
    taken.everything = marks.everything();
    taken.rules_changed = database.rules_changed;
    taken.tenant_count = database.tenant_count;
    memcpy(taken.tenants, database.tenants, sizeof(database.tenants));
    const Size size = marks.keys_size();
    memcpy(names, marks.keys(), size);
    for (uint32 index = 0; index < marks.tenants(); ++index) {
        if (const core::Uuid* tenant = marks.whole_tenant(index); tenant != nullptr) {
            unknown[taken.unknown_count++] = *tenant;
        }
    }
    const uint32 count = marks.waiting();
    marks.clear();
    database.rules_changed = false;
    database.tenant_count = 0;
    LWLockRelease(shared->lock);

    // Those of a tenant all of whose names are looked for need not be told, too.
    std::sort(unknown, unknown + taken.unknown_count);
    taken.unknown = unknown;
    taken.keys = static_cast<DirtyKey*>(palloc(sizeof(DirtyKey) * (Size{count} + 1)));
    for (const char* at = names; at < names + size;) {
        const core::Marks::Key key = core::Marks::next_key(at);
        if (!std::binary_search(unknown, unknown + taken.unknown_count, key.tenant)) {
            DirtyKey& to = taken.keys[taken.count++];
            memcpy(to.tenant.data, key.tenant.bytes.data(), UUID_LEN);
            to.subscription = key.name.data();
            to.length = key.name.size();
        }
    }
    return taken;
}

void forget_prepared() {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    database_at(own_database).prepared = false;
    LWLockRelease(shared->lock);
}

void set_full_tenants(const core::FullTenants& full) {
    if (own_database >= 0) {
        LWLockAcquire(shared->lock, LW_EXCLUSIVE);
        database_at(own_database).full = full;
        LWLockRelease(shared->lock);
    }
}

} // namespace pg::monitor
