// The callbacks for rows, truncations and messages; the same ones serve committed and streamed transactions.
#pragma once

#include "pg/postgres.hpp"

namespace pg {

extern "C" {
void on_change(LogicalDecodingContext* context, ReorderBufferTXN* txn, Relation relation,
               ReorderBufferChange* change);
void on_truncate(LogicalDecodingContext* context, ReorderBufferTXN* txn, int relation_count,
                 Relation relations[], ReorderBufferChange* change);
void on_message(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr message_lsn,
                bool transactional, const char* prefix, Size message_size, const char* message);
}

} // namespace pg
