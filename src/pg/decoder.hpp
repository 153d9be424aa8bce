// The state of one decoding session: options, what is known about relations, and the message being filled.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "pg/options.hpp"
#include "pg/postgres.hpp"
#include "pg/relation.hpp"
#include "pg/tenant.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/change.hpp"
#include "wire/json_change.hpp"

namespace pg {

struct RelationEntry {
    bool valid = false;
    RelationPlan* plan = nullptr;
    RelationText text;
    bool warned = false; // about something that concerns every change of this relation
    std::uint64_t announced =
        0; // Decoder::announcements when the relation frame was last known to be current
};

enum class Phase : char { Idle, Plain, Prepared, Streamed };

// What was left out on purpose or by need, for the log line at the end of a session.
struct Counters {
    std::uint64_t sent = 0;
    std::uint64_t filtered = 0;         // other tenants, row filters, unpublished actions
    std::uint64_t without_tenant = 0;   // rows that belong to no tenant while `tenants` is given
    std::uint64_t omitted = 0;          // rows larger than max_change_bytes
    std::uint64_t without_identity = 0; // UPDATE or DELETE whose old row the WAL does not have
    std::uint64_t not_broadcasts = 0;   // messages with our prefix that realtime_broadcast() did not write
};

// What has to survive between the blocks of a streamed transaction; plain data, in the session's memory context.
struct Progress {
    std::uint64_t position = 0; // of the change seen last
    bool sent = false;          // something of the transaction left

    // The next change's WAL address, or the next higher number: the rows of one record have the same one, and a message has
    // that of the row behind it, which the server may give first when they are of different subtransactions. Call once for
    // every change, before any filter.
    std::uint64_t next_position(std::uint64_t lsn) {
        position = std::max(lsn, position + 1);
        return position;
    }
};

// Owned by the memory context of the decoding session (make_owned). Its members are C++ objects, so code that touches
// them runs inside guarded(); PostgreSQL is called outside, with only plain references held.
class Decoder {
  public:
    explicit Decoder(const Options& options_, bool walsender);
    ~Decoder();

    Options options;
    bool batching;         // many changes in one message
    wire::Charset charset; // of JSON text
    TenantFilter tenants;
    Counters counters;

    MemoryContext relations_context = nullptr; // parent of all relation plans
    MemoryContext change_context = nullptr;    // reset after every change

    std::unordered_map<Oid, RelationEntry> relations;
    std::unordered_map<Oid, std::string> sent_relations; // relation frames this connection has seen
    std::uint64_t announcements = 1;                     // counts relation frames sent
    // Relations whose registration or names the plans of their partitions depend on.
    std::unordered_set<Oid> ancestors;
    // Partitioned tables of which it was said that a partition lacks the tenant in its replica identity.
    std::unordered_set<Oid> warned_roots;
    PublicationSet publications;
    MemoryContext publications_context = nullptr; // of `publications`
    bool publications_valid = false;
    MemoryContext unfinished_context = nullptr; // of a plan or set that an ERROR interrupted
    // Counted by the invalidation callbacks: what was looked up counts only if nothing changed on the way.
    std::uint64_t invalidations = 0;
    Oid last_relation = InvalidOid; // the entry most likely needed next
    RelationEntry* last_entry = nullptr;

    wire::ByteBuffer row{0};                    // the rows of one change
    wire::ByteBuffer out{MaxAllocSize - 65536}; // the message being filled

    // Transaction being replayed.
    Phase phase = Phase::Idle;
    bool described = false; // transaction text is made, and BEGIN sent where it is due
    bool said_hello = false;
    wire::JsonTransaction transaction;
    Progress replayed;              // of a transaction that is replayed as a whole
    Progress* progress = &replayed; // of the transaction at hand
    std::uint64_t progress_lsn = 0; // up to where the consumer knows
    int ticks = 0;                  // filtered changes since progress was reported
};

inline Decoder& decoder_of(LogicalDecodingContext* context) {
    return *static_cast<Decoder*>(context->output_plugin_private);
}

// relation_cache.cpp
// The entry of a relation, planned anew after an invalidation. The reference stays good for this change.
RelationEntry& find_relation(Decoder& decoder, Relation relation);
void watch_catalogs(Decoder* decoder);

// output.cpp
// Sends the message being filled, if there is anything in it.
void flush(LogicalDecodingContext* context, Decoder& decoder);
// Before `size` more bytes of a finished change: sends what is there when the message would become too long.
void make_room(LogicalDecodingContext* context, Decoder& decoder, Size size);
// After each change: sends at once where changes must not share a message.
void change_done(LogicalDecodingContext* context, Decoder& decoder);
// Inside guarded(): the separator between two JSON objects of one message, and a connection's first frame.
void start_item(Decoder& decoder);
// Inside guarded(), format frame: the relation frame goes before the first change of a relation and whenever it differs
// from what was sent last.
void announce(Decoder& decoder, RelationEntry& entry);
// A change that does not leave: keeps the connection alive and interrupts served.
void tick(LogicalDecodingContext* context, Decoder& decoder);

// transaction.cpp
// Describes the transaction and sends what opens it, before its first change that leaves.
void open_transaction(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn);
// The subtransaction a streamed change belongs to, 0 otherwise.
std::uint32_t subtransaction_of(const Decoder& decoder, ReorderBufferTXN* txn, ReorderBufferTXN* change_txn);

} // namespace pg
