// calculate_health_score() and assess_connection_quality().

#include "metric/health.hpp"

#include <cmath>

#include "pg/guard.hpp"
#include "pg/monitor/words.hpp"
#include "pg/postgres.hpp"

namespace {

std::optional<double> finite_argument(FunctionCallInfo fcinfo, int number, const char* name) {
    if (PG_ARGISNULL(number)) {
        return std::nullopt;
    }
    const double value = PG_GETARG_FLOAT8(number);
    if (!std::isfinite(value)) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be finite, not %g", name, value)));
    }
    return value;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_calculate_health_score);
PGDLLEXPORT Datum pg_realtime_calculate_health_score(PG_FUNCTION_ARGS) {
    metric::HealthInput input;
    input.response_time_ms = finite_argument(fcinfo, 0, "response_time");
    input.error_rate = finite_argument(fcinfo, 1, "error_rate");
    if (!PG_ARGISNULL(2)) {
        input.retry_count = PG_GETARG_INT32(2);
    }
    input.memory_percent = finite_argument(fcinfo, 3, "memory_usage");
    const std::optional<metric::HealthScore> score = metric::health_score(input);
    if (!score) {
        PG_RETURN_NULL();
    }
    PG_RETURN_NUMERIC(int64_div_fast_to_numeric(metric::in_tenths(score->score), 1));
}

PG_FUNCTION_INFO_V1(pg_realtime_assess_connection_quality);
PGDLLEXPORT Datum pg_realtime_assess_connection_quality(PG_FUNCTION_ARGS) {
    const metric::Quality quality = metric::connection_quality(
        PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1),
        PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2), finite_argument(fcinfo, 3, "avg_response_time"));
    PG_RETURN_DATUM(DirectFunctionCall2(enum_in, CStringGetDatum(pg::monitor::word_of(quality)),
                                        ObjectIdGetDatum(get_fn_expr_rettype(fcinfo->flinfo))));
}
}
