// The worker of one database: sleeps on its latch, and runs a pass when something came in or is due.

#include "pg/monitor/worker.hpp"

#include <algorithm>

#include "pg/monitor/clock.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/monitor/extension.hpp"
#include "pg/monitor/pass.hpp"
#include "pg/monitor/settings.hpp"

namespace pg::monitor {

namespace {

constexpr long longest_pause = 30000;    // ms, after errors
constexpr int64 look_at_prepared = 1000; // ms, while marks wait for prepared transactions

constexpr int64 never = PG_INT64_MAX;

// Times of the steady clock: nobody who sets the other one makes the worker wait.
struct Schedule {
    int64 next_check = 0;
    int64 flush_at = never; // something waits to be stored
    int64 wake_at = never;  // something may change by itself
    int64 next_maintenance = 0;
    int64 last_maintenance = 0; // 0: not since the worker started
    int64 last_pass = 0;
    bool prepared = false;
    bool everything = true; // marks may have been lost in an error
    long pause = 0;         // ms, after an error; doubles
};

Schedule schedule{};
char last_logged[256] = "";

bool has_extension() {
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    const Oid schema = extension_schema();
    // Also its tables: an older version of the extension may lack them.
    const bool complete =
        OidIsValid(schema) && OidIsValid(get_relname_relid("realtime_worker_state", schema));
    PopActiveSnapshot();
    CommitTransactionCommand();
    return complete;
}

int64 after_seconds(int64 now, int seconds) {
    return now + seconds * USECS_PER_SEC;
}

long milliseconds_until_due(int64 now) {
    int64 due = std::min({schedule.next_check, schedule.flush_at, schedule.wake_at});
    if (schedule.prepared) {
        due = std::min(due, now + look_at_prepared * 1000);
    }
    if (!settings::enabled) {
        due = schedule.next_check;
    }
    return due <= now ? 0 : static_cast<long>(std::min<int64>((due - now + 999) / 1000, 3600000));
}

// No one waits for a commit that stores only what could be computed again.
void commit(const PassResult& result) {
    if (!result.must_be_durable) {
        (void)set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
                                true, 0, false);
    }
    CommitTransactionCommand();
}

bool any_prepared() {
    SPI_connect();
    const int result = SPI_execute(
        "SELECT 1 FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() LIMIT 1",
        true, 1);
    const bool any = result == SPI_OK_SELECT && SPI_processed > 0;
    SPI_finish();
    return any;
}

void count(WorkerStatus& status, const PassOrder& order, const PassResult& result, double milliseconds) {
    status.passes += 1;
    status.checks += order.check ? 1 : 0;
    status.keys += result.keys;
    status.reports += result.reports;
    status.judged_together += result.judged_together;
    status.ignored += result.ignored;
    status.rules_evaluated += result.rules_evaluated;
    status.transitions += result.transitions;
    status.gather_ms += result.gather_ms;
    status.evaluate_ms += result.evaluate_ms;
    status.store_ms += result.store_ms;
    status.last_pass_ms = milliseconds;
    status.last_pass_at = GetCurrentTimestamp();
    if (order.check) {
        status.last_check_at = status.last_pass_at;
    }
}

void pass(int64 now) {
    instr_time start;
    INSTR_TIME_SET_CURRENT(start);
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PassOrder order{};
    order.check = now >= schedule.next_check;
    order.flush = now >= schedule.flush_at || order.check;
    bool prepared = false;
    order.keys = take_dirty(&prepared);
    order.everything = schedule.everything || prepared;
    PushActiveSnapshot(GetTransactionSnapshot());
    // What is not prepared any more is committed or gone, and a pass that begins now sees it.
    schedule.prepared = prepared && any_prepared();
    PopActiveSnapshot();
    if (prepared && !schedule.prepared) {
        forget_prepared();
    }
    schedule.everything = true; // until the pass has succeeded
    const PassResult result = run_pass(order);
    commit(result);
    schedule.everything = false;
    schedule.wake_at = result.wake_in == PassResult::never ? never : result.steady + result.wake_in;
    if (!result.unstored) {
        schedule.flush_at = never;
    } else if (result.more_to_flush) {
        schedule.flush_at = now;
    } else if (schedule.flush_at == never) {
        schedule.flush_at = now + settings::flush_interval * INT64CONST(1000);
    }
    if (order.check) {
        schedule.next_check = after_seconds(now, settings::check_interval);
    }
    instr_time end;
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    count(*own_status(), order, result, INSTR_TIME_GET_MILLISEC(end));
}

void run_maintenance(const char* statement) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    SPI_connect();
    const char* text = with_extension_schema(statement);
    pgstat_report_activity(STATE_RUNNING, text);
    const Identity before = act_as_extension_owner();
    (void)SPI_execute(text, false, 0);
    act_as(before);
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
}

// Once for each kind of error, not once a second; the view shows the last one and how many there were.
void note_error(ErrorData* error) {
    WorkerStatus& status = *own_status();
    status.errors += 1;
    status.last_error_at = GetCurrentTimestamp();
    strlcpy(status.last_error, error->message, sizeof(status.last_error));
    if (strcmp(last_logged, status.last_error) != 0) {
        strlcpy(last_logged, status.last_error, sizeof(last_logged));
        ereport(LOG, (errmsg("pass of pg_realtime failed: %s", error->message),
                      error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
                      error->context != nullptr ? errcontext("%s", error->context) : 0,
                      errhint("The worker tries again; view realtime_worker_status counts the errors.")));
    }
    schedule.next_check = 0; // and perhaps the extension is gone
    schedule.pause = schedule.pause == 0 ? 1000 : std::min(schedule.pause * 2, longest_pause);
}

// False when an error ended it, which is noted and the transaction gone.
template <class Work> bool attempt(Work&& work) {
    MemoryContext context = CurrentMemoryContext;
    volatile bool done = false;
    PG_TRY();
    {
        work();
        done = true;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        AbortCurrentTransaction();
        note_error(error);
        FreeErrorData(error);
    }
    PG_END_TRY();
    return done;
}

// Each in a transaction of its own: none keeps the others from being done. How long the worker did not run does not count as
// time that passed, because the wall clock alone would say it.
bool maintain(int64 now) {
    const double seconds = schedule.last_maintenance == 0
                               ? 0
                               : static_cast<double>(now - schedule.last_maintenance) / USECS_PER_SEC;
    schedule.last_maintenance = now;
    schedule.next_maintenance = after_seconds(now, settings::maintenance_interval);
    const bool made = attempt([] { run_maintenance("SELECT @extschema@.realtime_maintain_partitions(3)"); });
    char purge[200];
    snprintf(purge, sizeof(purge),
             "SELECT count(*) FROM "
             "@extschema@.purge_expired_data(@extschema@.realtime_advance_purge_clock(%.3f))",
             seconds);
    const bool purged = attempt([&] { run_maintenance(purge); });
    return made && purged;
}

void work(int64 now) {
    bool done = attempt([&] {
        pgstat_report_activity(STATE_RUNNING, "judging metrics");
        pass(now);
    });
    if (now >= schedule.next_maintenance) {
        done = maintain(now) && done;
    }
    if (done) {
        schedule.pause = 0;
        last_logged[0] = '\0';
    }
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

// Leaves when somebody waits for it to do so. Returns otherwise.
void leave_if_held() {
    if (is_held(MyDatabaseId)) {
        detach(true);
        proc_exit(0);
    }
}

// Leaves when it is not wanted here any more. Returns otherwise.
void leave_if_told(int64 now) {
    leave_if_held();
    if (now >= schedule.next_check && !has_extension()) {
        detach(false);
        proc_exit(0);
    }
}

void on_exit(int code, Datum argument) {
    (void)code;
    (void)argument;
    detach(true);
}

// Sleeps on the latch, so that whoever wants the worker to leave or to read its settings again does not wait.
void sleep_for(long milliseconds) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
                    PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        schedule.next_check = 0;
        schedule.everything = true; // what a limit kept out may come in now
    }
    leave_if_held();
}

long milliseconds_of_pass_interval_left() {
    return schedule.last_pass == 0
               ? 0
               : settings::pass_interval - static_cast<long>((steady_now() - schedule.last_pass) / 1000);
}

// Over whatever the configuration file, the database or the role sets, as autovacuum does.
void override_settings() {
    const auto override = [](const char* name, const char* value) {
        SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
    };
    override("search_path", "pg_catalog, pg_temp"); // nothing that users made is found without its schema
    override("default_transaction_isolation", "read committed");
    override("default_transaction_read_only", "off");
    override("statement_timeout", "0");
    override("lock_timeout", "0");
    override("idle_in_transaction_session_timeout", "0");
#if PG_VERSION_NUM >= 170000
    override("transaction_timeout", "0");
#endif
}

[[noreturn]] void loop() {
    for (;;) {
        sleep_for(std::max(milliseconds_until_due(steady_now()), schedule.pause));
        own_status()->wake_ups += 1;
        for (long left = 0; (left = milliseconds_of_pass_interval_left()) > 0;) {
            sleep_for(left);
        }
        const int64 now = steady_now();
        leave_if_told(now);
        if (settings::enabled) {
            schedule.last_pass = now;
            work(now);
        } else {
            schedule.everything = true;
            schedule.next_check = after_seconds(now, settings::check_interval);
        }
    }
}

} // namespace

} // namespace pg::monitor

extern "C" void pg_realtime_worker_main(Datum argument) {
    using namespace pg::monitor;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);
    pgstat_report_appname("pg_realtime worker");
    override_settings();
    if (!attach()) {
        // Another one is at work, or all places are taken; the launcher says so.
        proc_exit(0);
    }
    before_shmem_exit(on_exit, 0);
    if (!has_extension()) {
        detach(false);
        proc_exit(0);
    }
    ereport(DEBUG1, (errmsg_internal("pg_realtime worker of database %u started", MyDatabaseId)));
    loop();
}
