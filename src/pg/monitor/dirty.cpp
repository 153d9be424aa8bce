#include "pg/monitor/dirty.hpp"

#include <algorithm>

#include "pg/monitor/clock.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/shared_memory.hpp"

namespace pg::monitor {

Shared* shared = nullptr;
int own_database = -1;

// A tenant may fill a sixteenth of what there is for all.
core::Marks::Room room_for_marks() {
    constexpr uint32 average_key = 48;
    const auto keys = static_cast<uint32>(settings::dirty_keys);
    return {keys, std::max(keys / 16, 64U), std::max(keys / 4, 64U), keys * average_key};
}

namespace {

char* databases = nullptr;

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

Size database_size() {
    return MAXALIGN(sizeof(Database)) + MAXALIGN(room_for_marks().bytes());
}

Size shared_size() {
    return MAXALIGN(sizeof(Shared)) + database_size() * static_cast<Size>(settings::max_databases);
}

} // namespace

Database& database_at(int index) {
    return *reinterpret_cast<Database*>(databases + database_size() * static_cast<Size>(index));
}

core::Marks marks_of(Database& database) {
    return {reinterpret_cast<char*>(&database) + MAXALIGN(sizeof(Database)), room_for_marks()};
}

int place_of(Oid oid) {
    for (int index = 0; index < settings::max_databases; ++index) {
        if (database_at(index).database == oid) {
            return index;
        }
    }
    return -1;
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

namespace {

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
        if (!pg_strong_random(&shared->seed, sizeof(shared->seed))) {
            shared->seed = static_cast<uint64>(GetCurrentTimestamp());
        }
    }
    LWLockRelease(AddinShmemInitLock);
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
            memset(static_cast<void*>(&database), 0, database_size());
            database.database = MyDatabaseId;
        }
        database.absent = false;
        marks_of(database).add_everything();
        database.worker = MyProc;
        const WorkerStatus before = database.status;
        database.status = {};
        database.beyond_limit = database.late_reports = database.overflows = 0;
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

int all_status(DatabaseStatus** statuses) {
    int count = 0;
    if (shared == nullptr) {
        return 0;
    }
    *statuses = static_cast<DatabaseStatus*>(
        palloc0(sizeof(DatabaseStatus) * static_cast<Size>(settings::max_databases)));
    LWLockAcquire(shared->lock, LW_SHARED);
    for (int index = 0; index < settings::max_databases; ++index) {
        Database& database = database_at(index);
        if (database.database != InvalidOid && !database.absent) {
            const core::Marks marks = marks_of(database);
            DatabaseStatus& to = (*statuses)[count++];
            to = {database.database, static_cast<int>(marks.waiting()), database.status};
            to.status.ignored += database.beyond_limit + database.late_reports;
            to.status.overflows = database.overflows;
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
        held = database_at(place).held_until > steady_now();
    }
    LWLockRelease(shared->lock);
    return held;
}

void hold(Oid oid) {
    if (shared == nullptr) {
        return;
    }
    constexpr int most_waits = 100;
    constexpr long wait_ms = 50;
    for (int wait = 0; wait < most_waits; ++wait) {
        Latch* worker = nullptr;
        LWLockAcquire(shared->lock, LW_EXCLUSIVE);
        if (const int place = place_of(oid); place >= 0) {
            Database& database = database_at(place);
            database.held_until = steady_now() + 10 * USECS_PER_SEC;
            worker = database.worker != nullptr ? &database.worker->procLatch : nullptr;
        }
        LWLockRelease(shared->lock);
        if (worker == nullptr) {
            return;
        }
        SetLatch(worker);
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

} // namespace pg::monitor
