// The endpoints behind a token: broadcast, event stream, snapshot and functions.
#include "gateway/api.hpp"

#include <algorithm>

#include "gateway/event_stream.hpp"
#include "gateway/socket.hpp"
#include "hub/topics.hpp"
#include "stream/snapshot.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_check.hpp"
#include "wire/json_text.hpp"
#include "json/reader.hpp"

namespace gateway {

namespace {

constexpr std::size_t largest_text = 1U << 28;

struct Outgoing {
    std::string topic, event, payload = "{}", tenant;
    bool is_private = false, is_json = true;
};

// One message of {"messages": [...]}; the result is what is wrong with it, or empty.
std::string read_outgoing(simdjson::ondemand::value value, Outgoing& message) {
    simdjson::ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) {
        return "a message is an object with topic, event and payload";
    }
    for (auto field : object) {
        std::string_view key;
        simdjson::ondemand::value inner;
        if (field.unescaped_key().get(key) != simdjson::SUCCESS) {
            return "a message cannot be read";
        }
        const std::string name(key);
        if (field.value().get(inner) != simdjson::SUCCESS) {
            return "a message cannot be read";
        }
        if (name == "topic") {
            message.topic = json::string_in(inner).value_or("");
        } else if (name == "event") {
            message.event = json::string_in(inner).value_or("");
        } else if (name == "tenant") {
            message.tenant = json::string_in(inner).value_or("");
        } else if (name == "payload") {
            message.payload = json::raw_json(inner);
        } else if (name == "private") {
            bool is_private = false;
            message.is_private = inner.get_bool().get(is_private) == simdjson::SUCCESS && is_private;
        }
    }
    if (message.topic.empty() || message.event.empty()) {
        return "a message needs topic and event";
    }
    return {};
}

// A name as an SQL identifier in quotes.
std::string identifier(std::string_view name) {
    std::string text = "\"";
    for (const char letter : name) {
        text += letter;
        if (letter == '"') {
            text += letter;
        }
    }
    return text + '"';
}

// The action that a body names.
std::string member_text(const std::string& body, std::string_view name) {
    json::Reader reader;
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    simdjson::ondemand::value value;
    if (!reader.read(body, document) || document.get_object().get(object) != simdjson::SUCCESS ||
        object.find_field_unordered(name).get(value) != simdjson::SUCCESS) {
        return {};
    }
    return json::string_in(value).value_or("");
}

// The object with a member more in front, unless it has it. `json` is an object.
std::string with_member(const std::string& json, std::string_view name, std::string_view text) {
    if (text.empty() || !member_text(json, name).empty()) {
        return json;
    }
    wire::ByteBuffer out(largest_text);
    out.append('{');
    wire::write_json_string(out, name);
    out.append(':');
    wire::write_json_string(out, text);
    const std::size_t brace = json.find('{');
    const std::string_view rest = std::string_view(json).substr(brace + 1);
    out.append(rest.find('"') == std::string_view::npos ? "" : ",");
    out.append(rest);
    return std::string(out.view());
}

struct Action {
    std::string_view function, name;
};
// Answers with 202, or with what is wrong with one of them; then none is sent.
void send_broadcasts(hub::Hub& hub, Exchange& exchange, std::vector<Outgoing> messages,
                     const hub::Identity& identity, std::vector<std::string> tenants) {
    tenants.insert(tenants.end(), identity.claimed_tenants.begin(), identity.claimed_tenants.end());
    for (Outgoing& message : messages) {
        if (message.payload.size() > hub.limits.broadcast_bytes) {
            exchange.fail(413, "too_large",
                          "a payload has at most " + std::to_string(hub.limits.broadcast_bytes) + " bytes");
            return;
        }
        if (!message.is_private) {
            continue;
        }
        if (message.tenant.empty() && tenants.size() == 1) {
            message.tenant = tenants.front();
        }
        const bool own = std::find(tenants.begin(), tenants.end(), message.tenant) != tenants.end();
        if (message.tenant.empty() || (!identity.every_tenant && !own)) {
            exchange.fail(403, "forbidden", "a private topic belongs to a tenant of the caller",
                          "Name the tenant in \"tenant\".");
            return;
        }
    }
    for (const Outgoing& message : messages) {
        const hub::Broadcast broadcast{message.event, message.payload, {}, message.is_json};
        const std::string topic = "realtime:" + message.topic;
        ++hub.counters.broadcasts;
        hub.topics.broadcast(
            hub::Topics::name_of(topic, message.is_private ? std::optional(message.tenant) : std::nullopt),
            broadcast, nullptr);
    }
    Reply reply;
    reply.status = 202;
    exchange.reply(std::move(reply));
}

constexpr Action actions[] = {
    {"realtime-metrics-collection", "collect_metrics"}, {"realtime-metrics-collection", "health_check"},
    {"realtime-metrics-collection", "get_metrics"},     {"widget-realtime-enhanced", "track_event"},
    {"widget-realtime-enhanced", "subscribe"},          {"widget-realtime-enhanced", "unsubscribe"},
    {"widget-realtime-enhanced", "process_batch"},      {"widget-realtime-enhanced", "get_status"},
};

} // namespace

void Api::handle_broadcast(const std::shared_ptr<Exchange>& exchange, const Segments& path,
                           const web::Query& query, const hub::IdentityPointer& identity) {
    std::vector<Outgoing> messages;
    const std::string_view type = exchange->head().header("content-type").value_or("application/json");
    if (path.size() == 3 && path[1] == "events") {
        Outgoing message;
        message.topic = path[0];
        message.event = path[2];
        message.payload = exchange->body();
        message.is_private = query.value("private") == "true";
        message.tenant = query.value("tenant").value_or("");
        message.is_json = !type.starts_with("application/octet-stream");
        if (message.is_json && !type.starts_with("application/json")) {
            exchange->fail(415, "unsupported_media_type",
                           "the payload is neither application/json nor application/octet-stream");
            return;
        }
        if (message.is_json && !wire::is_json(message.payload)) {
            exchange->fail(400, "invalid_request", "the body is not JSON");
            return;
        }
        messages.push_back(std::move(message));
    } else if (path.empty()) {
        json::Reader reader;
        simdjson::ondemand::document document;
        simdjson::ondemand::object object;
        simdjson::ondemand::array array;
        if (!reader.read(exchange->body(), document) ||
            document.get_object().get(object) != simdjson::SUCCESS ||
            object["messages"].get_array().get(array) != simdjson::SUCCESS) {
            exchange->fail(422, "invalid_request",
                           "the body is not {\"messages\": [{topic, event, payload, private}]}");
            return;
        }
        for (auto element : array) {
            simdjson::ondemand::value value;
            Outgoing message;
            const std::string fault = element.get(value) == simdjson::SUCCESS ? read_outgoing(value, message)
                                                                              : "a message cannot be read";
            if (!fault.empty()) {
                exchange->fail(422, "invalid_request", fault);
                return;
            }
            messages.push_back(std::move(message));
        }
    } else {
        exchange->fail(404, "not_found", "there is nothing here");
        return;
    }
    // The tenants of a caller who is not connected have to be asked for.
    const bool any_private =
        std::any_of(messages.begin(), messages.end(), [](const Outgoing& one) { return one.is_private; });
    if (!any_private || identity->every_tenant || identity->subject.empty()) {
        send_broadcasts(server_.hub(), *exchange, std::move(messages), *identity, {});
        return;
    }
    questions_.look_up_tenants(identity->claims, [this, exchange, identity, messages = std::move(messages)](
                                                     const std::optional<hub::TenantsAnswer>& answer) {
        if (!answer) {
            exchange->fail(503, "unavailable",
                           "the database cannot be asked for the tenants of the caller now");
            return;
        }
        send_broadcasts(server_.hub(), *exchange, messages, *identity, answer->tenants);
    });
}

void Api::handle_stream(const std::shared_ptr<Exchange>& exchange, Socket& socket, const web::Query& query,
                        const hub::IdentityPointer& identity) {
    protocol::Binding binding;
    const auto text = [&](std::string_view name) { return std::string(query.value(name).value_or("")); };
    if (const std::string schema = text("schema"); !schema.empty()) {
        binding.schema = schema;
    }
    if (const std::string table = text("table"); !table.empty()) {
        binding.table = table;
    } else if (text("schema").empty()) {
        binding.schema = "*";
    }
    binding.filter = text("filter");
    binding.leaving = text("leaving") == "true";
    std::string event = text("event");
    std::transform(event.begin(), event.end(), event.begin(),
                   [](unsigned char letter) { return std::toupper(letter); });
    binding.event = event == "INSERT"   ? protocol::Event::Insert
                    : event == "UPDATE" ? protocol::Event::Update
                    : event == "DELETE" ? protocol::Event::Delete
                                        : protocol::Event::All;
    if (!event.empty() && event != "*" && binding.event == protocol::Event::All) {
        exchange->fail(400, "invalid_request", "event is none of INSERT, UPDATE, DELETE and *");
        return;
    }
    for (std::string rest = text("select"); !rest.empty();) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        binding.select.push_back(rest.substr(0, comma));
        rest.erase(0, comma + 1);
    }
    std::string since(exchange->head().header("last-event-id").value_or(""));
    if (since.empty()) {
        since = text("since");
    }
    std::optional<protocol::Cursor> cursor;
    if (!since.empty()) {
        cursor = protocol::read_cursor(since);
        if (!cursor) {
            exchange->fail(400, "invalid_request", "Last-Event-ID is no cursor: " + web::shown(since));
            return;
        }
    }
    if (auto kind = server_.hub().kinds.find(binding); std::holds_alternative<std::string>(kind)) {
        exchange->fail(400, "invalid_request", std::get<std::string>(kind));
        return;
    }
    auto events = std::make_unique<EventStream>(server_.hub(), socket);
    EventStream& stream = *events;
    const web::RequestHead head = exchange->head();
    socket.begin_events(head, std::move(events));
    stream.begin(identity, {binding}, cursor);
}

void Api::handle_snapshot(const std::shared_ptr<Exchange>& exchange, const web::Query& query,
                          const hub::IdentityPointer& identity, bool asked_again) {
    const std::string role = role_of(*exchange, *identity);
    if (role.empty()) {
        return;
    }
    hub::Hub& hub = server_.hub();
    if (!hub.ready()) {
        Reply reply =
            error_reply(503, "unavailable", "the replication slot is not read now", {}, exchange->id());
        reply.headers.emplace_back("Retry-After", "1");
        exchange->reply(std::move(reply));
        return;
    }
    const std::string table(query.value("table").value_or(""));
    const std::string schema(query.value("schema").value_or("public"));
    const auto* description = hub.table(schema, table);
    if (description == nullptr && !asked_again && hub.refresh_tables()) {
        // It may have been registered a moment ago.
        hub.after_refresh(
            [this, exchange, query, identity] { handle_snapshot(exchange, query, identity, true); });
        return;
    }
    if (description == nullptr) {
        exchange->fail(404, "not_found", "table " + web::shown(schema + "." + table) + " is not streamed",
                       "Register it with realtime_add_table().");
        return;
    }
    // Rows are read as the caller: privileges and row-level security decide.
    const std::size_t most = server_.config().snapshot_rows;
    Question question;
    question.statement = "SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.count(*), "
                         "COALESCE(pg_catalog.jsonb_agg(r), '[]')::text FROM (SELECT * FROM " +
                         identifier(schema) + "." + identifier(table) + " LIMIT " + std::to_string(most + 1) +
                         ") r";
    question.role = role;
    question.claims = identity->claims;
    question.repeatable_read = true;
    question.done = [exchange, &hub, most](const Answer& answer) {
        if (!answer.ok) {
            reply_with_error(*exchange, answer);
            return;
        }
        if (std::stoull(answer.rows[0][1].value_or("0")) > most) {
            exchange->fail(413, "too_large",
                           "the caller sees more than " + std::to_string(most) + " rows of the table",
                           "The setting snapshot-rows is the limit.");
            return;
        }
        const auto snapshot = stream::Snapshot::read(answer.rows[0][0].value_or(""));
        if (!snapshot) {
            exchange->fail(500, "internal_error", "the database's snapshot cannot be read");
            return;
        }
        // Everything that the stream has shown and the snapshot has not seen comes again: the cursor stands before it.
        const auto unseen =
            hub.history.first_invisible([&](std::uint32_t xid) { return snapshot->sees(xid); });
        protocol::Cursor cursor = hub.complete_head();
        if (unseen) {
            cursor = std::min(cursor, protocol::Cursor{unseen->lsn, 0});
        }
        Reply reply;
        reply.body = "{\"cursor\":\"" + protocol::text_of(cursor) +
                     "\",\"rows\":" + answer.rows[0][2].value_or("[]") + "}";
        exchange->reply(std::move(reply));
    };
    pool_.ask(std::move(question));
}

void Api::handle_function(const std::shared_ptr<Exchange>& exchange, std::string_view name,
                          const web::Query& query, const hub::IdentityPointer& identity) {
    std::string body = exchange->body();
    if (body.find_first_not_of(" \t\r\n") == std::string::npos) {
        body = "{}";
    }
    if (!wire::is_json(body)) {
        exchange->fail(400, "invalid_request", "the body is not JSON");
        return;
    }
    std::string wanted(query.value("action").value_or(""));
    if (wanted.empty()) {
        wanted = member_text(body, "action");
    }
    const auto action = std::find_if(std::begin(actions), std::end(actions), [&](const Action& one) {
        return one.function == name && one.name == wanted;
    });
    if (action == std::end(actions)) {
        std::string known;
        for (const Action& one : actions) {
            if (one.function == name) {
                known += known.empty() ? "" : ", ";
                known += one.name;
            }
        }
        exchange->fail(400, "invalid_request",
                       wanted.empty() ? "there is no action"
                                      : "action " + web::shown(wanted) + " is not known",
                       "Actions are " + known + ".");
        return;
    }
    const std::string role = role_of(*exchange, *identity);
    if (role.empty()) {
        return;
    }
    if (body[body.find_first_not_of(" \t\r\n")] == '{') {
        body = with_member(body, "tenantId", query.value("tenant_id").value_or(""));
        body = with_member(body, "connectionId", exchange->head().header("x-connection-id").value_or(""));
        body = with_member(body, "batchId", exchange->head().header("x-batch-id").value_or(""));
    }
    Question question;
    question.statement = "SELECT " + std::string(action->name) + "($1::jsonb - 'action')::text";
    question.parameters.emplace_back(std::move(body));
    question.role = role;
    question.claims = identity->claims;
    question.done = [exchange](const Answer& answer) {
        if (!answer.ok) {
            reply_with_error(*exchange, answer);
            return;
        }
        Reply reply;
        reply.body = answer.rows.empty() ? "null" : answer.rows[0][0].value_or("null");
        exchange->reply(std::move(reply));
    };
    pool_.ask(std::move(question));
}

} // namespace gateway
