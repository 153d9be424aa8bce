// The functions of the database over HTTP, run as the caller.
#include "gateway/api.hpp"

#include <algorithm>

#include "gateway/socket.hpp"
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
    // The database decides whether the caller belongs to the tenant. Only a call that was allowed counts for it, so that
    // strangers cannot use up what a tenant may ask.
    const std::string tenant = member_text(body, "tenantId");
    const std::string who = tenant.empty() ? std::string() : "tenant " + tenant;
    if (!who.empty() && !server_.has_room_for(who)) {
        refuse_for_rate(*exchange, who);
        return;
    }
    Question question;
    question.statement = "SELECT " + std::string(action->name) + "($1::jsonb - 'action')::text";
    question.parameters.emplace_back(std::move(body));
    question.role = role;
    question.claims = identity->claims;
    question.owner = identity->subject.empty() ? std::string(exchange->peer()) : identity->subject;
    question.abandoned = [exchange] { return exchange->abandoned(); };
    question.done = [this, exchange, who](const Answer& answer) {
        if (!answer.ok) {
            reply_with_error(*exchange, answer);
            return;
        }
        if (!who.empty()) {
            server_.count_request(who);
        }
        Reply reply;
        reply.body = answer.rows.empty() ? "null" : answer.rows[0][0].value_or("null");
        exchange->reply(std::move(reply));
    };
    pool_.ask(std::move(question));
}

} // namespace gateway
