// realtime_worker_statistics(), behind view realtime_worker_status; and the function that wakes the launcher.

#include "pg/monitor/dirty.hpp"
#include "pg/postgres.hpp"

using namespace pg::monitor;

namespace {

Datum time_or_null(TimestampTz time, bool* null) {
    *null = time == 0;
    return TimestampTzGetDatum(time);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_worker_statistics);
PGDLLEXPORT Datum pg_realtime_worker_statistics(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    DatabaseStatus* statuses = nullptr;
    const int count = all_status(&statuses);
    for (int index = 0; index < count; ++index) {
        const WorkerStatus& status = statuses[index].status;
        Datum values[23];
        bool nulls[23] = {};
        int at = 0;
        values[at++] = ObjectIdGetDatum(statuses[index].database);
        nulls[at] = status.pid == 0;
        values[at++] = Int32GetDatum(status.pid);
        values[at] = time_or_null(status.started_at, &nulls[at]);
        at += 1;
        values[at++] = Int64GetDatum(status.wake_ups);
        values[at++] = Int64GetDatum(status.passes);
        values[at++] = Int64GetDatum(status.checks);
        values[at] = time_or_null(status.last_pass_at, &nulls[at]);
        at += 1;
        values[at] = time_or_null(status.last_check_at, &nulls[at]);
        at += 1;
        values[at++] = Float8GetDatum(status.last_pass_ms);
        values[at++] = Float8GetDatum(status.gather_ms);
        values[at++] = Float8GetDatum(status.evaluate_ms);
        values[at++] = Float8GetDatum(status.store_ms);
        values[at++] = Int64GetDatum(status.keys);
        values[at++] = Int64GetDatum(status.reports);
        values[at++] = Int64GetDatum(status.judged_together);
        values[at++] = Int64GetDatum(status.ignored);
        values[at++] = Int64GetDatum(status.rules_evaluated);
        values[at++] = Int64GetDatum(status.transitions);
        values[at++] = Int32GetDatum(statuses[index].dirty_keys);
        values[at++] = Int64GetDatum(status.overflows);
        values[at++] = Int64GetDatum(status.errors);
        nulls[at] = status.last_error[0] == '\0';
        values[at++] = CStringGetTextDatum(status.last_error);
        values[at] = time_or_null(status.last_error_at, &nulls[at]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return 0;
}

PG_FUNCTION_INFO_V1(pg_realtime_wake_launcher);
PGDLLEXPORT Datum pg_realtime_wake_launcher(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    wake_launcher_at_commit();
    PG_RETURN_BOOL(shared_memory_exists());
}
}
