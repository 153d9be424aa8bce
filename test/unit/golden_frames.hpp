// The frames behind test/golden: at least one of every kind, and one for everything a field can say besides its usual
// value. They tell one story, so that the files can be read in a row.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"

namespace golden {

struct Golden {
    const char* name; // of the files, without their ending
    wire::Frame frame;
};

constexpr std::uint32_t orders = 16'391;
constexpr std::uint32_t xid = 741;
constexpr std::uint32_t subxid = 742;
constexpr std::uint64_t change_address = 27'435'976;        // 0/1A2A3C8
constexpr std::uint64_t commit_address = 27'440'072;        // 0/1A2B3C8
constexpr std::uint64_t behind_commit = 27'440'120;         // 0/1A2B3F8
constexpr std::int64_t commit_time = 1'795'420'800'123'456; // 2026-11-23T08:00:00.123456Z
constexpr std::string_view tenant = "0195c1a0-7d3e-7b11-9c55-2a6f8d1e4b70";
constexpr std::string_view gid = "transfer 7";

inline wire::Boundary boundary(wire::BoundaryKind kind) {
    wire::Boundary boundary;
    boundary.kind = kind;
    boundary.xid = xid;
    return boundary;
}

inline wire::Boundary ended(wire::BoundaryKind kind, std::string_view gid_ = {}) {
    wire::Boundary ended = boundary(kind);
    ended.lsn = commit_address;
    ended.end_lsn = behind_commit;
    ended.time = commit_time;
    ended.gid = gid_;
    return ended;
}

inline wire::Boundary aborted(std::uint32_t subtransaction) {
    wire::Boundary aborted = boundary(wire::BoundaryKind::StreamAbort);
    aborted.subtransaction = subtransaction;
    aborted.lsn = commit_address;
    return aborted;
}

inline wire::RowChange change(wire::Action action, std::uint64_t index) {
    wire::RowChange change;
    change.action = action;
    change.relation_id = orders;
    change.position = change_address + index;
    change.tenant = tenant;
    return change;
}

inline std::vector<Golden> relations() {
    wire::Relation registered;
    registered.relation_id = orders;
    registered.access = wire::Access::Tenant;
    registered.tenant_column = 1;
    registered.schema = "public";
    registered.table = "orders";
    registered.columns = {{true, 20, "id", "int8"},
                          {true, 2950, "tenant_id", "uuid"},
                          {false, 1700, "total", "numeric"},
                          {false, 25, "note", "text"}};
    registered.columns_json = R"([{"name":"id","type":"int8"},{"name":"tenant_id","type":"uuid"},)"
                              R"({"name":"total","type":"numeric"},{"name":"note","type":"text"}])";

    wire::Relation unregistered;
    unregistered.relation_id = 16'400;
    unregistered.replica_identity = 'n';
    unregistered.schema = "Küche \"1\"";
    unregistered.table = "log";
    unregistered.columns = {{false, 25, "zeile\n1", "text"}};
    unregistered.columns_json = R"([{"name":"zeile\n1","type":"text"}])";

    wire::Relation open;
    open.relation_id = 16'410;
    open.access = wire::Access::Public;
    open.replica_identity = 'f';
    open.schema = "public";
    open.table = "without_columns";
    open.columns_json = "[]";
    return {
        {"relation-tenant", registered}, {"relation-unregistered", unregistered}, {"relation-public", open}};
}

inline std::vector<Golden> changes() {
    wire::RowChange insert = change(wire::Action::Insert, 0);
    insert.record =
        R"({"id":1,"tenant_id":"0195c1a0-7d3e-7b11-9c55-2a6f8d1e4b70","total":12.50,"note":"no \"onions\""})";

    wire::RowChange update = change(wire::Action::Update, 64);
    update.record = R"({"id":1,"tenant_id":"0195c1a0-7d3e-7b11-9c55-2a6f8d1e4b70","total":14.00})";
    update.old_record = R"({"id":1,"tenant_id":"0195c1a0-7d3e-7b11-9c55-2a6f8d1e4b70"})";
    update.unchanged_toast = R"(["note"])";

    wire::RowChange removal = change(wire::Action::Delete, 128);
    removal.old_record = R"({"id":1,"tenant_id":"0195c1a0-7d3e-7b11-9c55-2a6f8d1e4b70"})";

    wire::RowChange unknown_row = change(wire::Action::Delete, 192);
    unknown_row.relation_id = 16'400;
    unknown_row.tenant = std::nullopt;
    unknown_row.identity_nothing = true;

    wire::RowChange omitted = change(wire::Action::Insert, 256);
    omitted.record = R"({"id":2,"tenant_id":"0195c1a0-7d3e-7b11-9c55-2a6f8d1e4b70"})";
    omitted.omitted = true;

    wire::RowChange streamed = change(wire::Action::Insert, 320);
    streamed.subtransaction = subxid;
    streamed.tenant = ""; // a text tenant may be empty, which is not the same as none
    streamed.record = "{}";
    return {{"insert", insert},          {"update-unchanged-toast", update},
            {"delete", removal},         {"delete-identity-nothing", unknown_row},
            {"insert-omitted", omitted}, {"insert-streamed-subtransaction", streamed}};
}

inline std::vector<Golden> messages() {
    wire::TruncateFrame truncate;
    truncate.truncate.position = change_address + 384;
    truncate.truncate.cascade = true;
    truncate.relation_ids = {orders, 16'400};

    wire::TruncateFrame restarting;
    restarting.truncate.position = change_address + 385;
    restarting.truncate.subtransaction = subxid;
    restarting.truncate.restart_identity = true;
    restarting.relation_ids = {orders};

    wire::Broadcast transactional;
    transactional.lsn = commit_address;
    transactional.position = change_address + 448;
    transactional.tenant = tenant;
    transactional.topic = "kitchen";
    transactional.event = "bell";
    transactional.payload = R"({"table":7,"text":"Grüße"})";

    wire::Broadcast immediate = transactional;
    immediate.lsn = change_address + 512;
    immediate.position = change_address + 512;
    immediate.transactional = false;
    immediate.payload = "null";

    // What realtime_broadcast() leaves in the WAL: the place is filled in when it is decoded.
    wire::Broadcast stored = transactional;
    stored.lsn = 0;
    stored.position = 0;
    stored.subtransaction = subxid;

    wire::Message text;
    text.lsn = commit_address;
    text.position = change_address + 576;
    text.prefix = "audit";
    text.content = "checked";

    wire::Message binary;
    binary.lsn = change_address + 640;
    binary.position = change_address + 640;
    binary.transactional = false;
    binary.prefix = "Prüfung";
    binary.content = std::string_view("\x00\xff\x80\n", 4);
    return {{"truncate-cascade", truncate},
            {"truncate-restart-identity", restarting},
            {"broadcast", transactional},
            {"broadcast-not-transactional", immediate},
            {"broadcast-in-logical-message", stored},
            {"message", text},
            {"message-binary", binary}};
}

inline std::vector<Golden> boundaries() {
    using wire::BoundaryKind;
    return {{"begin", ended(BoundaryKind::Begin)},
            {"commit", ended(BoundaryKind::Commit)},
            {"begin-prepare", ended(BoundaryKind::BeginPrepare, gid)},
            {"prepare", ended(BoundaryKind::Prepare, gid)},
            {"commit-prepared", ended(BoundaryKind::CommitPrepared, gid)},
            {"rollback-prepared", ended(BoundaryKind::RollbackPrepared, gid)},
            {"stream-start", boundary(BoundaryKind::StreamStart)},
            {"stream-stop", boundary(BoundaryKind::StreamStop)},
            {"stream-commit", ended(BoundaryKind::StreamCommit)},
            {"stream-abort", aborted(xid)},
            {"stream-abort-subtransaction", aborted(subxid)},
            {"stream-prepare", ended(BoundaryKind::StreamPrepare, gid)}};
}

inline std::vector<Golden> frames() {
    wire::Hello hello;
    hello.server_version = 150'020;
    hello.plugin_version = "0.1.0";
    std::vector<Golden> all = {{"hello", hello}, {"progress", wire::Progress{behind_commit}}};
    for (const std::vector<Golden>& group : {relations(), changes(), messages(), boundaries()}) {
        all.insert(all.end(), group.begin(), group.end());
    }
    return all;
}

} // namespace golden
