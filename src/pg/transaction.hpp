// The callbacks that begin and end transactions, in the three ways PostgreSQL can replay one: after its commit, at
// PREPARE TRANSACTION, or streamed in blocks while it is still in progress.
#pragma once

#include "pg/postgres.hpp"

namespace pg {

extern "C" {
void on_begin(LogicalDecodingContext* context, ReorderBufferTXN* txn);
void on_commit(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr commit_lsn);

void on_begin_prepare(LogicalDecodingContext* context, ReorderBufferTXN* txn);
void on_prepare(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr prepare_lsn);
void on_commit_prepared(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr commit_lsn);
void on_rollback_prepared(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr prepare_end_lsn,
                          TimestampTz prepare_time);

void on_stream_start(LogicalDecodingContext* context, ReorderBufferTXN* txn);
void on_stream_stop(LogicalDecodingContext* context, ReorderBufferTXN* txn);
void on_stream_abort(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr abort_lsn);
void on_stream_prepare(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr prepare_lsn);
void on_stream_commit(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr commit_lsn);
}

} // namespace pg
