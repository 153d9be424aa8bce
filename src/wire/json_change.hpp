// format=json: one JSON object a change, on one line. What is the same for every change of a relation or of a
// transaction is formatted once and then copied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/byte_buffer.hpp"
#include "wire/change.hpp"
#include "wire/json_text.hpp"

namespace wire {

// The constant parts of every change of one relation.
struct JsonRelation {
    std::string names;   // `"schema":"public","table":"orders","tenant":`
    std::string columns; // `,"columns":[{"name":"id","type":"int8"}]`, empty with include_types=off
    Charset charset;

    JsonRelation(std::string_view schema, std::string_view table, std::string_view columns_json,
                 Charset charset_);
};

// The constant parts of every change of one transaction; plain data, to be kept wherever the plugin likes.
struct JsonTransaction {
    char before_position[48]; // `,"lsn":"16/B374D848","position":`
    char after_position[112]; // `,"xid":741,"commit_timestamp":"..."`
    std::uint8_t before_length = 0;
    std::uint8_t after_length = 0;

    // `lsn` and `commit_time` (microseconds since 1970) of 0 mean that they are not known yet: null.
    void describe(std::uint32_t xid, std::uint64_t lsn, std::int64_t commit_time);
};

void write_json_change(ByteBuffer& out, const JsonRelation& relation, const JsonTransaction& transaction,
                       const RowChange& change);
void write_json_truncate(ByteBuffer& out, const JsonRelation& relation, const JsonTransaction& transaction,
                         const Truncate& truncate);
// `transaction` may be null for messages that are not transactional.
void write_json_broadcast(ByteBuffer& out, const JsonTransaction* transaction, const Broadcast& broadcast,
                          Charset charset);
// Content that is UTF-8 becomes "content", anything else "content_base64".
void write_json_message(ByteBuffer& out, const JsonTransaction* transaction, const Message& message,
                        Charset charset);
void write_json_boundary(ByteBuffer& out, const Boundary& boundary, Charset charset);

// `[{"name":...,"type":...},...]`, appended column by column.
class JsonColumns {
  public:
    JsonColumns(ByteBuffer& out, Charset charset) : out_(out), charset_(charset) { out_.append('['); }
    void add(std::string_view name, std::string_view type);
    void finish() { out_.append(']'); }

  private:
    ByteBuffer& out_;
    Charset charset_;
    bool first_ = true;
};

} // namespace wire
