// The SQL functions collect_metrics(), track_event(), subscribe() and unsubscribe(), and what they share.

#include "pg/monitor/operations.hpp"

namespace pg::monitor {

pg_uuid_t tenant_of(const Object& object, const Defaults& defaults) {
    if (defaults.tenant == nullptr) {
        return object.tenant();
    }
    pg_uuid_t own;
    if (object.uuid("tenantId", &own) && memcmp(own.data, defaults.tenant->data, UUID_LEN) != 0) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("%s.tenantId is not the tenant of the batch", text_of(object.place())),
                        errhint("Send a batch for each tenant.")));
    }
    return *defaults.tenant;
}

Datum run_operation(FunctionCallInfo fcinfo, Operation* operation) {
    MemoryContext caller = CurrentMemoryContext;
    static constexpr Place root{nullptr, "payload", 0};
    const Items items(payload_argument(fcinfo), &root, most_items);
    SPI_connect();
    Answer answer;
    operation(items, {nullptr, {nullptr, 0}}, answer);
    MemoryContext inner = MemoryContextSwitchTo(caller);
    Jsonb* result = answer.result();
    MemoryContextSwitchTo(inner);
    SPI_finish();
    PG_RETURN_JSONB_P(result);
}

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_collect_metrics);
PGDLLEXPORT Datum pg_realtime_collect_metrics(PG_FUNCTION_ARGS) {
    return run_operation(fcinfo, collect_metrics);
}

PG_FUNCTION_INFO_V1(pg_realtime_track_event);
PGDLLEXPORT Datum pg_realtime_track_event(PG_FUNCTION_ARGS) {
    return run_operation(fcinfo, track_events);
}

PG_FUNCTION_INFO_V1(pg_realtime_subscribe);
PGDLLEXPORT Datum pg_realtime_subscribe(PG_FUNCTION_ARGS) {
    return run_operation(fcinfo, subscribe);
}

PG_FUNCTION_INFO_V1(pg_realtime_unsubscribe);
PGDLLEXPORT Datum pg_realtime_unsubscribe(PG_FUNCTION_ARGS) {
    return run_operation(fcinfo, unsubscribe);
}
}
