#include "gateway/api.hpp"

#include <algorithm>

#include "gateway/address.hpp"
#include "gateway/figures.hpp"
#include "gateway/log.hpp"
#include "gateway/socket.hpp"
#include "web/header_text.hpp"

namespace gateway {

namespace {

constexpr std::size_t body_of_stranger = 16 * 1024;
constexpr std::string_view websocket_paths[] = {"/realtime/v1/websocket", "/socket/websocket"};

std::string bearer_token(const web::RequestHead& head, const web::Query& query) {
    if (const auto authorization = head.header("authorization")) {
        constexpr std::string_view scheme = "bearer ";
        if (authorization->size() > scheme.size() &&
            web::equal_ignoring_case(authorization->substr(0, scheme.size()), scheme)) {
            return std::string(web::trimmed(authorization->substr(scheme.size())));
        }
    }
    for (const std::string_view name : {"apikey", "x-api-key"}) {
        if (const auto key = head.header(name)) {
            return std::string(*key);
        }
    }
    return std::string(query.value("apikey").value_or(""));
}

// The function that a path means, with or without "functions/v1" in front; empty when it is none.
std::string_view function_of(const std::vector<std::string>& path) {
    const std::size_t from = path.size() == 3 && path[0] == "functions" && path[1] == "v1" ? 2 : 0;
    if (path.size() != from + 1 ||
        (path[from] != "realtime-metrics-collection" && path[from] != "widget-realtime-enhanced")) {
        return {};
    }
    return path[from];
}

} // namespace

void reply_with_error(Exchange& exchange, const Answer& answer) {
    const std::string_view state = answer.sqlstate;
    int status = 500;
    std::string_view code = "internal_error";
    const auto is = [&](std::initializer_list<std::string_view> prefixes) {
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](std::string_view prefix) { return state.starts_with(prefix); });
    };
    if (is({"08", "53", "57P", "25006"})) {
        status = 503, code = "unavailable";
    } else if (state == "57014") {
        status = 504, code = "timeout";
    } else if (state == "42501" || state == "28000") {
        status = 403, code = "forbidden";
    } else if (state == "54000") {
        status = 413, code = "too_large";
    } else if (is({"23", "40"})) {
        status = 409, code = "conflict";
    } else if (is({"42P01", "42883", "42703"})) {
        status = 404, code = "not_found";
    } else if (is({"22", "42"})) {
        status = 400, code = "invalid_request";
    }
    if (status < 500) {
        exchange.fail(status, code, answer.message, answer.hint);
        return;
    }
    if (!exchange.abandoned()) {
        spdlog::error("request {}: {} ({})", exchange.id(), answer.message, answer.sqlstate);
    }
    if (status == 503) {
        fail_for_now(exchange, "the database cannot be asked now");
    } else {
        exchange.fail(status, code,
                      status == 504 ? "the database did not answer in time"
                                    : "the database could not do it; its log says why");
    }
}

void fail_for_now(Exchange& exchange, std::string_view why) {
    Reply reply = error_reply(503, "unavailable", why, {}, exchange.id());
    reply.headers.emplace_back("Retry-After", "1");
    exchange.reply(std::move(reply));
}

void fail_for_rate(Exchange& exchange, std::size_t limit, const std::string& of_what,
                   const std::string& setting) {
    Reply reply = error_reply(429, "too_many_requests", "more than " + std::to_string(limit) + ' ' + of_what,
                              "The setting " + setting + " is the limit.", exchange.id());
    reply.headers.emplace_back("Retry-After", "1");
    exchange.reply(std::move(reply));
}

std::string sender_of(const Exchange& exchange) {
    return "address " + network_of(std::string(exchange.peer()));
}

Api::Api(Server& server, Pool& pool, Questions& questions, TokenGatekeeper& gatekeeper, Figures& figures)
    : server_(server), pool_(pool), questions_(questions), gatekeeper_(gatekeeper), figures_(figures) {}

bool Api::is_websocket_path(std::string_view path) const {
    return std::find(std::begin(websocket_paths), std::end(websocket_paths), path) !=
           std::end(websocket_paths);
}

void Api::refuse_for_rate(Exchange& exchange, const std::string& who) {
    fail_for_rate(exchange, server_.config().requests_per_second, "requests per second of " + who,
                  "requests-per-second");
}

// Strangers are told so in any case; what they send is read only as far as that needs.
std::size_t Api::body_limit(const web::RequestHead& head) {
    const std::size_t of_stranger = std::min(server_.config().body_bytes, body_of_stranger);
    const bool length_is_known = !head.has_body() || head.content_length() > 0; // else it comes in chunks
    if (length_is_known && head.content_length() <= of_stranger) {
        return of_stranger; // whoever it is
    }
    const auto query = web::Query::parse(head.query());
    const auto* pairs = std::get_if<web::Query>(&query);
    const bool known = pairs != nullptr && std::holds_alternative<hub::IdentityPointer>(
                                               gatekeeper_.identify(bearer_token(head, *pairs)));
    return known ? server_.config().body_bytes : of_stranger;
}

hub::IdentityPointer Api::caller(Exchange& exchange, const web::Query& query) {
    const auto too_many = [&](const std::string& who) {
        const bool refused = !server_.may_request(who);
        if (refused) {
            refuse_for_rate(exchange, who);
        }
        return refused;
    };
    auto result = gatekeeper_.identify(bearer_token(exchange.head(), query));
    if (const auto* denial = std::get_if<hub::Denial>(&result)) {
        Reply reply = error_reply(401, "unauthorized", denial->message,
                                  "Send a token in the header Authorization: Bearer.", exchange.id());
        reply.headers.emplace_back("WWW-Authenticate", "Bearer");
        exchange.reply(std::move(reply));
        return nullptr;
    }
    auto identity = std::get<hub::IdentityPointer>(result);
    if (!identity->subject.empty()) {
        exchange.set_account("user " + identity->subject);
    }
    if (!identity->subject.empty() && too_many("user " + identity->subject)) {
        return nullptr;
    }
    return identity;
}

std::string Api::role_of(Exchange& exchange, const hub::Identity& identity) {
    const auto& roles = server_.config().roles;
    const auto role = roles.find(identity.role);
    if (role != roles.end()) {
        return role->second;
    }
    exchange.fail(403, "forbidden", "role \"" + identity.role + "\" of the token has no role in the database",
                  "Name one in the setting roles.");
    return {};
}

void Api::handle(const std::shared_ptr<Exchange>& exchange, Socket& socket) {
    const web::RequestHead& head = exchange->head();
    const bool is_probe = head.path() == "/healthz" || head.path() == "/readyz";
    const std::string who = sender_of(*exchange);
    exchange->set_account(who);
    if (!is_probe && !server_.may_request(who)) {
        refuse_for_rate(*exchange, who);
        return;
    }
    if (web::Cors::is_preflight(head)) {
        std::vector<web::Header> headers;
        server_.cors().add_preflight_headers(headers, head);
        Reply reply;
        reply.status = 204;
        for (const web::Header& header : headers) {
            reply.headers.emplace_back(header.name, header.value);
        }
        exchange->reply(std::move(reply));
        return;
    }
    const auto split = web::split_path(head.path());
    const auto parsed = web::Query::parse(head.query());
    for (const auto* error : {std::get_if<web::Error>(&split), std::get_if<web::Error>(&parsed)}) {
        if (error != nullptr) {
            exchange->fail(error->status, "invalid_request", error->message);
            return;
        }
    }
    const Segments& path = std::get<Segments>(split);
    const web::Query& query = std::get<web::Query>(parsed);
    const bool reads = head.method() == web::Method::Get || head.method() == web::Method::Head;
    const bool writes = head.method() == web::Method::Post;
    const auto not_allowed = [&](std::string_view allowed) {
        Reply reply =
            error_reply(405, "method_not_allowed", "the method is not allowed here", {}, exchange->id());
        reply.headers.emplace_back("Allow", allowed);
        exchange->reply(std::move(reply));
    };
    if (path.size() == 1 && (path[0] == "healthz" || path[0] == "readyz" || path[0] == "metrics")) {
        reads ? handle_probe(*exchange, path[0], query) : not_allowed("GET, HEAD");
        return;
    }
    if (!path.empty() && path[0] == "dashboard") {
        reads ? handle_dashboard(*exchange, path) : not_allowed("GET, HEAD");
        return;
    }
    // The rest is for callers with a token.
    const std::string_view function = function_of(path);
    const bool realtime = path.size() >= 3 && path[0] == "realtime" && path[1] == "v1";
    const bool broadcast = (realtime && path.size() >= 4 && path[2] == "api" && path[3] == "broadcast") ||
                           (path.size() >= 2 && path[0] == "api" && path[1] == "broadcast");
    const bool stream = realtime && path.size() == 3 && path[2] == "stream";
    const bool snapshot = realtime && path.size() == 3 && path[2] == "snapshot";
    if (function.empty() && !broadcast && !stream && !snapshot) {
        if (is_websocket_path(head.path())) {
            exchange->fail(426, "upgrade_required", "this is the address of the WebSocket");
        } else {
            exchange->fail(404, "not_found", "there is nothing at " + web::shown(head.path()));
        }
        return;
    }
    if ((stream || snapshot) != reads || (!(stream || snapshot) && !writes)) {
        not_allowed(stream ? "GET" : snapshot ? "GET, HEAD" : "POST");
        return;
    }
    if (stream && head.method() != web::Method::Get) {
        not_allowed("GET"); // an answer without an end has no head of its own
        return;
    }
    const hub::IdentityPointer identity = caller(*exchange, query);
    if (identity == nullptr) {
        return;
    }
    if (broadcast) {
        const Segments rest(path.begin() + (realtime ? 4 : 2), path.end());
        handle_broadcast(exchange, rest, query, identity);
    } else if (stream) {
        handle_stream(exchange, socket, query, identity);
    } else if (snapshot) {
        handle_snapshot(exchange, query, identity);
    } else {
        handle_function(exchange, function, query, identity);
    }
}

void Api::handle_probe(Exchange& exchange, std::string_view name, const web::Query& query) {
    exchange.answer_probe("probes of " + sender_of(exchange));
    Reply reply;
    reply.content_type = "text/plain; charset=utf-8";
    if (name == "metrics") {
        reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
        // Who is whose customer is nobody else's business: names of tenants are for those who may see all of them.
        const auto who = gatekeeper_.identify(bearer_token(exchange.head(), query));
        const auto* identity = std::get_if<hub::IdentityPointer>(&who);
        reply.body = figures_.page(identity != nullptr && (*identity)->every_tenant);
    } else if (name == "healthz" || (server_.hub().ready() && pool_.any_connected() && !server_.draining())) {
        reply.body = "ok\n";
    } else {
        reply.status = 503;
        reply.body = server_.draining()           ? "going down\n"
                     : !server_.hub().streaming() ? "the replication slot is not read\n"
                     : !server_.hub().ready()     ? "catching up with the replication slot\n"
                                                  : "the database is not connected\n";
    }
    exchange.reply(std::move(reply));
}

void Api::handle_dashboard(Exchange& exchange, const Segments& path) {
    if (dashboard_.empty()) {
        exchange.fail(404, "not_found", "there is no dashboard", "Name its folder in the setting dashboard.");
        return;
    }
    const Dashboard::File* file = dashboard_.find(path);
    if (file == nullptr) {
        exchange.fail(404, "not_found", "there is no such file");
        return;
    }
    Reply reply;
    reply.content_type = file->content_type;
    reply.shared_body = file->plain;
    if (file->packed) {
        reply.headers.emplace_back("Vary", "Accept-Encoding");
        if (exchange.head().header_has("accept-encoding", "gzip")) {
            reply.shared_body = file->packed;
            reply.headers.emplace_back("Content-Encoding", "gzip");
        }
    }
    exchange.reply(std::move(reply));
}

void Api::load_dashboard() {
    if (const std::string fault = dashboard_.load(server_.config().dashboard); !fault.empty()) {
        spdlog::error("{}; {}", fault,
                      dashboard_.empty() ? "there is no dashboard" : "what was read before is served");
    }
}

} // namespace gateway
