// Who has something new: marks that writers set and the worker takes.
//
// A mark is a hint. What is new is found by transaction, exactly, when a subscription is looked at (ingest.cpp); a mark that
// is lost only means that this happens at the next regular check.
//
// marking.cpp is about the marks, dirty.cpp about what the processes share besides.
#pragma once

#include <string_view>

#include "monitor/marks.hpp"
#include "pg/monitor/pass.hpp"
#include "pg/monitor/row.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

// To be called once in _PG_init; without shared memory everything below does nothing.
void request_shared_memory();

// The current transaction wrote about this subscription. Published when it commits; forgotten when it aborts.
void mark_dirty(const pg_uuid_t& tenant, const char* subscription, Size length);

// Reports older than this are not looked for: a transaction that stays open for longer brings its reports too late to be of
// use, and old partitions need not be searched. Shorter than the time for which the model remembers a connection.
constexpr int64 look_back = 12 * USECS_PER_HOUR;
// The current transaction writes a report that was made at that time. Those that are too old are counted when it commits, because
// no pass will find them.
void note_report(TimestampTz recorded_at);

// The current transaction changed rules, silences, settings or alerts of this tenant; null: of all.
void mark_configuration_dirty(const pg_uuid_t* tenant);

// What worker and launcher share with everybody.
struct WorkerStatus {
    pid_t pid; // 0: no worker
    TimestampTz started_at, last_pass_at, last_check_at, last_error_at;
    int64 wake_ups, passes, checks, errors, keys, reports, judged_together, ignored, rules_evaluated,
        transitions, overflows;
    double last_pass_ms, gather_ms, evaluate_ms, store_ms; // the stages: sums over all passes
    char last_error[256];
};

bool shared_memory_exists();

// The worker's side. attach() makes marks of this database wake this process; false when all places are taken or the
// database has a worker already.
bool attach();
void detach(bool has_extension);
// Moves the marks out, into the current memory context. `prepared`: some wait for transactions that are prepared.
DirtyKeys take_dirty(bool* prepared);
void forget_prepared();
// The hash of a mark, not before the shared memory exists.
uint64 hash_of_mark(const core::Uuid& tenant, std::string_view name);
// Of these tenants only the subscriptions named there are judged from now on, so that others need no mark. Does nothing in
// who is no worker.
void set_full_tenants(const core::FullTenants& full);
WorkerStatus* own_status(); // of the attached database

// Copies of all databases' status, for realtime_worker_status.
struct DatabaseStatus {
    Oid database;
    int dirty_keys; // subscriptions that wait by name, and tenants of which too many do
    WorkerStatus status;
};
int all_status(DatabaseStatus** statuses);

// The launcher's side.
void set_launcher(bool present);
void wake_launcher_at_commit(); // a database may have got the extension
// Databases that asked for the launcher since the last call; `all`: more than could be remembered, it may be any.
int take_requests(Oid** databases, bool* all);
// Takes back the places of databases that are gone. `exists` must not raise an error.
void free_places(bool (*exists)(Oid database));
// Whether a worker of the database would find a place.
bool has_place(Oid database);
enum class Presence { Unknown, Running, Absent };
Presence worker_presence(Oid database);
// Whether the database wants to be left alone, because somebody is about to drop or rename it.
bool is_held(Oid database);
void hold(Oid database); // asks its worker to leave, and waits for that for a while

} // namespace pg::monitor
