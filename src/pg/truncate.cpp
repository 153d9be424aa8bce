#include "pg/change.hpp"
#include "pg/decoder.hpp"
#include "pg/guard.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

// A table is emptied for all tenants at once, so every consumer hears of it, whatever its tenants are.
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

// Each table is planned anew for its frame: a plan may be replaced while the next relation is looked up.
void handle(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn, int relation_count,
            Relation relations[], ReorderBufferChange* change) {
    wire::Truncate truncate;
    truncate.cascade = change->data.truncate.cascade;
    truncate.restart_identity = change->data.truncate.restart_seqs;
    for (int index = 0; index < relation_count; ++index) {
        truncate.position = decoder.next_position(change->lsn);
        RelationEntry& entry = find_relation(decoder, relations[index]);
        // Published as its root, a partition that is truncated alone does not mean the root is empty.
        if (!entry.plan->streamed || !entry.plan->actions.pubtruncate ||
            (relations[index]->rd_rel->relispartition &&
             entry.plan->published_relation != entry.plan->relation)) {
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
