// The endpoints behind a token: broadcast, event stream and snapshot.
#include "gateway/api.hpp"

#include <algorithm>

#include "gateway/event_stream.hpp"
#include "gateway/socket.hpp"
#include "hub/topics.hpp"
#include "protocol/column_value.hpp"
#include "stream/snapshot.hpp"
#include "wire/json_check.hpp"
#include "json/reader.hpp"

namespace gateway {

namespace {

constexpr std::size_t most_messages = 100;          // of one request
constexpr std::size_t part_of_snapshot = 64 * 1024; // bytes, and those of one row more

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
            message.tenant = protocol::tenant_named(json::string_in(inner).value_or(""));
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

// Answers with 202, or with what is wrong with one of them; then none is sent.
void send_broadcasts(Server& server, Exchange& exchange, std::vector<Outgoing> messages,
                     const hub::Identity& identity, std::vector<std::string> tenants) {
    hub::Hub& hub = server.hub();
    const hub::Limits& limits = hub.limits;
    std::size_t bytes = 0;
    tenants.insert(tenants.end(), identity.claimed_tenants.begin(), identity.claimed_tenants.end());
    for (Outgoing& message : messages) {
        const std::size_t size = message.event.size() + message.payload.size();
        if (size > limits.broadcast_bytes || message.topic.size() > limits.topic_bytes) {
            exchange.fail(413, "too_large",
                          "event and payload have at most " + std::to_string(limits.broadcast_bytes) +
                              " bytes, and the topic " + std::to_string(limits.topic_bytes));
            return;
        }
        bytes += size;
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
    if (!server.may_broadcast(sender_of(exchange), bytes)) {
        hub.counters.broadcasts_refused += messages.size();
        fail_for_rate(exchange, limits.broadcast_bytes_per_second,
                      "bytes of broadcasts per second of one address", "broadcast-bytes-per-second");
        return;
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
        message.tenant = protocol::tenant_named(query.value("tenant").value_or(""));
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
            if (messages.size() == most_messages) {
                exchange->fail(413, "too_large",
                               "more than " + std::to_string(most_messages) + " messages in one request");
                return;
            }
            if (message.tenant.empty()) {
                message.tenant = protocol::tenant_named(query.value("tenant").value_or(""));
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
    const bool any_unnamed = std::any_of(messages.begin(), messages.end(), [](const Outgoing& one) {
        return one.is_private && one.tenant.empty();
    });
    if (any_unnamed && identity->every_tenant && identity->claimed_tenants.empty()) {
        questions_.find_only_tenant([this, exchange, identity, messages = std::move(messages)](
                                        const std::optional<std::string>& tenant) {
            send_broadcasts(server_, *exchange, messages, *identity,
                            tenant ? std::vector{*tenant} : std::vector<std::string>());
        });
        return;
    }
    if (!any_private || identity->every_tenant || identity->subject.empty()) {
        send_broadcasts(server_, *exchange, std::move(messages), *identity, {});
        return;
    }
    questions_.look_up_tenants_of_caller(
        *identity, [this, exchange, identity,
                    messages = std::move(messages)](const std::optional<hub::TenantsAnswer>& answer) {
            if (!answer) {
                fail_for_now(*exchange, "the database cannot be asked for the tenants of the caller now");
                return;
            }
            send_broadcasts(server_, *exchange, messages, *identity, answer->tenants);
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
        exchange->fail(400, "invalid_request", std::get<std::string>(kind).substr(1)); // "filter: ..."
        return;
    }
    auto events = std::make_unique<EventStream>(server_.hub(), socket);
    EventStream& stream = *events;
    const web::RequestHead head = exchange->head();
    socket.begin_events(head, std::move(events));
    stream.begin(identity, {binding}, cursor);
}

namespace {

void not_streamed(Exchange& exchange, const std::string& name) {
    exchange.fail(404, "not_found", "table " + web::shown(name) + " is not streamed",
                  "Register it with realtime_add_table().");
}

} // namespace

void Api::handle_snapshot(const std::shared_ptr<Exchange>& exchange, const web::Query& query,
                          const hub::IdentityPointer& identity, bool asked_again) {
    const std::string role = role_of(*exchange, *identity);
    if (role.empty()) {
        return;
    }
    hub::Hub& hub = server_.hub();
    if (!hub.ready()) {
        fail_for_now(*exchange, "the replication slot is not read now");
        return;
    }
    if (!server_.has_room_for_answer(exchange->account())) {
        ++server_.counters.answers_refused;
        fail_for_now(*exchange, "too many bytes of answers wait to be taken");
        return;
    }
    const std::string table(query.value("table").value_or(""));
    const std::string schema(query.value("schema").value_or("public"));
    const auto* description = hub.table(schema, table);
    if (description == nullptr && !asked_again) {
        // It may have been registered a moment ago.
        hub.after_refresh(
            [this, exchange, query, identity] { handle_snapshot(exchange, query, identity, true); });
        return;
    }
    if (description == nullptr) {
        not_streamed(*exchange, schema + "." + table);
        return;
    }
    // Rows are read as the caller: privileges and row-level security decide, in one statement, so with one snapshot. Texts are
    // joined only when they are not too much, and to parts of a size that the loop takes without holding up others.
    const auto& config = server_.config();
    const std::string name = identifier(schema) + "." + identifier(table);
    Question question;
    question.statement =
        "WITH r AS MATERIALIZED (SELECT pg_catalog.to_jsonb(t)::text AS r FROM (SELECT * FROM " + name +
        " LIMIT " + std::to_string(config.snapshot_rows + 1) +
        ") t), s AS MATERIALIZED (SELECT pg_catalog.pg_current_snapshot()::text AS snapshot, "
        "pg_catalog.count(*) AS rows, "
        "COALESCE(pg_catalog.sum(pg_catalog.octet_length(r)), 0) AS bytes, "
        "(SELECT t.access FROM realtime_tables t WHERE t.\"table\"::pg_catalog.oid = "
        "pg_catalog.format('%I.%I', $1::text, $2::text)::pg_catalog.regclass) AS access, "
        "pg_catalog.row_security_active(pg_catalog.format('%I.%I', $1::text, $2::text)) AS secured FROM r) "
        "SELECT s.snapshot, s.rows, s.bytes, s.access, s.secured, p.part "
        "FROM s LEFT JOIN LATERAL (SELECT pg_catalog.string_agg(r, ',') AS part FROM (SELECT r, "
        "pg_catalog.sum(pg_catalog.octet_length(r)) OVER (ROWS UNBOUNDED PRECEDING) / " +
        std::to_string(part_of_snapshot) +
        " AS place FROM r WHERE s.rows <= $3::int8 AND s.bytes <= $4::int8) placed GROUP BY place) p ON true";
    question.parameters = {schema, table, std::to_string(config.snapshot_rows),
                           std::to_string(config.snapshot_bytes)};
    question.role = role;
    question.claims = identity->claims;
    question.tenant_claim = config.tenant_claim;
    question.read_only = true;
    question.by_rows = true;
    question.owner = identity->subject.empty() ? std::string(exchange->peer()) : identity->subject;
    question.abandoned = [exchange] { return exchange->abandoned(); };
    question.done = [this, exchange, name = schema + "." + table, every_tenant = identity->every_tenant,
                     before = hub.complete_head()](Answer answer) {
        answer_snapshot(*exchange, std::move(answer), name, every_tenant, before);
    };
    pool_.ask(std::move(question));
}

void Api::answer_snapshot(Exchange& exchange, Answer answer, const std::string& name, bool every_tenant,
                          protocol::Cursor before) {
    if (!answer.ok) {
        reply_with_error(exchange, answer);
        return;
    }
    const auto& config = server_.config();
    const auto& row = answer.rows[0];
    const auto& access = row[3]; // as of the same moment: what we know of the table may be old
    if (!access) {
        not_streamed(exchange, name);
        return;
    }
    // Without policies everybody who may read the table would get the rows of all tenants.
    if (*access != "public" && !every_tenant && row[4] != "t") {
        exchange.fail(
            403, "forbidden",
            "the table has no row-level security for the caller, who would see the rows of every tenant",
            "ALTER TABLE ... ENABLE ROW LEVEL SECURITY, with a policy such as USING (tenant_id = ANY "
            "(realtime_tenant_ids())).");
        return;
    }
    if (!row[5] && row[1] != "0") {
        exchange.fail(413, "too_large",
                      "the caller sees more than " + std::to_string(config.snapshot_rows) + " rows or " +
                          std::to_string(config.snapshot_bytes) + " bytes of the table",
                      "The settings snapshot-rows and snapshot-bytes are the limits.");
        return;
    }
    const auto snapshot = stream::Snapshot::read(row[0].value_or(""));
    const hub::Hub& hub = server_.hub();
    const auto is_visible = [&](std::uint32_t xid) { return snapshot->sees(xid); };
    if (!snapshot || !hub.ready() || !hub.history.reaches(before) ||
        hub.history.has_forgotten_invisible(is_visible)) {
        // What the snapshot has not seen may have been forgotten while it was read, or before when it waited for a standby.
        fail_for_now(exchange, "the changes behind the snapshot are not kept any more");
        return;
    }
    // Everything that the stream has shown and the snapshot has not seen comes again: the cursor stands before it.
    const auto unseen = hub.history.first_invisible(is_visible);
    protocol::Cursor cursor = hub.complete_head();
    if (unseen) {
        cursor = std::min(cursor, protocol::Cursor{unseen->lsn, 0, cursor.timeline});
    }
    Reply reply;
    reply.parts.push_back("{\"cursor\":\"" + protocol::text_of(cursor) + "\",\"rows\":[");
    for (auto& with_part : answer.rows) {
        if (with_part[5]) {
            if (reply.parts.size() > 1) {
                reply.parts.emplace_back(",");
            }
            reply.parts.push_back(std::move(*with_part[5]));
        }
    }
    reply.parts.emplace_back("]}");
    exchange.reply(std::move(reply));
}

} // namespace gateway
