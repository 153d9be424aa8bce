// format=frame: what the gateway reads. Every frame is written and read here, each pair side by side in frame.cpp.
// The prose, with examples, is docs/protocol-frame.md; the bytes are pinned by test/golden.
//
//   frame   = length u32 (of what follows it), kind u8, body
//   str16   = length u16, bytes        str32 = length u32, bytes       absent = length of all ones
// All integers are big-endian. A message of the replication stream holds one or more whole frames.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/byte_buffer.hpp"
#include "wire/change.hpp"

namespace wire {

constexpr std::uint16_t frame_protocol_version = 1;

// First frame of every connection.
struct Hello {
    std::uint16_t protocol_version = frame_protocol_version;
    std::uint32_t server_version = 0; // server_version_num, e.g. 150020
    std::string_view plugin_version;
};

// Who may see the rows of a relation. Unregistered rows are for operators, never for tenants.
enum class Access : char { Tenant = 't', Public = 'p', Unregistered = 'n' };

struct RelationColumn {
    bool identity =
        false; // tells the row: the replica identity, or the primary key where that is the whole row
    std::uint32_t type_id = 0;
    std::string_view name;
    std::string_view type_name; // pg_type.typname, of a domain that of its base type
};

constexpr std::uint16_t no_tenant_column = 0xFFFF;

// Sent before the first change of a relation and again after it changed.
struct Relation {
    std::uint32_t relation_id = 0;
    Access access = Access::Unregistered;
    char replica_identity = 'd';                    // pg_class.relreplident
    std::uint16_t tenant_column = no_tenant_column; // index into columns
    std::string_view schema;
    std::string_view table;
    std::vector<RelationColumn> columns;
    std::string_view columns_json; // the "columns" array as a browser receives it
};

struct TruncateFrame {
    Truncate truncate;
    std::vector<std::uint32_t> relation_ids;
};

// Everything before `lsn` that concerns this connection has been sent; a consumer with nothing pending may confirm it.
struct Progress {
    std::uint64_t lsn = 0;
};

void write_hello(ByteBuffer& out, const Hello& hello);
void write_relation(ByteBuffer& out, const Relation& relation);
void write_change(ByteBuffer& out, const RowChange& change);
void write_truncate(ByteBuffer& out, const Truncate& truncate, const std::uint32_t* relation_ids,
                    std::uint16_t relation_count);
void write_broadcast(ByteBuffer& out, const Broadcast& broadcast);
void write_message(ByteBuffer& out, const Message& message);
void write_boundary(ByteBuffer& out, const Boundary& boundary);
void write_progress(ByteBuffer& out, const Progress& progress);

using Frame = std::variant<Hello, Relation, RowChange, TruncateFrame, Broadcast, Message, Boundary, Progress>;

enum class ReadError : std::uint8_t {
    None,
    Truncated,       // the bytes end inside a frame
    UnknownKind,     // a kind that this version does not know
    LengthMismatch,  // a length inside the body points outside of it, or bytes are left over
    InvalidValue,    // an enum or a flag has a value that the format does not define
    VersionMismatch, // a hello of another protocol version
};

const char* describe(ReadError error);

struct ReadResult {
    ReadError error = ReadError::None;
    std::size_t consumed = 0; // bytes of the frame when read; otherwise the offset at which reading stopped
};

// Reads one frame from the start of `bytes`. The views in `frame` point into `bytes`. Never throws for any input except
// std::bad_alloc, and never allocates more than a small multiple of the frame's own size.
ReadResult read_frame(std::string_view bytes, Frame& frame);

// realtime_broadcast() writes a logical message with this prefix into the WAL; its content is a broadcast frame that has
// no place yet.
constexpr std::string_view broadcast_message_prefix = "pg_realtime";

// What realtime_broadcast() accepts, and what a reader of foreign broadcast frames has to insist on: topic and event of
// 1 to longest_broadcast_name bytes of UTF-8, a payload that is one JSON document of at most largest_broadcast_payload
// bytes.
constexpr std::size_t longest_broadcast_name = 1024;
constexpr std::size_t largest_broadcast_payload = 16 * 1024 * 1024;
bool is_valid(const Broadcast& broadcast);

} // namespace wire
