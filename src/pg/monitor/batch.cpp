// process_batch(): many operations in one call. One that fails fails alone, and a batch that is sent again is not worked on again.

#include "pg/monitor/operations.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/subtransaction.hpp"

namespace pg::monitor {

namespace {

Statement claim_batch{
    "INSERT INTO @extschema@.realtime_batches (tenant_id, batch_id, request_hash) VALUES ($1, $2, $3)"
    " ON CONFLICT DO NOTHING",
    {"uuid", "text", "bytea"}};

Statement find_batch{"SELECT request_hash = $3, response FROM @extschema@.realtime_batches WHERE tenant_id = "
                     "$1 AND batch_id = $2",
                     {"uuid", "text", "bytea"}};

Statement keep_answer{
    "UPDATE @extschema@.realtime_batches SET response = $3 WHERE tenant_id = $1 AND batch_id = $2",
    {"uuid", "text", "jsonb"}};

Statement log_batch{
    "INSERT INTO @extschema@.batch_processing_logs (tenant_id, batch_id, operation_type, item_count, "
    "succeeded_count, "
    "failed_count,"
    "                                   status, started_at, completed_at, duration_ms, error)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7::@extschema@.batch_status, $8, $9, $10, $11)",
    {"uuid", "text", "text", "int4", "int4", "int4", "text", "timestamptz", "timestamptz", "float8", "text"}};

struct Batch {
    pg_uuid_t tenant;
    Text id;
    Text operation; // may be missing
    Defaults defaults;
    const Items* items;
    TimestampTz started_at;
};

// What came of an item. Lives in the memory context of the call.
struct Outcome {
    Text type;
    Jsonb* result;    // null: it failed
    ErrorData* error; // null: it did not
};

struct Kind {
    const char* name;
    Operation* operation;
    const char* inner; // the member of the data that holds what the operation works on; null: the data itself
};

constexpr Kind kinds[] = {{"subscribe", subscribe, nullptr},
                          {"unsubscribe", unsubscribe, nullptr},
                          {"bulk_update", collect_metrics, "connectionMetrics"},
                          {"sync", sync_health, "healthStatus"},
                          {"track_event", track_events, nullptr}};

const Kind& kind_of(const Object& item, const Text& type) {
    for (const Kind& kind : kinds) {
        if (static_cast<int>(strlen(kind.name)) == type.length &&
            memcmp(kind.name, type.data, strlen(kind.name)) == 0) {
            return kind;
        }
    }
    refuse(item.place(), "type",
           psprintf("must be subscribe, unsubscribe, bulk_update, sync or track_event, not \"%.*s\"",
                    pg_mbcliplen(type.data, type.length, 100), type.data));
}

Text type_of(const Object& item, const Batch& batch) {
    const Text own = item.text("type");
    return own.missing() && !batch.operation.missing() ? batch.operation : own;
}

// An item is {type, data}; where the batch says the type, it may be the data itself.
Jsonb* work_on(const Batch& batch, int index, Text* type) {
    Place place, data_place, inner_place;
    const Object item = batch.items->item(index, &place);
    *type = type_of(item, batch);
    if (type->missing()) {
        item.only({"type", "data"});
        (void)item.required_text("type");
    }
    const Kind& kind = kind_of(item, *type);
    Object data = item.object("data", &data_place);
    if (data.missing()) {
        data = item;
    } else {
        item.only({"type", "data"});
    }
    Answer answer;
    JsonbValue inner;
    if (kind.inner != nullptr && data.find(kind.inner, &inner) && inner.type == jbvBinary) {
        inner_place = {&data.place(), kind.inner, 0};
        data.only({"connectionMetrics", "healthStatus", "tenantId", "type", "data"});
        kind.operation(Items(inner, &inner_place, most_items), batch.defaults, answer);
    } else {
        kind.operation(Items(data), batch.defaults, answer);
    }
    return answer.result();
}

// Errors of the item; all others, for example of the disk, or that the transaction has to be repeated, are the whole batch's.
bool is_error_of_item(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
    case MAKE_SQLSTATE('2', '2', '0', '0', '0'): // data
    case MAKE_SQLSTATE('2', '3', '0', '0', '0'): // constraint
    case MAKE_SQLSTATE('4', '2', '0', '0', '0'): // privilege
    case MAKE_SQLSTATE('4', '4', '0', '0', '0'): // check of a view
    case MAKE_SQLSTATE('5', '4', '0', '0', '0'): // limit
    case MAKE_SQLSTATE('P', '0', '0', '0', '0'): // raised by a trigger
        return true;
    default:
        return false;
    }
}

// Items first to last in one subtransaction. False when one failed: then nothing of them happened, and `error` says why.
bool try_items(const Batch& batch, int first, int last, Outcome* outcomes, ErrorData** error) {
    *error = in_subtransaction(is_error_of_item, [&] {
        for (int index = first; index <= last; ++index) {
            outcomes[index].result = work_on(batch, index, &outcomes[index].type);
        }
    });
    return *error == nullptr;
}

Outcome* work_on_all(const Batch& batch) {
    const int count = batch.items->count();
    auto* outcomes = static_cast<Outcome*>(palloc0(sizeof(Outcome) * static_cast<Size>(count + 1)));
    ErrorData* error = nullptr;
    // Most batches succeed, and one subtransaction costs less than one for each item.
    if (count == 0 || try_items(batch, 0, count - 1, outcomes, &error)) {
        return outcomes;
    }
    for (int index = 0; index < count; ++index) {
        outcomes[index].result = nullptr;
        CHECK_FOR_INTERRUPTS();
        if (count == 1) {
            outcomes[index].error = error;
        } else if (!try_items(batch, index, index, outcomes, &outcomes[index].error)) {
            outcomes[index].result = nullptr;
        }
    }
    return outcomes;
}

void add_outcome(Answer& answer, const Outcome& outcome, int index) {
    answer.begin_object();
    answer.key("index");
    answer.integer(index);
    if (!outcome.type.missing()) {
        answer.key("type");
        answer.text(outcome.type.data, outcome.type.length);
    }
    answer.key("status");
    answer.text(outcome.error == nullptr ? "ok" : "error");
    if (outcome.error == nullptr) {
        answer.key("result");
        answer.json(outcome.result);
    } else {
        answer.key("error");
        answer.begin_object();
        answer.key("code");
        answer.text(pstrdup(unpack_sql_state(outcome.error->sqlerrcode)));
        answer.key("message");
        answer.text(outcome.error->message);
        if (outcome.error->hint != nullptr) {
            answer.key("hint");
            answer.text(outcome.error->hint);
        }
        answer.end_object();
    }
    answer.end_object();
}

// The answer of an earlier call with the same batch; null when this is the first one.
Jsonb* earlier_answer(const Batch& batch, Datum hash) {
    Datum arguments[] = {UUIDPGetDatum(&batch.tenant), text_datum(batch.id), hash};
    if (run(claim_batch, arguments, nullptr, false) == 1) {
        return nullptr;
    }
    if (run(find_batch, arguments, nullptr, false) == 0) {
        // Committed after the snapshot of a transaction that keeps its own.
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("batch \"%.*s\" was worked on by another transaction", batch.id.length,
                               batch.id.data),
                        errhint("Repeat the transaction.")));
    }
    bool null = false;
    const bool is_same = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
    const Datum response = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null);
    if (!is_same || null) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("batch \"%.*s\" was used for another request", batch.id.length, batch.id.data),
                        errhint("Give every batch a batchId of its own; repeat a batch unchanged.")));
    }
    return DatumGetJsonbP(response);
}

Jsonb* process(const Batch& batch, Datum hash) {
    if (Jsonb* earlier = earlier_answer(batch, hash); earlier != nullptr) {
        return earlier;
    }
    const int count = batch.items->count();
    const Outcome* outcomes = work_on_all(batch);
    int failed = 0;
    const char* first_error = nullptr;
    for (int index = 0; index < count; ++index) {
        if (outcomes[index].error != nullptr) {
            failed += 1;
            first_error = first_error == nullptr ? outcomes[index].error->message : first_error;
        }
    }
    const char* status = failed == 0 ? "completed" : failed == count ? "failed" : "partial";
    const TimestampTz now = GetCurrentTimestamp();
    const double duration = static_cast<double>(now - batch.started_at) / 1000;

    Answer answer;
    answer.begin_object();
    answer.key("batchId");
    answer.text(batch.id.data, batch.id.length);
    answer.key("status");
    answer.text(status);
    answer.key("itemCount");
    answer.integer(count);
    answer.key("succeededCount");
    answer.integer(count - failed);
    answer.key("failedCount");
    answer.integer(failed);
    answer.key("completedAt");
    answer.time(now);
    answer.key("results");
    answer.begin_array();
    for (int index = 0; index < count; ++index) {
        add_outcome(answer, outcomes[index], index);
    }
    answer.end_array();
    answer.end_object();
    Jsonb* result = answer.result();

    Datum kept[] = {UUIDPGetDatum(&batch.tenant), text_datum(batch.id), JsonbPGetDatum(result)};
    (void)run(keep_answer, kept, nullptr, false);
    Datum logged[] = {UUIDPGetDatum(&batch.tenant),
                      text_datum(batch.id),
                      batch.operation.missing() ? 0 : text_datum(batch.operation),
                      Int32GetDatum(count),
                      Int32GetDatum(count - failed),
                      Int32GetDatum(failed),
                      CStringGetTextDatum(status),
                      TimestampTzGetDatum(batch.started_at),
                      TimestampTzGetDatum(now),
                      Float8GetDatum(duration),
                      first_error == nullptr ? 0 : CStringGetTextDatum(first_error)};
    char nulls[] = "           ";
    nulls[2] = batch.operation.missing() ? 'n' : ' ';
    nulls[10] = first_error == nullptr ? 'n' : ' ';
    (void)run(log_batch, logged, nulls, false);
    return result;
}

} // namespace

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {
PG_FUNCTION_INFO_V1(pg_realtime_process_batch);
PGDLLEXPORT Datum pg_realtime_process_batch(PG_FUNCTION_ARGS) {
    MemoryContext caller = CurrentMemoryContext;
    static constexpr Place root{nullptr, "payload", 0}, items_place{&root, "items", 0};
    Jsonb* payload = payload_argument(fcinfo);
    const Object asked = object_of(payload, &root);
    asked.only({"tenantId", "batchId", "operationType", "connectionId", "items", "action"});
    Batch batch{};
    batch.started_at = GetCurrentTimestamp();
    batch.tenant = asked.tenant();
    batch.id = asked.text("batchId");
    batch.operation = asked.text("operationType");
    batch.defaults = {&batch.tenant, asked.text("connectionId")};
    JsonbValue list;
    if (asked.array("items") == nullptr || !asked.find("items", &list)) {
        refuse(root, "items", "is missing");
    }
    const Items items(list, &items_place, most_items);
    batch.items = &items;
    SPI_connect();
    if (batch.id.missing()) {
        char* id = DatumGetCString(DirectFunctionCall1(uuid_out, DirectFunctionCall1(gen_random_uuid, 0)));
        batch.id = {id, static_cast<int>(strlen(id))};
    }
    const Jsonb* result = process(batch, DirectFunctionCall1(sha256_bytea, PointerGetDatum(payload)));
    MemoryContextSwitchTo(caller);
    auto* copy = static_cast<Jsonb*>(palloc(VARSIZE(result)));
    memcpy(copy, result, VARSIZE(result));
    SPI_finish();
    PG_RETURN_JSONB_P(copy);
}
}
