// A change as the gateway keeps it: views into the message that it came in, and where it stands among all others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/cursor.hpp"
#include "wire/frame.hpp"

namespace stream {

struct Column {
    std::string name, type_name; // type_name: pg_type.typname, of a domain that of its base type
    bool identity = false;       // part of the replica identity
};

// A table as of some place in the stream. Immutable: when the table changes, later changes point to another one.
struct Relation {
    std::uint32_t id = 0;
    wire::Access access = wire::Access::Unregistered;
    std::string schema, table;
    std::vector<Column> columns;
    std::string columns_json; // the array that a browser receives
};

// The bytes of one message of the replication stream, freed when nobody looks into them any more.
class Block {
  public:
    using Release = void (*)(void*);
    // `bytes` lie within `memory`, which release() frees.
    Block(void* memory, std::string_view bytes, Release release)
        : memory_(memory), bytes_(bytes), release_(release) {}
    ~Block() { release_(memory_); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    std::string_view view() const { return bytes_; }

  private:
    void* memory_;
    std::string_view bytes_;
    Release release_;
};

enum class Kind : std::uint8_t { Insert, Update, Delete, Truncate, Broadcast };

struct Change {
    Kind kind = Kind::Insert;
    bool omitted = false;          // the rows are not here because they are larger than the slot's limit
    bool identity_nothing = false; // the old row is not here because the table logs none
    std::uint32_t xid = 0;
    protocol::Cursor cursor;
    std::int64_t commit_time = 0;             // microseconds since 1970-01-01 UTC; 0: not known
    std::shared_ptr<const Relation> relation; // none for broadcasts
    std::optional<std::string_view> tenant;   // none: the row has no tenant
    std::optional<std::string_view> record, old_record;
    std::string_view unchanged_toast;       // JSON array: large columns that the record lacks; empty: none
    std::string_view topic, event, payload; // of a broadcast
    std::shared_ptr<const Block> block;     // what the views point into
};

} // namespace stream
