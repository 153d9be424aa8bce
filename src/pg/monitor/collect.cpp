// Reports of connections from payloads.

#include "pg/monitor/assess.hpp"
#include "pg/monitor/operations.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/words.hpp"

namespace pg::monitor {

namespace {

Statement insert_reports{
    "INSERT INTO @extschema@.realtime_connection_metrics"
    "       (tenant_id, connection_id, subscription_type, total_messages_received, total_messages_sent,"
    "        avg_response_time_ms, error_count, retry_count, bytes_transferred, cpu_usage, memory_usage,"
    "        connection_count, connection_quality, health_score)"
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    {"uuid[]", "text[]", "text[]", "int8[]", "int8[]", "float8[]", "int8[]", "int4[]", "int8[]", "float8[]",
     "float8[]", "int4[]", "@extschema@.connection_quality[]", "numeric[]"}};

constexpr double most_milliseconds = 1e12, most_percent = 1e6, most_megabytes = 1e12;

struct Columns {
    Column tenants, connections, subscriptions, received, sent, response, errors, retries, bytes, cpu, memory,
        count, quality, score;
};

Columns columns_for(int count) {
    const auto room = static_cast<Size>(count);
    return {make_column_of(UUIDOID, room),
            make_column_of(TEXTOID, room),
            make_column_of(TEXTOID, room),
            make_column_of(INT8OID, room),
            make_column_of(INT8OID, room),
            make_column_of(FLOAT8OID, room),
            make_column_of(INT8OID, room),
            make_column_of(INT4OID, room),
            make_column_of(INT8OID, room),
            make_column_of(FLOAT8OID, room),
            make_column_of(FLOAT8OID, room),
            make_column_of(INT4OID, room),
            make_column_of(type_named("@extschema@.connection_quality"), room),
            make_column_of(NUMERICOID, room)};
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

int64 counter(const Object& metrics, const char* key, int64 most = PG_INT64_MAX) {
    int64 value = 0;
    (void)metrics.integer(key, most, &value);
    return value;
}

void push_measure(Column& column, const Object& object, const char* key, double most,
                  std::optional<double>* value) {
    double number = 0;
    if (object.number(key, most, &number)) {
        *value = number;
        push(column, Float8GetDatum(number));
    } else {
        push_null(column);
    }
}

void add(const Object& report, const Defaults& defaults, Columns& columns, Qualities& qualities,
         Answer& answer) {
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

    push_uuid(columns.tenants, tenant.data);
    push(columns.connections, text_datum(connection));
    push(columns.subscriptions, text_datum(subscription));
    Reported reported{};
    std::optional<double> cpu;
    reported.messages_received = counter(metrics, "messagesReceived");
    push(columns.received, Int64GetDatum(reported.messages_received));
    push(columns.sent, Int64GetDatum(counter(metrics, "messagesSent")));
    push_measure(columns.response, metrics, "avgResponseTime", most_milliseconds, &reported.response_time_ms);
    reported.errors = counter(metrics, "errorCount");
    push(columns.errors, Int64GetDatum(reported.errors));
    reported.retries = counter(metrics, "retryCount", PG_INT32_MAX);
    push(columns.retries, Int32GetDatum(static_cast<int32>(reported.retries)));
    push(columns.bytes, Int64GetDatum(counter(metrics, "bytesTransferred")));
    push_measure(columns.cpu, health, "cpuUsage", most_percent, &cpu);
    push_measure(columns.memory, health, "memoryUsage", most_megabytes, &reported.memory_megabytes);
    int64 connections = 0;
    if (health.integer("connectionCount", PG_INT32_MAX, &connections)) {
        push(columns.count, Int32GetDatum(static_cast<int32>(connections)));
    } else {
        push_null(columns.count);
    }
    const metric::Quality quality = quality_of(reported);
    push(columns.quality, datum_of(qualities, quality, columns.quality.type));
    const std::optional<metric::HealthScore> score = score_of(reported);
    score ? push(columns.score, NumericGetDatum(score_numeric(*score))) : push_null(columns.score);

    answer.begin_object();
    answer.key("tenantId");
    answer.uuid(tenant);
    answer.key("connectionId");
    answer.text(connection.data, connection.length);
    answer.key("subscriptionType");
    answer.text(subscription.data, subscription.length);
    answer.key("connectionQuality");
    answer.text(word_of(quality));
    answer.key("healthScore");
    score ? answer.number(score_numeric(*score)) : answer.null();
    answer.key("recordedAt");
    answer.time(GetCurrentTransactionStartTimestamp());
    answer.end_object();
}

} // namespace

void collect_metrics(const Items& items, const Defaults& defaults, Answer& answer) {
    Columns columns = columns_for(items.count());
    Qualities qualities{};
    if (items.is_array()) {
        answer.begin_array();
    }
    for (int index = 0; index < items.count(); ++index) {
        Place place;
        add(items.item(index, &place), defaults, columns, qualities, answer);
    }
    if (items.is_array()) {
        answer.end_array();
    }
    if (items.count() == 0) {
        return;
    }
    Column* const all[] = {&columns.tenants, &columns.connections, &columns.subscriptions, &columns.received,
                           &columns.sent,    &columns.response,    &columns.errors,        &columns.retries,
                           &columns.bytes,   &columns.cpu,         &columns.memory,        &columns.count,
                           &columns.quality, &columns.score};
    Datum arguments[lengthof(all)];
    for (Size index = 0; index < lengthof(all); ++index) {
        arguments[index] = array_of(*all[index]);
    }
    (void)run(insert_reports, arguments, nullptr, false);
}

} // namespace pg::monitor
