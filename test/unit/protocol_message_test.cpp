#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "protocol/cursor.hpp"
#include "protocol/join.hpp"
#include "protocol/message.hpp"
#include "protocol/reply.hpp"
#include "wire/json_check.hpp"
#include "wire/json_text.hpp"

namespace {

using namespace protocol;

std::string written(const std::function<void(wire::ByteBuffer&)>& write) {
    wire::ByteBuffer out(1 << 20);
    write(out);
    return std::string(out.view());
}

ClientMessage decoded(Version version, std::string_view frame) {
    Decoder decoder;
    ClientMessage message;
    EXPECT_TRUE(decoder.decode(version, frame, message)) << decoder.error() << ": " << frame;
    return message;
}

std::string refused(Version version, std::string_view frame) {
    Decoder decoder;
    ClientMessage message;
    EXPECT_FALSE(decoder.decode(version, frame, message)) << frame;
    return decoder.error();
}

// What the client was seen to send.
TEST(ClientMessage, IsReadFromFramesThatTheClientSends) {
    const ClientMessage join = decoded(
        Version::Two,
        R"(["6","6","realtime:room:1","phx_join",{"config":{"broadcast":{"ack":true,"self":true,"replication_ready":true},"presence":{"key":"k1","enabled":true},"postgres_changes":[{"event":"*","schema":"public","table":"todos"},{"event":"UPDATE","schema":"public","table":"todos","filter":"id=gt.0,name=eq.\"a,b\"","select":["id","name"]}],"private":true,"postgres_changes_options":{"wait":true,"timeout":3000}}}])");
    EXPECT_EQ(join.join_ref, "6");
    EXPECT_EQ(join.ref, "6");
    EXPECT_EQ(join.topic, "realtime:room:1");
    EXPECT_EQ(join.event, "phx_join");
    std::string error;
    const std::optional<Join> wanted = read_join(join.payload, error);
    ASSERT_TRUE(wanted) << error;
    EXPECT_TRUE(wanted->broadcast_ack && wanted->broadcast_self && wanted->replication_ready);
    EXPECT_TRUE(wanted->presence && wanted->is_private && wanted->wait);
    EXPECT_EQ(wanted->presence_key, "k1");
    ASSERT_EQ(wanted->bindings.size(), 2U);
    EXPECT_EQ(wanted->bindings[0].event, Event::All);
    EXPECT_EQ(wanted->bindings[1].event, Event::Update);
    EXPECT_EQ(wanted->bindings[1].filter, "id=gt.0,name=eq.\"a,b\"");
    EXPECT_EQ(wanted->bindings[1].select, (std::vector<std::string>{"id", "name"}));
    EXPECT_EQ(wanted->bindings[0].request, R"({"event":"*","schema":"public","table":"todos"})");

    const ClientMessage heartbeat = decoded(Version::Two, R"([null,"11","phoenix","heartbeat",{}])");
    EXPECT_FALSE(heartbeat.join_ref);
    EXPECT_EQ(heartbeat.payload, "{}");
    const ClientMessage old =
        decoded(Version::One, R"({"topic":"phoenix","event":"heartbeat","payload":{},"ref":"10"})");
    EXPECT_EQ(old.ref, "10");
    EXPECT_FALSE(old.join_ref);
    const ClientMessage presence = decoded(
        Version::Two,
        R"(["6","9","realtime:room:1","presence",{"type":"presence","event":"track","payload":{"name":"é"}}])");
    EXPECT_EQ(presence.payload, R"({"type":"presence","event":"track","payload":{"name":"é"}})");
}

TEST(ClientMessage, ComesBackFromBothVersionsWhateverItsTextsContain) {
    std::mt19937 random(20261124);
    const auto text = [&] {
        static constexpr const char* parts[] = {"a", "\"", "\\", "\n", "\x01", "é",
                                                "😀", "/",  "}",  "]",  ",",    " "};
        std::string made = "x";
        for (unsigned count = random() % 12; count > 0; --count) {
            made += parts[random() % std::size(parts)];
        }
        return made;
    };
    const auto quoted = [](const std::string& text) {
        return written([&](wire::ByteBuffer& out) { wire::write_json_string(out, text); });
    };
    for (int round = 0; round < 2000; ++round) {
        const std::string topic = text(), event = text(), ref = text(),
                          payload = "{" + quoted(text()) + " : [1, " + quoted(text()) + "]}";
        const bool joined = random() % 2 == 0;
        const ClientMessage two =
            decoded(Version::Two, "[" + (joined ? quoted(ref) : "null") + ", " + quoted(ref) + "," +
                                      quoted(topic) + "," + quoted(event) + "," + payload + " ]");
        const ClientMessage one =
            decoded(Version::One, "{\"payload\": " + payload + ",\"event\":" + quoted(event) +
                                      ",\"topic\":" + quoted(topic) + ",\"ref\":" + quoted(ref) +
                                      ",\"join_ref\":" + (joined ? quoted(ref) : "null") + "}");
        for (const ClientMessage& message : {one, two}) {
            EXPECT_EQ(message.topic, topic);
            EXPECT_EQ(message.event, event);
            EXPECT_EQ(message.ref, ref);
            EXPECT_EQ(message.join_ref, joined ? std::optional(ref) : std::nullopt);
            EXPECT_EQ(message.payload, payload);
        }
    }
}

TEST(ClientMessage, RefusesWhatIsNoMessageAndSaysWhy) {
    EXPECT_EQ(refused(Version::Two, ""), "message is not JSON");
    EXPECT_EQ(refused(Version::Two, "["), "message is not JSON");
    EXPECT_EQ(refused(Version::Two, "[1,2,]"), "message is not JSON");
    EXPECT_EQ(refused(Version::Two, "{}"), "message is no array, as version 2.0.0 of the protocol has it");
    EXPECT_EQ(refused(Version::One, "[]"), "message is no object, as version 1.0.0 of the protocol has it");
    EXPECT_EQ(refused(Version::Two, "5"), "message is no array, as version 2.0.0 of the protocol has it");
    EXPECT_EQ(refused(Version::Two, R"(["1","1","t","e"])"), "message has an invalid number of elements");
    EXPECT_EQ(refused(Version::Two, R"(["1","1","t","e",{},1])"),
              "message has an invalid number of elements");
    EXPECT_EQ(refused(Version::Two, R"(["1","1",5,"e",{}])"), "message has an invalid topic");
    EXPECT_EQ(refused(Version::Two, R"(["1","1","t","",{}])"), "message has an invalid event");
    EXPECT_EQ(refused(Version::Two, R"([{},"1","t","e",{}])"), "message has an invalid join_ref");
    EXPECT_EQ(refused(Version::One, R"({"event":"e"})"), "message has an invalid topic");
    EXPECT_EQ(refused(Version::Two, "[null,null,\"" + std::string(5000, 't') + "\",\"e\",{}]"),
              "message has an invalid topic");
    EXPECT_EQ(refused(Version::Two,
                      "[null,null,\"t\",\"e\"," + std::string(600, '[') + std::string(600, ']') + "]"),
              "message is not JSON");
    EXPECT_EQ(decoded(Version::Two, R"([6,7,"t","e",null])").ref, "7");
}

TEST(BroadcastPush, IsReadFromTheBinaryFrameThatTheClientSends) {
    std::string error;
    BroadcastPush push;
    const std::string frame =
        std::string("\x03\x01\x01\x0f\x03\x00\x01", 7) + "67realtime:room:1cur{\"x\":1}";
    ASSERT_TRUE(decode_broadcast_push(frame, push, error)) << error;
    EXPECT_EQ(push.join_ref, "6");
    EXPECT_EQ(push.ref, "7");
    EXPECT_EQ(push.topic, "realtime:room:1");
    EXPECT_EQ(push.event, "cur");
    EXPECT_TRUE(push.is_json);
    EXPECT_EQ(push.payload, "{\"x\":1}");
    const std::string bytes =
        std::string("\x03\x01\x01\x0f\x03\x00\x00", 7) + "68realtime:room:1cur\x01\x02\xff";
    ASSERT_TRUE(decode_broadcast_push(bytes, push, error)) << error;
    EXPECT_FALSE(push.is_json);
    EXPECT_EQ(push.payload, "\x01\x02\xff");
    // Every shorter frame is refused, and reads nothing behind its end; what is cut in the payload is not JSON any more.
    for (std::size_t length = 0; length < frame.size(); ++length) {
        EXPECT_FALSE(decode_broadcast_push(frame.substr(0, length), push, error)) << length;
    }
    EXPECT_FALSE(decode_broadcast_push(std::string("\x04\0\0\x01\x01\0\x01", 7) + "te{}", push, error));
    EXPECT_FALSE(decode_broadcast_push(std::string("\x03\0\0\x01\x01\0\x02", 7) + "te{}", push, error));
    EXPECT_FALSE(decode_broadcast_push(std::string("\x03\0\0\x01\x01\x02\x01", 7) + "te[]{}", push, error));
    EXPECT_FALSE(decode_broadcast_push(std::string("\x03\0\0\x01\x01\0\x01", 7) + "\xff"
                                                                                  "e{}",
                                       push, error));
}

TEST(Join, IsLenientWhereTheOriginalIs) {
    std::string error;
    const auto join = read_join(
        R"({"access_token":"t","config":{"private":"true","broadcast":5,"presence":{"key":null,"enabled":"false"},
            "postgres_changes":[null,{"event":"insert","schema":"s"},{"table":"t","event":"nonsense","filter":null},{}],"unknown":[1]}})",
        error);
    ASSERT_TRUE(join) << error;
    EXPECT_EQ(join->access_token, "t");
    EXPECT_TRUE(join->is_private);
    EXPECT_FALSE(join->presence || join->wait || join->broadcast_ack);
    // What is not said is as it was before it could be said; a key may be a number.
    const auto older =
        read_join(R"({"access_token":"sb_publishable_x","config":{"presence":{"key":17}}})", error);
    ASSERT_TRUE(older) << error;
    EXPECT_TRUE(older->presence);
    EXPECT_EQ(older->presence_key, "17");
    EXPECT_FALSE(older->access_token); // an opaque key is no token
    ASSERT_EQ(join->bindings.size(), 3U);
    EXPECT_EQ(join->bindings[0].event, Event::Insert);
    EXPECT_EQ(join->bindings[0].schema, "s");
    EXPECT_EQ(join->bindings[0].table, "*");
    EXPECT_EQ(join->bindings[1].event, Event::All);
    EXPECT_EQ(join->bindings[1].schema, "public");
    EXPECT_EQ(join->bindings[1].table, "t");
    EXPECT_EQ(join->bindings[2].schema, "*");
    for (const char* nothing :
         {R"({"config":null})", R"({"config":{}})", R"({"config":{"postgres_changes":{}}})"}) {
        const auto empty = read_join(nothing, error);
        ASSERT_TRUE(empty) << nothing << ": " << error;
        EXPECT_TRUE(empty->bindings.empty());
    }
}

TEST(Join, RefusesWhatWouldChangeWhichRowsAreSent) {
    const auto refusal = [](std::string_view binding) {
        std::string error;
        EXPECT_FALSE(read_join(
            "{\"config\":{\"postgres_changes\":[{\"table\":\"a\"}," + std::string(binding) + "]}}", error))
            << binding;
        return error;
    };
    EXPECT_EQ(refusal("5"), "postgres_changes[1] is no object");
    EXPECT_EQ(refusal(R"({"table":5})"), "postgres_changes[1].table is no text");
    EXPECT_EQ(refusal(R"({"table":"t","filter":["a"]})"), "postgres_changes[1].filter is no text");
    EXPECT_EQ(refusal(R"({"table":"t","select":"id"})"),
              "postgres_changes[1].select is no array of column names");
    EXPECT_EQ(refusal(R"({"table":"t","select":[1]})"),
              "postgres_changes[1].select is no array of column names");
    EXPECT_EQ(refusal(R"({"schema":"s","select":["id"]})"),
              "postgres_changes[1].select needs a schema and a table");
    EXPECT_EQ(refusal(R"({"table":"t","since":"0/1"})"), "postgres_changes[1].since is no cursor");
    EXPECT_EQ(refusal(R"({"table":"t","since":5})"), "postgres_changes[1].since is no cursor");
    std::string many;
    for (std::size_t index = 0; index < most_bindings; ++index) {
        many += (index > 0 ? "," : "") + std::string("{}");
    }
    EXPECT_EQ(refusal(many), "postgres_changes has more than 100 entries");
    std::string error;
    for (const char* legacy : {"null", "{}", "5", "[]"}) {
        EXPECT_FALSE(read_join(legacy, error)) << legacy;
        EXPECT_EQ(error, "joins without config are not served; update the client");
    }
    EXPECT_FALSE(read_join(R"({"config":{"presence":{"key":")" + std::string(256, 'k') + R"("}}})", error));
    EXPECT_EQ(error, "presence.key is longer than 255 bytes");
    const auto later =
        read_join(R"({"since":"0/3-0/0","config":{"postgres_changes_options":{"since":"0/2-0/0"}}})", error);
    ASSERT_TRUE(later) << error;
    EXPECT_EQ(later->since, (Cursor{3, 0})); // the one that updateJoinPayload() has set
    EXPECT_FALSE(read_join(R"({"config":{"postgres_changes_options":{"since":"x"}}})", error));
    EXPECT_EQ(error, "postgres_changes_options.since is no cursor");
    const auto resumed = read_join(
        R"({"config":{"postgres_changes":[{"table":"t","since":"0/1A-0/B"}],"postgres_changes_options":{"since":"0/2-0/0"}}})",
        error);
    ASSERT_TRUE(resumed) << error;
    EXPECT_EQ(resumed->bindings[0].since, (Cursor{0x1a, 0xb}));
    EXPECT_EQ(resumed->since, (Cursor{2, 0}));
}

TEST(Cursor, ComesBackFromItsTextAndKeepsItsOrder) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 1000; ++round) {
        const Cursor cursor{random() >> random() % 64, random() >> random() % 64,
                            static_cast<std::uint32_t>(1 + (random() >> random() % 64) % 0xffffffff)};
        EXPECT_EQ(read_cursor(text_of(cursor)), cursor) << text_of(cursor);
        EXPECT_EQ(read_cursor(text_of(cursor))->timeline, cursor.timeline) << text_of(cursor);
    }
    EXPECT_EQ(text_of({0x16B374D848, 0x1A2A3C8}), "16/B374D848-0/1A2A3C8");
    EXPECT_LT((Cursor{1, 9}), (Cursor{2, 0}));
    EXPECT_LT((Cursor{1, 1}), (Cursor{1, 2}));
    for (const char* wrong : {"", "-", "0/0", "0/0-", "0/0-0", "0/0-0/0 ", " 0/0-0/0", "0/00-0/0", "0/0-0/g",
                              "0/123456789-0/0", "+1/0-0/0", "0/0-0/0-0/0", "-1/0-0/0", "0/0-0/0-",
                              "0/0-0/0-1", "0/0-0/0-02", "0/0-0/0-2-", "0/0-0/0-4294967296"}) {
        EXPECT_FALSE(read_cursor(wrong)) << wrong;
    }
}

// What is written is read back by the same decoder as a client's message: the format is the same in both directions.
TEST(Reply, IsAMessageOfItsVersion) {
    for (const Version version : {Version::One, Version::Two}) {
        const ClientMessage reply = decoded(
            version, written([&](auto& out) { write_reply(out, version, "6", "7", "realtime:a\"b", true); }));
        EXPECT_EQ(reply.topic, "realtime:a\"b");
        EXPECT_EQ(reply.event, "phx_reply");
        EXPECT_EQ(reply.ref, "7");
        EXPECT_EQ(reply.join_ref, version == Version::Two ? std::optional<std::string>("6") : std::nullopt);
        EXPECT_EQ(reply.payload, R"({"status":"ok","response":{}})");
        EXPECT_EQ(decoded(version, written([&](auto& out) {
                              write_refusal(out, version, "6", "7", "t", "Unauthorized: \"no\"");
                          }))
                      .payload,
                  R"({"status":"error","response":{"reason":"Unauthorized: \"no\""}})");
        EXPECT_EQ(decoded(version, written([&](auto& out) { write_close(out, version, "6", "t"); })).event,
                  "phx_close");
        EXPECT_EQ(
            decoded(version, written([&](auto& out) {
                        write_system(
                            out, version, "realtime:room",
                            {"postgres_changes", true, "Subscribed to PostgreSQL", Cursor{1, 2}, true});
                    }))
                .payload,
            R"({"extension":"postgres_changes","status":"ok","message":"Subscribed to PostgreSQL","channel":"room","cursor":"0/1-0/2","refetch":true})");
        EXPECT_EQ(decoded(version,
                          written([&](auto& out) { write_broadcast(out, version, "t", "cur", "{\"x\":1}"); }))
                      .payload,
                  R"({"type":"broadcast","event":"cur","payload":{"x":1}})");
    }
}

TEST(Reply, EchoesEveryRequestWithItsIdInItsOrder) {
    std::string error;
    const auto join = read_join(
        R"({"config":{"postgres_changes":[{"event":"*","table":"a","id":9},{ },{"filter":"id=eq.\"}\""}]}})",
        error);
    ASSERT_TRUE(join) << error;
    const std::uint32_t ids[] = {101, 102, 103};
    EXPECT_EQ(
        decoded(Version::Two, written([&](auto& out) {
                    write_join_reply(out, Version::Two, "1", "1", "t", join->bindings, ids);
                }))
            .payload,
        R"({"status":"ok","response":{"postgres_changes":[{"event":"*","table":"a","id":9,"id":101},{ "id":102},{"filter":"id=eq.\"}\"","id":103}]}})");
}

TEST(Reply, PutsAChangeTogetherFromHeadAndSharedData) {
    ChangeData change;
    change.schema = "public";
    change.table = "todos";
    change.event = Event::Update;
    change.commit_time = 1'795'420'800'123'999; // 2026-11-23 08:00:00.123999 UTC
    change.columns = R"([{"name":"id","type":"int8"}])";
    change.record = R"({"id":1})";
    change.old_record = R"({"id":1})";
    change.cursor = {0x10, 0x20};
    const std::uint32_t ids[] = {7, 8};
    const std::string frame = written([&](wire::ByteBuffer& out) {
        write_changes_head(out, Version::Two, "realtime:room", ids);
        write_change_data(out, change);
        write_changes_tail(out, Version::Two);
    });
    EXPECT_EQ(
        frame,
        R"([null,null,"realtime:room","postgres_changes",{"ids":[7,8],"data":{"schema":"public","table":"todos","type":"UPDATE",)"
        R"("commit_timestamp":"2026-11-23T08:00:00.123Z","cursor":"0/10-0/20","columns":[{"name":"id","type":"int8"}],"record":{"id":1},)"
        R"("old_record":{"id":1},"errors":null}}])");
    change.event = Event::Delete;
    change.record.reset();
    change.commit_time = -1;
    change.error = "Error 413: Payload Too Large";
    const std::string deleted = written([&](wire::ByteBuffer& out) { write_change_data(out, change); });
    EXPECT_NE(deleted.find("\"commit_timestamp\":\"1969-12-31T23:59:59.999Z\""), std::string::npos)
        << deleted;
    EXPECT_EQ(deleted.find("\"record\""), std::string::npos);
    EXPECT_NE(deleted.find("\"errors\":[\"Error 413: Payload Too Large\"]}"), std::string::npos);
    EXPECT_TRUE(wire::is_json(deleted));
}

TEST(Reply, BinaryBroadcastsHaveNamesOfAtMost255Bytes) {
    EXPECT_EQ(written([](auto& out) { EXPECT_TRUE(write_broadcast_frame(out, "t", "ev", "{}", true, "5")); }),
              std::string("\x04\x01\x02\x02\x01", 5) + "tev{}5");
    EXPECT_EQ(written([](auto& out) {
                  EXPECT_FALSE(write_broadcast_frame(out, std::string(256, 't'), "e", "", false, ""));
              }),
              "");
}

} // namespace
