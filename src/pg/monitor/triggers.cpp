// Row triggers on our own tables: they complete what a writer left out and tell the worker whose data came in. They run no SQL.

#include <cmath>

#include "pg/monitor/assess.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/monitor/pass_state.hpp"
#include "pg/monitor/words.hpp"
#include "pg/postgres.hpp"
#include "pg/tuple.hpp"

namespace pg::monitor {

namespace {

// Places of columns of one table, looked up by name once.
template <int count> struct Columns {
    Oid relation = InvalidOid;
    AttrNumber places[count] = {};
};

bool invalidated_registered = false;
uint64 invalidations = 0;

void invalidate(Datum argument, Oid relation) {
    (void)argument;
    (void)relation;
    invalidations += 1;
}

// The functions read rows as our tables have them; rows of another table would be taken for something else.
void refuse_other_tables(Relation relation) {
    Oid table = RelationGetRelid(relation);
    if (relation->rd_rel->relispartition) {
        table = llast_oid(get_partition_ancestors(table));
    }
    const Oid extension = getExtensionOfObject(RelationRelationId, table);
    if (!OidIsValid(extension) || extension != get_extension_oid("pg_realtime", true)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("table \"%s\" does not belong to extension pg_realtime",
                               RelationGetRelationName(relation)),
                        errhint("This trigger belongs to the tables of extension pg_realtime only.")));
    }
}

template <int count>
const AttrNumber* places_of(Relation relation, const char* const (&names)[count], Columns<count>& cache,
                            uint64* seen) {
    if (!invalidated_registered) {
        CacheRegisterRelcacheCallback(invalidate, 0);
        invalidated_registered = true;
    }
    if (cache.relation == RelationGetRelid(relation) && *seen == invalidations) {
        return cache.places;
    }
    cache.relation = InvalidOid;
    refuse_other_tables(relation);
    for (int index = 0; index < count; ++index) {
        cache.places[index] = static_cast<AttrNumber>(SPI_fnumber(RelationGetDescr(relation), names[index]));
        if (cache.places[index] <= 0) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(relation),
                                   names[index]),
                            errhint("This trigger belongs to the tables of extension pg_realtime only.")));
        }
    }
    cache.relation = RelationGetRelid(relation);
    *seen = invalidations;
    return cache.places;
}

TriggerData& trigger_data(FunctionCallInfo fcinfo, const char* name) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" was not called by trigger manager", name)));
    }
    return *reinterpret_cast<TriggerData*>(fcinfo->context);
}

void mark(Datum tenant, Datum subscription) {
    const varlena* text = PG_DETOAST_DATUM_PACKED(subscription);
    mark_dirty(*DatumGetUUIDP(tenant), VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

std::optional<double> optional_number(HeapTuple tuple, AttrNumber place, TupleDesc descriptor) {
    bool null = false;
    const Datum datum = read_attribute(tuple, descriptor, place, &null);
    return null || !std::isfinite(DatumGetFloat8(datum)) ? std::nullopt
                                                         : std::optional<double>(DatumGetFloat8(datum));
}

Datum score_datum(const std::optional<metric::HealthScore>& score, bool* null) {
    *null = !score;
    return score ? NumericGetDatum(score_numeric(*score)) : 0;
}

Datum enum_datum(const char* word, Oid type) {
    return DirectFunctionCall2(enum_in, CStringGetDatum(word), ObjectIdGetDatum(type));
}

} // namespace

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_report_trigger);
PGDLLEXPORT Datum pg_realtime_report_trigger(PG_FUNCTION_ARGS) {
    TriggerData& trigger = trigger_data(fcinfo, "realtime_complete_report");
    enum {
        tenant,
        subscription,
        received,
        errors,
        retries,
        response,
        memory,
        quality,
        score,
        transaction,
        recorded,
        count
    };
    static constexpr const char* names[count] = {
        "tenant_id",      "subscription_type",  "total_messages_received",
        "error_count",    "retry_count",        "avg_response_time_ms",
        "memory_usage",   "connection_quality", "health_score",
        "transaction_id", "recorded_at"};
    static Columns<count> cache;
    static uint64 seen = 0;
    const AttrNumber* place = places_of(trigger.tg_relation, names, cache, &seen);
    TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    HeapTuple row = TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) ? trigger.tg_newtuple : trigger.tg_trigtuple;
    Datum values[count];
    bool nulls[count];
    for (int index = 0; index < count; ++index) {
        values[index] = pg::read_attribute(row, descriptor, place[index], &nulls[index]);
    }
    if (nulls[tenant] || nulls[subscription]) {
        return PointerGetDatum(row); // the constraint will say it better
    }
    mark(values[tenant], values[subscription]);
    note_report(nulls[recorded] ? DT_NOEND : DatumGetTimestampTz(values[recorded]));

    int changed_places[3];
    Datum changed[3];
    bool changed_nulls[3] = {};
    int changes = 0;
    // A reader tells by it what it has not seen yet, so no one may choose it.
    const FullTransactionId current = GetTopFullTransactionId();
    if (nulls[transaction] ||
        !FullTransactionIdEquals(DatumGetFullTransactionId(values[transaction]), current)) {
        changed_places[changes] = place[transaction];
        changed[changes++] = FullTransactionIdGetDatum(current);
    }
    if (nulls[quality] || nulls[score]) {
        const Reported report{nulls[received] ? 0 : DatumGetInt64(values[received]),
                              nulls[errors] ? 0 : DatumGetInt64(values[errors]),
                              nulls[retries] ? 0 : DatumGetInt32(values[retries]),
                              optional_number(row, place[response], descriptor),
                              optional_number(row, place[memory], descriptor)};
        if (nulls[quality]) {
            changed_places[changes] = place[quality];
            changed[changes++] = enum_datum(word_of(quality_of(report)),
                                            TupleDescAttr(descriptor, place[quality] - 1)->atttypid);
        }
        if (nulls[score]) {
            changed_places[changes] = place[score];
            changed[changes] = score_datum(score_of(report), &changed_nulls[changes]);
            changes += 1;
        }
    }
    if (changes > 0) {
        row = heap_modify_tuple_by_cols(row, descriptor, changes, changed_places, changed, changed_nulls);
    }
    return PointerGetDatum(row);
}

PG_FUNCTION_INFO_V1(pg_realtime_sample_trigger);
PGDLLEXPORT Datum pg_realtime_sample_trigger(PG_FUNCTION_ARGS) {
    TriggerData& trigger = trigger_data(fcinfo, "realtime_complete_sample");
    enum { tenant, subscription, transaction, recorded, count };
    static constexpr const char* names[count] = {"tenant_id", "subscription_type", "transaction_id",
                                                 "recorded_at"};
    static Columns<count> cache;
    static uint64 seen = 0;
    const AttrNumber* place = places_of(trigger.tg_relation, names, cache, &seen);
    TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    HeapTuple row = TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) ? trigger.tg_newtuple : trigger.tg_trigtuple;
    Datum values[count];
    bool nulls[count];
    for (int index = 0; index < count; ++index) {
        values[index] = pg::read_attribute(row, descriptor, place[index], &nulls[index]);
    }
    if (nulls[tenant] || nulls[subscription]) {
        return PointerGetDatum(row);
    }
    mark(values[tenant], values[subscription]);
    note_report(nulls[recorded] ? DT_NOEND : DatumGetTimestampTz(values[recorded]));
    const FullTransactionId current = GetTopFullTransactionId();
    if (nulls[transaction] ||
        !FullTransactionIdEquals(DatumGetFullTransactionId(values[transaction]), current)) {
        int changed_place = place[transaction];
        Datum changed = FullTransactionIdGetDatum(current);
        bool null = false;
        row = heap_modify_tuple_by_cols(row, descriptor, 1, &changed_place, &changed, &null);
    }
    return PointerGetDatum(row);
}

PG_FUNCTION_INFO_V1(pg_realtime_health_trigger);
PGDLLEXPORT Datum pg_realtime_health_trigger(PG_FUNCTION_ARGS) {
    TriggerData& trigger = trigger_data(fcinfo, "realtime_complete_health");
    const bool update = TRIGGER_FIRED_BY_UPDATE(trigger.tg_event);
    HeapTuple row = update ? trigger.tg_newtuple : trigger.tg_trigtuple;
    if (pass_is_writing) {
        return PointerGetDatum(row);
    }
    enum { tenant, subscription, errors, retries, p95, average, memory, score, reported, count };
    static constexpr const char* names[count] = {"tenant_id",    "subscription_type", "error_rate",
                                                 "retry_rate",   "p95_latency_ms",    "avg_latency_ms",
                                                 "memory_usage", "health_score",      "reported"};
    static Columns<count> cache;
    static uint64 seen = 0;
    const AttrNumber* place = places_of(trigger.tg_relation, names, cache, &seen);
    TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    bool tenant_null = false;
    bool subscription_null = false;
    const Datum tenant_value = pg::read_attribute(row, descriptor, place[tenant], &tenant_null);
    const Datum subscription_value =
        pg::read_attribute(row, descriptor, place[subscription], &subscription_null);
    if (tenant_null || subscription_null) {
        return PointerGetDatum(row);
    }
    mark(tenant_value, subscription_value);

    bool score_null = false;
    const Datum given = pg::read_attribute(row, descriptor, place[score], &score_null);
    bool keep_score = !score_null;
    if (update && keep_score) {
        bool before_null = false;
        const Datum before = pg::read_attribute(trigger.tg_trigtuple, descriptor, place[score], &before_null);
        keep_score = before_null || !DatumGetBool(DirectFunctionCall2(numeric_eq, before, given));
    }
    // An INSERT says itself whether a user wrote it (the default); a dump brings back what the worker wrote, too.
    int changed_places[2] = {place[reported], place[score]};
    Datum changed[2] = {BoolGetDatum(true), 0};
    bool changed_nulls[2] = {};
    const int first = update ? 0 : 1;
    int last = 0;
    if (!keep_score) {
        metric::HealthInput input;
        input.response_time_ms = optional_number(row, place[p95], descriptor);
        if (!input.response_time_ms) {
            input.response_time_ms = optional_number(row, place[average], descriptor);
        }
        input.error_rate = optional_number(row, place[errors], descriptor);
        input.retry_count = optional_number(row, place[retries], descriptor);
        input.memory_percent = memory_percent(optional_number(row, place[memory], descriptor));
        changed[1] = score_datum(metric::health_score(input), &changed_nulls[1]);
        last = 1;
    }
    if (first > last) {
        return PointerGetDatum(row);
    }
    return PointerGetDatum(heap_modify_tuple_by_cols(
        row, descriptor, last - first + 1, changed_places + first, changed + first, changed_nulls + first));
}

PG_FUNCTION_INFO_V1(pg_realtime_configuration_trigger);
PGDLLEXPORT Datum pg_realtime_configuration_trigger(PG_FUNCTION_ARGS) {
    TriggerData& trigger = trigger_data(fcinfo, "realtime_note_configuration");
    if (pass_is_writing) {
        return PointerGetDatum(nullptr);
    }
    if (!TRIGGER_FIRED_FOR_ROW(trigger.tg_event)) { // TRUNCATE
        mark_configuration_dirty(nullptr);
        return PointerGetDatum(nullptr);
    }
    static constexpr const char* names[] = {"tenant_id"};
    static Columns<1> cache;
    static uint64 seen = 0;
    const AttrNumber* place = places_of(trigger.tg_relation, names, cache, &seen);
    TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    HeapTuple const rows[] = {trigger.tg_trigtuple,
                              TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) ? trigger.tg_newtuple : nullptr};
    for (HeapTuple row : rows) {
        if (row != nullptr) {
            bool null = false;
            const Datum tenant = pg::read_attribute(row, descriptor, place[0], &null);
            mark_configuration_dirty(null ? nullptr : DatumGetUUIDP(tenant));
        }
    }
    return PointerGetDatum(nullptr);
}
}
