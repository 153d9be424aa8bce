#include "pg/monitor/nearest.hpp"

#include <algorithm>

#include "metric/signal.hpp"
#include "pg/monitor/statement.hpp"

namespace pg::monitor {

const char* nearest(const char* name, int length, const char* const* names, int count) {
    constexpr int longest = 63;
    if (length == 0 || length > longest) {
        return nullptr;
    }
    int least = std::max(1, length / 3) + 1;
    const char* found = nullptr;
    for (int index = 0; index < count; ++index) {
        const int edits = varstr_levenshtein_less_equal(
            name, length, names[index], static_cast<int>(strlen(names[index])), 1, 1, 1, least - 1, true);
        if (edits < least) {
            least = edits;
            found = names[index];
        }
    }
    return found;
}

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {

// realtime_nearest_name(name, names): null when none is near.
PG_FUNCTION_INFO_V1(pg_realtime_nearest_name);
PGDLLEXPORT Datum pg_realtime_nearest_name(PG_FUNCTION_ARGS) {
    const text* name = PG_GETARG_TEXT_PP(0);
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    auto* names = static_cast<const char**>(palloc(sizeof(char*) * static_cast<Size>(count + 1)));
    int known = 0;
    for (int index = 0; index < count; ++index) {
        if (!nulls[index]) {
            names[known++] = TextDatumGetCString(elements[index]);
        }
    }
    const char* found = nearest(VARDATA_ANY(name), static_cast<int>(VARSIZE_ANY_EXHDR(name)), names, known);
    if (found == nullptr) {
        PG_RETURN_NULL();
    }
    PG_RETURN_TEXT_P(cstring_to_text(found));
}

// realtime_metrics(): name and aggregations of each metric that has values in the database.
PG_FUNCTION_INFO_V1(pg_realtime_metrics);
PGDLLEXPORT Datum pg_realtime_metrics(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (auto metric = static_cast<int>(metric::Metric::ErrorRate);
         metric <= static_cast<int>(metric::Metric::ReplicationLagSeconds); ++metric) {
        const auto of = static_cast<metric::Metric>(metric);
        const auto aggregations = metric::aggregations_of(of);
        if (aggregations.empty()) {
            continue;
        }
        const auto push_name = [](Column& column, std::string_view name) {
            push_text(column, name.data(), name.size());
        };
        Column column = make_column_of(TEXTOID, aggregations.size());
        for (const metric::Aggregation aggregation : aggregations) {
            push_name(column, metric::name_of(aggregation));
        }
        const std::string_view name = metric::name_of(of);
        Datum values[] = {
            PointerGetDatum(cstring_to_text_with_len(name.data(), static_cast<int>(name.size()))),
            array_of(column)};
        bool nulls[2] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return static_cast<Datum>(0);
}
}
