#include "pg/change.hpp"
#include "pg/decoder.hpp"
#include "pg/guard.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

// A table is emptied for all tenants at once, so every consumer that may see rows of it hears of it.
bool wanted(const Decoder& decoder, const RelationPlan& plan, const Relation relation) {
    if (!plan.streamed || !plan.actions.pubtruncate) {
        return false;
    }
    // Published as its root, a partition that is truncated alone does not mean that the root is empty.
    if (relation->rd_rel->relispartition && plan.published_relation != plan.relation) {
        return false;
    }
    return !decoder.options.tenants_given || plan.access == wire::Access::Public ||
           plan.tenant_column != InvalidAttrNumber;
}

void send_json(LogicalDecodingContext* context, Decoder& decoder, const RelationEntry& entry,
               const wire::Truncate& truncate) {
    make_room(context, decoder, entry.text.json->names.size() + 512);
    guarded([&] {
        start_item(decoder);
        wire::write_json_truncate(decoder.out, *entry.text.json, decoder.transaction, truncate);
    });
    decoder.counters.sent += 1;
    change_done(context, decoder);
}

void handle(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn, int relation_count,
            Relation relations[], ReorderBufferChange* change) {
    wire::Truncate truncate;
    truncate.cascade = change->data.truncate.cascade;
    truncate.restart_identity = change->data.truncate.restart_seqs;
    for (int index = 0; index < relation_count; ++index) {
        truncate.position = decoder.progress->next_position(change->lsn);
        RelationEntry& entry = find_relation(decoder, relations[index]);
        if (!wanted(decoder, *entry.plan, relations[index])) {
            tick(context, decoder);
            continue;
        }
        open_transaction(context, decoder, txn);
        truncate.subtransaction = subtransaction_of(decoder, txn, change->txn);
        if (decoder.options.format == Format::Json) {
            send_json(context, decoder, entry, truncate);
            continue;
        }
        make_room(context, decoder, entry.text.frame.size() + 512);
        guarded([&] {
            announce(decoder, entry);
            start_item(decoder);
            const std::uint32_t relation = entry.plan->published_relation;
            wire::write_truncate(decoder.out, truncate, &relation, 1);
        });
        decoder.counters.sent += 1;
        change_done(context, decoder);
    }
}

} // namespace

void on_truncate(LogicalDecodingContext* context, ReorderBufferTXN* txn, int relation_count,
                 Relation relations[], ReorderBufferChange* change) {
    Decoder& decoder = decoder_of(context);
    MemoryContext previous = MemoryContextSwitchTo(decoder.change_context);
    handle(context, decoder, txn, relation_count, relations, change);
    MemoryContextSwitchTo(previous);
    MemoryContextReset(decoder.change_context);
}

} // namespace pg
