#include "pg/transaction.hpp"

#include "pg/decoder.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

// A consumer that sees only skipped transactions still hears how far the stream is.
constexpr std::uint64_t progress_distance = 256 * 1024;

std::int64_t unix_time(TimestampTz time) {
    return time + wire::postgres_epoch_in_unix_microseconds;
}

// Streamed and two-phase boundaries carry meaning that no consumer can do without; plain ones are an option in JSON.
bool wanted(const Decoder& decoder, wire::BoundaryKind kind) {
    const bool plain = kind == wire::BoundaryKind::Begin || kind == wire::BoundaryKind::Commit;
    return !plain || decoder.options.format == Format::Frame || decoder.options.include_transaction;
}

void add_boundary(LogicalDecodingContext* context, Decoder& decoder, wire::Boundary boundary) {
    if (!wanted(decoder, boundary.kind)) {
        return;
    }
    boundary.gid = to_utf8_without_catalogs(boundary.gid.data(), boundary.gid.size());
    make_room(context, decoder, 256 + boundary.gid.size() * 6);
    guarded([&] {
        start_item(decoder);
        if (decoder.options.format == Format::Json) {
            wire::write_json_boundary(decoder.out, boundary, decoder.charset);
        } else {
            wire::write_boundary(decoder.out, boundary);
        }
    });
    change_done(context, decoder);
}

wire::Boundary boundary_of(wire::BoundaryKind kind, ReorderBufferTXN* txn) {
    wire::Boundary boundary;
    boundary.kind = kind;
    boundary.xid = txn->xid;
    if (txn->gid != nullptr) {
        boundary.gid = txn->gid;
    }
    return boundary;
}

wire::Boundary finished(wire::BoundaryKind kind, ReorderBufferTXN* txn) {
    wire::Boundary boundary = boundary_of(kind, txn);
    boundary.lsn = txn->final_lsn;
    boundary.end_lsn = txn->end_lsn;
    boundary.time = unix_time(txn->xact_time.commit_time);
    return boundary;
}

// The reorder buffer keeps a pointer of ours with every transaction; streamed ones need it between their blocks.
Progress* progress_of(ReorderBufferTXN* txn) {
    return static_cast<Progress*>(txn->output_plugin_private);
}

bool was_sent(ReorderBufferTXN* txn) {
    return progress_of(txn) != nullptr && progress_of(txn)->sent;
}

void forget_progress(Decoder& decoder, ReorderBufferTXN* txn) {
    Progress* progress = progress_of(txn);
    if (progress != nullptr) {
        txn->output_plugin_private = nullptr;
        decoder.progress = &decoder.replayed;
        pfree(progress);
    }
}

// The transaction is kept until it is committed or rolled back for good.
void remember_sent(LogicalDecodingContext* context, ReorderBufferTXN* txn) {
    if (progress_of(txn) == nullptr) {
        txn->output_plugin_private = MemoryContextAllocZero(context->context, sizeof(Progress));
    }
    progress_of(txn)->sent = true;
}

void enter(Decoder& decoder, Phase phase) {
    decoder.phase = phase;
    decoder.described = false;
    decoder.replayed = Progress();
    decoder.progress = &decoder.replayed;
}

// After the last message of a transaction: tells a silent consumer how far we are, and the server that we live.
void leave(LogicalDecodingContext* context, Decoder& decoder, bool sent, XLogRecPtr end_lsn) {
    enter(decoder, Phase::Idle);
    if (sent) {
        decoder.progress_lsn = end_lsn;
    } else if (decoder.options.format == Format::Frame &&
               end_lsn > decoder.progress_lsn + progress_distance) {
        guarded([&] {
            start_item(decoder);
            wire::write_progress(decoder.out, {end_lsn});
        });
        decoder.progress_lsn = end_lsn;
    }
    flush(context, decoder);
    OutputPluginUpdateProgress(context, !sent);
}

// Whether anything of the transaction was sent may have been decided by an earlier session, so these are always said. To
// a consumer of some tenants the name of a transaction that may be another's is not: the xid identifies it as well.
void add_outcome(LogicalDecodingContext* context, Decoder& decoder, wire::BoundaryKind kind,
                 ReorderBufferTXN* txn) {
    wire::Boundary boundary = finished(kind, txn);
    if (decoder.options.tenants_given && !was_sent(txn)) {
        boundary.gid = {};
    }
    add_boundary(context, decoder, boundary);
    forget_progress(decoder, txn);
}

} // namespace

void open_transaction(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn) {
    if (decoder.described) {
        return;
    }
    ReorderBufferTXN* top = top_transaction(txn);
    switch (decoder.phase) {
    case Phase::Plain:
        decoder.transaction.describe(top->xid, top->final_lsn, unix_time(top->xact_time.commit_time));
        add_boundary(context, decoder, finished(wire::BoundaryKind::Begin, top));
        break;
    case Phase::Prepared: // the commit is not known yet
        decoder.transaction.describe(top->xid, 0, 0);
        add_boundary(context, decoder, finished(wire::BoundaryKind::BeginPrepare, top));
        break;
    case Phase::Streamed:
        decoder.transaction.describe(top->xid, 0, 0);
        add_boundary(context, decoder, boundary_of(wire::BoundaryKind::StreamStart, top));
        break;
    case Phase::Idle:
        break;
    }
    decoder.described = true;
    decoder.progress->sent = true;
}

std::uint32_t subtransaction_of(const Decoder& decoder, ReorderBufferTXN* txn, ReorderBufferTXN* change_txn) {
    if (decoder.phase != Phase::Streamed || change_txn == nullptr) {
        return 0;
    }
    const TransactionId top = top_transaction(txn)->xid;
    return change_txn->xid == top ? 0 : change_txn->xid;
}

void on_begin(LogicalDecodingContext* context, ReorderBufferTXN*) {
    enter(decoder_of(context), Phase::Plain);
}

void on_commit(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr) {
    Decoder& decoder = decoder_of(context);
    const bool sent = decoder.described;
    if (sent) {
        add_boundary(context, decoder, finished(wire::BoundaryKind::Commit, txn));
    }
    leave(context, decoder, sent, txn->end_lsn);
}

void on_begin_prepare(LogicalDecodingContext* context, ReorderBufferTXN*) {
    enter(decoder_of(context), Phase::Prepared);
}

void on_prepare(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr) {
    Decoder& decoder = decoder_of(context);
    const bool sent = decoder.described;
    if (sent) {
        add_boundary(context, decoder, finished(wire::BoundaryKind::Prepare, txn));
        remember_sent(context, txn);
    }
    leave(context, decoder, sent, txn->end_lsn);
}

void on_commit_prepared(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr) {
    Decoder& decoder = decoder_of(context);
    add_outcome(context, decoder, wire::BoundaryKind::CommitPrepared, txn);
    leave(context, decoder, true, txn->end_lsn);
}

void on_rollback_prepared(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr, TimestampTz) {
    Decoder& decoder = decoder_of(context);
    add_outcome(context, decoder, wire::BoundaryKind::RollbackPrepared, txn);
    leave(context, decoder, true, txn->end_lsn);
}

void on_stream_start(LogicalDecodingContext* context, ReorderBufferTXN* txn) {
    Decoder& decoder = decoder_of(context);
    enter(decoder, Phase::Streamed);
    ReorderBufferTXN* top = top_transaction(txn);
    if (progress_of(top) == nullptr) {
        top->output_plugin_private = MemoryContextAllocZero(context->context, sizeof(Progress));
    }
    decoder.progress = progress_of(top);
}

void on_stream_stop(LogicalDecodingContext* context, ReorderBufferTXN* txn) {
    Decoder& decoder = decoder_of(context);
    if (decoder.described) {
        add_boundary(context, decoder, boundary_of(wire::BoundaryKind::StreamStop, top_transaction(txn)));
    }
    enter(decoder, Phase::Idle);
    flush(context, decoder);
}

void on_stream_abort(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr abort_lsn) {
    Decoder& decoder = decoder_of(context);
    ReorderBufferTXN* top = top_transaction(txn);
    if (was_sent(top)) {
        wire::Boundary boundary = boundary_of(wire::BoundaryKind::StreamAbort, top);
        boundary.subtransaction = txn->xid;
        boundary.lsn = abort_lsn;
        add_boundary(context, decoder, boundary);
        flush(context, decoder);
    }
    if (txn == top) {
        forget_progress(decoder, top);
    }
}

void on_stream_prepare(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr) {
    Decoder& decoder = decoder_of(context);
    const bool sent = was_sent(txn);
    if (sent) {
        add_boundary(context, decoder, finished(wire::BoundaryKind::StreamPrepare, txn));
    }
    leave(context, decoder, sent, txn->end_lsn);
}

void on_stream_commit(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr) {
    Decoder& decoder = decoder_of(context);
    const bool sent = was_sent(txn);
    if (sent) {
        add_boundary(context, decoder, finished(wire::BoundaryKind::StreamCommit, txn));
    }
    forget_progress(decoder, txn);
    leave(context, decoder, sent, txn->end_lsn);
}

} // namespace pg
