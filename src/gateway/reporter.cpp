#include "gateway/reporter.hpp"

#include <algorithm>

#include "gateway/log.hpp"
#include "gateway/socket.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace gateway {

namespace {

constexpr std::size_t rows_at_once = 500;
constexpr std::size_t uuid_length = 36;

// What a client has received is what we have sent.
constexpr const char* statement =
    "INSERT INTO realtime_connection_metrics (tenant_id, subscription_type, connection_id, "
    "total_messages_received, "
    "total_messages_sent, error_count, bytes_transferred, last_heartbeat_at) "
    "SELECT tenant_id, subscription_type, connection_id, received, sent, errors, bytes, now() "
    "FROM pg_catalog.jsonb_to_recordset($1::jsonb) AS r(tenant_id uuid, subscription_type text, "
    "connection_id text, "
    "received bigint, sent bigint, errors bigint, bytes bigint)";

} // namespace

void Reporter::tick() {
    const double now = server_.hub().now();
    const unsigned interval = server_.config().report_interval;
    if (interval == 0 || now < next_) {
        return;
    }
    const bool first = next_ == 0;
    next_ = now + interval;
    if (first || !pool_.any_connected()) {
        return;
    }
    wire::ByteBuffer rows(1U << 28);
    std::size_t count = 0;
    for (const Socket* socket : server_.sockets()) {
        if (socket->session() == nullptr) {
            continue;
        }
        for (const hub::ChannelReport& report : socket->session()->report()) {
            for (const std::string& tenant : report.tenants) {
                if (tenant.size() != uuid_length) {
                    continue; // monitoring knows tenants as uuids
                }
                rows.append(count == 0 ? "[{\"tenant_id\":" : ",{\"tenant_id\":");
                wire::write_json_string(rows, tenant);
                rows.append(",\"subscription_type\":");
                wire::write_json_string(rows, std::string_view(report.subscription_type).substr(0, 255));
                rows.append(",\"connection_id\":");
                wire::write_json_string(rows, socket->connection_id());
                for (const auto& [name, value] : {std::pair{",\"received\":", report.messages_sent},
                                                  std::pair{",\"sent\":", report.messages_received},
                                                  std::pair{",\"errors\":", report.errors},
                                                  std::pair{",\"bytes\":", report.bytes_sent}}) {
                    rows.append(name);
                    wire::write_uint64(rows, value);
                }
                rows.append('}');
                if (++count == rows_at_once) {
                    rows.append(']');
                    send(std::string(rows.view()));
                    rows.clear();
                    count = 0;
                }
            }
        }
    }
    if (count > 0) {
        rows.append(']');
        send(std::string(rows.view()));
    }
}

void Reporter::send(std::string rows) {
    Question question;
    question.statement = statement;
    question.parameters.emplace_back(std::move(rows));
    question.done = [this](const Answer& answer) {
        if (answer.ok) {
            said_ = false;
            return;
        }
        ++failed_;
        if (!said_) {
            said_ = true;
            spdlog::warn("reports of connections cannot be stored: {}; {}", answer.message, answer.hint);
        }
    };
    pool_.ask(std::move(question));
}

} // namespace gateway
