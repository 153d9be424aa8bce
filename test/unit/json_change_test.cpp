#include "wire/json_change.hpp"

#include <string>

#include <gtest/gtest.h>

#include "written.hpp"

using wire::Charset;

namespace {

constexpr std::uint64_t commit_address = 0x1a2b3c8;
constexpr std::int64_t commit_time = 1'795'420'800'123'456;

wire::JsonTransaction transaction(std::uint32_t xid = 741, std::uint64_t lsn = commit_address,
                                  std::int64_t time = commit_time) {
    wire::JsonTransaction described{};
    described.describe(xid, lsn, time);
    return described;
}

wire::JsonRelation orders() {
    return {"public", "orders", R"([{"name":"id","type":"int8"}])", Charset::Utf8};
}

std::string change_text(const wire::RowChange& change, const wire::JsonRelation& relation = orders(),
                        const wire::JsonTransaction& in = transaction()) {
    return written::text_of(
        [&](wire::ByteBuffer& out) { wire::write_json_change(out, relation, in, change); });
}

TEST(JsonChange, HasItsKeysInTheDocumentedOrder) {
    wire::RowChange change;
    change.action = wire::Action::Update;
    change.position = 27'435'976;
    change.tenant = "t \"1\"";
    change.record = R"({"id":1})";
    change.old_record = R"({"id":0})";
    EXPECT_EQ(change_text(change),
              R"({"action":"UPDATE","schema":"public","table":"orders","tenant":"t \"1\"",)"
              R"("lsn":"0/1A2B3C8","position":27435976,"xid":741,)"
              R"("commit_timestamp":"2026-11-23T08:00:00.123456+00:00",)"
              R"("columns":[{"name":"id","type":"int8"}],"record":{"id":1},"old_record":{"id":0}})");
}

TEST(JsonChange, NamesItsAction) {
    wire::RowChange change;
    change.action = wire::Action::Insert;
    EXPECT_EQ(change_text(change).substr(0, 18), R"({"action":"INSERT")");
    change.action = wire::Action::Delete;
    EXPECT_EQ(change_text(change).substr(0, 18), R"({"action":"DELETE")");
}

TEST(JsonChange, SaysNullForWhatIsMissing) {
    const wire::RowChange change;
    const std::string text = change_text(change);
    EXPECT_NE(text.find(R"("tenant":null,"lsn")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("record":null,"old_record":null})"), std::string::npos) << text;
    wire::RowChange empty;
    empty.tenant = "";
    EXPECT_NE(change_text(empty).find(R"("tenant":"","lsn")"), std::string::npos) << "empty is not missing";
}

TEST(JsonChange, AddsOptionalKeysAtTheEndAndInOrder) {
    wire::RowChange change;
    change.record = "{}";
    change.unchanged_toast = R"(["note"])";
    change.identity_nothing = true;
    change.omitted = true;
    const std::string text = change_text(change);
    const std::string end = R"("old_record":null,"unchanged_toast":["note"],"replica_identity":"nothing",)"
                            R"("omitted":"the rows exceed max_change_bytes"})";
    EXPECT_EQ(text.substr(text.size() - end.size()), end);
}

TEST(JsonChange, WithoutTypesHasNoColumns) {
    const wire::JsonRelation relation("public", "orders", "", Charset::Utf8);
    const std::string text = change_text(wire::RowChange(), relation);
    EXPECT_EQ(text.find("columns"), std::string::npos);
    EXPECT_NE(text.find(R"(+00:00","record":null)"), std::string::npos) << text;
}

TEST(JsonChange, OfAnUnknownCommitHasNullsAndItsSubtransaction) {
    wire::RowChange change;
    change.position = 5;
    change.subtransaction = 742;
    const std::string text = change_text(change, orders(), transaction(741, 0, 0));
    EXPECT_NE(
        text.find(R"("lsn":null,"position":5,"xid":741,"commit_timestamp":null,"subxid":742,"columns")"),
        std::string::npos)
        << text;
}

TEST(JsonChange, EscapesNamesOnceForAllChanges) {
    const wire::JsonRelation utf8("Küche \"1\"", "a\\b\n", "", Charset::Utf8);
    EXPECT_EQ(utf8.names, R"("schema":"Küche \"1\"","table":"a\\b\n","tenant":)");
    const wire::JsonRelation ascii("Küche", "東", "", Charset::Ascii);
    EXPECT_EQ(ascii.names, R"("schema":"K\u00fcche","table":"\u6771","tenant":)");
    wire::RowChange change;
    change.tenant = "ü";
    EXPECT_NE(change_text(change, ascii).find(R"("tenant":"\u00fc")"), std::string::npos);
}

TEST(JsonTransaction, HoldsTheLongestTextsThereAre) {
    const auto in = transaction(0xffffffff, ~std::uint64_t{0}, 9'223'372'036'854'775'807);
    EXPECT_EQ(std::string_view(in.before_position, in.before_length),
              R"(,"lsn":"FFFFFFFF/FFFFFFFF","position":)");
    EXPECT_EQ(std::string_view(in.after_position, in.after_length).substr(0, 37),
              R"(,"xid":4294967295,"commit_timestamp":)");
    const auto earliest = transaction(1, 1, -210'866'803'200'000'000);
    EXPECT_EQ(std::string_view(earliest.after_position, earliest.after_length),
              R"(,"xid":1,"commit_timestamp":"4714-11-24T00:00:00+00:00 BC")");
}

TEST(JsonTruncate, HasItsKeysInTheDocumentedOrder) {
    wire::Truncate truncate;
    truncate.position = 9;
    truncate.cascade = true;
    const auto text = [&] {
        return written::text_of([&](wire::ByteBuffer& out) {
            wire::write_json_truncate(out, orders(), transaction(), truncate);
        });
    };
    EXPECT_EQ(text(), R"({"action":"TRUNCATE","schema":"public","table":"orders","tenant":null,)"
                      R"("lsn":"0/1A2B3C8","position":9,"xid":741,)"
                      R"("commit_timestamp":"2026-11-23T08:00:00.123456+00:00",)"
                      R"("cascade":true,"restart_identity":false})");
    truncate.cascade = false;
    truncate.restart_identity = true;
    truncate.subtransaction = 742;
    const std::string end = R"(,"subxid":742,"cascade":false,"restart_identity":true})";
    EXPECT_EQ(text().substr(text().size() - end.size()), end);
}

wire::Broadcast bell() {
    wire::Broadcast broadcast;
    broadcast.lsn = 0x16'b374d848;
    broadcast.position = 97'500'059'720;
    broadcast.tenant = "t";
    broadcast.topic = "kitchen \"1\"";
    broadcast.event = "bell";
    broadcast.payload = "{\"table\":\n7}";
    return broadcast;
}

TEST(JsonBroadcast, HasItsKeysInTheDocumentedOrder) {
    const wire::JsonTransaction in = transaction();
    EXPECT_EQ(written::text_of([&](wire::ByteBuffer& out) {
                  wire::write_json_broadcast(out, &in, bell(), Charset::Utf8);
              }),
              R"({"action":"BROADCAST","tenant":"t","topic":"kitchen \"1\"","event":"bell",)"
              R"("payload":{"table": 7},"transactional":true,"lsn":"0/1A2B3C8","position":97500059720,)"
              R"("xid":741,"commit_timestamp":"2026-11-23T08:00:00.123456+00:00"})");
}

TEST(JsonBroadcast, OutsideOfATransactionHasItsOwnPlace) {
    wire::Broadcast broadcast = bell();
    broadcast.transactional = false;
    broadcast.subtransaction = 742;
    EXPECT_EQ(written::text_of([&](wire::ByteBuffer& out) {
                  wire::write_json_broadcast(out, nullptr, broadcast, Charset::Utf8);
              }),
              R"({"action":"BROADCAST","tenant":"t","topic":"kitchen \"1\"","event":"bell",)"
              R"("payload":{"table": 7},"transactional":false,"lsn":"16/B374D848","position":97500059720,)"
              R"("xid":null,"commit_timestamp":null})");
}

std::string message_text(std::string_view content, Charset charset = Charset::Utf8) {
    const wire::JsonTransaction in = transaction();
    wire::Message message;
    message.position = 11;
    message.prefix = "audit";
    message.content = content;
    return written::text_of(
        [&](wire::ByteBuffer& out) { wire::write_json_message(out, &in, message, charset); });
}

TEST(JsonMessage, HasItsKeysInTheDocumentedOrder) {
    EXPECT_EQ(message_text("checked"),
              R"({"action":"MESSAGE","prefix":"audit","content":"checked","transactional":true,)"
              R"("lsn":"0/1A2B3C8","position":11,"xid":741,)"
              R"("commit_timestamp":"2026-11-23T08:00:00.123456+00:00"})");
}

TEST(JsonMessage, SendsWhatIsNotUtf8InBase64) {
    const auto between = [](const std::string& text) {
        const std::size_t from = text.find(R"("audit",)") + 8;
        return text.substr(from, text.find(R"(,"transactional")") - from);
    };
    EXPECT_EQ(between(message_text("")), R"("content":"")");
    EXPECT_EQ(between(message_text(std::string_view("a\0b", 3))), R"("content":"a\u0000b")");
    EXPECT_EQ(between(message_text("ü")), R"("content":"ü")");
    EXPECT_EQ(between(message_text("ü", Charset::Ascii)), R"("content":"\u00fc")");
    EXPECT_EQ(between(message_text("\xff\xfe")), R"("content_base64":"//4=")");
}

TEST(JsonBoundary, HasItsKeysInTheDocumentedOrder) {
    wire::Boundary boundary;
    boundary.kind = wire::BoundaryKind::Prepare;
    boundary.xid = 741;
    boundary.lsn = commit_address;
    boundary.end_lsn = 0x1a2b3f8;
    boundary.time = commit_time;
    boundary.gid = "transfer \"7\"";
    const auto text = [&] {
        return written::text_of(
            [&](wire::ByteBuffer& out) { wire::write_json_boundary(out, boundary, Charset::Utf8); });
    };
    EXPECT_EQ(text(), R"({"action":"PREPARE","xid":741,"lsn":"0/1A2B3C8","end_lsn":"0/1A2B3F8",)"
                      R"("commit_timestamp":"2026-11-23T08:00:00.123456+00:00","gid":"transfer \"7\""})");
    boundary = wire::Boundary();
    boundary.kind = wire::BoundaryKind::StreamAbort;
    boundary.xid = 741;
    boundary.subtransaction = 742;
    EXPECT_EQ(text(), R"({"action":"STREAM_ABORT","xid":741,"subxid":742,"lsn":null,"end_lsn":null,)"
                      R"("commit_timestamp":null})");
}

TEST(JsonBoundary, NamesEveryKind) {
    using wire::BoundaryKind;
    const struct {
        BoundaryKind kind;
        const char* action;
    } kinds[] = {{BoundaryKind::Begin, "BEGIN"},
                 {BoundaryKind::Commit, "COMMIT"},
                 {BoundaryKind::BeginPrepare, "BEGIN_PREPARE"},
                 {BoundaryKind::Prepare, "PREPARE"},
                 {BoundaryKind::CommitPrepared, "COMMIT_PREPARED"},
                 {BoundaryKind::RollbackPrepared, "ROLLBACK_PREPARED"},
                 {BoundaryKind::StreamStart, "STREAM_START"},
                 {BoundaryKind::StreamStop, "STREAM_STOP"},
                 {BoundaryKind::StreamCommit, "STREAM_COMMIT"},
                 {BoundaryKind::StreamAbort, "STREAM_ABORT"},
                 {BoundaryKind::StreamPrepare, "STREAM_PREPARE"}};
    for (const auto& entry : kinds) {
        wire::Boundary boundary;
        boundary.kind = entry.kind;
        const std::string text = written::text_of(
            [&](wire::ByteBuffer& out) { wire::write_json_boundary(out, boundary, Charset::Utf8); });
        EXPECT_EQ(text.substr(0, text.find(",")), std::string(R"({"action":")") + entry.action + '"');
    }
}

TEST(JsonColumns, AreAListOfNamesAndTypes) {
    const auto text = [](int count) {
        return written::text_of([&](wire::ByteBuffer& out) {
            wire::JsonColumns columns(out, Charset::Ascii);
            for (int index = 0; index < count; ++index) {
                columns.add(index == 0 ? "id" : "größe \"cm\"", index == 0 ? "int8" : "float4");
            }
            columns.finish();
        });
    };
    EXPECT_EQ(text(0), "[]");
    EXPECT_EQ(text(1), R"([{"name":"id","type":"int8"}])");
    EXPECT_EQ(text(2), R"([{"name":"id","type":"int8"},{"name":"gr\u00f6\u00dfe \"cm\"","type":"float4"}])");
}

TEST(JsonLines, SurviveALimitAtEveryByte) {
    const wire::JsonRelation relation = orders();
    const wire::JsonTransaction in = transaction();
    wire::RowChange change;
    change.tenant = "t";
    change.record = R"({"id":1})";
    change.unchanged_toast = R"(["note"])";
    change.omitted = true;
    written::expect_every_limit_is_survived(
        [&](wire::ByteBuffer& out) { wire::write_json_change(out, relation, in, change); });
    written::expect_every_limit_is_survived(
        [&](wire::ByteBuffer& out) { wire::write_json_truncate(out, relation, in, wire::Truncate()); });
    written::expect_every_limit_is_survived(
        [&](wire::ByteBuffer& out) { wire::write_json_broadcast(out, nullptr, bell(), Charset::Utf8); });
    wire::Message message;
    message.content = "\xff\xff\xff\xff";
    written::expect_every_limit_is_survived(
        [&](wire::ByteBuffer& out) { wire::write_json_message(out, &in, message, Charset::Utf8); });
    wire::Boundary boundary;
    boundary.gid = "transfer";
    written::expect_every_limit_is_survived(
        [&](wire::ByteBuffer& out) { wire::write_json_boundary(out, boundary, Charset::Utf8); });
}

} // namespace
