#include "pg/change.hpp"

#include "pg/change_rows.hpp"
#include "pg/decoder.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

// The parts of a change as PostgreSQL hands them over, and what becomes of them. Plain data.
struct Incoming {
    HeapTuple new_tuple;
    HeapTuple old_tuple;
    TupleDesc descriptor;
    wire::Action action;
    Tenant new_tenant;
    Tenant old_tenant;
    bool new_passes; // the tenant filter, for the new and for the old row
    bool old_passes;
};

bool published(const RelationPlan& plan, wire::Action action) {
    switch (action) {
    case wire::Action::Insert:
        return plan.actions.pubinsert;
    case wire::Action::Update:
        return plan.actions.pubupdate;
    case wire::Action::Delete:
        return plan.actions.pubdelete;
    }
    return false;
}

// Whose row it was and whose it is. The old row tells its tenant only if the replica identity logs that column; an
// UPDATE without an old row did not touch the identity, hence not the tenant.
void find_tenants(const RelationPlan& plan, Incoming& incoming) {
    if (plan.tenant_column == InvalidAttrNumber) {
        return;
    }
    if (incoming.new_tuple != nullptr) {
        incoming.new_tenant =
            read_tenant(incoming.new_tuple, incoming.descriptor, plan.tenant_column, plan.tenant_type);
        incoming.old_tenant = incoming.new_tenant;
    }
    if (incoming.old_tuple != nullptr && plan.tenant_in_identity) {
        incoming.old_tenant =
            read_tenant(incoming.old_tuple, incoming.descriptor, plan.tenant_column, plan.tenant_type);
        if (incoming.new_tenant.stored_elsewhere) { // out of line and unchanged
            incoming.new_tenant = incoming.old_tenant;
        }
    }
}

bool tenant_passes(const Decoder& decoder, const RelationPlan& plan, const Tenant& tenant) {
    return !decoder.options.tenants_given || plan.access == wire::Access::Public ||
           decoder.tenants.passes(tenant);
}

void deform(const RelationPlan& plan, const Incoming& incoming) {
    if (incoming.old_tuple != nullptr) {
        heap_deform_tuple(incoming.old_tuple, incoming.descriptor, plan.old_values, plan.old_nulls);
    }
    if (incoming.new_tuple == nullptr) {
        return;
    }
    heap_deform_tuple(incoming.new_tuple, incoming.descriptor, plan.new_values, plan.new_nulls);
    if (incoming.old_tuple == nullptr) {
        return;
    }
    // An unchanged TOAST value is not in the WAL again; the old row has it when the identity covers it.
    for (int index = 0; index < plan.column_count; ++index) {
        const ColumnSource& source = plan.sources[index];
        const int at = source.stored - 1;
        if (source.type.length == -1 && source.identity && !plan.new_nulls[at] && !plan.old_nulls[at] &&
            VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(plan.new_values[at]))) {
            plan.new_values[at] = plan.old_values[at];
        }
    }
}

// pgoutput's rule: an UPDATE that moves a row into the filter is an INSERT, one that moves it out is a DELETE.
// Returns false when nothing is left of the change.
bool apply_row_filter(RelationPlan& plan, Incoming& incoming) {
    RowFilter& filter = *plan.filter;
    const auto passes_new = [&](FilterAction action) {
        return row_passes(filter, action, filter.new_slot, plan.new_values, plan.new_nulls,
                          plan.attribute_map);
    };
    const auto passes_old = [&](FilterAction action) {
        return row_passes(filter, action, filter.old_slot, plan.old_values, plan.old_nulls,
                          plan.attribute_map);
    };
    switch (incoming.action) {
    case wire::Action::Insert:
        return passes_new(FilterAction::Insert);
    case wire::Action::Delete:
        return incoming.old_tuple != nullptr && passes_old(FilterAction::Delete);
    case wire::Action::Update:
        break;
    }
    const bool new_in = passes_new(FilterAction::Update);
    if (incoming.old_tuple == nullptr) {
        return new_in;
    }
    const bool old_in = passes_old(FilterAction::Update);
    if (new_in && !old_in) {
        incoming.action = wire::Action::Insert;
    } else if (!new_in && old_in) {
        incoming.action = wire::Action::Delete;
    }
    return new_in || old_in;
}

void write(Decoder& decoder, RelationEntry& entry, wire::RowChange& change, const Tenant& tenant) {
    char text[longest_tenant * 4];
    if (tenant.known()) {
        change.tenant = std::string_view(text, format_tenant(tenant, text));
    }
    if (decoder.options.format == Format::Json) {
        start_item(decoder);
        wire::write_json_change(decoder.out, *entry.text.json, decoder.transaction, change);
        return;
    }
    announce(decoder, entry);
    start_item(decoder);
    wire::write_change(decoder.out, change);
}

// Text tenants of another server encoding are converted before they are written.
Tenant in_utf8(const Tenant& tenant) {
    if (tenant.type != TenantType::Text || server_is_utf8()) {
        return tenant;
    }
    Tenant converted = tenant;
    const std::string_view utf8 = to_utf8(tenant.bytes, tenant.length);
    converted.bytes = utf8.data();
    converted.length = utf8.size() <= longest_tenant * 4 ? utf8.size() : 0;
    return converted;
}

void log_omission(const Decoder& decoder, const RelationPlan& plan, std::uint64_t position) {
    ereport(LOG,
            (errmsg("row of table %s was sent without its values", plan.display),
             errdetail("The change at WAL address %X/%X is larger than max_change_bytes (%zu bytes); %llu "
                       "such rows so far in this session.",
                       LSN_FORMAT_ARGS(position), decoder.options.max_change_bytes,
                       static_cast<unsigned long long>(decoder.counters.omitted)),
             errhint("Raise option \"max_change_bytes\", or fetch the row by its key.")));
}

// Encodes and sends one change. `incoming.action` says which rows are needed.
void send(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn, RelationEntry& entry,
          const Incoming& incoming, ReorderBufferTXN* change_txn, std::uint64_t position) {
    const RelationPlan& plan = *entry.plan;
    const Tenant tenant =
        in_utf8(incoming.action == wire::Action::Delete ? incoming.old_tenant : incoming.new_tenant);
    const EncodedRows rows = encode_change_rows(
        decoder, plan, {incoming.new_tuple != nullptr, incoming.old_tuple != nullptr}, incoming.action);
    open_transaction(context, decoder, txn);
    const Size columns = decoder.options.format == Format::Json ? entry.text.json->columns.size() : 0;
    make_room(context, decoder, decoder.row.size() + columns + tenant.length * 6 + 1024);
    guarded([&] {
        const std::string_view bytes = decoder.row.view();
        wire::RowChange change;
        change.action = incoming.action;
        change.relation_id = plan.published_relation;
        change.position = position;
        change.subtransaction = subtransaction_of(decoder, txn, change_txn);
        if (rows.has_new && rows.new_end > 0) {
            change.record = bytes.substr(0, rows.new_end);
        }
        if (rows.has_old && rows.old_end > 0) {
            change.old_record = bytes.substr(rows.new_end, rows.old_end - rows.new_end);
        }
        change.unchanged_toast = bytes.substr(rows.old_end);
        change.identity_nothing = !rows.has_old && incoming.action != wire::Action::Insert;
        change.omitted = rows.omitted;
        write(decoder, entry, change, tenant);
    });
    decoder.counters.sent += 1;
    if (rows.omitted) {
        decoder.counters.omitted += 1;
        if (decoder.counters.omitted == 1) {
            log_omission(decoder, plan, position);
        }
    }
    change_done(context, decoder);
}

// A row that moves to another tenant is a DELETE for the one and an INSERT for the other.
void send_move(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn, RelationEntry& entry,
               Incoming incoming, ReorderBufferChange* change, std::uint64_t position) {
    const std::uint64_t insert_position = decoder.progress->next_position(change->lsn);
    if (incoming.old_passes) {
        incoming.action = wire::Action::Delete;
        send(context, decoder, txn, entry, incoming, change->txn, position);
    }
    if (incoming.new_passes) {
        incoming.action = wire::Action::Insert;
        send(context, decoder, txn, entry, incoming, change->txn, insert_position);
    }
}

void count_drop(Decoder& decoder, const RelationPlan& plan, const Incoming& incoming) {
    const Tenant& tenant =
        incoming.action == wire::Action::Delete ? incoming.old_tenant : incoming.new_tenant;
    if (plan.access != wire::Access::Public && !tenant.known()) {
        decoder.counters.without_tenant += 1;
    }
}

void handle(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn, Relation relation,
            ReorderBufferChange* change) {
    const std::uint64_t position = decoder.progress->next_position(change->lsn);
    RelationEntry& entry = find_relation(decoder, relation);
    RelationPlan& plan = *entry.plan;
    Incoming incoming{};
    incoming.action = change->action == REORDER_BUFFER_CHANGE_INSERT   ? wire::Action::Insert
                      : change->action == REORDER_BUFFER_CHANGE_UPDATE ? wire::Action::Update
                                                                       : wire::Action::Delete;
    if (!plan.streamed || !published(plan, incoming.action)) {
        tick(context, decoder);
        return;
    }
    incoming.new_tuple = decoded_tuple(change->data.tp.newtuple);
    incoming.old_tuple = decoded_tuple(change->data.tp.oldtuple);
    incoming.descriptor = RelationGetDescr(relation);
    find_tenants(plan, incoming);
    incoming.new_passes = tenant_passes(decoder, plan, incoming.new_tenant);
    incoming.old_passes = tenant_passes(decoder, plan, incoming.old_tenant);
    if (!incoming.new_passes && !incoming.old_passes) {
        count_drop(decoder, plan, incoming);
        tick(context, decoder);
        return;
    }
    if (incoming.action != wire::Action::Insert && incoming.old_tuple == nullptr &&
        incoming.new_tuple == nullptr) {
        decoder.counters.without_identity += 1;
    }
    deform(plan, incoming);
    if (plan.filter != nullptr && !apply_row_filter(plan, incoming)) {
        tick(context, decoder);
        return;
    }
    if (incoming.action == wire::Action::Update && !(incoming.new_tenant == incoming.old_tenant)) {
        send_move(context, decoder, txn, entry, incoming, change, position);
        return;
    }
    const bool passes = incoming.action == wire::Action::Delete ? incoming.old_passes : incoming.new_passes;
    if (!passes) {
        tick(context, decoder);
        return;
    }
    send(context, decoder, txn, entry, incoming, change->txn, position);
}

} // namespace

void on_change(LogicalDecodingContext* context, ReorderBufferTXN* txn, Relation relation,
               ReorderBufferChange* change) {
    Decoder& decoder = decoder_of(context);
    MemoryContext previous = MemoryContextSwitchTo(decoder.change_context);
    handle(context, decoder, txn, relation, change);
    MemoryContextSwitchTo(previous);
    MemoryContextReset(decoder.change_context);
}

} // namespace pg
