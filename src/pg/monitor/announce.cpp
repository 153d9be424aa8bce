#include "monitor/announcement.hpp"
#include "pg/guard.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/store.hpp"
#include "pg/monitor/words.hpp"
#include "value/uuid.hpp"
#include "wire/datetime.hpp"

namespace pg::monitor {

namespace {

Statement open_alerts{
    "INSERT INTO @extschema@.alert_instances (tenant_id, id, rule_id, subscription_type, severity, kind, "
    "message, "
    "metric_value,"
    "       threshold_value, triggered_at, group_name, labels)"
    " SELECT u.a, u.b, u.c, u.d, u.e::@extschema@.alert_severity, u.f, u.g, u.h, u.i, $10, NULLIF(u.j, ''),"
    "        COALESCE((SELECT r.labels FROM @extschema@.alert_rules r WHERE r.tenant_id = u.a AND r.rule_id "
    "= u.c),"
    "                 (SELECT r.labels FROM @extschema@.alert_rules r WHERE r.tenant_id IS NULL AND "
    "r.rule_id = u.c), "
    "'{}')"
    "   FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $11) u(a, b, c, d, e, f, g, h, i, j)",
    {"uuid[]", "uuid[]", "text[]", "text[]", "text[]", "text[]", "text[]", "float8[]", "float8[]",
     "timestamptz", "text[]"}};

Statement end_alerts{
    "UPDATE @extschema@.alert_instances a SET status = 'resolved', resolved_at = $4, resolution = u.c"
    "  FROM unnest($1, $2, $3) u(a, b, c)"
    " WHERE a.tenant_id = u.a AND a.id = u.b AND a.status <> 'resolved'",
    {"uuid[]", "uuid[]", "text[]", "timestamptz"}};

Statement escalate_alerts{
    "UPDATE @extschema@.alert_instances a SET severity = u.c::@extschema@.alert_severity, escalated_at = $4"
    "  FROM unnest($1, $2, $3) u(a, b, c)"
    " WHERE a.tenant_id = u.a AND a.id = u.b AND a.status <> 'resolved'",
    {"uuid[]", "uuid[]", "text[]", "timestamptz"}};

Statement store_states{
    "INSERT INTO @extschema@.alert_states (tenant_id, rule_id, subscription_type, state, alert_id, severity, "
    "since, "
    "breach_since,"
    "       clear_since, no_data_since, error_since, last_value, last_notified_at, last_notified_severity,"
    "       firing_notified, flaps, resolve_owed_alert_id, fired_at, clock_offset)"
    " SELECT u.a, u.b, u.c, u.d::@extschema@.alert_state, u.e, u.f::@extschema@.alert_severity, u.g, u.h, "
    "u.i, u.j, u.k, u.l, u.m,"
    "        u.n::@extschema@.alert_severity, u.o, u.p::timestamptz[], u.q, u.r, $19"
    "   FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
    "        u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)"
    " ON CONFLICT (tenant_id, rule_id, subscription_type) DO UPDATE SET"
    "   state = excluded.state, alert_id = excluded.alert_id, severity = excluded.severity, since = "
    "excluded.since,"
    "   breach_since = excluded.breach_since, clear_since = excluded.clear_since, no_data_since = "
    "excluded.no_data_since,"
    "   error_since = excluded.error_since, last_value = excluded.last_value,"
    "   last_notified_at = excluded.last_notified_at, last_notified_severity = "
    "excluded.last_notified_severity,"
    "   firing_notified = excluded.firing_notified, flaps = excluded.flaps, resolve_owed_alert_id = "
    "excluded.resolve_owed_alert_id,"
    "   fired_at = excluded.fired_at, clock_offset = excluded.clock_offset",
    {"uuid[]", "text[]", "text[]", "text[]", "uuid[]", "text[]", "timestamptz[]", "timestamptz[]",
     "timestamptz[]", "timestamptz[]", "timestamptz[]", "float8[]", "timestamptz[]", "text[]", "bool[]",
     "text[]", "uuid[]", "timestamptz[]", "int8"}};

Statement forget_states{"DELETE FROM @extschema@.alert_states s USING unnest($1, $2, $3) u(a, b, c)"
                        " WHERE s.tenant_id = u.a AND s.rule_id = u.b AND s.subscription_type = u.c",
                        {"uuid[]", "text[]", "text[]"}};

// The order of the array is that in which the decisions were made.
Statement enqueue{"SELECT sum(@extschema@.realtime_enqueue_notifications(u.a, u.b, u.c)) FROM unnest($1, $2, "
                  "$3) u(a, b, c)",
                  {"uuid[]", "uuid[]", "text[]"}};

Statement mark_notified{
    "UPDATE @extschema@.alert_instances a SET notified_at = $3 FROM unnest($1, $2) u(a, b)"
    " WHERE a.tenant_id = u.a AND a.id = u.b AND a.notified_at IS NULL",
    {"uuid[]", "uuid[]", "timestamptz"}};

void push_string(Column& column, std::string_view text) {
    push_text(column, text.data(), text.size());
}

void push_id(Column& column, const core::Uuid& id) {
    id.empty() ? push_null(column) : push_uuid(column, id.bytes.data());
}

void push_time(Column& column, metric::Time time, metric::Time offset) {
    time == metric::never ? push_null(column) : push(column, TimestampTzGetDatum(time - offset));
}

void push_tenant(Column& column, const core::Action& action) {
    push_uuid(column, action.tenant->id.bytes.data());
}

// An array literal, because unnest() would take an array of arrays apart to its elements.
void push_times(Column& column, const alert::Instance& state, metric::Time offset) {
    StringInfoData literal;
    initStringInfo(&literal);
    appendStringInfoChar(&literal, '{');
    for (int index = 0; index < state.flap_count; ++index) {
        char text[wire::longest_datetime];
        const char* end = wire::format_timestamp(text, state.flaps[static_cast<Size>(index)] - offset, true);
        appendStringInfo(&literal, "%s\"%.*s\"", index > 0 ? "," : "", static_cast<int>(end - text), text);
    }
    appendStringInfoChar(&literal, '}');
    push_text(column, literal.data, static_cast<Size>(literal.len));
}

void write_opened(const core::Announcement& announcement, TimestampTz now) {
    const Size count = announcement.opened.size();
    if (count == 0) {
        return;
    }
    Column tenants = make_column_of(UUIDOID, count);
    Column ids = make_column_of(UUIDOID, count);
    Column rules = make_column_of(TEXTOID, count);
    Column subscriptions = make_column_of(TEXTOID, count);
    Column severities = make_column_of(TEXTOID, count);
    Column kinds = make_column_of(TEXTOID, count);
    Column messages = make_column_of(TEXTOID, count);
    Column values = make_column_of(FLOAT8OID, count);
    Column thresholds = make_column_of(FLOAT8OID, count);
    Column groups = make_column_of(TEXTOID, count);
    for (const core::OpenedAlert& alert : announcement.opened) {
        const core::Action& action = *alert.action;
        push_tenant(tenants, action);
        push_id(ids, alert.id);
        push_string(rules, action.rule_id);
        push_string(subscriptions, action.watch->subscription_type);
        push_string(severities, alert::name_of(action.state.severity));
        push_string(kinds, alert.kind);
        push_string(messages, alert.message);
        if (action.has_value) {
            push(values, Float8GetDatum(action.value));
        } else {
            push_null(values);
        }
        push(thresholds, Float8GetDatum(action.rule->condition.threshold));
        push_string(groups, action.rule->group_name);
    }
    Datum arguments[] = {array_of(tenants),        array_of(ids),        array_of(rules),
                         array_of(subscriptions),  array_of(severities), array_of(kinds),
                         array_of(messages),       array_of(values),     array_of(thresholds),
                         TimestampTzGetDatum(now), array_of(groups)};
    run(open_alerts, arguments, nullptr, false);
}

void write_ended(const core::Announcement& announcement, TimestampTz now) {
    const Size count = announcement.ended.size();
    if (count == 0) {
        return;
    }
    Column tenants = make_column_of(UUIDOID, count);
    Column ids = make_column_of(UUIDOID, count);
    Column reasons = make_column_of(TEXTOID, count);
    for (const core::EndedAlert& alert : announcement.ended) {
        push_tenant(tenants, *alert.action);
        push_id(ids, alert.id);
        push_string(reasons, alert.resolution);
    }
    Datum arguments[] = {array_of(tenants), array_of(ids), array_of(reasons), TimestampTzGetDatum(now)};
    run(end_alerts, arguments, nullptr, false);
}

void write_escalated(const core::Announcement& announcement, TimestampTz now) {
    const Size count = announcement.escalated.size();
    if (count == 0) {
        return;
    }
    Column tenants = make_column_of(UUIDOID, count);
    Column ids = make_column_of(UUIDOID, count);
    Column severities = make_column_of(TEXTOID, count);
    for (const core::EscalatedAlert& alert : announcement.escalated) {
        push_tenant(tenants, *alert.action);
        push_id(ids, alert.id);
        push_string(severities, alert::name_of(alert.action->state.severity));
    }
    Datum arguments[] = {array_of(tenants), array_of(ids), array_of(severities), TimestampTzGetDatum(now)};
    run(escalate_alerts, arguments, nullptr, false);
}

void write_states(const core::Announcement& announcement, const metric::Timeline& timeline) {
    const Size count = announcement.states.size();
    if (count == 0) {
        return;
    }
    static const Oid types[] = {
        UUIDOID,        TEXTOID,        TEXTOID,        TEXTOID,        UUIDOID,        TEXTOID,
        TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, FLOAT8OID,
        TIMESTAMPTZOID, TEXTOID,        BOOLOID,        TEXTOID,        UUIDOID,        TIMESTAMPTZOID};
    const metric::Time offset = timeline.offset();
    Column columns[lengthof(types)];
    for (Size index = 0; index < lengthof(types); ++index) {
        columns[index] = make_column_of(types[index], count);
    }
    Column forgotten_tenants = make_column_of(UUIDOID, count);
    Column forgotten_rules = make_column_of(TEXTOID, count);
    Column forgotten_subscriptions = make_column_of(TEXTOID, count);
    for (const core::Action* action : announcement.states) {
        if (!core::Announcement::is_remembered(*action, timeline.now())) {
            push_tenant(forgotten_tenants, *action);
            push_string(forgotten_rules, action->rule_id);
            push_string(forgotten_subscriptions, action->watch->subscription_type);
            continue;
        }
        const alert::Instance& state = action->state;
        push_tenant(columns[0], *action);
        push_string(columns[1], action->rule_id);
        push_string(columns[2], action->watch->subscription_type);
        push_string(columns[3], alert::name_of(state.state));
        push_id(columns[4], state.has_alert ? action->alert_id : core::Uuid{});
        push_string(columns[5], alert::name_of(state.severity));
        push_time(columns[6], state.since == metric::never ? timeline.now() : state.since, offset);
        push_time(columns[7], state.breach_since, offset);
        push_time(columns[8], state.clear_since, offset);
        push_time(columns[9], state.no_data_since, offset);
        push_time(columns[10], state.error_since, offset);
        push(columns[11], Float8GetDatum(state.last_value));
        push_time(columns[12], state.last_notified_at, offset);
        push_string(columns[13], alert::name_of(state.last_notified_severity));
        push(columns[14], BoolGetDatum(state.firing_notified));
        push_times(columns[15], state, offset);
        push_id(columns[16], action->still_owed_alert_id);
        push_time(columns[17], state.fired_at, offset);
    }
    if (columns[0].count > 0) {
        Datum arguments[lengthof(types) + 1];
        for (Size index = 0; index < lengthof(types); ++index) {
            arguments[index] = array_of(columns[index]);
        }
        arguments[lengthof(types)] = Int64GetDatum(offset);
        run(store_states, arguments, nullptr, false);
    }
    if (forgotten_tenants.count > 0) {
        Datum arguments[] = {array_of(forgotten_tenants), array_of(forgotten_rules),
                             array_of(forgotten_subscriptions)};
        run(forget_states, arguments, nullptr, false);
    }
}

void write_owed(const core::Announcement& announcement, TimestampTz now) {
    const Size count = announcement.owed.size();
    if (count == 0) {
        return;
    }
    Column tenants = make_column_of(UUIDOID, count);
    Column ids = make_column_of(UUIDOID, count);
    Column kinds = make_column_of(TEXTOID, count);
    Column fired_tenants = make_column_of(UUIDOID, count);
    Column fired_ids = make_column_of(UUIDOID, count);
    for (const core::OwedNotification& notification : announcement.owed) {
        push_tenant(tenants, *notification.action);
        push_id(ids, notification.alert_id);
        push_string(kinds, notification.kind);
        if (notification.action->decision.notification == alert::Notification::Firing) {
            push_tenant(fired_tenants, *notification.action);
            push_id(fired_ids, notification.alert_id);
        }
    }
    Datum arguments[] = {array_of(tenants), array_of(ids), array_of(kinds)};
    run(enqueue, arguments, nullptr, false);
    if (fired_tenants.count > 0) {
        Datum fired[] = {array_of(fired_tenants), array_of(fired_ids), TimestampTzGetDatum(now)};
        run(mark_notified, fired, nullptr, false);
    }
}

void write_uuid(const core::Uuid& uuid, char* to) {
    value::format_uuid(to, reinterpret_cast<const char*>(uuid.bytes.data()));
}

core::Uuid random_uuid() {
    core::Uuid uuid;
    if (!pg_strong_random(uuid.bytes.data(), uuid.bytes.size())) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    }
    uuid.bytes[6] = static_cast<unsigned char>((uuid.bytes[6] & 0x0f) | 0x40); // version 4
    uuid.bytes[8] = static_cast<unsigned char>((uuid.bytes[8] & 0x3f) | 0x80); // variant of RFC 4122
    return uuid;
}

} // namespace

void build_announcement(Model& model, core::Announcement& announcement) {
    const TimestampTz now = model.engine->timeline().wall();
    const Size opening = core::Announcement::count_opening(*model.engine);
    auto* ids = static_cast<core::Uuid*>(palloc(sizeof(core::Uuid) * (opening + 1)));
    for (Size index = 0; index < opening; ++index) {
        ids[index] = random_uuid();
    }
    char now_text[wire::longest_datetime];
    const char* now_end = wire::format_timestamp(now_text, now, true);
    guarded([&] {
        announcement.build(*model.engine, std::vector<core::Uuid>(ids, ids + opening),
                           {write_uuid, {now_text, static_cast<Size>(now_end - now_text)}});
    });
}

void write_announcement(const core::Announcement& announcement, const metric::Timeline& timeline) {
    const TimestampTz now = timeline.wall();
    write_opened(announcement, now);
    write_ended(announcement, now);
    write_escalated(announcement, now);
    write_states(announcement, timeline);
    write_owed(announcement, now);
}

} // namespace pg::monitor
