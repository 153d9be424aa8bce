#include "gateway/reporter.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "gateway/log.hpp"
#include "gateway/socket.hpp"
#include "protocol/column_value.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace gateway {

namespace {

constexpr std::size_t rows_at_once = 500;
constexpr std::size_t longest_type = 255; // of a subscription

// What a client has received is what we have sent.
constexpr const char* statement =
    "INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, "
    "total_messages_received, "
    "total_messages_sent, error_count, bytes_transferred, avg_response_time_ms, last_heartbeat_at) "
    "SELECT tenant_id, subscription_type, connection_id, received, sent, errors, bytes, round_trip, "
    "pg_catalog.now() - pg_catalog.make_interval(secs => silent) "
    "FROM pg_catalog.jsonb_to_recordset($1::jsonb) AS r(tenant_id uuid, subscription_type text, "
    "connection_id text, "
    "received bigint, sent bigint, errors bigint, bytes bigint, round_trip float8, silent float8)";

// Tables and topics may be called anything, subscription types not: * means all of them, and text has no control characters.
std::string subscription_type(std::string_view name) {
    std::string type(name.substr(0, wire::valid_utf8_prefix(name.substr(0, longest_type))));
    std::replace_if(
        type.begin(), type.end(), [](unsigned char letter) { return letter < ' '; }, ' ');
    return type.empty() || type == "*" ? "channel" : type;
}

std::string row_of(const std::string& tenant, const hub::ChannelReport::Traffic& traffic,
                   const Socket& socket, double now, const hub::ChannelReport& report) {
    wire::ByteBuffer row(1U << 16);
    row.append("{\"tenant_id\":");
    wire::write_json_string(row, tenant);
    row.append(",\"subscription_type\":");
    wire::write_json_string(row, subscription_type(report.subscription_type));
    row.append(",\"connection_id\":");
    wire::write_json_string(row, socket.connection_id());
    for (const auto& [name, value] :
         {std::pair{",\"received\":", traffic.messages}, std::pair{",\"sent\":", report.messages_received},
          std::pair{",\"errors\":", report.errors}, std::pair{",\"bytes\":", traffic.bytes}}) {
        row.append(name);
        wire::write_uint64(row, value);
    }
    if (const auto seconds = socket.round_trip()) {
        row.append(",\"round_trip\":");
        row.append(std::to_string(*seconds * 1000)); // ms
    }
    row.append(",\"silent\":");
    // Event streams say nothing, and live as long as they are open.
    row.append(std::to_string(socket.is_event_stream() ? 0 : std::max(0.0, now - socket.last_input())));
    row.append('}');
    return std::string(row.view());
}

} // namespace

// Each connection has a time of its own within the interval: all at once would hold up everything else.
bool Reporter::is_due(std::string_view connection, double interval, double now) const {
    constexpr std::size_t places = 1024;
    const double phase = interval * static_cast<double>(std::hash<std::string_view>()(connection) % places) /
                         static_cast<double>(places);
    return std::floor((now - phase) / interval) > std::floor((last_ - phase) / interval);
}

void Reporter::tick() {
    constexpr double seconds_between_looks = 1;
    const double now = server_.hub().now();
    const unsigned interval = server_.config().report_interval;
    if (interval == 0 || now - last_ < seconds_between_looks) {
        return;
    }
    if (last_ == 0 || !pool_.any_connected()) {
        last_ = now;
        return;
    }
    std::vector<std::string> rows;
    for (Socket* socket : server_.sockets()) {
        if ((socket->session() == nullptr && !socket->is_event_stream()) ||
            !is_due(socket->connection_id(), interval, now)) {
            continue;
        }
        socket->measure_round_trip(); // for the next report
        for (const hub::ChannelReport& report : socket->reports()) {
            for (const auto& [tenant, traffic] : report.tenants) {
                if (!protocol::uuid_in(tenant)) {
                    continue; // monitoring knows tenants as uuids
                }
                rows.push_back(row_of(tenant, traffic, *socket, now, report));
                if (rows.size() == rows_at_once) {
                    send(std::exchange(rows, {}));
                }
            }
        }
    }
    last_ = now;
    if (!rows.empty()) {
        send(std::move(rows));
    }
}

void Reporter::send(std::vector<std::string> rows) {
    std::string text = "[";
    for (const std::string& row : rows) {
        text += text.size() > 1 ? "," : "";
        text += row;
    }
    text += ']';
    Question question;
    question.statement = statement;
    question.line = QuestionLine::Report;
    question.parameters.emplace_back(std::move(text));
    question.done = [this, rows = std::move(rows)](const Answer& answer) {
        if (answer.ok) {
            said_ = false;
            return;
        }
        // One row that is refused must not cost the others their report.
        const bool for_its_content = answer.sqlstate.starts_with("22") || answer.sqlstate.starts_with("23");
        if (for_its_content && rows.size() > 1) {
            const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
            send({rows.begin(), middle});
            send({middle, rows.end()});
            return;
        }
        server_.counters.reports_failed += rows.size();
        if (!said_) {
            said_ = true;
            spdlog::warn("reports of connections cannot be stored: {}; {}", answer.message, answer.hint);
        }
    };
    pool_.ask(std::move(question));
}

} // namespace gateway
