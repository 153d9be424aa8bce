#include "wire/json_change.hpp"

#include <cstring>
#include <optional>

#include "wire/datetime.hpp"

namespace wire {

namespace {

constexpr std::string_view action_heads[] = {R"({"action":"INSERT",)", R"({"action":"UPDATE",)",
                                             R"({"action":"DELETE",)"};

std::string_view action_head(Action action) {
    return action_heads[action == Action::Insert ? 0 : action == Action::Update ? 1 : 2];
}

char* format_text(char* to, std::string_view text) {
    return to + text.copy(to, text.size());
}

char* format_commit_time_or_null(char* to, std::int64_t unix_microseconds) {
    if (unix_microseconds == 0) {
        return format_text(to, "null");
    }
    *to++ = '"';
    to = format_timestamp(to, unix_microseconds - postgres_epoch_in_unix_microseconds, true);
    *to++ = '"';
    return to;
}

char* format_lsn_or_null(char* to, std::uint64_t lsn) {
    if (lsn == 0) {
        return format_text(to, "null");
    }
    *to++ = '"';
    to = format_lsn(to, lsn);
    *to++ = '"';
    return to;
}

void write_text(ByteBuffer& out, std::string_view text) {
    out.append(text);
}

void write_place(ByteBuffer& out, const JsonTransaction& transaction, std::uint64_t position,
                 std::uint32_t subtransaction) {
    out.append(transaction.before_position, transaction.before_length);
    write_uint64(out, position);
    out.append(transaction.after_position, transaction.after_length);
    if (subtransaction != 0) {
        write_text(out, R"(,"subxid":)");
        write_uint64(out, subtransaction);
    }
}

// The place of a message: in its transaction, or at its own WAL address when it has none.
void write_message_place(ByteBuffer& out, const JsonTransaction* transaction, std::uint64_t lsn,
                         std::uint64_t position, std::uint32_t subtransaction, bool transactional) {
    write_text(out, transactional ? R"(,"transactional":true)" : R"(,"transactional":false)");
    if (transaction != nullptr) {
        write_place(out, *transaction, position, subtransaction);
        return;
    }
    JsonTransaction own{};
    own.describe(0, lsn, 0);
    write_place(out, own, position, 0);
}

std::string_view boundary_action(BoundaryKind kind) {
    switch (kind) {
    case BoundaryKind::Begin:
        return "BEGIN";
    case BoundaryKind::Commit:
        return "COMMIT";
    case BoundaryKind::BeginPrepare:
        return "BEGIN_PREPARE";
    case BoundaryKind::Prepare:
        return "PREPARE";
    case BoundaryKind::CommitPrepared:
        return "COMMIT_PREPARED";
    case BoundaryKind::RollbackPrepared:
        return "ROLLBACK_PREPARED";
    case BoundaryKind::StreamStart:
        return "STREAM_START";
    case BoundaryKind::StreamStop:
        return "STREAM_STOP";
    case BoundaryKind::StreamCommit:
        return "STREAM_COMMIT";
    case BoundaryKind::StreamAbort:
        return "STREAM_ABORT";
    case BoundaryKind::StreamPrepare:
        return "STREAM_PREPARE";
    }
    return "UNKNOWN";
}

} // namespace

JsonRelation::JsonRelation(std::string_view schema, std::string_view table, std::string_view columns_json,
                           Charset charset_)
    : charset(charset_) {
    ByteBuffer text(1U << 30);
    write_text(text, R"("schema":)");
    write_json_string(text, schema, charset);
    write_text(text, R"(,"table":)");
    write_json_string(text, table, charset);
    write_text(text, R"(,"tenant":)");
    names = text.view();
    if (!columns_json.empty()) {
        columns = R"(,"columns":)";
        columns += columns_json;
    }
}

void JsonTransaction::describe(std::uint32_t xid, std::uint64_t lsn, std::int64_t commit_time) {
    char* to = format_text(before_position, R"(,"lsn":)");
    to = format_lsn_or_null(to, lsn);
    to = format_text(to, R"(,"position":)");
    before_length = static_cast<std::uint8_t>(to - before_position);
    to = format_text(after_position, R"(,"xid":)");
    to = xid == 0 ? format_text(to, "null") : format_uint64(to, xid);
    to = format_text(to, R"(,"commit_timestamp":)");
    to = format_commit_time_or_null(to, commit_time);
    after_length = static_cast<std::uint8_t>(to - after_position);
}

namespace {

template <std::size_t size> char* copy_literal(char* to, const char (&text)[size]) {
    std::memcpy(to, text, size - 1);
    return to + size - 1;
}

char* copy_view(char* to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

char* copy_row(char* to, const std::optional<std::string_view>& row) {
    return row ? copy_view(to, *row) : copy_literal(to, "null");
}

char* copy_place(char* to, const JsonTransaction& transaction, const RowChange& change) {
    std::memcpy(to, transaction.before_position, sizeof transaction.before_position);
    to = format_uint64(to + transaction.before_length, change.position);
    std::memcpy(to, transaction.after_position, sizeof transaction.after_position);
    to += transaction.after_length;
    if (change.subtransaction != 0) {
        to = format_uint64(copy_literal(to, R"(,"subxid":)"), change.subtransaction);
    }
    return to;
}

} // namespace

void write_json_change(ByteBuffer& out, const JsonRelation& relation, const JsonTransaction& transaction,
                       const RowChange& change) {
    // One reservation for the whole object: all its large parts are finished bytes.
    constexpr std::size_t constant_parts = 512 + sizeof(JsonTransaction);
    const std::size_t row_bytes = change.record.value_or("").size() + change.old_record.value_or("").size() +
                                  change.unchanged_toast.size();
    char* to = out.reserve(constant_parts + relation.names.size() + relation.columns.size() + row_bytes);
    to = copy_view(copy_view(to, action_head(change.action)), relation.names);
    if (change.tenant) {
        out.advance_to(to);
        write_json_string(out, *change.tenant, relation.charset);
        to = out.reserve(constant_parts + relation.columns.size() + row_bytes);
    } else {
        to = copy_literal(to, "null");
    }
    to = copy_place(to, transaction, change);
    to = copy_view(to, relation.columns);
    to = copy_row(copy_literal(to, R"(,"record":)"), change.record);
    to = copy_row(copy_literal(to, R"(,"old_record":)"), change.old_record);
    if (!change.unchanged_toast.empty()) {
        to = copy_view(copy_literal(to, R"(,"unchanged_toast":)"), change.unchanged_toast);
    }
    if (change.identity_nothing) {
        to = copy_literal(to, R"(,"replica_identity":"nothing")");
    }
    if (change.omitted) {
        to = copy_literal(to, R"(,"omitted":"the rows exceed max_change_bytes")");
    }
    *to++ = '}';
    out.advance_to(to);
}

void write_json_truncate(ByteBuffer& out, const JsonRelation& relation, const JsonTransaction& transaction,
                         const Truncate& truncate) {
    write_text(out, R"({"action":"TRUNCATE",)");
    write_text(out, relation.names);
    out.append("null", 4);
    write_place(out, transaction, truncate.position, truncate.subtransaction);
    write_text(out, truncate.cascade ? R"(,"cascade":true)" : R"(,"cascade":false)");
    write_text(out,
               truncate.restart_identity ? R"(,"restart_identity":true})" : R"(,"restart_identity":false})");
}

void write_json_broadcast(ByteBuffer& out, const JsonTransaction* transaction, const Broadcast& broadcast,
                          Charset charset) {
    write_text(out, R"({"action":"BROADCAST","tenant":)");
    write_json_string(out, broadcast.tenant, charset);
    write_text(out, R"(,"topic":)");
    write_json_string(out, broadcast.topic, charset);
    write_text(out, R"(,"event":)");
    write_json_string(out, broadcast.event, charset);
    write_text(out, R"(,"payload":)");
    write_json_document(out, broadcast.payload, charset);
    write_message_place(out, transaction, broadcast.lsn, broadcast.position, broadcast.subtransaction,
                        broadcast.transactional);
    out.append('}');
}

void write_json_message(ByteBuffer& out, const JsonTransaction* transaction, const Message& message,
                        Charset charset) {
    write_text(out, R"({"action":"MESSAGE","prefix":)");
    write_json_string(out, message.prefix, charset);
    if (valid_utf8_prefix(message.content) == message.content.size()) {
        write_text(out, R"(,"content":)");
        write_json_string(out, message.content, charset);
    } else {
        write_text(out, R"(,"content_base64":")");
        write_base64(out, message.content);
        out.append('"');
    }
    write_message_place(out, transaction, message.lsn, message.position, message.subtransaction,
                        message.transactional);
    out.append('}');
}

void write_json_boundary(ByteBuffer& out, const Boundary& boundary, Charset charset) {
    write_text(out, R"({"action":")");
    write_text(out, boundary_action(boundary.kind));
    write_text(out, R"(","xid":)");
    write_uint64(out, boundary.xid);
    if (boundary.subtransaction != 0) {
        write_text(out, R"(,"subxid":)");
        write_uint64(out, boundary.subtransaction);
    }
    char text[64];
    write_text(out, R"(,"lsn":)");
    out.append(text, static_cast<std::size_t>(format_lsn_or_null(text, boundary.lsn) - text));
    write_text(out, R"(,"end_lsn":)");
    out.append(text, static_cast<std::size_t>(format_lsn_or_null(text, boundary.end_lsn) - text));
    write_text(out, R"(,"commit_timestamp":)");
    out.append(text, static_cast<std::size_t>(format_commit_time_or_null(text, boundary.time) - text));
    if (!boundary.gid.empty()) {
        write_text(out, R"(,"gid":)");
        write_json_string(out, boundary.gid, charset);
    }
    out.append('}');
}

void JsonColumns::add(std::string_view name, std::string_view type) {
    write_text(out_, first_ ? R"({"name":)" : R"(,{"name":)");
    first_ = false;
    write_json_string(out_, name, charset_);
    write_text(out_, R"(,"type":)");
    write_json_string(out_, type, charset_);
    out_.append('}');
}

} // namespace wire
