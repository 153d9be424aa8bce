#include "stream/assembler.hpp"

namespace stream {

namespace {

Kind kind_of(wire::Action action) {
    switch (action) {
    case wire::Action::Insert:
        return Kind::Insert;
    case wire::Action::Update:
        return Kind::Update;
    case wire::Action::Delete:
        break;
    }
    return Kind::Delete;
}

} // namespace

void Assembler::reset() {
    relations_.clear();
    open_ = false;
    greeted_ = false;
}

std::string Assembler::feed(const std::shared_ptr<const Block>& block) {
    std::string_view rest = block->view();
    while (!rest.empty()) {
        wire::Frame frame;
        const wire::ReadResult read_result = wire::read_frame(rest, frame);
        if (read_result.error != wire::ReadError::None) {
            return std::string("message from the output plugin cannot be read: ") +
                   wire::describe(read_result.error);
        }
        if (std::string error = read(frame, block); !error.empty()) {
            return error;
        }
        rest.remove_prefix(read_result.consumed);
    }
    return {};
}

std::string Assembler::read(const wire::Frame& frame, const std::shared_ptr<const Block>& block) {
    if (const auto* hello = std::get_if<wire::Hello>(&frame)) {
        plugin_version_ = hello->plugin_version;
        greeted_ = true;
        return {};
    }
    if (!greeted_) {
        return "the output plugin did not begin with a hello frame";
    }
    if (const auto* change = std::get_if<wire::RowChange>(&frame)) {
        return read_change(*change, block);
    }
    if (const auto* boundary = std::get_if<wire::Boundary>(&frame)) {
        return read_boundary(*boundary);
    }
    if (const auto* relation = std::get_if<wire::Relation>(&frame)) {
        return read_relation(*relation);
    }
    if (const auto* truncate = std::get_if<wire::TruncateFrame>(&frame)) {
        return read_truncate(*truncate, block);
    }
    if (const auto* broadcast = std::get_if<wire::Broadcast>(&frame)) {
        return read_broadcast(*broadcast, block);
    }
    if (const auto* progress = std::get_if<wire::Progress>(&frame)) {
        sink_.on_progress(progress->lsn);
    }
    return {}; // logical messages of others were not asked for and mean nothing here
}

std::string Assembler::read_relation(const wire::Relation& source) {
    auto relation = std::make_shared<Relation>();
    relation->id = source.relation_id;
    relation->access = source.access;
    relation->schema = source.schema;
    relation->table = source.table;
    relation->columns_json = source.columns_json;
    relation->columns.reserve(source.columns.size());
    for (const wire::RelationColumn& column : source.columns) {
        relation->columns.push_back(
            {std::string(column.name), std::string(column.type_name), column.identity});
    }
    relations_[source.relation_id] = std::move(relation);
    return {};
}

void Assembler::give(Change& change) {
    // Cursors only grow, so whatever does not is a repetition after a reconnect.
    change.cursor.timeline = timeline_;
    if (change.cursor <= last_) {
        ++repeated_;
        return;
    }
    last_ = change.cursor;
    sink_.on_change(change);
}

std::string Assembler::read_change(const wire::RowChange& source, const std::shared_ptr<const Block>& block) {
    const auto relation = relations_.find(source.relation_id);
    if (!in_transaction() || relation == relations_.end()) {
        return in_transaction() ? "a change names a relation that was not described"
                                : "a change stands outside of a transaction";
    }
    Change change;
    change.kind = kind_of(source.action);
    change.omitted = source.omitted;
    change.identity_nothing = source.identity_nothing;
    change.xid = transaction_.xid;
    change.cursor = {transaction_.lsn, source.position};
    change.commit_time = transaction_.time;
    change.relation = relation->second;
    change.tenant = source.tenant;
    change.record = source.record;
    change.old_record = source.old_record;
    change.unchanged_toast = source.unchanged_toast;
    change.block = block;
    give(change);
    return {};
}

std::string Assembler::read_truncate(const wire::TruncateFrame& source,
                                     const std::shared_ptr<const Block>& block) {
    if (!in_transaction()) {
        return "a TRUNCATE stands outside of a transaction";
    }
    std::uint64_t index = 0;
    for (const std::uint32_t id : source.relation_ids) {
        const auto relation = relations_.find(id);
        if (relation == relations_.end()) {
            return "a TRUNCATE names a relation that was not described";
        }
        Change change;
        change.kind = Kind::Truncate;
        change.xid = transaction_.xid;
        change.cursor = {transaction_.lsn, source.truncate.position + index};
        change.commit_time = transaction_.time;
        change.relation = relation->second;
        change.block = block;
        give(change);
        ++index;
    }
    return {};
}

std::string Assembler::read_broadcast(const wire::Broadcast& source,
                                      const std::shared_ptr<const Block>& block) {
    Change change;
    change.kind = Kind::Broadcast;
    change.cursor = {source.lsn, source.position};
    if (source.transactional) {
        if (!in_transaction()) {
            return "a transactional broadcast stands outside of a transaction";
        }
        change.xid = transaction_.xid;
        change.cursor.lsn = transaction_.lsn;
        change.commit_time = transaction_.time;
    } else if (in_transaction() && source.lsn != transaction_.lsn) {
        // The format allows it to stand inside another transaction. There its own place would be before that of the
        // transaction, and look like a repetition.
        change.cursor.lsn = transaction_.lsn;
    }
    change.tenant = source.tenant;
    change.topic = source.topic;
    change.event = source.event;
    change.payload = source.payload;
    change.block = block;
    give(change);
    return {};
}

std::string Assembler::read_boundary(const wire::Boundary& boundary) {
    switch (boundary.kind) {
    case wire::BoundaryKind::Begin:
        if (in_transaction()) {
            return "a transaction begins within another one";
        }
        transaction_ = boundary;
        transaction_.gid = {};
        open_ = true;
        return {};
    case wire::BoundaryKind::Commit:
        if (!in_transaction()) {
            return "a transaction ends that did not begin";
        }
        open_ = false;
        sink_.on_commit(boundary.xid, {transaction_.lsn, 0}, boundary.end_lsn);
        return {};
    default:
        return "the slot sends prepared or unfinished transactions, which was not asked for; it was created "
               "with two_phase";
    }
}

} // namespace stream
