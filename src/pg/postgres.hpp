// The only door to PostgreSQL: every server header that this project needs, and every difference between the
// supported server versions (15 to 18), so that no call site has a version check.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/seclabel.h"
#include "commands/trigger.h"
#include "common/base64.h"
#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_type.h"
#include "parser/scansup.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "pgstat.h"
#include "pgtime.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/logical.h"
#include "replication/message.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/walsender.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "storage/shmem.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
#include "utils/varbit.h"
#include "utils/varlena.h"
#include "utils/xid8.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#endif
}

// The server's own checks its argument with a C-only builtin.
#undef LSN_FORMAT_ARGS
#define LSN_FORMAT_ARGS(lsn) static_cast<uint32>((lsn) >> 32), static_cast<uint32>(lsn)

// The server's headers define these as macros; they collide with the C++ standard library.
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef vsprintf
#undef printf
#undef fprintf
#undef vfprintf
#undef strerror
#undef strerror_r
#undef Min
#undef Max

namespace pg {

// 17 dropped the wrapper around decoded tuples.
#if PG_VERSION_NUM >= 170000
inline HeapTuple decoded_tuple(HeapTuple tuple) {
    return tuple;
}
#else
inline HeapTuple decoded_tuple(ReorderBufferTupleBuf* buffer) {
    return buffer == nullptr ? nullptr : &buffer->tuple;
}
#endif

// 16 renamed the way to the top-level transaction.
inline ReorderBufferTXN* top_transaction(ReorderBufferTXN* txn) {
    return txn->toptxn != nullptr ? txn->toptxn : txn;
}

// Virtual generated columns (18) are never stored, so there is nothing to decode.
inline bool is_virtual_generated(Form_pg_attribute attribute) {
    return attribute->attgenerated == 'v';
}

// 18: a row filter may use virtual generated columns, which have to be computed from the stored ones.
inline Node* with_generated_columns(Node* filter, [[maybe_unused]] Relation relation) {
#if PG_VERSION_NUM >= 180000
    return expand_generated_columns_in_expr(filter, relation, 1);
#else
    return filter;
#endif
}

// 17 can wait for the message to be flushed; we leave that to the commit.
inline XLogRecPtr log_message(const char* prefix, const char* message, Size size, bool transactional) {
#if PG_VERSION_NUM >= 170000
    return LogLogicalMessage(prefix, message, size, transactional, false);
#else
    return LogLogicalMessage(prefix, message, size, transactional);
#endif
}

// 16 put the ownership of all kinds of objects into one function.
inline bool owns_database(Oid database) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
    return pg_database_ownercheck(database, GetUserId());
#endif
}

// 16 can return the error instead of raising it.
inline void parse_type_name(const char* name, Oid* type, int32* modifier) {
#if PG_VERSION_NUM >= 160000
    (void)parseTypeString(name, type, modifier, nullptr);
#else
    parseTypeString(name, type, modifier, false);
#endif
}

// 16 and later report progress of long filtered transactions for every plugin.
#if PG_VERSION_NUM >= 160000
constexpr bool server_reports_progress = true;
#else
constexpr bool server_reports_progress = false;
#endif

} // namespace pg
