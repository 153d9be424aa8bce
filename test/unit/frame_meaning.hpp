// A frame's meaning as JSON text, for the golden files: every field of docs/protocol-frame.md under its name there, in its
// order. 64-bit numbers are strings of decimal digits, because many JSON readers would round them; bytes are hex.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "wire/frame.hpp"
#include "wire/json_text.hpp"

class FrameMeaning {
  public:
    static std::string of(const wire::Frame& frame) {
        FrameMeaning meaning;
        std::visit(meaning, frame);
        return meaning.text_ + "\n}\n";
    }

    void operator()(const wire::Hello& hello) {
        kind('H', "hello");
        number("protocol_version", hello.protocol_version);
        number("server_version", hello.server_version);
        text("plugin_version", hello.plugin_version);
    }
    void operator()(const wire::Relation& relation) {
        kind('R', "relation");
        number("relation_id", relation.relation_id);
        letter("access", static_cast<char>(relation.access));
        letter("replica_identity", relation.replica_identity);
        if (relation.tenant_column == wire::no_tenant_column) {
            raw("tenant_column", "null");
        } else {
            number("tenant_column", relation.tenant_column);
        }
        text("schema", relation.schema);
        text("table", relation.table);
        std::string columns;
        for (const wire::RelationColumn& column : relation.columns) {
            columns += columns.empty() ? "\n" : ",\n";
            columns += std::string("    {\"identity\": ") + (column.identity ? "true" : "false") +
                       ", \"type_id\": " + std::to_string(column.type_id) +
                       ", \"name\": " + quoted(column.name) + ", \"type_name\": " + quoted(column.type_name) +
                       "}";
        }
        raw("columns", columns.empty() ? "[]" : "[" + columns + "\n  ]");
        text("columns_json", relation.columns_json);
    }
    void operator()(const wire::RowChange& change) {
        kind(static_cast<char>(change.action), "change");
        number("relation_id", change.relation_id);
        wide("position", change.position);
        number("subtransaction", change.subtransaction);
        flag("identity_nothing", change.identity_nothing);
        flag("omitted", change.omitted);
        optional("tenant", change.tenant);
        optional("record", change.record);
        optional("old_record", change.old_record);
        text("unchanged_toast", change.unchanged_toast);
    }
    void operator()(const wire::TruncateFrame& frame) {
        kind('T', "truncate");
        wide("position", frame.truncate.position);
        number("subtransaction", frame.truncate.subtransaction);
        flag("cascade", frame.truncate.cascade);
        flag("restart_identity", frame.truncate.restart_identity);
        std::string ids;
        for (const std::uint32_t id : frame.relation_ids) {
            ids += (ids.empty() ? "" : ", ") + std::to_string(id);
        }
        raw("relation_ids", "[" + ids + "]");
    }
    void operator()(const wire::Broadcast& broadcast) {
        kind('X', "broadcast");
        wide("lsn", broadcast.lsn);
        wide("position", broadcast.position);
        number("subtransaction", broadcast.subtransaction);
        flag("transactional", broadcast.transactional);
        text("tenant", broadcast.tenant);
        text("topic", broadcast.topic);
        text("event", broadcast.event);
        text("payload", broadcast.payload);
    }
    void operator()(const wire::Message& message) {
        kind('M', "message");
        wide("lsn", message.lsn);
        wide("position", message.position);
        number("subtransaction", message.subtransaction);
        flag("transactional", message.transactional);
        text("prefix", message.prefix);
        std::string hex;
        for (const char byte : message.content) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
            hex += digits;
        }
        text("content_hex", hex);
    }
    void operator()(const wire::Boundary& boundary) {
        kind(static_cast<char>(boundary.kind), "boundary");
        number("xid", boundary.xid);
        number("subtransaction", boundary.subtransaction);
        wide("lsn", boundary.lsn);
        wide("end_lsn", boundary.end_lsn);
        raw("time", "\"" + std::to_string(boundary.time) + "\"");
        text("gid", boundary.gid);
    }
    void operator()(const wire::Progress& progress) {
        kind('G', "progress");
        wide("lsn", progress.lsn);
    }

  private:
    static std::string quoted(std::string_view bytes) {
        wire::ByteBuffer out(1U << 30);
        wire::write_json_string(out, bytes);
        return std::string(out.view());
    }
    void raw(const char* name, const std::string& value) {
        text_ += std::string(text_.empty() ? "{\n  \"" : ",\n  \"") + name + "\": " + value;
    }
    void kind(char letter_, const char* name) {
        letter("kind", letter_);
        text("frame", name);
    }
    void letter(const char* name, char value) { text(name, std::string_view(&value, 1)); }
    void text(const char* name, std::string_view value) { raw(name, quoted(value)); }
    void optional(const char* name, const std::optional<std::string_view>& value) {
        raw(name, value ? quoted(*value) : "null");
    }
    void number(const char* name, std::uint32_t value) { raw(name, std::to_string(value)); }
    void wide(const char* name, std::uint64_t value) { raw(name, "\"" + std::to_string(value) + "\""); }
    void flag(const char* name, bool value) { raw(name, value ? "true" : "false"); }

    std::string text_;
};
