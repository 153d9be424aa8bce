// What the gateway sends: every frame of the Phoenix protocol that it knows, in both versions.
//
// All append to `out`. Nothing here checks sizes; whoever queues frames does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/cursor.hpp"
#include "protocol/join.hpp"
#include "protocol/message.hpp"
#include "wire/byte_buffer.hpp"

namespace protocol {

using Reference = std::optional<std::string_view>;

// The answer to a message. `response` is a JSON object.
void write_reply(wire::ByteBuffer& out, Version version, Reference join_ref, Reference ref,
                 std::string_view topic, bool ok, std::string_view response = "{}");

// The refusal of a message: {"status": "error", "response": {"reason": ...}}.
void write_refusal(wire::ByteBuffer& out, Version version, Reference join_ref, Reference ref,
                   std::string_view topic, std::string_view reason);

// The answer to phx_join. Each request is echoed with its id, in their order, as the client demands; ids are above 0.
void write_join_reply(wire::ByteBuffer& out, Version version, Reference join_ref, Reference ref,
                      std::string_view topic, std::span<const Binding> bindings,
                      std::span<const std::uint32_t> ids);

// phx_close ends a channel for good, phx_error lets the client join again.
void write_close(wire::ByteBuffer& out, Version version, Reference join_ref, std::string_view topic);
void write_channel_error(wire::ByteBuffer& out, Version version, Reference join_ref, std::string_view topic,
                         std::string_view reason);

// A message of the server about a channel; the client hands it to the application as it is. With a cursor it says that all
// changes up to there were sent.
struct SystemMessage {
    std::string_view extension; // postgres_changes or system
    bool ok = true;
    std::string_view message;
    std::optional<Cursor> cursor;
    bool refetch = false; // changes were lost to this channel: the application has to read the tables again
};
void write_system(wire::ByteBuffer& out, Version version, std::string_view topic,
                  const SystemMessage& system);

// A change in two parts, so that the second one is written once for all who get it: write_changes_head() with the topic and the
// ids of the bindings, then the bytes that write_change_data() made, then write_changes_tail().
struct ChangeData {
    std::string_view schema, table;
    Event event = Event::Insert;                        // never All
    std::int64_t commit_time = 0;                       // microseconds since 1970-01-01 UTC
    std::string_view columns;                           // JSON array
    std::optional<std::string_view> record, old_record; // JSON objects
    std::string_view error;                             // empty: none
    Cursor cursor;
    bool left_filter = false; // the row does not pass the filter any more
    // JSON array with the names of columns that the record lacks: large ones that did not change, so that the WAL does not hold
    // them. Empty: none.
    std::string_view unchanged_toast;
    bool identity_nothing = false; // the table logs no old row
};
// Everything of it that is neither the row nor about the table: members of an object, each with a comma in front. A row for
// whoever asked for marks says the same as the message does.
void write_change_marks(wire::ByteBuffer& out, const ChangeData& change);
void write_change_data(wire::ByteBuffer& out, const ChangeData& change);
void write_changes_head(wire::ByteBuffer& out, Version version, std::string_view topic,
                        std::span<const std::uint32_t> ids);
void write_changes_tail(wire::ByteBuffer& out, Version version);
// The same for joins without config: the event of the message is that of the change, and its payload is the data.
void write_change_head(wire::ByteBuffer& out, Version version, std::string_view topic, Event event);
void write_change_tail(wire::ByteBuffer& out, Version version);

// A broadcast as text, with a JSON payload; version 2 also has binary frames for payloads of any bytes.
void write_broadcast(wire::ByteBuffer& out, Version version, std::string_view topic, std::string_view event,
                     std::string_view payload, std::string_view metadata = {});
// The same with the payload of the whole message, a JSON object, as a client has sent it.
void write_broadcast_message(wire::ByteBuffer& out, Version version, std::string_view topic,
                             std::string_view message);
// Empty result: a name is longer than 255 bytes, which the format cannot hold.
bool write_broadcast_frame(wire::ByteBuffer& out, std::string_view topic, std::string_view event,
                           std::string_view metadata, bool is_json, std::string_view payload);

// presence_state or presence_diff with a finished payload.
void write_presence(wire::ByteBuffer& out, Version version, std::string_view topic, bool is_state,
                    std::string_view payload);

} // namespace protocol
