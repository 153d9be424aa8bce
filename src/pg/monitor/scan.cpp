#include "pg/monitor/scan.hpp"

#include "pg/monitor/extension.hpp"

namespace pg::monitor {

namespace {

uint64 catalog_generation = 1;
bool callback_registered = false;

void note_change(Datum argument, Oid relation) {
    (void)argument;
    (void)relation;
    catalog_generation += 1;
}

AttrNumber place_of(Oid table, const char* column) {
    const AttrNumber place = get_attnum(table, column);
    if (place <= 0) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("table \"%s\" has no column \"%s\"", get_rel_name(table), column),
                        errhint("DROP EXTENSION pg_realtime; CREATE EXTENSION pg_realtime;")));
    }
    return place;
}

void describe(Source::Part& part, const Source& source, Oid table, Oid index, TimestampTz until) {
    if (!OidIsValid(index)) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("table \"%s\" lacks its part of index \"%s\"", get_rel_name(table), source.index),
                 errhint("Create it again as the extension does.")));
    }
    part.table = table;
    part.index = index;
    part.until = until;
    part.tenant = place_of(table, "tenant_id");
    part.subscription = place_of(table, "subscription_type");
    part.transaction = get_attnum(table, "transaction_id");
    for (int column = 0; column < most_columns && source.columns[column] != nullptr; ++column) {
        part.places[column] = place_of(table, source.columns[column]);
    }
}

// Partitions in the order of their bounds; the default one has none.
int list_partitions(Relation table, Oid index, const Source& source, Source::Part* parts) {
    PartitionDesc description = RelationGetPartitionDesc(table, true);
    PartitionBoundInfo bounds = description->boundinfo;
    for (int at = 0; at < description->nparts; ++at) {
        TimestampTz until = DT_NOEND;
        for (int bound = 0; bounds != nullptr && bound < bounds->ndatums; ++bound) {
            // A bound belongs to the partition that ends there.
            if (bounds->indexes[bound] == at && bounds->kind[bound][0] == PARTITION_RANGE_DATUM_VALUE) {
                until = DatumGetTimestampTz(bounds->datums[bound][0]);
            }
        }
        Relation partition = table_open(description->oids[at], AccessShareLock);
        describe(parts[at], source, description->oids[at], index_get_partition(partition, index), until);
        table_close(partition, AccessShareLock);
    }
    return description->nparts;
}

void find(Source& source) {
    if (!callback_registered) {
        CacheRegisterRelcacheCallback(note_change, 0);
        callback_registered = true;
    }
    if (source.generation == catalog_generation) {
        return;
    }
    if (source.parts != nullptr) {
        pfree(source.parts);
        source.parts = nullptr;
        source.generation = 0;
    }
    const uint64 generation = catalog_generation;
    const Oid schema = extension_schema();
    const Oid oid = get_relname_relid(source.table, schema);
    const Oid index = get_relname_relid(source.index, schema);
    if (!OidIsValid(oid) || !OidIsValid(index)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("extension pg_realtime has no table \"%s\" with index \"%s\"", source.table,
                               source.index),
                        errhint("DROP EXTENSION pg_realtime; CREATE EXTENSION pg_realtime;")));
    }
    Relation table = table_open(oid, AccessShareLock);
    const bool partitioned = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    const int count = partitioned ? RelationGetPartitionDesc(table, true)->nparts : 1;
    auto* parts = static_cast<Source::Part*>(
        MemoryContextAllocZero(TopMemoryContext, sizeof(Source::Part) * static_cast<Size>(count + 1)));
    source.parts = parts;
    if (partitioned) {
        source.part_count = list_partitions(table, index, source, parts);
    } else {
        describe(parts[0], source, oid, index, DT_NOEND);
        source.part_count = 1;
    }
    table_close(table, AccessShareLock);
    // What changed meanwhile is looked up by the next one.
    source.generation = generation;
}

// Anew before each scan: the scan turns the table's columns into those of the index.
void init_key(ScanKeyData* keys, const Source::Part& part, const core::Uuid& tenant,
              std::string_view subscription) {
    ScanKeyInit(&keys[0], part.tenant, BTEqualStrategyNumber, F_UUID_EQ,
                PointerGetDatum(tenant.bytes.data()));
    ScanKeyInit(&keys[1], part.subscription, BTEqualStrategyNumber, F_TEXTEQ,
                PointerGetDatum(
                    cstring_to_text_with_len(subscription.data(), static_cast<int>(subscription.size()))));
}

void scan(const Source& source, const Source::Part& part, Relation table, ScanKeyData* keys, int key_count,
          TakeRow row, void* user) {
    TupleDesc descriptor = RelationGetDescr(table);
    SysScanDesc scan = systable_beginscan(table, part.index, true, GetActiveSnapshot(), key_count, keys);
    while (HeapTuple tuple = systable_getnext(scan)) {
        Datum values[most_columns];
        bool nulls[most_columns];
        for (int column = 0; column < most_columns && source.columns[column] != nullptr; ++column) {
            values[column] = heap_getattr(tuple, part.places[column], descriptor, &nulls[column]);
        }
        bool no_transaction = part.transaction <= 0;
        const Datum transaction =
            no_transaction ? 0 : heap_getattr(tuple, part.transaction, descriptor, &no_transaction);
        const WrittenBy writer{
            no_transaction ? 0 : U64FromFullTransactionId(DatumGetFullTransactionId(transaction)),
            HeapTupleHeaderGetRawCommandId(tuple->t_data), ItemPointerGetBlockNumber(&tuple->t_self),
            ItemPointerGetOffsetNumber(&tuple->t_self)};
        row(Found(values, nulls, writer), user);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

// pg_snapshot as it is stored, behind the varlena header.
struct Snapshot {
    uint32 in_progress_count;
    uint64 xmax;
    const char* in_progress; // uint64 each
};

Snapshot read_snapshot(Position position) {
    constexpr Size head = sizeof(uint32) + 2 * sizeof(uint64);
    Snapshot snapshot{0, FirstNormalTransactionId, nullptr};
    if (position.empty()) {
        return snapshot;
    }
    if (position.size() >= head) {
        memcpy(&snapshot.in_progress_count, position.data(), sizeof(uint32));
        memcpy(&snapshot.xmax, position.data() + sizeof(uint32) + sizeof(uint64), sizeof(uint64));
        snapshot.in_progress = position.data() + head;
    }
    if (position.size() != head + snapshot.in_progress_count * sizeof(uint64)) {
        elog(ERROR, "position of a subscription is no snapshot");
    }
    return snapshot;
}

} // namespace

std::string_view Found::text(int column) const {
    if (nulls_[column]) {
        return {};
    }
    const varlena* value = PG_DETOAST_DATUM_PACKED(values_[column]);
    const Size length = VARSIZE_ANY_EXHDR(value);
    auto* copy = static_cast<char*>(palloc(length + 1));
    memcpy(copy, VARDATA_ANY(value), length);
    return {copy, length};
}

Position current_position() {
    const varlena* snapshot = PG_DETOAST_DATUM_PACKED(OidFunctionCall0(F_PG_CURRENT_SNAPSHOT));
    return {VARDATA_ANY(snapshot), VARSIZE_ANY_EXHDR(snapshot)};
}

void scan_new(Source& source, const core::Uuid& tenant, std::string_view subscription, Position seen,
              TimestampTz since, TakeRow row, void* user) {
    find(source);
    const Snapshot snapshot = read_snapshot(seen);
    for (int index = 0; index < source.part_count; ++index) {
        const Source::Part part = source.parts[index];
        if (part.until <= since) {
            continue;
        }
        Relation table = table_open(part.table, AccessShareLock);
        ScanKeyData keys[3];
        for (uint32 at = 0; at < snapshot.in_progress_count; ++at) {
            uint64 in_progress = 0;
            memcpy(&in_progress, snapshot.in_progress + at * sizeof(uint64), sizeof(uint64));
            init_key(keys, part, tenant, subscription);
            ScanKeyInit(&keys[2], part.transaction, BTEqualStrategyNumber, F_XID8EQ,
                        FullTransactionIdGetDatum(FullTransactionIdFromU64(in_progress)));
            scan(source, part, table, keys, lengthof(keys), row, user);
        }
        init_key(keys, part, tenant, subscription);
        ScanKeyInit(&keys[2], part.transaction, BTGreaterEqualStrategyNumber, F_XID8GE,
                    FullTransactionIdGetDatum(FullTransactionIdFromU64(snapshot.xmax)));
        scan(source, part, table, keys, lengthof(keys), row, user);
        table_close(table, AccessShareLock);
    }
}

void scan_all(Source& source, const core::Uuid& tenant, std::string_view subscription, TakeRow row,
              void* user) {
    find(source);
    for (int index = 0; index < source.part_count; ++index) {
        const Source::Part part = source.parts[index];
        Relation table = table_open(part.table, AccessShareLock);
        ScanKeyData keys[2];
        init_key(keys, part, tenant, subscription);
        scan(source, part, table, keys, lengthof(keys), row, user);
        table_close(table, AccessShareLock);
    }
}

} // namespace pg::monitor
