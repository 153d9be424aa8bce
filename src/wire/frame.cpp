#include "wire/frame.hpp"

#include "wire/frame_bytes.hpp"
#include "wire/json_check.hpp"
#include "wire/json_text.hpp"

namespace wire {

namespace {

enum Kind : char {
    HelloKind = 'H',
    RelationKind = 'R',
    TruncateKind = 'T',
    BroadcastKind = 'X',
    MessageKind = 'M',
    ProgressKind = 'G'
};

constexpr std::uint8_t change_identity_nothing = 1;
constexpr std::uint8_t change_omitted = 2;
constexpr std::uint8_t truncate_cascade = 1;
constexpr std::uint8_t truncate_restart_identity = 2;
constexpr std::uint8_t message_transactional = 1;
constexpr std::uint8_t column_identity = 1;

ReadError end_of(const FrameReader& in, bool valid) {
    if (!in.finished()) {
        return ReadError::LengthMismatch;
    }
    return valid ? ReadError::None : ReadError::InvalidValue;
}

} // namespace

void write_hello(ByteBuffer& out, const Hello& hello) {
    FrameWriter frame(out, HelloKind);
    frame.u16(hello.protocol_version);
    frame.u32(hello.server_version);
    frame.str16(hello.plugin_version);
    frame.finish();
}

static ReadError read_hello(FrameReader& in, Hello& hello) {
    hello.protocol_version = in.u16();
    if (in.ok() && hello.protocol_version != frame_protocol_version) {
        return ReadError::VersionMismatch;
    }
    hello.server_version = in.u32();
    hello.plugin_version = in.str16();
    return end_of(in, true);
}

void write_relation(ByteBuffer& out, const Relation& relation) {
    FrameWriter frame(out, RelationKind);
    frame.u32(relation.relation_id);
    frame.u8(static_cast<std::uint8_t>(relation.access));
    frame.u8(static_cast<std::uint8_t>(relation.replica_identity));
    frame.u16(relation.tenant_column);
    frame.str16(relation.schema);
    frame.str16(relation.table);
    frame.u16(static_cast<std::uint16_t>(relation.columns.size()));
    for (const RelationColumn& column : relation.columns) {
        frame.u8(column.identity ? column_identity : 0);
        frame.u32(column.type_id);
        frame.str16(column.name);
        frame.str16(column.type_name);
    }
    frame.str32(relation.columns_json);
    frame.finish();
}

static ReadError read_relation(FrameReader& in, Relation& relation) {
    relation.relation_id = in.u32();
    relation.access = static_cast<Access>(in.u8());
    relation.replica_identity = static_cast<char>(in.u8());
    relation.tenant_column = in.u16();
    relation.schema = in.str16();
    relation.table = in.str16();
    const std::uint16_t count = in.u16();
    constexpr std::size_t smallest_column = 9;
    if (!in.ok() || count > in.remaining() / smallest_column) {
        return ReadError::LengthMismatch;
    }
    relation.columns.clear();
    relation.columns.reserve(count);
    bool valid = true;
    for (std::uint16_t index = 0; index < count && in.ok(); ++index) {
        RelationColumn column;
        const std::uint8_t flags = in.u8();
        valid = valid && (flags & ~column_identity) == 0;
        column.identity = flags != 0;
        column.type_id = in.u32();
        column.name = in.str16();
        column.type_name = in.str16();
        relation.columns.push_back(column);
    }
    relation.columns_json = in.str32();
    valid = valid &&
            (relation.access == Access::Tenant || relation.access == Access::Public ||
             relation.access == Access::Unregistered) &&
            std::string_view("dfin").find(relation.replica_identity) != std::string_view::npos &&
            (relation.tenant_column == no_tenant_column || relation.tenant_column < count);
    return end_of(in, valid);
}

void write_change(ByteBuffer& out, const RowChange& change) {
    FrameWriter frame(out, static_cast<char>(change.action));
    frame.u32(change.relation_id);
    frame.u64(change.position);
    frame.u32(change.subtransaction);
    frame.u8(static_cast<std::uint8_t>((change.identity_nothing ? change_identity_nothing : 0) |
                                       (change.omitted ? change_omitted : 0)));
    frame.optional_str16(change.tenant);
    frame.optional_str32(change.record);
    frame.optional_str32(change.old_record);
    frame.str32(change.unchanged_toast);
    frame.finish();
}

static ReadError read_change(FrameReader& in, Action action, RowChange& change) {
    change.action = action;
    change.relation_id = in.u32();
    change.position = in.u64();
    change.subtransaction = in.u32();
    const std::uint8_t flags = in.u8();
    change.identity_nothing = (flags & change_identity_nothing) != 0;
    change.omitted = (flags & change_omitted) != 0;
    change.tenant = in.optional_str16();
    change.record = in.optional_str32();
    change.old_record = in.optional_str32();
    change.unchanged_toast = in.str32();
    return end_of(in, (flags & ~(change_identity_nothing | change_omitted)) == 0);
}

void write_truncate(ByteBuffer& out, const Truncate& truncate, const std::uint32_t* relation_ids,
                    std::uint16_t relation_count) {
    FrameWriter frame(out, TruncateKind);
    frame.u64(truncate.position);
    frame.u32(truncate.subtransaction);
    frame.u8(static_cast<std::uint8_t>((truncate.cascade ? truncate_cascade : 0) |
                                       (truncate.restart_identity ? truncate_restart_identity : 0)));
    frame.u16(relation_count);
    for (std::uint16_t index = 0; index < relation_count; ++index) {
        frame.u32(relation_ids[index]);
    }
    frame.finish();
}

static ReadError read_truncate(FrameReader& in, TruncateFrame& frame) {
    frame.truncate.position = in.u64();
    frame.truncate.subtransaction = in.u32();
    const std::uint8_t flags = in.u8();
    frame.truncate.cascade = (flags & truncate_cascade) != 0;
    frame.truncate.restart_identity = (flags & truncate_restart_identity) != 0;
    const std::uint16_t count = in.u16();
    if (!in.ok() || in.remaining() != count * sizeof(std::uint32_t)) {
        return ReadError::LengthMismatch;
    }
    frame.relation_ids.clear();
    frame.relation_ids.reserve(count);
    for (std::uint16_t index = 0; index < count; ++index) {
        frame.relation_ids.push_back(in.u32());
    }
    return end_of(in, (flags & ~(truncate_cascade | truncate_restart_identity)) == 0);
}

void write_broadcast(ByteBuffer& out, const Broadcast& broadcast) {
    FrameWriter frame(out, BroadcastKind);
    frame.u64(broadcast.lsn);
    frame.u64(broadcast.position);
    frame.u32(broadcast.subtransaction);
    frame.u8(broadcast.transactional ? message_transactional : 0);
    frame.str16(broadcast.tenant);
    frame.str16(broadcast.topic);
    frame.str16(broadcast.event);
    frame.str32(broadcast.payload);
    frame.finish();
}

bool is_valid(const Broadcast& broadcast) {
    const auto is_name = [](std::string_view name) {
        return !name.empty() && name.size() <= longest_broadcast_name &&
               valid_utf8_prefix(name) == name.size();
    };
    return is_name(broadcast.tenant) && is_name(broadcast.topic) && is_name(broadcast.event) &&
           broadcast.payload.size() <= largest_broadcast_payload && is_json(broadcast.payload);
}

static ReadError read_broadcast(FrameReader& in, Broadcast& broadcast) {
    broadcast.lsn = in.u64();
    broadcast.position = in.u64();
    broadcast.subtransaction = in.u32();
    const std::uint8_t flags = in.u8();
    broadcast.transactional = flags != 0;
    broadcast.tenant = in.str16();
    broadcast.topic = in.str16();
    broadcast.event = in.str16();
    broadcast.payload = in.str32();
    return end_of(in, (flags & ~message_transactional) == 0);
}

void write_message(ByteBuffer& out, const Message& message) {
    FrameWriter frame(out, MessageKind);
    frame.u64(message.lsn);
    frame.u64(message.position);
    frame.u32(message.subtransaction);
    frame.u8(message.transactional ? message_transactional : 0);
    frame.str32(message.prefix);
    frame.str32(message.content);
    frame.finish();
}

static ReadError read_message(FrameReader& in, Message& message) {
    message.lsn = in.u64();
    message.position = in.u64();
    message.subtransaction = in.u32();
    const std::uint8_t flags = in.u8();
    message.transactional = flags != 0;
    message.prefix = in.str32();
    message.content = in.str32();
    return end_of(in, (flags & ~message_transactional) == 0);
}

void write_boundary(ByteBuffer& out, const Boundary& boundary) {
    FrameWriter frame(out, static_cast<char>(boundary.kind));
    frame.u32(boundary.xid);
    frame.u32(boundary.subtransaction);
    frame.u64(boundary.lsn);
    frame.u64(boundary.end_lsn);
    frame.u64(static_cast<std::uint64_t>(boundary.time));
    frame.str16(boundary.gid);
    frame.finish();
}

static ReadError read_boundary(FrameReader& in, BoundaryKind kind, Boundary& boundary) {
    boundary.kind = kind;
    boundary.xid = in.u32();
    boundary.subtransaction = in.u32();
    boundary.lsn = in.u64();
    boundary.end_lsn = in.u64();
    boundary.time = static_cast<std::int64_t>(in.u64());
    boundary.gid = in.str16();
    return end_of(in, true);
}

void write_progress(ByteBuffer& out, const Progress& progress) {
    FrameWriter frame(out, ProgressKind);
    frame.u64(progress.lsn);
    frame.finish();
}

static ReadError read_progress(FrameReader& in, Progress& progress) {
    progress.lsn = in.u64();
    return end_of(in, true);
}

static ReadError read_body(char kind, FrameReader& in, Frame& frame) {
    switch (kind) {
    case HelloKind:
        return read_hello(in, frame.emplace<Hello>());
    case RelationKind:
        return read_relation(in, frame.emplace<Relation>());
    case static_cast<char>(Action::Insert):
    case static_cast<char>(Action::Update):
    case static_cast<char>(Action::Delete):
        return read_change(in, static_cast<Action>(kind), frame.emplace<RowChange>());
    case TruncateKind:
        return read_truncate(in, frame.emplace<TruncateFrame>());
    case BroadcastKind:
        return read_broadcast(in, frame.emplace<Broadcast>());
    case MessageKind:
        return read_message(in, frame.emplace<Message>());
    case ProgressKind:
        return read_progress(in, frame.emplace<Progress>());
    default:
        break;
    }
    constexpr std::string_view boundary_kinds = "BCPpKkSEQAq";
    if (boundary_kinds.find(kind) == std::string_view::npos) {
        return ReadError::UnknownKind;
    }
    return read_boundary(in, static_cast<BoundaryKind>(kind), frame.emplace<Boundary>());
}

ReadResult read_frame(std::string_view bytes, Frame& frame) {
    FrameReader head(bytes);
    const std::uint32_t length = head.u32();
    if (!head.ok() || length > head.remaining()) {
        return {ReadError::Truncated, bytes.size()};
    }
    if (length == 0) {
        return {ReadError::LengthMismatch, sizeof length};
    }
    FrameReader body(bytes.substr(sizeof length + 1, length - 1));
    const ReadError error = read_body(bytes[sizeof length], body, frame);
    if (error != ReadError::None) {
        return {error, sizeof length + length - body.remaining()};
    }
    return {ReadError::None, sizeof length + length};
}

const char* describe(ReadError error) {
    switch (error) {
    case ReadError::None:
        return "no error";
    case ReadError::Truncated:
        return "the bytes end inside a frame";
    case ReadError::UnknownKind:
        return "unknown frame kind";
    case ReadError::LengthMismatch:
        return "a length does not fit its frame";
    case ReadError::InvalidValue:
        return "a field has a value that the format does not define";
    case ReadError::VersionMismatch:
        return "the frames are of another protocol version";
    }
    return "unknown error";
}

} // namespace wire
