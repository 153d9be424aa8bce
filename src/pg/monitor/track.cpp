// realtime_track_changes(): counts the rows that a statement changed in a user's table. It reads them as they are stored, so that
// no cast, type, view or domain of a user has a part in it; only the counts are written with the rights of the extension's owner.

#include "pg/monitor/extension.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/tenant.hpp"

namespace pg::monitor {

namespace {

Statement insert_counts{
    "INSERT INTO @extschema@.realtime_metric_samples (tenant_id, subscription_type, metric, value)"
    " SELECT u.a, $3, $4, u.b FROM unnest($1, $2) u(a, b)",
    {"uuid[]", "float8[]", "text", "text"}};

struct Count {
    pg_uuid_t tenant; // the key
    int64 rows;
};

const TriggerData& checked(FunctionCallInfo fcinfo) {
    const auto* trigger =
        CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData*>(fcinfo->context) : nullptr;
    if (trigger == nullptr || TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
        !TRIGGER_FIRED_AFTER(trigger->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"realtime_track_changes\" must be an AFTER trigger for each "
                               "statement of INSERT, UPDATE or DELETE")));
    }
    return *trigger;
}

// The new rows, of a DELETE the old ones; also of an UPDATE whose trigger names only those.
Tuplestorestate* changed_rows(const TriggerData& trigger) {
    Tuplestorestate* rows = trigger.tg_newtable != nullptr && !TRIGGER_FIRED_BY_DELETE(trigger.tg_event)
                                ? trigger.tg_newtable
                                : trigger.tg_oldtable;
    if (rows == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("trigger \"%s\" needs a transition table", trigger.tg_trigger->tgname),
                        errhint("Create it with REFERENCING NEW TABLE AS changed_rows (OLD TABLE for "
                                "DELETE).")));
    }
    return rows;
}

AttrNumber tenant_column_of(const TriggerData& trigger) {
    const char* table = RelationGetRelationName(trigger.tg_relation);
    const char* name = trigger.tg_trigger->tgnargs > 0 ? trigger.tg_trigger->tgargs[0] : "tenant_id";
    TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    const int column = SPI_fnumber(descriptor, name);
    if (column <= 0) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("table \"%s\" has no column \"%s\"", table, name),
                 errhint("Name the tenant column: EXECUTE FUNCTION realtime_track_changes('column').")));
    }
    Form_pg_attribute attribute = TupleDescAttr(descriptor, column - 1);
    const TenantType type = tenant_type_of(attribute->atttypid);
    if (type != TenantType::Uuid && type != TenantType::Text) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("tenant column \"%s\" of table \"%s\" has type %s", name, table,
                               format_type_be(attribute->atttypid)),
                        errhint("A tenant is a uuid; columns of type text and varchar may hold one, too.")));
    }
    if (is_virtual_generated(attribute)) {
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("tenant column \"%s\" of table \"%s\" is a virtual generated column", name, table),
                 errhint("Make it STORED.")));
    }
    return static_cast<AttrNumber>(column);
}

HTAB* count(Tuplestorestate* rows, TupleDesc descriptor, AttrNumber column) {
    HASHCTL control{};
    control.keysize = sizeof(pg_uuid_t);
    control.entrysize = sizeof(Count);
    control.hcxt = CurrentMemoryContext;
    HTAB* counts =
        hash_create("tenants of changed rows", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    const bool is_uuid = getBaseType(TupleDescAttr(descriptor, column - 1)->atttypid) == UUIDOID;
    TupleTableSlot* slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
    // Other triggers of the statement read them, too, each from a place of its own.
    tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
    tuplestore_rescan(rows);
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
        CHECK_FOR_INTERRUPTS();
        bool null = false;
        Datum value = slot_getattr(slot, column, &null);
        if (null) {
            continue;
        }
        if (!is_uuid) {
            char* letters = TextDatumGetCString(value);
            value = DirectFunctionCall1(uuid_in, CStringGetDatum(letters));
            pfree(letters);
        }
        bool found = false;
        auto* entry = static_cast<Count*>(hash_search(counts, DatumGetUUIDP(value), HASH_ENTER, &found));
        entry->rows = found ? entry->rows + 1 : 1;
        if (!is_uuid) {
            pfree(DatumGetPointer(value));
        }
    }
    ExecDropSingleTupleTableSlot(slot);
    return counts;
}

// <table>_inserts, _updates or _deletes, as the name of a metric.
const char* metric_of(const TriggerData& trigger) {
    constexpr int longest_table = 54;
    StringInfoData metric;
    initStringInfo(&metric);
    for (const char* at = RelationGetRelationName(trigger.tg_relation);
         *at != '\0' && metric.len < longest_table; at += pg_mblen(at)) {
        const bool upper = *at >= 'A' && *at <= 'Z';
        const char letter = upper ? static_cast<char>(*at - 'A' + 'a') : *at;
        const bool known =
            (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
        if (metric.len == 0 && !(letter >= 'a' && letter <= 'z')) {
            appendStringInfoChar(&metric, 't');
        }
        if (metric.len < longest_table) {
            appendStringInfoChar(&metric, known ? letter : '_');
        }
    }
    appendStringInfoString(&metric, TRIGGER_FIRED_BY_INSERT(trigger.tg_event)   ? "_inserts"
                                    : TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) ? "_updates"
                                                                                : "_deletes");
    return metric.data;
}

void store(HTAB* counts, const char* subscription, const char* metric) {
    const auto room = static_cast<Size>(hash_get_num_entries(counts));
    if (room == 0) {
        return;
    }
    Column tenants = make_column_of(UUIDOID, room);
    Column rows = make_column_of(FLOAT8OID, room);
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, counts);
    while (auto* entry = static_cast<Count*>(hash_seq_search(&scan))) {
        push_uuid(tenants, entry->tenant.data);
        push(rows, Float8GetDatum(static_cast<double>(entry->rows)));
    }
    Datum arguments[] = {array_of(tenants), array_of(rows), CStringGetTextDatum(subscription),
                         CStringGetTextDatum(metric)};
    SPI_connect();
    const Identity before = act_as_extension_owner();
    (void)run(insert_counts, arguments, nullptr, false);
    act_as(before);
    SPI_finish();
}

} // namespace

} // namespace pg::monitor

extern "C" {
PG_FUNCTION_INFO_V1(pg_realtime_track_changes);
PGDLLEXPORT Datum pg_realtime_track_changes(PG_FUNCTION_ARGS) {
    using namespace pg::monitor;
    const TriggerData& trigger = checked(fcinfo);
    Tuplestorestate* rows = changed_rows(trigger);
    const AttrNumber column = tenant_column_of(trigger);
    store(count(rows, RelationGetDescr(trigger.tg_relation), column),
          RelationGetRelationName(trigger.tg_relation), metric_of(trigger));
    return PointerGetDatum(nullptr);
}
}
