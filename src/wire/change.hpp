// What both formats say about a change: plain views, filled by the plugin, read back by the gateway.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace wire {

// Microseconds between PostgreSQL's epoch (2000-01-01) and Unix's; times on the wire count from Unix's.
constexpr std::int64_t postgres_epoch_in_unix_microseconds = 946'684'800'000'000;

enum class Action : char { Insert = 'I', Update = 'U', Delete = 'D' };

// Where a row lives inside the stream. (lsn of the commit, position) is a total order over all changes and a cursor.
// `position` is the WAL address of the change's record plus its index within that record; it does not depend on
// options, filters, streaming or restarts.
struct RowChange {
    Action action = Action::Insert;
    std::uint32_t relation_id = 0;
    std::uint64_t position = 0;
    std::uint32_t subtransaction = 0; // xid, only while streaming a transaction in progress, else 0
    std::optional<std::string_view> tenant;
    std::optional<std::string_view> record;     // JSON object, new row
    std::optional<std::string_view> old_record; // JSON object, old row or its identity columns
    std::string_view unchanged_toast;           // JSON array of names, empty when there is none
    bool identity_nothing = false; // the old row is missing because REPLICA IDENTITY does not log it
    bool omitted = false;          // the rows are left out because they exceed max_change_bytes
};

// One frame for each TRUNCATE of up to 65,535 tables; in JSON it is one object a table.
struct Truncate {
    std::uint64_t position = 0;
    std::uint32_t subtransaction = 0;
    bool cascade = false;
    bool restart_identity = false;
};

// A broadcast from realtime_broadcast(). For one that is not transactional, `lsn` is its own WAL address.
struct Broadcast {
    std::uint64_t lsn = 0; // 0 in a transaction whose commit is not known yet
    std::uint64_t position = 0;
    std::uint32_t subtransaction = 0;
    bool transactional = true;
    std::string_view tenant;
    std::string_view topic;
    std::string_view event;
    std::string_view payload; // JSON document
};

// A logical message of somebody else (option messages=on).
struct Message {
    std::uint64_t lsn = 0;
    std::uint64_t position = 0;
    std::uint32_t subtransaction = 0;
    bool transactional = true;
    std::string_view prefix;
    std::string_view content; // any bytes
};

// Everything that begins or ends a transaction or a part of it. The letters are the frame kinds.
enum class BoundaryKind : char {
    Begin = 'B',
    Commit = 'C',
    BeginPrepare = 'P',
    Prepare = 'p',
    CommitPrepared = 'K',
    RollbackPrepared = 'k',
    StreamStart = 'S',
    StreamStop = 'E',
    StreamCommit = 'Q',
    StreamAbort = 'A',
    StreamPrepare = 'q'
};

struct Boundary {
    BoundaryKind kind = BoundaryKind::Begin;
    std::uint32_t xid = 0;
    std::uint32_t subtransaction =
        0;                     // StreamAbort: the aborted one; equal to xid when the whole transaction is
    std::uint64_t lsn = 0;     // of the commit, prepare or abort record; 0 where not known yet
    std::uint64_t end_lsn = 0; // behind that record: what a consumer confirms
    std::int64_t time = 0;     // of commit or prepare, microseconds since 1970-01-01 UTC
    std::string_view gid;      // two-phase only
};

} // namespace wire
