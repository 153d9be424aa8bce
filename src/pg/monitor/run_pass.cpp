// realtime_run_pass(): a pass by hand, for servers on which the library is not preloaded.

#include "pg/monitor/pass.hpp"
#include "pg/monitor/pass_state.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(pg_realtime_run_pass);
PGDLLEXPORT Datum pg_realtime_run_pass(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    pg::monitor::PassOrder order{};
    order.check = true;
    order.flush = true;
    order.everything = true;
    order.keys.rules_changed = true;
    (void)pg::monitor::run_pass(order);
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(pg_realtime_pass_is_writing);
PGDLLEXPORT Datum pg_realtime_pass_is_writing(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(pg::monitor::pass_is_writing);
}
}
