#include "hub/writer.hpp"

#include <algorithm>

#include "protocol/row_text.hpp"
#include "wire/json_text.hpp"

namespace hub {

namespace {

constexpr std::size_t largest_frame = 1U << 30;
constexpr std::size_t usual_payload = 64 * 1024; // memory that is kept
constexpr std::size_t usual_payloads = 16;

constexpr std::string_view too_large = "Error 413: Payload Too Large";

protocol::Event event_of(stream::Kind kind) {
    switch (kind) {
    case stream::Kind::Insert:
        return protocol::Event::Insert;
    case stream::Kind::Update:
        return protocol::Event::Update;
    default:
        return protocol::Event::Delete;
    }
}

FramePointer finished(Encoding encoding, std::initializer_list<std::string_view> parts) {
    return encoding == Encoding::EventStream ? Frame::raw(parts) : Frame::message(web::Opcode::Text, parts);
}

// An event of a stream of server-sent events (HTML standard, section 9.2).
void begin_event(wire::ByteBuffer& out, std::string_view event, protocol::Cursor cursor) {
    out.append("id: ");
    out.append(protocol::text_of(cursor));
    out.append("\nevent: ");
    out.append(event);
    out.append("\ndata: ");
}

} // namespace

ChangeWriter::ChangeWriter()
    : head_(largest_frame), tail_(largest_frame), columns_(largest_frame), record_(largest_frame),
      old_record_(largest_frame), unchanged_(largest_frame), marks_(largest_frame), marked_(largest_frame) {}

void ChangeWriter::begin(const stream::Change& change) {
    change_ = &change;
    used_ = 0;
    ++stamp_;
    if (payloads_.size() > usual_payloads) {
        payloads_.resize(usual_payloads);
    }
    for (const auto& payload : payloads_) {
        payload->bytes.release_above(usual_payload);
    }
}

const ChangeWriter::Payload& ChangeWriter::payload(const Match& match) {
    Selection::Place& place = match.kind->selection->places[match.left_filter ? 1 : 0];
    if (place.stamp == stamp_) {
        return *payloads_[place.index];
    }
    if (used_ == payloads_.size()) {
        payloads_.push_back(std::make_unique<Payload>(largest_frame));
    }
    place = {stamp_, used_};
    Payload& payload = *payloads_[used_++];
    payload.bytes.clear();
    write_payload(payload, *match.kind->selection, match.left_filter);
    return payload;
}

// The row with a member in front that the stock client hands to the application, as it does not with the rest of the message.
std::string_view ChangeWriter::marked(std::string_view row, const protocol::ChangeData& change) {
    marks_.clear();
    protocol::write_change_marks(marks_, change);
    marked_.clear();
    marked_.append("{\"$realtime\":{");
    marked_.append(marks_.view().substr(1));
    marked_.append('}');
    const std::string_view members = row.substr(1);
    marked_.append(members.find('"') == std::string_view::npos ? "" : ",");
    marked_.append(members);
    return marked_.view();
}

void ChangeWriter::write_payload(Payload& payload, const Selection& selection, bool left_filter) {
    const stream::Relation& relation = *change_->relation;
    protocol::ChangeData data;
    data.schema = relation.schema;
    data.table = relation.table;
    data.event = event_of(change_->kind);
    data.commit_time = change_->commit_time;
    data.columns = relation.columns_json;
    data.record = change_->record;
    data.old_record = change_->old_record;
    data.error = change_->omitted ? too_large : std::string_view();
    data.cursor = change_->cursor;
    data.left_filter = left_filter;
    data.unchanged_toast = change_->unchanged_toast;
    data.identity_nothing = change_->identity_nothing;
    if (!selection.columns.empty()) {
        // The identity is always sent: without it nobody knows which row it is.
        std::vector<std::string> names;
        columns_.clear();
        columns_.append('[');
        for (const stream::Column& column : relation.columns) {
            if (!column.identity &&
                !std::binary_search(selection.columns.begin(), selection.columns.end(), column.name)) {
                continue;
            }
            columns_.append(names.empty() ? "{\"name\":" : ",{\"name\":");
            wire::write_json_string(columns_, column.name);
            columns_.append(",\"type\":");
            wire::write_json_string(columns_, column.type_name);
            columns_.append('}');
            names.push_back(protocol::member_name(column.name));
        }
        columns_.append(']');
        data.columns = columns_.view();
        if (data.record) {
            record_.clear();
            protocol::write_members(record_, *data.record, names);
            data.record = record_.view();
        }
        if (data.old_record) {
            old_record_.clear();
            protocol::write_members(old_record_, *data.old_record, names);
            data.old_record = old_record_.view();
        }
        if (!data.unchanged_toast.empty()) {
            unchanged_.clear();
            protocol::write_elements(unchanged_, data.unchanged_toast, names);
            data.unchanged_toast = unchanged_.view();
        }
    }
    if (selection.marks) {
        // A row of which nothing was logged is an old row with nothing but the marks.
        auto& row = data.record ? data.record : data.old_record;
        row = marked(row.value_or("{}"), data);
    }
    protocol::write_change_data(payload.bytes, data);
}

FramePointer ChangeWriter::frame(Encoding encoding, std::string_view topic, std::span<const Match> matches) {
    ids_.clear();
    for (const Match& match : matches) {
        if (std::find(ids_.begin(), ids_.end(), match.kind->id) == ids_.end()) {
            ids_.push_back(match.kind->id);
        }
    }
    const std::string_view data = payload(matches.front()).bytes.view();
    head_.clear();
    tail_.clear();
    if (encoding == Encoding::EventStream) {
        begin_event(head_, "postgres_changes", change_->cursor);
        tail_.append("\n\n");
    } else if (is_by_event(encoding)) {
        protocol::write_change_head(head_, version_of(encoding), topic, event_of(change_->kind));
        protocol::write_change_tail(tail_, version_of(encoding));
    } else {
        protocol::write_changes_head(head_, version_of(encoding), topic, ids_);
        protocol::write_changes_tail(tail_, version_of(encoding));
    }
    return finished(encoding, {head_.view(), data, tail_.view()});
}

FramePointer system_frame(Encoding encoding, std::string_view topic, const protocol::SystemMessage& message) {
    wire::ByteBuffer out(largest_frame);
    if (encoding != Encoding::EventStream) {
        protocol::write_system(out, version_of(encoding), topic, message);
        return finished(encoding, {out.view()});
    }
    if (message.cursor) {
        begin_event(out, "system", *message.cursor);
    } else {
        out.append("event: system\ndata: ");
    }
    out.append(message.ok ? "{\"status\":\"ok\",\"message\":" : "{\"status\":\"error\",\"message\":");
    wire::write_json_string(out, message.message);
    if (message.cursor) {
        out.append(",\"cursor\":\"");
        out.append(protocol::text_of(*message.cursor));
        out.append('"');
    }
    if (message.refetch) {
        out.append(",\"refetch\":true");
    }
    out.append("}\n\n");
    return finished(encoding, {out.view()});
}

FramePointer cursor_frame(Encoding encoding, std::string_view topic, protocol::Cursor cursor) {
    if (encoding == Encoding::EventStream) {
        wire::ByteBuffer out(largest_frame);
        begin_event(out, "cursor", cursor);
        out.append("{}\n\n");
        return finished(encoding, {out.view()});
    }
    protocol::SystemMessage message;
    message.extension = "cursor"; // not one that the client takes for news about the connection
    message.message = "cursor";
    message.cursor = cursor;
    return system_frame(encoding, topic, message);
}

} // namespace hub
