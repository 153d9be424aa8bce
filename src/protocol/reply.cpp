#include "protocol/reply.hpp"

#include "wire/change.hpp"
#include "wire/datetime.hpp"
#include "wire/json_text.hpp"

namespace protocol {

namespace {

void write_reference(wire::ByteBuffer& out, const Reference& reference) {
    reference ? wire::write_json_string(out, *reference) : out.append("null");
}

// Everything of a message up to its payload.
void begin(wire::ByteBuffer& out, Version version, const Reference& join_ref, const Reference& ref,
           std::string_view topic, std::string_view event) {
    if (version == Version::Two) {
        out.append('[');
        write_reference(out, join_ref);
        out.append(',');
        write_reference(out, ref);
        out.append(',');
        wire::write_json_string(out, topic);
        out.append(",\"");
        out.append(event);
        out.append("\",");
    } else {
        // The original leaves join_ref out here.
        out.append("{\"topic\":");
        wire::write_json_string(out, topic);
        out.append(",\"event\":\"");
        out.append(event);
        out.append("\",\"ref\":");
        write_reference(out, ref);
        out.append(",\"payload\":");
    }
}

void end(wire::ByteBuffer& out, Version version) {
    out.append(version == Version::Two ? ']' : '}');
}

void member(wire::ByteBuffer& out, std::string_view name, std::string_view text) {
    out.append(name);
    wire::write_json_string(out, text);
}

std::string_view name_of(Event event) {
    switch (event) {
    case Event::Insert:
        return "INSERT";
    case Event::Update:
        return "UPDATE";
    case Event::Delete:
        return "DELETE";
    case Event::All:
        break;
    }
    return "*";
}

void write_number(wire::ByteBuffer& out, std::uint64_t number) {
    wire::write_uint64(out, number);
}

// 2026-11-23T08:00:00.123Z, as the original writes it.
void write_commit_time(wire::ByteBuffer& out, std::int64_t unix_microseconds) {
    char text[wire::longest_datetime];
    const std::int64_t milliseconds =
        unix_microseconds >= 0 ? unix_microseconds / 1000 : (unix_microseconds - 999) / 1000;
    const std::int64_t fraction =
        milliseconds - (milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000) * 1000;
    const char* end = wire::format_timestamp(
        text, (milliseconds - fraction) * 1000 - wire::postgres_epoch_in_unix_microseconds, false);
    out.append('"');
    out.append({text, end});
    const char digits[] = {'.',
                           static_cast<char>('0' + fraction / 100),
                           static_cast<char>('0' + fraction / 10 % 10),
                           static_cast<char>('0' + fraction % 10),
                           'Z',
                           '"'};
    out.append({digits, sizeof(digits)});
}

} // namespace

void write_reply(wire::ByteBuffer& out, Version version, Reference join_ref, Reference ref,
                 std::string_view topic, bool ok, std::string_view response) {
    begin(out, version, join_ref, ref, topic, "phx_reply");
    out.append(ok ? "{\"status\":\"ok\",\"response\":" : "{\"status\":\"error\",\"response\":");
    out.append(response);
    out.append('}');
    end(out, version);
}

void write_refusal(wire::ByteBuffer& out, Version version, Reference join_ref, Reference ref,
                   std::string_view topic, std::string_view reason) {
    begin(out, version, join_ref, ref, topic, "phx_reply");
    member(out, "{\"status\":\"error\",\"response\":{\"reason\":", reason);
    out.append("}}");
    end(out, version);
}

void write_join_reply(wire::ByteBuffer& out, Version version, Reference join_ref, Reference ref,
                      std::string_view topic, std::span<const Binding> bindings,
                      std::span<const std::uint32_t> ids) {
    begin(out, version, join_ref, ref, topic, "phx_reply");
    out.append("{\"status\":\"ok\",\"response\":{\"postgres_changes\":[");
    for (std::size_t index = 0; index < bindings.size(); ++index) {
        // {"id": 1, <what was asked for>}. An id of the client's own would come later and win; so ours stands at the end.
        std::string_view request = bindings[index].request;
        request.remove_suffix(1);
        const bool has_members = request.find('"') != std::string_view::npos;
        out.append(index > 0 ? "," : "");
        out.append(request);
        out.append(has_members ? ",\"id\":" : "\"id\":");
        write_number(out, ids[index]);
        out.append('}');
    }
    out.append("]}}");
    end(out, version);
}

void write_close(wire::ByteBuffer& out, Version version, Reference join_ref, std::string_view topic) {
    begin(out, version, join_ref, join_ref, topic, "phx_close");
    out.append("{}");
    end(out, version);
}

void write_channel_error(wire::ByteBuffer& out, Version version, Reference join_ref, std::string_view topic,
                         std::string_view reason) {
    begin(out, version, join_ref, join_ref, topic, "phx_error");
    member(out, "{\"reason\":", reason);
    out.append('}');
    end(out, version);
}

void write_system(wire::ByteBuffer& out, Version version, std::string_view topic,
                  const SystemMessage& system) {
    begin(out, version, std::nullopt, std::nullopt, topic, "system");
    member(out, "{\"extension\":", system.extension);
    out.append(system.ok ? ",\"status\":\"ok\"" : ",\"status\":\"error\"");
    member(out, ",\"message\":", system.message);
    member(out, ",\"channel\":", channel_of(topic).value_or(topic));
    if (system.cursor) {
        member(out, ",\"cursor\":", text_of(*system.cursor));
    }
    if (system.refetch) {
        out.append(",\"refetch\":true");
    }
    out.append('}');
    end(out, version);
}

void write_change_marks(wire::ByteBuffer& out, const ChangeData& change) {
    member(out, ",\"cursor\":", text_of(change.cursor));
    if (change.left_filter) {
        out.append(",\"left_filter\":true");
    }
    if (!change.unchanged_toast.empty()) {
        out.append(",\"unchanged_toast\":");
        out.append(change.unchanged_toast);
    }
    if (change.identity_nothing) {
        out.append(",\"replica_identity\":\"nothing\"");
    }
}

void write_change_data(wire::ByteBuffer& out, const ChangeData& change) {
    member(out, "{\"schema\":", change.schema);
    member(out, ",\"table\":", change.table);
    member(out, ",\"type\":", name_of(change.event));
    out.append(",\"commit_timestamp\":");
    write_commit_time(out, change.commit_time);
    write_change_marks(out, change);
    out.append(",\"columns\":");
    out.append(change.columns);
    if (change.record) {
        out.append(",\"record\":");
        out.append(*change.record);
    }
    if (change.old_record) {
        out.append(",\"old_record\":");
        out.append(*change.old_record);
    }
    if (change.error.empty()) {
        out.append(",\"errors\":null}");
    } else {
        member(out, ",\"errors\":[", change.error);
        out.append("]}");
    }
}

void write_changes_head(wire::ByteBuffer& out, Version version, std::string_view topic,
                        std::span<const std::uint32_t> ids) {
    begin(out, version, std::nullopt, std::nullopt, topic, "postgres_changes");
    out.append("{\"ids\":[");
    for (std::size_t index = 0; index < ids.size(); ++index) {
        out.append(index > 0 ? "," : "");
        write_number(out, ids[index]);
    }
    out.append("],\"data\":");
}

void write_changes_tail(wire::ByteBuffer& out, Version version) {
    out.append('}');
    end(out, version);
}

void write_change_head(wire::ByteBuffer& out, Version version, std::string_view topic, Event event) {
    begin(out, version, std::nullopt, std::nullopt, topic, name_of(event));
}

void write_change_tail(wire::ByteBuffer& out, Version version) {
    end(out, version);
}

void write_broadcast_message(wire::ByteBuffer& out, Version version, std::string_view topic,
                             std::string_view message) {
    begin(out, version, std::nullopt, std::nullopt, topic, "broadcast");
    out.append(message);
    end(out, version);
}

void write_broadcast(wire::ByteBuffer& out, Version version, std::string_view topic, std::string_view event,
                     std::string_view payload, std::string_view metadata) {
    begin(out, version, std::nullopt, std::nullopt, topic, "broadcast");
    member(out, "{\"type\":\"broadcast\",\"event\":", event);
    out.append(",\"payload\":");
    out.append(payload);
    if (!metadata.empty()) {
        out.append(",\"meta\":");
        out.append(metadata);
    }
    out.append('}');
    end(out, version);
}

bool write_broadcast_frame(wire::ByteBuffer& out, std::string_view topic, std::string_view event,
                           std::string_view metadata, bool is_json, std::string_view payload) {
    constexpr std::size_t longest = 255;
    constexpr char kind = 4;
    if (topic.size() > longest || event.size() > longest || metadata.size() > longest) {
        return false;
    }
    const char head[] = {kind, static_cast<char>(topic.size()), static_cast<char>(event.size()),
                         static_cast<char>(metadata.size()), static_cast<char>(is_json ? 1 : 0)};
    out.append(head, sizeof(head));
    out.append(topic);
    out.append(event);
    out.append(metadata);
    out.append(payload);
    return true;
}

void write_presence(wire::ByteBuffer& out, Version version, std::string_view topic, bool is_state,
                    std::string_view payload) {
    begin(out, version, std::nullopt, std::nullopt, topic, is_state ? "presence_state" : "presence_diff");
    out.append(payload);
    end(out, version);
}

} // namespace protocol
