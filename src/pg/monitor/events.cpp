// Events and subscriptions of connections from payloads.

#include "pg/monitor/operations.hpp"
#include "pg/monitor/statement.hpp"

namespace pg::monitor {

namespace {

Statement insert_events{"INSERT INTO @extschema@.realtime_subscription_events"
                        "       (event_id, tenant_id, connection_id, subscription_type, event_type, channel, "
                        "detail, correlation_id)"
                        " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
                        {"uuid[]", "uuid[]", "text[]", "text[]", "text[]", "text[]", "jsonb[]", "text[]"}};

Statement insert_subscriptions{
    "INSERT INTO @extschema@.realtime_subscriptions (tenant_id, connection_id, channel, subscription_type, "
    "filter)"
    " SELECT DISTINCT ON (1, 2, 3) * FROM unnest($1, $2, $3, $4, $5)"
    " ON CONFLICT (tenant_id, connection_id, channel) DO UPDATE"
    "   SET subscription_type = excluded.subscription_type, filter = excluded.filter, subscribed_at = now()",
    {"uuid[]", "text[]", "text[]", "text[]", "jsonb[]"}};

Statement delete_subscription{"DELETE FROM @extschema@.realtime_subscriptions WHERE tenant_id = $1 AND "
                              "connection_id = $2 AND channel = $3",
                              {"uuid", "text", "text"}};

struct Events {
    Column ids, tenants, connections, subscriptions, types, channels, details, correlations;
};

Events events_for(int count) {
    const auto room = static_cast<Size>(count);
    return {make_column_of(UUIDOID, room),  make_column_of(UUIDOID, room), make_column_of(TEXTOID, room),
            make_column_of(TEXTOID, room),  make_column_of(TEXTOID, room), make_column_of(TEXTOID, room),
            make_column_of(JSONBOID, room), make_column_of(TEXTOID, room)};
}

void push_optional(Column& column, const Text& text) {
    text.missing() ? push_null(column) : push(column, text_datum(text));
}

void push_json(Column& column, const Object& object) {
    if (object.missing()) {
        push(column, DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
    } else {
        push(column, JsonbPGetDatum(object.as_jsonb()));
    }
}

void store(const Events& events) {
    if (events.ids.count == 0) {
        return;
    }
    Datum arguments[] = {array_of(events.ids),         array_of(events.tenants),
                         array_of(events.connections), array_of(events.subscriptions),
                         array_of(events.types),       array_of(events.channels),
                         array_of(events.details),     array_of(events.correlations)};
    (void)run(insert_events, arguments, nullptr, false);
}

// The connection of a subscription. A client that has no name for it is one connection.
Text connection_of(const Object& object, const Defaults& defaults) {
    const Text own = object.text("connectionId");
    if (!own.missing()) {
        return own;
    }
    return defaults.connection.missing() ? Text{"unnamed", 7} : defaults.connection;
}

Text channel_of(const Object& object) {
    const Text name = object.text("channelName");
    return name.missing() ? object.required_text("channel") : name;
}

struct Subscriptions {
    Column tenants, connections, channels, types, filters;
};

// Both write an event of what happened, too.
void add_event(Events& events, const pg_uuid_t& tenant, const Text& connection, const Text& subscription,
               const char* type, const Text& channel) {
    const Datum id = DirectFunctionCall1(gen_random_uuid, 0);
    push(events.ids, id);
    push_uuid(events.tenants, tenant.data);
    push(events.connections, text_datum(connection));
    push_optional(events.subscriptions, subscription);
    push_text(events.types, type, strlen(type));
    push(events.channels, text_datum(channel));
    push(events.details, DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
    push_null(events.correlations);
}

template <class Each> void for_each(const Items& items, Answer& answer, Each each) {
    if (items.is_array()) {
        answer.begin_array();
    }
    for (int index = 0; index < items.count(); ++index) {
        Place place;
        each(items.item(index, &place));
    }
    if (items.is_array()) {
        answer.end_array();
    }
}

} // namespace

void track_events(const Items& items, const Defaults& defaults, Answer& answer) {
    Events events = events_for(items.count());
    for_each(items, answer, [&](const Object& event) {
        event.only({"tenantId", "connectionId", "subscriptionType", "eventType", "channel", "detail",
                    "correlationId", "action", "batchId", "type", "data"});
        const pg_uuid_t tenant = tenant_of(event, defaults);
        const Datum id = DirectFunctionCall1(gen_random_uuid, 0);
        const Text connection = event.text("connectionId");
        push(events.ids, id);
        push_uuid(events.tenants, tenant.data);
        push_optional(events.connections, connection.missing() ? defaults.connection : connection);
        push_optional(events.subscriptions, event.text("subscriptionType"));
        push(events.types, text_datum(event.required_text("eventType")));
        push_optional(events.channels, event.text("channel"));
        Place place;
        push_json(events.details, event.object("detail", &place));
        push_optional(events.correlations, event.text("correlationId"));
        answer.begin_object();
        answer.key("eventId");
        answer.uuid(*DatumGetUUIDP(id));
        answer.key("occurredAt");
        answer.time(GetCurrentTransactionStartTimestamp());
        answer.end_object();
    });
    store(events);
}

void subscribe(const Items& items, const Defaults& defaults, Answer& answer) {
    Events events = events_for(items.count());
    const auto room = static_cast<Size>(items.count());
    Subscriptions rows{make_column_of(UUIDOID, room), make_column_of(TEXTOID, room),
                       make_column_of(TEXTOID, room), make_column_of(TEXTOID, room),
                       make_column_of(JSONBOID, room)};
    for_each(items, answer, [&](const Object& wanted) {
        wanted.only({"tenantId", "connectionId", "subscriptionType", "channelName", "channel", "filter",
                     "action", "batchId", "type", "data"});
        const pg_uuid_t tenant = tenant_of(wanted, defaults);
        const Text connection = connection_of(wanted, defaults);
        const Text channel = channel_of(wanted);
        const Text subscription = wanted.text("subscriptionType");
        Place place;
        push_uuid(rows.tenants, tenant.data);
        push(rows.connections, text_datum(connection));
        push(rows.channels, text_datum(channel));
        push_optional(rows.types, subscription);
        push_json(rows.filters, wanted.object("filter", &place));
        add_event(events, tenant, connection, subscription, "subscribed", channel);
        answer.begin_object();
        answer.key("connectionId");
        answer.text(connection.data, connection.length);
        answer.key("channel");
        answer.text(channel.data, channel.length);
        answer.key("subscribedAt");
        answer.time(GetCurrentTransactionStartTimestamp());
        answer.end_object();
    });
    if (items.count() > 0) {
        Datum arguments[] = {array_of(rows.tenants), array_of(rows.connections), array_of(rows.channels),
                             array_of(rows.types), array_of(rows.filters)};
        (void)run(insert_subscriptions, arguments, nullptr, false);
    }
    store(events);
}

void unsubscribe(const Items& items, const Defaults& defaults, Answer& answer) {
    Events events = events_for(items.count());
    for_each(items, answer, [&](const Object& unwanted) {
        unwanted.only({"tenantId", "connectionId", "subscriptionType", "channelName", "channel", "action",
                       "batchId", "type", "data"});
        const pg_uuid_t tenant = tenant_of(unwanted, defaults);
        const Text connection = connection_of(unwanted, defaults);
        const Text channel = channel_of(unwanted);
        Datum arguments[] = {UUIDPGetDatum(&tenant), text_datum(connection), text_datum(channel)};
        const bool was_subscribed = run(delete_subscription, arguments, nullptr, false) > 0;
        if (was_subscribed) {
            add_event(events, tenant, connection, {nullptr, 0}, "unsubscribed", channel);
        }
        answer.begin_object();
        answer.key("connectionId");
        answer.text(connection.data, connection.length);
        answer.key("channel");
        answer.text(channel.data, channel.length);
        answer.key("wasSubscribed");
        answer.boolean(was_subscribed);
        answer.end_object();
    });
    store(events);
}

} // namespace pg::monitor
