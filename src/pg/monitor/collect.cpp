// Reports of connections from payloads.

#include <utility>

#include "metric/range.hpp"
#include "pg/monitor/assess.hpp"
#include "pg/monitor/operations.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/words.hpp"

namespace pg::monitor {

namespace {

// The rows come as one array of the table's own type: an array of each column would be unpacked into a tuplestore of its own.
#define PG_REALTIME_REPORT_COLUMNS                                                                           \
    "tenant_id, connection_id, subscription_type, total_messages_received, total_messages_sent,"             \
    " avg_response_time_ms, error_count, retry_count, bytes_transferred, cpu_usage, memory_usage,"           \
    " connection_count, connection_quality, health_score"
Statement insert_reports{"INSERT INTO @extschema@.realtime_connection_metrics (" PG_REALTIME_REPORT_COLUMNS
                         ")"
                         " SELECT " PG_REALTIME_REPORT_COLUMNS " FROM unnest($1)",
                         {"@extschema@.realtime_connection_metrics[]"}};
#undef PG_REALTIME_REPORT_COLUMNS

// action is what a client of the guide's function says it wants; type is that of a batch's item which is the report itself.
constexpr const char* report_members[] = {"tenantId", "connectionId", "subscriptionType",
                                          "metrics",  "healthData",   "action",
                                          "batchId",  "type",         "data"};
// The last two are part of what the guide's hook shows as its metrics; both are known better here.
constexpr const char* metric_members[] = {"messagesReceived",  "messagesSent", "avgResponseTime",
                                          "errorCount",        "retryCount",   "bytesTransferred",
                                          "connectionsActive", "healthScore"};
constexpr const char* health_members[] = {"cpuUsage", "memoryUsage", "connectionCount"};

enum Field {
    tenant_id,
    connection_id,
    subscription_type,
    total_messages_received,
    total_messages_sent,
    avg_response_time_ms,
    error_count,
    retry_count,
    bytes_transferred,
    cpu_usage,
    memory_usage,
    connection_count,
    connection_quality,
    health_score,
    column_count
};
constexpr const char* column_names[column_count] = {"tenant_id",           "connection_id",
                                                    "subscription_type",   "total_messages_received",
                                                    "total_messages_sent", "avg_response_time_ms",
                                                    "error_count",         "retry_count",
                                                    "bytes_transferred",   "cpu_usage",
                                                    "memory_usage",        "connection_count",
                                                    "connection_quality",  "health_score"};

// Rows of the table. Those columns that are not set take their defaults when they are inserted.
struct Rows {
    TupleDesc descriptor;
    int places[column_count];
    Datum* values; // of the row that is being made
    bool* nulls;
    Column rows;

    void set(Field column, Datum value) {
        values[places[column]] = value;
        nulls[places[column]] = false;
    }
    void set(Field column, const std::optional<double>& number) {
        if (number) {
            set(column, Float8GetDatum(*number));
        }
    }
    void finish_row() {
        push(rows, HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
        memset(nulls, true, static_cast<Size>(descriptor->natts));
    }
};

Rows rows_for(int count) {
    Rows rows{};
    const Oid type = type_named("@extschema@.realtime_connection_metrics");
    rows.descriptor = lookup_rowtype_tupdesc(type, -1);
    for (int column = 0; column < column_count; ++column) {
        const int place = SPI_fnumber(rows.descriptor, column_names[column]);
        if (place <= 0) {
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("table \"realtime_connection_metrics\" has no column \"%s\"",
                                   column_names[column]),
                            errhint("DROP EXTENSION pg_realtime; CREATE EXTENSION pg_realtime;")));
        }
        rows.places[column] = place - 1;
    }
    const auto attributes = static_cast<Size>(rows.descriptor->natts);
    rows.values = static_cast<Datum*>(palloc0(sizeof(Datum) * attributes));
    rows.nulls = static_cast<bool*>(palloc(attributes));
    memset(rows.nulls, true, attributes);
    rows.rows = make_column_of(type, static_cast<Size>(count));
    return rows;
}

// Labels as Datums, looked up once a call.
struct Qualities {
    Datum datums[4];
    bool known[4] = {};
};

Datum datum_of(Qualities& qualities, metric::Quality quality, Oid type) {
    const auto index = static_cast<Size>(quality);
    if (!qualities.known[index]) {
        qualities.datums[index] =
            DirectFunctionCall2(enum_in, CStringGetDatum(word_of(quality)), ObjectIdGetDatum(type));
        qualities.known[index] = true;
    }
    return qualities.datums[index];
}

int64 counter(const Object& metrics, const char* key, int64 most = metric::most_counter) {
    int64 value = 0;
    (void)metrics.integer(key, most, &value);
    return value;
}

std::optional<double> measure(const Object& object, const char* key, double most) {
    double number = 0;
    return object.number(key, most, &number) ? std::optional<double>(number) : std::nullopt;
}

// What all answers of a call share.
struct Answers {
    JsonbValue time;
    pg_uuid_t tenant;
    JsonbValue tenant_text; // of that tenant: most calls are about one
    JsonbValue* values;
};

JsonbValue json_text(const char* text, int length) {
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char*>(text);
    value.val.string.len = length;
    return value;
}

JsonbValue json_text(const char* text) {
    return json_text(text, static_cast<int>(strlen(text)));
}

Answers answers_for(int count) {
    constexpr Size room = 160; // the server's longest date has 128
    Answers answers{};
    char* time = static_cast<char*>(palloc(room));
    answers.time = json_text(JsonEncodeDateTime(
        time, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), TIMESTAMPTZOID, nullptr));
    answers.values = static_cast<JsonbValue*>(palloc(sizeof(JsonbValue) * static_cast<Size>(count + 1)));
    return answers;
}

// Members of an object in jsonb's order: shorter names first.
JsonbValue answer_of(Answers& answers, const pg_uuid_t& tenant, const Text& connection,
                     const Text& subscription, metric::Quality quality, const std::optional<Numeric>& score) {
    if (answers.tenant_text.val.string.val == nullptr ||
        memcmp(answers.tenant.data, tenant.data, UUID_LEN) != 0) {
        answers.tenant = tenant;
        answers.tenant_text =
            json_text(DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&tenant))));
    }
    JsonbValue score_value;
    score_value.type = jbvNull;
    if (score) {
        score_value.type = jbvNumeric;
        score_value.val.numeric = *score;
    }
    const std::pair<const char*, JsonbValue> members[] = {
        {"tenantId", answers.tenant_text},
        {"recordedAt", answers.time},
        {"healthScore", score_value},
        {"connectionId", json_text(connection.data, connection.length)},
        {"subscriptionType", json_text(subscription.data, subscription.length)},
        {"connectionQuality", json_text(word_of(quality))}};
    JsonbValue object;
    object.type = jbvObject;
    object.val.object.nPairs = static_cast<int>(std::size(members));
    object.val.object.pairs = static_cast<JsonbPair*>(palloc(sizeof(JsonbPair) * std::size(members)));
    for (Size index = 0; index < std::size(members); ++index) {
        object.val.object.pairs[index] = {json_text(members[index].first), members[index].second,
                                          static_cast<uint32>(index)};
    }
    return object;
}

JsonbValue add(const Object& report, const Defaults& defaults, Rows& rows, Qualities& qualities,
               Answers& answers) {
    report.only(report_members);
    const pg_uuid_t tenant = tenant_of(report, defaults);
    Text connection = report.text("connectionId");
    if (connection.missing()) {
        connection =
            defaults.connection.missing() ? report.required_text("connectionId") : defaults.connection;
    }
    const Text subscription = report.required_text("subscriptionType");
    if (subscription.length == 1 && subscription.data[0] == '*') {
        refuse(report.place(), "subscriptionType", "must not be *, which stands for the tenant as a whole");
    }
    Place metrics_place, health_place;
    const Object metrics = report.object("metrics", &metrics_place);
    const Object health = report.object("healthData", &health_place);
    metrics.only(metric_members);
    health.only(health_members);

    rows.set(tenant_id, UUIDPGetDatum(&tenant));
    rows.set(connection_id, text_datum(connection));
    rows.set(subscription_type, text_datum(subscription));
    Reported reported{};
    reported.messages_received = counter(metrics, "messagesReceived");
    rows.set(total_messages_received, Int64GetDatum(reported.messages_received));
    rows.set(total_messages_sent, Int64GetDatum(counter(metrics, "messagesSent")));
    reported.response_time_ms = measure(metrics, "avgResponseTime", metric::most_number);
    rows.set(avg_response_time_ms, reported.response_time_ms);
    reported.errors = counter(metrics, "errorCount");
    rows.set(error_count, Int64GetDatum(reported.errors));
    reported.retries = counter(metrics, "retryCount", PG_INT32_MAX);
    rows.set(retry_count, Int32GetDatum(static_cast<int32>(reported.retries)));
    rows.set(bytes_transferred, Int64GetDatum(counter(metrics, "bytesTransferred")));
    rows.set(cpu_usage, measure(health, "cpuUsage", metric::most_number));
    reported.memory_megabytes = measure(health, "memoryUsage", metric::most_number);
    rows.set(memory_usage, reported.memory_megabytes);
    int64 connections = 0;
    if (health.integer("connectionCount", metric::most_reported_connections, &connections)) {
        rows.set(connection_count, Int32GetDatum(static_cast<int32>(connections)));
    }
    const metric::Quality quality = quality_of(reported);
    rows.set(connection_quality,
             datum_of(qualities, quality,
                      TupleDescAttr(rows.descriptor, rows.places[connection_quality])->atttypid));
    const std::optional<metric::HealthScore> computed = score_of(reported);
    std::optional<Numeric> score;
    if (computed) {
        score = score_numeric(*computed);
        rows.set(health_score, NumericGetDatum(*score));
    }
    rows.finish_row();
    return answer_of(answers, tenant, connection, subscription, quality, score);
}

} // namespace

void collect_metrics(const Items& items, const Defaults& defaults, Answer& answer) {
    Rows rows = rows_for(items.count());
    Qualities qualities{};
    Answers answers = answers_for(items.count());
    for (int index = 0; index < items.count(); ++index) {
        Place place;
        answers.values[index] = add(items.item(index, &place), defaults, rows, qualities, answers);
    }
    ReleaseTupleDesc(rows.descriptor);
    if (items.is_array()) {
        JsonbValue array;
        array.type = jbvArray;
        array.val.array.nElems = items.count();
        array.val.array.elems = answers.values;
        array.val.array.rawScalar = false;
        answer.tree(array);
    } else {
        answer.tree(answers.values[0]);
    }
    if (items.count() > 0) {
        Datum arguments[] = {array_of(rows.rows)};
        (void)run(insert_reports, arguments, nullptr, false);
    }
}

} // namespace pg::monitor
