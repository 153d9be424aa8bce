#include "pg/monitor/dirty.hpp"

#include "pg/monitor/settings.hpp"

namespace pg::monitor {

namespace {

// A key in an arena: the tenant, the length of the name, the name.
constexpr Size key_head = UUID_LEN + 2;
constexpr Size average_key = 48;

// Marks of one database, in shared memory.
struct Database {
    Oid database; // InvalidOid: free
    bool absent;  // the worker found no extension
    bool everything, rules_changed, prepared;
    int tenant_count;
    pg_uuid_t tenants[64]; // whose configuration was changed
    int key_count;
    Size arena_used;
    TimestampTz held_until;
    PGPROC* worker; // null: none
    WorkerStatus status;
    // Behind it: uint64 hashes[settings::dirty_keys * 2], uint32 used[settings::dirty_keys] (places of hashes that are not
    // empty), then the arena.
};

struct Shared {
    LWLock* lock;
    PGPROC* launcher;
    int request_count;
    Oid requests[64]; // databases that may have got the extension
    bool requests_overflown;
};

Shared* shared = nullptr;
char* databases = nullptr;
int own_database = -1;

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

Size hash_places() {
    return static_cast<Size>(settings::dirty_keys) * 2;
}

Size used_size() {
    return MAXALIGN(static_cast<Size>(settings::dirty_keys) * sizeof(uint32));
}

Size arena_size() {
    return static_cast<Size>(settings::dirty_keys) * average_key;
}

Size database_size() {
    return MAXALIGN(sizeof(Database)) + hash_places() * sizeof(uint64) + used_size() + MAXALIGN(arena_size());
}

Size shared_size() {
    return MAXALIGN(sizeof(Shared)) + database_size() * static_cast<Size>(settings::max_databases);
}

Database& database_at(int index) {
    return *reinterpret_cast<Database*>(databases + database_size() * static_cast<Size>(index));
}

uint64* hashes_of(Database& database) {
    return reinterpret_cast<uint64*>(reinterpret_cast<char*>(&database) + MAXALIGN(sizeof(Database)));
}

uint32* used_of(Database& database) {
    return reinterpret_cast<uint32*>(hashes_of(database) + hash_places());
}

char* arena_of(Database& database) {
    return reinterpret_cast<char*>(used_of(database)) + used_size();
}

// Under the lock.
int place_of(Oid oid) {
    for (int index = 0; index < settings::max_databases; ++index) {
        if (database_at(index).database == oid) {
            return index;
        }
    }
    return -1;
}

// The place that a worker of the database would take; -1 when all are taken. Under the lock.
int place_for(Oid oid) {
    int place = place_of(oid);
    if (place < 0) {
        place = place_of(InvalidOid);
    }
    // Places that only remember that a database lacks the extension are the first to be given away.
    for (int index = 0; place < 0 && index < settings::max_databases; ++index) {
        place = database_at(index).absent ? index : -1;
    }
    return place;
}

void request_memory() {
    if (previous_request_hook != nullptr) {
        previous_request_hook();
    }
    RequestAddinShmemSpace(shared_size());
    RequestNamedLWLockTranche("pg_realtime", 1);
}

void start_memory() {
    if (previous_startup_hook != nullptr) {
        previous_startup_hook();
    }
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    auto* memory = static_cast<char*>(ShmemInitStruct("pg_realtime", shared_size(), &found));
    shared = reinterpret_cast<Shared*>(memory);
    databases = memory + MAXALIGN(sizeof(Shared));
    if (!found) {
        memset(memory, 0, shared_size());
        shared->lock = &GetNamedLWLockTranche("pg_realtime")->lock;
    }
    LWLockRelease(AddinShmemInitLock);
}

// Marks of the current transaction. Fixed memory: nothing may fail at commit, and a mark costs no allocation.
constexpr int most_local_keys = 256;
constexpr int local_places = most_local_keys * 2;

struct Local {
    bool any;
    bool everything, rules_changed, wake_launcher;
    int tenant_count;
    pg_uuid_t tenants[64];
    int key_count;
    uint64 hashes[local_places];
    Size arena_used;
    char arena[16384];
};

Local local{};
uint64 last_hash = 0; // of the key that was marked last: most transactions write about one
bool callback_registered = false;

// Finds the place of a hash in an open-addressing table, its own or an empty one. The table is never full.
Size find_hash(const uint64* places, Size count, uint64 hash) {
    Size at = hash % count;
    while (places[at] != hash && places[at] != 0) {
        at = (at + 1) % count;
    }
    return at;
}

void clear_local() {
    if (local.key_count > 0) {
        memset(local.hashes, 0, sizeof(local.hashes));
    }
    local.any = local.everything = local.rules_changed = local.wake_launcher = false;
    local.tenant_count = 0;
    local.key_count = 0;
    local.arena_used = 0;
    last_hash = 0;
}

void add_tenant(pg_uuid_t* tenants, int* count, int room, const pg_uuid_t& tenant, bool* all) {
    for (int index = 0; index < *count; ++index) {
        if (memcmp(tenants[index].data, tenant.data, UUID_LEN) == 0) {
            return;
        }
    }
    if (*count == room) {
        *all = true;
    } else {
        tenants[(*count)++] = tenant;
    }
}

void publish_keys(Database& database) {
    const char* at = local.arena;
    for (int index = 0; index < local.key_count && !database.everything; ++index) {
        uint16 length = 0;
        memcpy(&length, at + UUID_LEN, sizeof(length));
        const Size size = key_head + length;
        uint64 hash =
            hash_bytes_extended(reinterpret_cast<const unsigned char*>(at), static_cast<int>(size), 0);
        hash = hash == 0 ? 1 : hash;
        uint64* hashes = hashes_of(database);
        if (const Size place = find_hash(hashes, hash_places(), hash); hashes[place] == 0) {
            if (database.key_count == settings::dirty_keys || database.arena_used + size > arena_size()) {
                database.everything = true;
                database.status.overflows += 1;
                break;
            }
            hashes[place] = hash;
            used_of(database)[database.key_count] = static_cast<uint32>(place);
            memcpy(arena_of(database) + database.arena_used, at, size);
            database.arena_used += size;
            database.key_count += 1;
        }
        at += size;
    }
    database.everything = database.everything || local.everything;
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
            publish_keys(database);
        }
        worker = database.worker != nullptr ? &database.worker->procLatch : nullptr;
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

} // namespace

void request_shared_memory() {
    if (!process_shared_preload_libraries_in_progress) {
        return;
    }
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_memory;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = start_memory;
}

bool shared_memory_exists() {
    return shared != nullptr;
}

void mark_dirty(const pg_uuid_t& tenant, const char* subscription, Size length) {
    if (shared == nullptr || local.everything) {
        return;
    }
    begin_marking();
    char key[key_head + 256];
    if (length > 255) {
        local.everything = true;
        return;
    }
    const auto short_length = static_cast<uint16>(length);
    memcpy(key, tenant.data, UUID_LEN);
    memcpy(key + UUID_LEN, &short_length, sizeof(short_length));
    memcpy(key + key_head, subscription, length);
    const Size size = key_head + length;
    uint64 hash = hash_bytes_extended(reinterpret_cast<const unsigned char*>(key), static_cast<int>(size), 0);
    hash = hash == 0 ? 1 : hash;
    if (hash == last_hash) {
        return;
    }
    last_hash = hash;
    if (local.key_count == most_local_keys || local.arena_used + size > sizeof(local.arena)) {
        local.everything = true;
    } else if (const Size place = find_hash(local.hashes, local_places, hash); local.hashes[place] == 0) {
        local.hashes[place] = hash;
        memcpy(local.arena + local.arena_used, key, size);
        local.arena_used += size;
        local.key_count += 1;
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

bool attach() {
    if (shared == nullptr) {
        return false;
    }
    bool attached = false;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    const int place = place_for(MyDatabaseId);
    if (place >= 0 && database_at(place).worker == nullptr) {
        Database& database = database_at(place);
        if (database.database != MyDatabaseId) {
            memset(&database, 0, database_size());
            database.database = MyDatabaseId;
        }
        database.absent = false;
        database.everything = true;
        database.worker = MyProc;
        const WorkerStatus before = database.status;
        database.status = {};
        database.status.errors = before.errors;
        database.status.last_error_at = before.last_error_at;
        strlcpy(database.status.last_error, before.last_error, sizeof(database.status.last_error));
        database.status.pid = MyProcPid;
        database.status.started_at = GetCurrentTimestamp();
        own_database = place;
        attached = true;
    }
    LWLockRelease(shared->lock);
    return attached;
}

void detach(bool has_extension) {
    if (own_database < 0) {
        return;
    }
    Latch* launcher = nullptr;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    Database& database = database_at(own_database);
    database.worker = nullptr;
    database.status.pid = 0;
    database.absent = !has_extension;
    own_database = -1;
    launcher = shared->launcher != nullptr ? &shared->launcher->procLatch : nullptr;
    LWLockRelease(shared->lock);
    if (launcher != nullptr) {
        SetLatch(launcher);
    }
}

WorkerStatus* own_status() {
    return own_database < 0 ? nullptr : &database_at(own_database).status;
}

DirtyKeys take_dirty(bool* prepared) {
    Database& database = database_at(own_database);
    DirtyKeys taken{};
    // Room for all of it before the lock is held: palloc may raise an error.
    auto* keys = static_cast<DirtyKey*>(palloc(sizeof(DirtyKey) * static_cast<Size>(database.key_count + 1)));
    auto* arena = static_cast<char*>(palloc(database.arena_used + 1));
    auto* tenants = static_cast<pg_uuid_t*>(palloc(sizeof(database.tenants)));
    const int room = database.key_count;
    const Size arena_room = database.arena_used;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    taken.everything = database.everything;
    taken.rules_changed = database.rules_changed;
    *prepared = database.prepared;
    memcpy(tenants, database.tenants, sizeof(database.tenants));
    taken.tenants = tenants;
    taken.tenant_count = database.tenant_count;
    const bool all_fit = database.key_count <= room && database.arena_used <= arena_room;
    const char* at = arena_of(database);
    Size used = 0;
    int count = 0;
    for (; count < database.key_count && count < room; ++count) {
        uint16 length = 0;
        memcpy(&length, at + UUID_LEN, sizeof(length));
        if (used + key_head + length > arena_room) {
            break;
        }
        memcpy(arena + used, at, key_head + length);
        memcpy(keys[count].tenant.data, arena + used, UUID_LEN);
        keys[count].subscription = arena + used + key_head;
        keys[count].length = length;
        used += key_head + length;
        at += key_head + length;
    }
    for (int index = 0; index < database.key_count; ++index) {
        hashes_of(database)[used_of(database)[index]] = 0;
    }
    if (!all_fit) {
        // Marks that came in between stay for the next pass; without their hashes they may be marked twice.
        const Size left = database.arena_used - used;
        memmove(arena_of(database), arena_of(database) + used, left);
        database.arena_used = left;
        database.key_count -= count;
        SetLatch(MyLatch);
    } else {
        database.arena_used = 0;
        database.key_count = 0;
    }
    database.everything = false;
    database.rules_changed = false;
    database.tenant_count = 0;
    LWLockRelease(shared->lock);
    taken.keys = keys;
    taken.count = count;
    return taken;
}

void forget_prepared() {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    database_at(own_database).prepared = false;
    LWLockRelease(shared->lock);
}

int all_status(DatabaseStatus** statuses) {
    int count = 0;
    if (shared == nullptr) {
        return 0;
    }
    *statuses = static_cast<DatabaseStatus*>(
        palloc0(sizeof(DatabaseStatus) * static_cast<Size>(settings::max_databases)));
    LWLockAcquire(shared->lock, LW_SHARED);
    for (int index = 0; index < settings::max_databases; ++index) {
        const Database& database = database_at(index);
        if (database.database != InvalidOid && !database.absent) {
            (*statuses)[count++] = {database.database, database.key_count, database.status};
        }
    }
    LWLockRelease(shared->lock);
    return count;
}

void set_launcher(bool present) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->launcher = present ? MyProc : nullptr;
    LWLockRelease(shared->lock);
}

void wake_launcher_at_commit() {
    if (shared != nullptr) {
        begin_marking();
        local.wake_launcher = true;
        local.everything = true;
        local.rules_changed = true;
    }
}

int take_requests(Oid** requested, bool* all) {
    *requested = static_cast<Oid*>(palloc(sizeof(shared->requests)));
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    const int count = shared->request_count;
    memcpy(*requested, shared->requests, sizeof(Oid) * static_cast<Size>(count));
    shared->request_count = 0;
    *all = shared->requests_overflown;
    shared->requests_overflown = false;
    for (int index = 0; index < settings::max_databases; ++index) {
        database_at(index).absent = database_at(index).absent && !*all;
    }
    for (int index = 0; index < count; ++index) {
        if (const int place = place_of((*requested)[index]); place >= 0) {
            database_at(place).absent = false;
        }
    }
    LWLockRelease(shared->lock);
    return count;
}

void free_places(bool (*exists)(Oid database)) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    for (int index = 0; index < settings::max_databases; ++index) {
        Database& database = database_at(index);
        if (OidIsValid(database.database) && database.worker == nullptr && !exists(database.database)) {
            database.database = InvalidOid;
            database.absent = false;
        }
    }
    LWLockRelease(shared->lock);
}

bool has_place(Oid oid) {
    LWLockAcquire(shared->lock, LW_SHARED);
    const bool found = place_for(oid) >= 0;
    LWLockRelease(shared->lock);
    return found;
}

Presence worker_presence(Oid database) {
    Presence presence = Presence::Unknown;
    LWLockAcquire(shared->lock, LW_SHARED);
    if (const int place = place_of(database); place >= 0) {
        presence = database_at(place).worker != nullptr ? Presence::Running
                   : database_at(place).absent          ? Presence::Absent
                                                        : Presence::Unknown;
    }
    LWLockRelease(shared->lock);
    return presence;
}

bool is_held(Oid database) {
    bool held = false;
    LWLockAcquire(shared->lock, LW_SHARED);
    if (const int place = place_of(database); place >= 0) {
        held = database_at(place).held_until > GetCurrentTimestamp();
    }
    LWLockRelease(shared->lock);
    return held;
}

void hold(Oid oid) {
    if (shared == nullptr) {
        return;
    }
    constexpr int most_waits = 100; // of 50 ms
    for (int wait = 0; wait < most_waits; ++wait) {
        Latch* worker = nullptr;
        LWLockAcquire(shared->lock, LW_EXCLUSIVE);
        if (const int place = place_of(oid); place >= 0) {
            Database& database = database_at(place);
            database.held_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 10000);
            worker = database.worker != nullptr ? &database.worker->procLatch : nullptr;
        }
        LWLockRelease(shared->lock);
        if (worker == nullptr) {
            return;
        }
        SetLatch(worker);
        CHECK_FOR_INTERRUPTS();
        pg_usleep(50000L);
    }
}

} // namespace pg::monitor
