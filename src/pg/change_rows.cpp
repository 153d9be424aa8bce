#include "pg/change_rows.hpp"

#include "pg/gather.hpp"
#include "pg/guard.hpp"
#include "value/record.hpp"

namespace pg {

namespace {

// Which rows of the change are sent, gathered into the cells of the plan.
struct Rows {
    bool has_new = false;
    bool has_old = false;
};

void gather_new(const RelationPlan& plan, Size most) {
    for (int index = 0; index < plan.column_count; ++index) {
        ColumnSource& source = plan.sources[index];
        value::Cell& cell = plan.new_cells[index];
        const int at = source.stored - 1;
        if (plan.new_nulls[at]) {
            cell.kind = value::Kind::Null;
        } else if (gather_directly(cell, plan.new_values[at], source.type)) {
            continue;
        } else if (source.type.length == -1 &&
                   VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(plan.new_values[at]))) {
            cell.kind = value::Kind::Absent; // unchanged TOAST
        } else {
            gather_cell(cell, plan.new_values[at], source.type, most);
        }
    }
}

void gather_old(const RelationPlan& plan, Size most) {
    for (int index = 0; index < plan.column_count; ++index) {
        ColumnSource& source = plan.sources[index];
        value::Cell& cell = plan.old_cells[index];
        const int at = source.stored - 1;
        if (!source.identity) {
            cell.kind = value::Kind::Absent;
        } else if (plan.old_nulls[at]) {
            cell.kind = value::Kind::Null;
        } else if (!gather_directly(cell, plan.old_values[at], source.type)) {
            gather_cell(cell, plan.old_values[at], source.type, most);
        }
    }
}

// An UPDATE that did not touch the identity logs no old row: its identity is that of the new one.
bool copy_identity(const RelationPlan& plan) {
    bool any = false;
    for (int index = 0; index < plan.column_count; ++index) {
        const bool identity = plan.sources[index].identity;
        any = any || identity;
        plan.old_cells[index] = identity ? plan.new_cells[index] : value::Cell();
    }
    return any;
}

Rows gather(const RelationPlan& plan, const DeformedRows& deformed, wire::Action action, Size most) {
    Rows rows;
    const int nest_level = plan.needs_settings ? enter_settings(plan.names_objects) : 0;
    if (deformed.has_new && action != wire::Action::Delete) {
        gather_new(plan, most);
        rows.has_new = true;
    }
    if (action != wire::Action::Insert) {
        if (deformed.has_old) {
            gather_old(plan, most);
            rows.has_old = true;
        } else if (rows.has_new) {
            rows.has_old = copy_identity(plan);
        }
    }
    leave_settings(nest_level);
    return rows;
}

void encode_rows(Decoder& decoder, const RelationPlan& plan, const Rows& rows, EncodedRows& encoded) {
    wire::ByteBuffer& row = decoder.row;
    row.clear();
    if (rows.has_new) {
        value::write_record(row, plan.columns, plan.new_cells, plan.column_count, decoder.charset);
    }
    encoded.new_end = row.size();
    if (rows.has_old) {
        value::write_record(row, plan.columns, plan.old_cells, plan.column_count, decoder.charset);
    }
    encoded.old_end = row.size();
    if (!rows.has_new) {
        return;
    }
    for (int index = 0; index < plan.column_count; ++index) {
        if (plan.new_cells[index].kind == value::Kind::Absent) {
            row.append(row.size() == encoded.old_end ? '[' : ',');
            wire::write_json_string(row, plan.names[index], decoder.charset);
        }
    }
    if (row.size() > encoded.old_end) {
        row.append(']');
    }
}

// A row that is too large is sent as its key alone, so that a consumer knows which row to fetch.
void encode_key_only(Decoder& decoder, const RelationPlan& plan, const Rows& rows, EncodedRows& encoded) {
    for (int index = 0; index < plan.column_count; ++index) {
        if (!plan.sources[index].key) {
            plan.new_cells[index].kind = value::Kind::Absent;
            plan.old_cells[index].kind = value::Kind::Absent;
        }
    }
    decoder.row.clear();
    if (rows.has_new) {
        value::write_record(decoder.row, plan.columns, plan.new_cells, plan.column_count, decoder.charset);
    }
    encoded.new_end = decoder.row.size();
    if (rows.has_old) {
        value::write_record(decoder.row, plan.columns, plan.old_cells, plan.column_count, decoder.charset);
    }
    encoded.old_end = decoder.row.size();
}

void encode(Decoder& decoder, const RelationPlan& plan, const Rows& rows, EncodedRows& encoded) {
    try {
        encode_rows(decoder, plan, rows, encoded);
        return;
    } catch (const wire::LimitExceeded&) {
        encoded.omitted = true;
    }
    try {
        encode_key_only(decoder, plan, rows, encoded);
    } catch (const wire::LimitExceeded&) {
        decoder.row.clear();
        encoded.new_end = 0;
        encoded.old_end = 0;
    }
}

} // namespace

EncodedRows encode_change_rows(Decoder& decoder, const RelationPlan& plan, const DeformedRows& deformed,
                               wire::Action action) {
    const Rows rows = gather(plan, deformed, action, decoder.options.max_change_bytes);
    EncodedRows encoded;
    encoded.has_new = rows.has_new;
    encoded.has_old = rows.has_old;
    guarded([&] { encode(decoder, plan, rows, encoded); });
    return encoded;
}

} // namespace pg
