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
    std::optional<std::string> access_token;
};

constexpr std::size_t most_bindings = 100; // of one channel
constexpr std::size_t longest_presence_key = 255;
constexpr std::size_t most_selected = 1600; // columns that a table can have

// Reads a payload leniently, as the original does: booleans may be the texts "true" and "false", null entries are left out,
// an unknown event is *, and whatever has the wrong type counts as missing. What would change which rows are sent is an error,
// never a guess: then the result is empty and `error` says what is wrong.
std::optional<Join> read_join(std::string_view payload, std::string& error);

// A topic is realtime: and a name; empty when it is none. The name is what system messages call the channel.
std::optional<std::string_view> channel_of(std::string_view topic);

} // namespace protocol
