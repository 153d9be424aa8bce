#include "pg/monitor/store.hpp"

#include "pg/monitor/statement.hpp"
#include "pg/monitor/words.hpp"

namespace pg::monitor {

namespace {

Statement store_connections{
    "INSERT INTO @extschema@.realtime_connections AS c (tenant_id, subscription_type, connection_id, "
    "total_messages_received,"
    "       total_messages_sent, error_count, retry_count, bytes_transferred, avg_response_time_ms, "
    "cpu_usage,"
    "       memory_usage, connection_count, connection_quality, health_score, resets, first_seen_at, "
    "last_heartbeat_at, clock_offset)"
    " SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g::int4, u.h, u.i, u.j, u.k, u.l, "
    "u.m::@extschema@.connection_quality,"
    "        u.n::numeric(4,1), u.o, u.p, u.q, $18"
    "   FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    "        u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)"
    " ON CONFLICT (tenant_id, subscription_type, connection_id) DO UPDATE SET"
    "   total_messages_received = excluded.total_messages_received, total_messages_sent = "
    "excluded.total_messages_sent,"
    "   error_count = excluded.error_count, retry_count = excluded.retry_count,"
    "   bytes_transferred = excluded.bytes_transferred, avg_response_time_ms = excluded.avg_response_time_ms,"
    "   cpu_usage = excluded.cpu_usage, memory_usage = excluded.memory_usage,"
    "   connection_count = excluded.connection_count, connection_quality = excluded.connection_quality,"
    "   health_score = excluded.health_score, resets = excluded.resets, last_heartbeat_at = "
    "excluded.last_heartbeat_at, clock_offset = excluded.clock_offset",
    {"uuid[]", "text[]", "text[]", "int8[]", "int8[]", "int8[]", "int8[]", "int8[]", "float8[]", "float8[]",
     "float8[]", "int4[]", "text[]", "float8[]", "int4[]", "timestamptz[]", "timestamptz[]", "int8"}};

Statement store_buckets{
    "INSERT INTO @extschema@.realtime_metric_rollups (tenant_id, subscription_type, resolution, "
    "bucket_start, reports,"
    "       messages_received, messages_sent, errors, retries, bytes, latency, active_connections, "
    "stale_connections,"
    "       cpu_sum, cpu_count, memory_sum, memory_count, memory_max, health_score, clock_offset)"
    " SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j, u.k, u.l, u.m, u.n, u.o, u.p, u.q, u.r, "
    "u.s::numeric(4,1), u.t"
    "   FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
    "$20)"
    "        u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t)"
    " ON CONFLICT (tenant_id, subscription_type, resolution, bucket_start, clock_offset) DO UPDATE SET"
    "   reports = excluded.reports, messages_received = excluded.messages_received,"
    "   messages_sent = excluded.messages_sent, errors = excluded.errors, retries = excluded.retries,"
    "   bytes = excluded.bytes, latency = excluded.latency, active_connections = excluded.active_connections,"
    "   stale_connections = excluded.stale_connections, cpu_sum = excluded.cpu_sum, cpu_count = "
    "excluded.cpu_count,"
    "   memory_sum = excluded.memory_sum, memory_count = excluded.memory_count, memory_max = "
    "excluded.memory_max,"
    "   health_score = excluded.health_score",
    {"uuid[]",
     "text[]",
     "int4[]",
     "timestamptz[]",
     "int8[]",
     "int8[]",
     "int8[]",
     "int8[]",
     "int8[]",
     "int8[]",
     "@extschema@.realtime_sketch[]",
     "int4[]",
     "int4[]",
     "float8[]",
     "int8[]",
     "float8[]",
     "int8[]",
     "float8[]",
     "float8[]",
     "int8[]"}};

Statement store_sample_buckets{
    "INSERT INTO @extschema@.realtime_sample_rollups (tenant_id, subscription_type, metric, resolution, "
    "bucket_start, "
    "count, sum,"
    "       min, max, last, distribution, last_at, clock_offset)"
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    " ON CONFLICT (tenant_id, subscription_type, metric, resolution, bucket_start, clock_offset) DO UPDATE "
    "SET"
    "   count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max, last = "
    "excluded.last,"
    "   distribution = excluded.distribution, last_at = excluded.last_at",
    {"uuid[]", "text[]", "text[]", "int4[]", "timestamptz[]", "int8[]", "float8[]", "float8[]", "float8[]",
     "float8[]", "@extschema@.realtime_sketch[]", "timestamptz[]", "int8[]"}};

Statement store_positions{
    "INSERT INTO @extschema@.realtime_ingest_positions (tenant_id, subscription_type, consumed)"
    " SELECT * FROM unnest($1, $2, $3)"
    " ON CONFLICT (tenant_id, subscription_type) DO UPDATE SET consumed = excluded.consumed",
    {"uuid[]", "text[]", "pg_snapshot[]"}};

Statement store_health{
    "INSERT INTO @extschema@.realtime_health_status AS h (tenant_id, subscription_type, status, "
    "active_connections, "
    "stale_connections,"
    "       success_rate, error_rate, avg_latency_ms, p50_latency_ms, p95_latency_ms, p99_latency_ms, "
    "retry_rate,"
    "       messages_per_second, bytes_per_second, cpu_usage, memory_usage, health_score, reason, "
    "last_health_check_at,"
    "       reported)"
    " SELECT u.a, u.b, u.c::@extschema@.realtime_health, u.d, u.e, u.f, u.g, u.h, u.i, u.j, u.k, u.l, u.m, "
    "u.n, u.o, u.p,"
    "        u.q::numeric(4,1), u.r, $19, false"
    "   FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
    "        u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)"
    " ON CONFLICT (tenant_id, subscription_type) DO UPDATE SET"
    "   status = excluded.status, active_connections = excluded.active_connections,"
    "   stale_connections = excluded.stale_connections, success_rate = excluded.success_rate,"
    "   error_rate = excluded.error_rate, avg_latency_ms = excluded.avg_latency_ms,"
    "   p50_latency_ms = excluded.p50_latency_ms, p95_latency_ms = excluded.p95_latency_ms,"
    "   p99_latency_ms = excluded.p99_latency_ms, retry_rate = excluded.retry_rate,"
    "   messages_per_second = excluded.messages_per_second, bytes_per_second = excluded.bytes_per_second,"
    "   cpu_usage = excluded.cpu_usage, memory_usage = excluded.memory_usage, health_score = "
    "excluded.health_score,"
    "   reason = excluded.reason, last_health_check_at = excluded.last_health_check_at, reported = false",
    {"uuid[]", "text[]", "text[]", "int4[]", "int4[]", "float8[]", "float8[]", "float8[]", "float8[]",
     "float8[]", "float8[]", "float8[]", "float8[]", "float8[]", "float8[]", "float8[]", "float8[]", "text[]",
     "timestamptz"}};

void push_number(Column& column, const std::optional<double>& number) {
    number ? push(column, Float8GetDatum(*number)) : push_null(column);
}

void push_word(Column& column, const char* word) {
    word != nullptr ? push_text(column, word, strlen(word)) : push_null(column);
}

void push_string(Column& column, const std::string& text) {
    push_text(column, text.data(), text.size());
}

const char* reason_of(const metric::Health& health) {
    if (health.missed_heartbeats) {
        return "heartbeat";
    }
    switch (health.worst) {
    case metric::Dimension::Latency:
        return "latency";
    case metric::Dimension::Errors:
        return "errors";
    case metric::Dimension::Retries:
        return "retries";
    case metric::Dimension::Memory:
        return "memory";
    case metric::Dimension::None:
        break;
    }
    return nullptr;
}

// The columns of a statement, one for each of its array arguments.
template <int count> struct Columns {
    Column column[count];

    Columns(const Oid (&types)[count], Size room) {
        for (int index = 0; index < count; ++index) {
            column[index] = make_column_of(types[index], room);
        }
    }
    void arrays(Datum* arguments) const {
        for (int index = 0; index < count; ++index) {
            arguments[index] = array_of(column[index]);
        }
    }
};

void write_connections(const core::Outgoing& outgoing, metric::Time offset) {
    if (outgoing.connections.empty()) {
        return;
    }
    Columns<17> columns({UUIDOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID,
                         FLOAT8OID, FLOAT8OID, INT4OID, TEXTOID, FLOAT8OID, INT4OID, TIMESTAMPTZOID,
                         TIMESTAMPTZOID},
                        outgoing.connections.size());
    Column* to = columns.column;
    for (const core::ConnectionRow& row : outgoing.connections) {
        const metric::Connection& connection = *row.connection;
        push_uuid(to[0], row.tenant->id.bytes.data());
        push_string(to[1], row.watch->subscription_type);
        push_string(to[2], *row.connection_id);
        push(to[3], Int64GetDatum(connection.counters.messages_received));
        push(to[4], Int64GetDatum(connection.counters.messages_sent));
        push(to[5], Int64GetDatum(connection.counters.errors));
        push(to[6], Int64GetDatum(connection.counters.retries));
        push(to[7], Int64GetDatum(connection.counters.bytes));
        push_number(to[8], connection.avg_response_time_ms);
        push_number(to[9], connection.cpu_percent);
        push_number(to[10], connection.memory_mb);
        push(to[11], Int32GetDatum(connection.connection_count));
        push_word(to[12], connection.quality ? word_of(*connection.quality) : nullptr);
        push_number(to[13], connection.health_score);
        push(to[14], Int32GetDatum(connection.resets));
        push(to[15], TimestampTzGetDatum(connection.first_seen_at - offset));
        push(to[16], TimestampTzGetDatum(connection.heartbeat_at - offset));
    }
    Datum arguments[18];
    columns.arrays(arguments);
    arguments[17] = Int64GetDatum(offset);
    run(store_connections, arguments, nullptr, false);
}

void write_buckets(const core::Outgoing& outgoing) {
    if (outgoing.buckets.empty()) {
        return;
    }
    const Oid sketch = type_named("@extschema@.realtime_sketch");
    Columns<20> columns({UUIDOID, TEXTOID,   INT4OID, TIMESTAMPTZOID, INT8OID,   INT8OID, INT8OID,
                         INT8OID, INT8OID,   INT8OID, sketch,         INT4OID,   INT4OID, FLOAT8OID,
                         INT8OID, FLOAT8OID, INT8OID, FLOAT8OID,      FLOAT8OID, INT8OID},
                        outgoing.buckets.size());
    Column* to = columns.column;
    for (const core::BucketRow& row : outgoing.buckets) {
        const metric::Bucket& bucket = *row.bucket;
        push_uuid(to[0], row.tenant->id.bytes.data());
        push_string(to[1], row.watch->subscription_type);
        push(to[2], Int32GetDatum(row.resolution));
        push(to[3], TimestampTzGetDatum(bucket.start - bucket.offset));
        push(to[4], Int64GetDatum(bucket.reports));
        push(to[5], Int64GetDatum(bucket.increments.messages_received));
        push(to[6], Int64GetDatum(bucket.increments.messages_sent));
        push(to[7], Int64GetDatum(bucket.increments.errors));
        push(to[8], Int64GetDatum(bucket.increments.retries));
        push(to[9], Int64GetDatum(bucket.increments.bytes));
        if (bucket.latency.empty()) {
            push_null(to[10]);
        } else {
            push_bytes(to[10], row.latency.data(), row.latency.size());
        }
        push(to[11], Int32GetDatum(bucket.active_connections));
        push(to[12], Int32GetDatum(bucket.stale_connections));
        push(to[13], Float8GetDatum(bucket.cpu_sum));
        push(to[14], Int64GetDatum(bucket.cpu_count));
        push(to[15], Float8GetDatum(bucket.memory_sum));
        push(to[16], Int64GetDatum(bucket.memory_count));
        if (bucket.memory_count > 0) {
            push(to[17], Float8GetDatum(bucket.memory_max));
        } else {
            push_null(to[17]);
        }
        push_number(to[18], bucket.health_score);
        push(to[19], Int64GetDatum(bucket.offset));
    }
    Datum arguments[20];
    columns.arrays(arguments);
    run(store_buckets, arguments, nullptr, false);
}

void write_sample_buckets(const core::Outgoing& outgoing) {
    if (outgoing.sample_buckets.empty()) {
        return;
    }
    const Oid sketch = type_named("@extschema@.realtime_sketch");
    Columns<13> columns({UUIDOID, TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID, INT8OID, FLOAT8OID, FLOAT8OID,
                         FLOAT8OID, FLOAT8OID, sketch, TIMESTAMPTZOID, INT8OID},
                        outgoing.sample_buckets.size());
    Column* to = columns.column;
    for (const core::SampleBucketRow& row : outgoing.sample_buckets) {
        const metric::SampleBucket& bucket = *row.bucket;
        push_uuid(to[0], row.tenant->id.bytes.data());
        push_string(to[1], row.watch->subscription_type);
        push_string(to[2], *row.metric);
        push(to[3], Int32GetDatum(row.resolution));
        push(to[4], TimestampTzGetDatum(bucket.start - bucket.offset));
        push(to[5], Int64GetDatum(bucket.count));
        push(to[6], Float8GetDatum(bucket.sum));
        push(to[7], Float8GetDatum(bucket.min));
        push(to[8], Float8GetDatum(bucket.max));
        push(to[9], Float8GetDatum(bucket.last));
        push_bytes(to[10], row.distribution.data(), row.distribution.size());
        push(to[11], TimestampTzGetDatum(bucket.last_at - bucket.offset));
        push(to[12], Int64GetDatum(bucket.offset));
    }
    Datum arguments[13];
    columns.arrays(arguments);
    run(store_sample_buckets, arguments, nullptr, false);
}

void write_positions(const core::Outgoing& outgoing) {
    if (outgoing.positions.empty()) {
        return;
    }
    Columns<3> columns({UUIDOID, TEXTOID, type_named("pg_snapshot")}, outgoing.positions.size());
    for (const core::WatchRow& row : outgoing.positions) {
        push_uuid(columns.column[0], row.tenant->id.bytes.data());
        push_string(columns.column[1], row.watch->subscription_type);
        push_bytes(columns.column[2], row.watch->position.data(), row.watch->position.size());
    }
    Datum arguments[3];
    columns.arrays(arguments);
    run(store_positions, arguments, nullptr, false);
}

void write_health(const core::Outgoing& outgoing, TimestampTz now) {
    if (outgoing.health.empty()) {
        return;
    }
    Columns<18> columns({UUIDOID, TEXTOID, TEXTOID, INT4OID, INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
                         FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
                         FLOAT8OID, FLOAT8OID, TEXTOID},
                        outgoing.health.size());
    Column* to = columns.column;
    for (const core::WatchRow& row : outgoing.health) {
        const metric::Health& health = row.watch->health;
        push_uuid(to[0], row.tenant->id.bytes.data());
        push_string(to[1], row.watch->subscription_type);
        push_word(to[2], word_of(health.status));
        push(to[3], Int32GetDatum(health.active_connections));
        push(to[4], Int32GetDatum(health.stale_connections));
        push_number(to[5], health.success_rate);
        push_number(to[6], health.error_rate);
        push_number(to[7], health.avg_latency_ms);
        push_number(to[8], health.p50);
        push_number(to[9], health.p95);
        push_number(to[10], health.p99);
        push_number(to[11], health.retry_rate);
        push_number(to[12], health.messages_per_second);
        push_number(to[13], health.bytes_per_second);
        push_number(to[14], health.cpu_usage);
        push_number(to[15], health.memory_mb);
        push_number(to[16], health.score);
        push_word(to[17], reason_of(health));
    }
    Datum arguments[19];
    columns.arrays(arguments);
    arguments[18] = TimestampTzGetDatum(now);
    run(store_health, arguments, nullptr, false);
}

} // namespace

void write_outgoing(const core::Outgoing& outgoing, const metric::Timeline& timeline) {
    write_connections(outgoing, timeline.offset());
    write_buckets(outgoing);
    write_sample_buckets(outgoing);
    write_positions(outgoing);
    write_health(outgoing, timeline.wall());
}

} // namespace pg::monitor
