// What the sessions, the workers and the launcher of pg_realtime share: a place for each database that has a worker.
#pragma once

#include "monitor/marks.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

// Of one database. Behind it in memory: its marks.
struct Database {
    Oid database; // InvalidOid: free
    bool absent;  // the worker found no extension
    bool rules_changed, prepared;
    int tenant_count;
    pg_uuid_t tenants[64]; // whose configuration was changed
    int64 held_until;      // by the steady clock
    PGPROC* worker;        // null: none
    WorkerStatus status;
    int64 beyond_limit; // marks that were left out, because that subscription is not judged
    int64 late_reports; // that were too old when they came
    int64 overflows;    // of the marks
    core::FullTenants full;
};

struct Shared {
    LWLock* lock;
    uint64 seed; // of the hashes, so that nobody can choose names that collide
    PGPROC* launcher;
    int request_count;
    Oid requests[64]; // databases that may have got the extension
    bool requests_overflown;
};

extern Shared* shared;   // null: the library is not preloaded
extern int own_database; // the place that this worker has taken; -1: none

core::Marks::Room room_for_marks(); // of one database
Database& database_at(int index);
core::Marks marks_of(Database& database);
int place_of(Oid database); // -1: none. Under the lock

// A list of tenants that has an end: what finds no room sets `all`.
void add_tenant(pg_uuid_t* tenants, int* count, int room, const pg_uuid_t& tenant, bool* all);

} // namespace pg::monitor
