// The launcher: looks which databases there are, and sees to it that each that has the extension has a worker.

#include <algorithm>

#include "pg/monitor/clock.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/worker.hpp"

namespace pg::monitor {

namespace {

constexpr long restart_pause = 1000; // ms, before a worker that ended is started again

struct Known {
    Oid database;
    BackgroundWorkerHandle* handle; // of the worker that was started; null: none
    int64 started_at;               // by the steady clock; 0: never, or it may start at once
    bool absent;                    // it found no extension; started again when somebody asks for it
    bool seen;                      // in the present round
    bool refused;                   // all places were taken, and that was logged
};

Known* known = nullptr;
int known_count = 0;
int known_room = 0;

Known& known_of(Oid database) {
    for (int index = 0; index < known_count; ++index) {
        if (known[index].database == database) {
            return known[index];
        }
    }
    if (known_count == known_room) {
        known_room = known_room == 0 ? 16 : known_room * 2;
        const Size size = sizeof(Known) * static_cast<Size>(known_room);
        known = static_cast<Known*>(known == nullptr ? MemoryContextAlloc(TopMemoryContext, size)
                                                     : repalloc(known, size));
    }
    known[known_count] = {database, nullptr, 0, false, false, false};
    return known[known_count++];
}

bool is_known(Oid database) {
    return std::any_of(known, known + known_count,
                       [database](const Known& one) { return one.database == database; });
}

// Marks the databases that there are. Shared catalogs are all that this process can read.
void look_for_databases() {
    for (int index = 0; index < known_count; ++index) {
        known[index].seen = false;
    }
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
        auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (database->datallowconn && !database->datistemplate) {
            known_of(database->oid).seen = true;
        }
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    CommitTransactionCommand();
    int kept = 0;
    for (int index = 0; index < known_count; ++index) {
        if (known[index].seen) {
            known[kept++] = known[index];
        } else if (known[index].handle != nullptr) {
            pfree(known[index].handle);
        }
    }
    known_count = kept;
    free_places(is_known);
}

bool is_running(Known& database) {
    if (database.handle == nullptr) {
        return false;
    }
    pid_t pid = 0;
    if (GetBackgroundWorkerPid(database.handle, &pid) != BGWH_STOPPED) {
        return true;
    }
    pfree(database.handle);
    database.handle = nullptr;
    database.absent = worker_presence(database.database) == Presence::Absent;
    return false;
}

bool start_worker(Known& database) {
    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART; // the launcher knows better when
    strlcpy(worker.bgw_library_name, "pg_realtime", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "pg_realtime_worker_main", sizeof(worker.bgw_function_name));
    snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pg_realtime worker of database %u",
             database.database);
    strlcpy(worker.bgw_type, "pg_realtime worker", sizeof(worker.bgw_type));
    worker.bgw_main_arg = ObjectIdGetDatum(database.database);
    worker.bgw_notify_pid = MyProcPid;
    MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    const bool registered = RegisterDynamicBackgroundWorker(&worker, &database.handle);
    MemoryContextSwitchTo(before);
    return registered;
}

bool complained = false;

// Starts what should run and does not. Returns when to look again, in ms.
long start_workers(int64 now) {
    long wait = settings::discovery_interval * 1000L;
    for (int index = 0; index < known_count; ++index) {
        Known& database = known[index];
        if (is_running(database) || database.absent) {
            continue;
        }
        if (is_held(database.database)) {
            wait = std::min(wait, restart_pause);
            continue;
        }
        const int64 due = database.started_at == 0 ? now : database.started_at + restart_pause * 1000;
        if (now < due) {
            wait = std::min(wait, static_cast<long>((due - now) / 1000 + 1));
            continue;
        }
        if (!has_place(database.database)) {
            if (!database.refused) {
                ereport(
                    LOG,
                    (errmsg("database %u has no worker of pg_realtime because pg_realtime.max_databases (%d) "
                            "databases have one",
                            database.database, settings::max_databases),
                     errhint("Increase pg_realtime.max_databases and restart the server, or call "
                             "realtime_run_pass() regularly.")));
            }
            database.refused = true;
            continue;
        }
        database.refused = false;
        database.started_at = now;
        if (!start_worker(database)) {
            wait = std::min(wait, 10 * restart_pause);
            if (!complained) {
                complained = true;
                ereport(LOG,
                        (errmsg("could not start a worker of pg_realtime for database %u", database.database),
                         errhint("You may need to increase max_worker_processes.")));
            }
        }
    }
    return wait;
}

ProcessUtility_hook_type previous_utility_hook = nullptr;

// A worker is a connection, and these commands want none: its worker leaves, and comes back when the command is over.
const char* database_to_leave(Node* statement) {
    switch (nodeTag(statement)) {
    case T_DropdbStmt:
        return reinterpret_cast<DropdbStmt*>(statement)->dbname;
    case T_RenameStmt: {
        auto* rename = reinterpret_cast<RenameStmt*>(statement);
        return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
    }
    case T_AlterDatabaseStmt: {
        auto* alter = reinterpret_cast<AlterDatabaseStmt*>(statement);
        ListCell* cell = nullptr;
        foreach (cell, alter->options) {
            if (strcmp(static_cast<DefElem*>(lfirst(cell))->defname, "tablespace") == 0) {
                return alter->dbname;
            }
        }
        return nullptr;
    }
    case T_CreatedbStmt: {
        ListCell* cell = nullptr;
        foreach (cell, reinterpret_cast<CreatedbStmt*>(statement)->options) {
            auto* option = static_cast<DefElem*>(lfirst(cell));
            if (strcmp(option->defname, "template") == 0 && option->arg != nullptr) {
                return defGetString(option);
            }
        }
        return nullptr;
    }
    default:
        return nullptr;
    }
}

void process_utility(PlannedStmt* planned, const char* text, bool read_only, ProcessUtilityContext context,
                     ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                     QueryCompletion* completion) {
    if (const char* name = database_to_leave(planned->utilityStmt); name != nullptr) {
        const Oid database = get_database_oid(name, true);
        // Only for those who may do it: others must not be able to stop a worker.
        if (OidIsValid(database) && pg::owns_database(database)) {
            hold(database);
        }
    }
    if (previous_utility_hook != nullptr) {
        previous_utility_hook(planned, text, read_only, context, parameters, environment, receiver,
                              completion);
    } else {
        standard_ProcessUtility(planned, text, read_only, context, parameters, environment, receiver,
                                completion);
    }
}

void on_exit(int code, Datum argument) {
    (void)code;
    (void)argument;
    set_launcher(false);
}

} // namespace

void register_launcher() {
    previous_utility_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
    BackgroundWorker launcher{};
    launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
    launcher.bgw_restart_time = 1;
    strlcpy(launcher.bgw_library_name, "pg_realtime", sizeof(launcher.bgw_library_name));
    strlcpy(launcher.bgw_function_name, "pg_realtime_launcher_main", sizeof(launcher.bgw_function_name));
    strlcpy(launcher.bgw_name, "pg_realtime launcher", sizeof(launcher.bgw_name));
    strlcpy(launcher.bgw_type, "pg_realtime launcher", sizeof(launcher.bgw_type));
    RegisterBackgroundWorker(&launcher);
}

} // namespace pg::monitor

extern "C" void pg_realtime_launcher_main(Datum argument) {
    using namespace pg::monitor;
    (void)argument;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_appname("pg_realtime launcher");
    set_launcher(true);
    before_shmem_exit(on_exit, 0);
    MemoryContext context =
        AllocSetContextCreate(TopMemoryContext, "pg_realtime launcher", ALLOCSET_DEFAULT_SIZES);
    for (;;) {
        MemoryContextSwitchTo(context);
        MemoryContextReset(context);
        Oid* requested = nullptr;
        bool all = false;
        const int requests = take_requests(&requested, &all);
        look_for_databases();
        MemoryContextSwitchTo(context);
        for (int index = 0; all && index < known_count; ++index) {
            known[index].absent = false;
        }
        for (int index = 0; index < requests; ++index) {
            Known& database = known_of(requested[index]);
            database.absent = false;
            database.started_at = 0;
        }
        const long timeout = start_workers(steady_now());
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
    }
}
