// The functions of the database over HTTP, run as the caller.
#include "gateway/api.hpp"

#include <algorithm>

#include "gateway/socket.hpp"
#include "protocol/column_value.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_check.hpp"
#include "wire/json_text.hpp"
#include "json/reader.hpp"

namespace gateway {

namespace {

constexpr std::size_t largest_text = 1U << 28;

struct Action {
    std::string_view function, name;
};
constexpr Action actions[] = {
    {"realtime-metrics-collection", "collect_metrics"}, {"realtime-metrics-collection", "health_check"},
    {"realtime-metrics-collection", "get_metrics"},     {"widget-realtime-enhanced", "track_event"},
    {"widget-realtime-enhanced", "subscribe"},          {"widget-realtime-enhanced", "unsubscribe"},
    {"widget-realtime-enhanced", "process_batch"},      {"widget-realtime-enhanced", "get_status"},
};

void take_member(simdjson::ondemand::object& object, std::string_view name, std::string& text) {
    for (auto member : object) {
        std::string_view key;
        simdjson::ondemand::value value;
        if (member.unescaped_key().get(key) != simdjson::SUCCESS) {
            return;
        }
        const bool wanted = key == name; // before the value is read, which may take the place of the key
        if (member.value().get(value) != simdjson::SUCCESS) {
            return;
        }
        if (wanted) {
            text = json::string_in(value).value_or("");
        }
    }
}

// A text that an object names; of several ones the last, which is the one that jsonb keeps.
std::string member_text(const std::string& body, std::string_view name) {
    json::Reader reader;
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    std::string text;
    if (reader.read(body, document) && document.get_object().get(object) == simdjson::SUCCESS) {
        take_member(object, name, text);
    }
    return text;
}

// The tenants that a body names, an object or an array of objects; each once, as the database writes them.
std::vector<std::string> tenants_named(const std::string& body) {
    json::Reader reader;
    simdjson::ondemand::document document;
    simdjson::ondemand::array array;
    std::vector<std::string> names;
    if (body[body.find_first_not_of(" \t\r\n")] != '[') {
        names.push_back(member_text(body, "tenantId"));
    } else if (reader.read(body, document) && document.get_array().get(array) == simdjson::SUCCESS) {
        for (auto element : array) {
            simdjson::ondemand::object object;
            if (element.get_object().get(object) == simdjson::SUCCESS) {
                take_member(object, "tenantId", names.emplace_back());
            }
        }
    }
    std::vector<std::string> tenants;
    for (const std::string& name : names) {
        if (auto tenant = protocol::uuid_in(name)) {
            tenants.push_back(std::move(*tenant));
        }
    }
    std::sort(tenants.begin(), tenants.end());
    tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
    return tenants;
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

} // namespace

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
    // Only calls for tenants of the caller count, so that strangers cannot use up what a tenant may ask; the database says which
    // those are.
    const std::vector<std::string> tenants = tenants_named(body);
    std::string list;
    for (const std::string& tenant : tenants) {
        if (!server_.has_room_for("tenant " + tenant)) {
            refuse_for_rate(*exchange, "tenant " + tenant);
            return;
        }
        list += (list.empty() ? "" : ",") + tenant;
    }
    Question question;
    question.statement = "SELECT " + std::string(action->name) +
                         "($1::jsonb - 'action')::text, (SELECT pg_catalog.string_agg(t::text, ',') "
                         "FROM pg_catalog.unnest(realtime_tenant_ids()) t WHERE t = ANY ($2::uuid[]))";
    question.parameters.emplace_back(std::move(body));
    question.parameters.emplace_back("{" + list + "}");
    question.role = role;
    question.claims = identity->claims;
    question.tenant_claim = server_.config().tenant_claim;
    question.owner = identity->subject.empty() ? std::string(exchange->peer()) : identity->subject;
    question.tenants = tenants;
    question.abandoned = [exchange] { return exchange->abandoned(); };
    question.done = [this, exchange, named = identity->every_tenant ? tenants : std::vector<std::string>()](
                        const Answer& answer) {
        if (!answer.ok) {
            reply_with_error(*exchange, answer);
            return;
        }
        for (const std::string& tenant : named) {
            server_.count_request("tenant " + tenant);
        }
        const std::string text = answer.rows.empty() ? std::string() : answer.rows[0][1].value_or("");
        std::string_view own = text;
        while (!own.empty()) {
            const std::size_t comma = std::min(own.find(','), own.size());
            server_.count_request("tenant " + std::string(own.substr(0, comma)));
            own.remove_prefix(std::min(comma + 1, own.size()));
        }
        Reply reply;
        reply.body = answer.rows.empty() ? "null" : answer.rows[0][0].value_or("null");
        exchange->reply(std::move(reply));
    };
    pool_.ask(std::move(question));
}

} // namespace gateway
