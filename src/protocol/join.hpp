// The payload of phx_join: what a channel wants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/cursor.hpp"

namespace protocol {

enum class Event : std::uint8_t { All, Insert, Update, Delete };

// One entry of postgres_changes.
struct Binding {
    Event event = Event::All;
    std::string schema = "public", table = "*"; // * stands for all
    std::string filter;                         // empty: none
    std::vector<std::string> select;            // empty: all columns
    std::optional<Cursor> since;                // our extension: resume behind this change
    // Our extensions: an UPDATE after which the row does not pass the filter any more is sent, too; and rows carry a member
    // with the cursor of their change, which the stock client hands on.
    bool leaving = false, marks = false;
    std::string request; // the object as it came, to be echoed
    // Which member cannot be served and why: ".event: ...". Empty: the filter may still be wrong.
    std::string fault;
};

struct Join {
    bool broadcast_ack = false, broadcast_self = false, replication_ready = false;
    std::string presence_key; // empty: the server makes one
    bool presence = true;     // clients of the time before it could be switched off do not ask for it
    bool is_private = false;
    std::string tenant; // our extension: config.broadcast.tenant, whose room a private channel is in
    std::vector<Binding> bindings;
    bool wait =
        false; // the client knows that the reply comes only when the bindings are live; ours always does
    double timeout_seconds = 0; // postgres_changes_options.timeout: how long the client waits; 0: not said
    // Of all bindings: the later one of postgres_changes_options.since and of a member "since" of the payload, which
    // updateJoinPayload() of the client can set anew for later joins.
    std::optional<Cursor> since;
    std::optional<std::string> access_token; // or user_token, as older clients call it
    bool configured = false;                 // there is a member config: see take_table_from()
    std::vector<std::string> warnings;       // names that mean nothing, with the nearest right one
};

constexpr std::size_t most_bindings = 100; // of one channel
constexpr std::size_t longest_presence_key = 255;
constexpr std::size_t most_selected = 1600; // columns that a table can have

// Reads a payload leniently, as the original does: booleans may be the texts "true" and "false" in letters of either case, and
// null counts as missing. A wrong type is an error, never a guess: then the result is empty and `error` says what is wrong.
// Members that are not known are left out, with a warning; a binding that cannot be served says so in its `fault`.
std::optional<Join> read_join(std::string_view payload, std::string& error);

// Adds the binding of a join without config, as clients of before 2022 send it: their channel is called SCHEMA, SCHEMA:TABLE or
// SCHEMA:TABLE:FILTER, and their changes come as messages whose event is that of the change.
void take_table_from(Join& join, std::string_view channel);

// A topic is realtime: and a name; empty when it is none. The name is what system messages call the channel.
std::optional<std::string_view> channel_of(std::string_view topic);

} // namespace protocol
