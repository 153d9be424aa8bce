#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "protocol/cursor.hpp"
#include "protocol/join.hpp"
#include "protocol/message.hpp"
#include "protocol/nearest.hpp"
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
        R"({"access_token":"t","config":{"private":"True","broadcast":null,"presence":{"key":null,"enabled":"FALSE"},
            "postgres_changes":[null,{"event":"insert","schema":"s"},{"table":"t","event":null,"filter":null,"id":0},{}]}})",
        error);
    ASSERT_TRUE(join) << error;
    EXPECT_EQ(join->access_token, "t");
    EXPECT_TRUE(join->is_private);
    EXPECT_FALSE(join->presence || join->wait || join->broadcast_ack);
    EXPECT_TRUE(join->warnings.empty()) << join->warnings[0];
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
         {R"({"config":null})", R"({"config":{}})", R"({"config":{"postgres_changes":null}})"}) {
        const auto empty = read_join(nothing, error);
        ASSERT_TRUE(empty) << nothing << ": " << error;
        EXPECT_TRUE(empty->bindings.empty() && empty->configured);
    }
    for (const char* payload : {R"({"user_token":"u","access_token":"a","config":{}})",
                                R"({"access_token":"a","user_token":"u","config":{}})"}) {
        const auto old = read_join(payload, error);
        ASSERT_TRUE(old) << error;
        EXPECT_EQ(old->access_token, "u") << "as the original takes it";
    }
}

TEST(Join, WithoutConfigNamesItsTableInTheTopic) {
    std::string error;
    for (const char* payload : {"null", "{}", R"({"user_token":"u"})"}) {
        auto join = read_join(payload, error);
        ASSERT_TRUE(join) << payload << ": " << error;
        EXPECT_FALSE(join->configured);
        EXPECT_TRUE(join->presence && join->bindings.empty());
    }
    const auto binding = [](std::string_view channel) {
        Join join;
        take_table_from(join, channel);
        return join.bindings.at(0);
    };
    EXPECT_EQ(binding("*").schema + binding("*").table, "**");
    EXPECT_EQ(binding("s").schema + "." + binding("s").table, "s.*");
    EXPECT_EQ(binding("s:t").table + binding("s:t").filter, "t");
    const Binding all = binding("public:orders:id=in.(1,2)");
    EXPECT_EQ(all.filter, "id=in.(1,2)");
    EXPECT_EQ(all.request, R"x({"schema":"public","table":"orders","filter":"id=in.(1,2)"})x");
    EXPECT_EQ(binding("s:t:a=eq.b:c").filter, "a=eq.b:c");
}

TEST(Join, SaysWhichMemberHasTheWrongType) {
    const auto refusal = [](const std::string& config) {
        std::string error;
        EXPECT_FALSE(read_join("{\"config\":" + config + "}", error)) << config;
        return error;
    };
    EXPECT_EQ(refusal("5"), "config is no object: 5");
    EXPECT_EQ(refusal("[]"), "config is no object: []");
    EXPECT_EQ(refusal(R"({"private":"yes"})"), "config.private is no boolean: \"yes\"");
    EXPECT_EQ(refusal(R"({"private":1})"), "config.private is no boolean: 1");
    EXPECT_EQ(refusal(R"({"broadcast":5})"), "config.broadcast is no object: 5");
    EXPECT_EQ(refusal(R"({"broadcast":{"ack":[]}})"), "config.broadcast.ack is no boolean: []");
    EXPECT_EQ(refusal(R"({"presence":"on"})"), "config.presence is no object: \"on\"");
    EXPECT_EQ(refusal(R"({"presence":{"key":{}}})"), "config.presence.key is no text: {}");
    EXPECT_EQ(refusal(R"({"presence":{"enabled":0}})"), "config.presence.enabled is no boolean: 0");
    EXPECT_EQ(refusal(R"({"postgres_changes":{}})"), "config.postgres_changes is no array: {}");
    EXPECT_EQ(refusal(R"({"postgres_changes":[{"event":5}]})"), "postgres_changes[0].event is no text");
    EXPECT_EQ(refusal(R"({"postgres_changes_options":true})"),
              "config.postgres_changes_options is no object: true");
    EXPECT_EQ(refusal(R"({"postgres_changes_options":{"timeout":"long"}})"),
              "config.postgres_changes_options.timeout is no number of milliseconds");
    const std::string long_value(1000, 'x');
    EXPECT_LT(refusal("\"" + long_value + "\"").size(), 200U);
    std::string error;
    for (const char* payload : {"5", "[]", "\"a\""}) {
        EXPECT_FALSE(read_join(payload, error)) << payload;
        EXPECT_EQ(error, "the payload is no object") << payload;
    }
    EXPECT_FALSE(read_join(R"({"access_token":5})", error));
    EXPECT_EQ(error, "access_token is no text");
}

TEST(Join, NamesTheNearestRightNameOfOneThatDoesNotExist) {
    std::string error;
    const auto join = read_join(
        R"({"version":"realtime-js/2","own":1,"sicne":"0/1-0/0",
            "config":{"brodcast":{},"broadcast":{"akc":true,"replay":{"limit":1}},"presence":{"foo":1},
                      "postgres_changes":[{"table":"t","fliter":"id=eq.1"}]}})",
        error);
    ASSERT_TRUE(join) << error;
    const std::vector<std::string> warnings{
        R"(sicne is not known and has no effect; did you mean "since"?)",
        R"(config.brodcast is not known and has no effect; did you mean "broadcast"?)",
        R"(config.broadcast.akc is not known and has no effect; did you mean "ack"?)",
        "config.broadcast.replay has no effect: broadcasts are not kept",
        "config.presence.foo is not known and has no effect; there are key, enabled",
        R"(postgres_changes[0].fliter is not known and has no effect; did you mean "filter"?)"};
    EXPECT_EQ(join->warnings, warnings);
    const auto fault = [&](const char* event) {
        const auto read = read_join(std::string(R"({"config":{"postgres_changes":[{"table":"t","event":")") +
                                        event + "\"}]}}",
                                    error);
        EXPECT_TRUE(read) << error;
        return read ? read->bindings.at(0).fault : error;
    };
    EXPECT_EQ(fault("INSRT"), R"(.event: there is no event "INSRT"; did you mean "INSERT"?)");
    EXPECT_EQ(fault("udpate"), R"(.event: there is no event "udpate"; did you mean "UPDATE"?)");
    EXPECT_EQ(fault("TRUNCATE"),
              R"(.event: there is no event "TRUNCATE"; there are INSERT, UPDATE, DELETE, *)");
    EXPECT_EQ(fault("delete"), "");
    std::string many = R"({"config":{)";
    for (int number = 0; number < 1000; ++number) {
        many += (number > 0 ? ",\"x" : "\"x") + std::to_string(number) + "\":1";
    }
    const auto spam = read_join(many + "}}", error);
    ASSERT_TRUE(spam) << error;
    EXPECT_LE(spam->warnings.size(), 10U);
}

TEST(Nearest, FindsWhatWasMeantAndNothingElse) {
    constexpr std::string_view names[] = {"INSERT", "UPDATE", "DELETE", "*"};
    EXPECT_EQ(nearest("INSRT", names), "INSERT");
    EXPECT_EQ(nearest("insret", names), "INSERT");
    EXPECT_EQ(nearest("DELETED", names), "DELETE");
    EXPECT_EQ(nearest("UPDAT", names), "UPDATE");
    for (const std::string& far :
         {std::string(), std::string("x"), std::string("TRUNCATE"), std::string(1 << 20, 'I')}) {
        EXPECT_EQ(nearest(far, names), "") << far.substr(0, 20);
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
    std::string none;
    const auto wild = read_join(R"({"config":{"postgres_changes":[{"schema":"s","select":["id"]}]}})", none);
    ASSERT_TRUE(wild) << none;
    EXPECT_EQ(wild->bindings[0].fault, ".select: needs a schema and a table");
    EXPECT_EQ(refusal(R"({"table":"t","since":"0/1"})"), "postgres_changes[1].since is no cursor");
    EXPECT_EQ(refusal(R"({"table":"t","since":5})"), "postgres_changes[1].since is no cursor");
    std::string many;
    for (std::size_t index = 0; index < most_bindings; ++index) {
        many += (index > 0 ? "," : "") + std::string("{}");
    }
    EXPECT_EQ(refusal(many), "postgres_changes has more than 100 entries");
    std::string error;
    EXPECT_FALSE(read_join(R"({"config":{"presence":{"key":")" + std::string(256, 'k') + R"("}}})", error));
    EXPECT_EQ(error, "config.presence.key is longer than 255 bytes");
    const auto later =
        read_join(R"({"since":"0/3-0/0","config":{"postgres_changes_options":{"since":"0/2-0/0"}}})", error);
    ASSERT_TRUE(later) << error;
    EXPECT_EQ(later->since, (Cursor{3, 0})); // the one that updateJoinPayload() has set
    EXPECT_FALSE(read_join(R"({"config":{"postgres_changes_options":{"since":"x"}}})", error));
    EXPECT_EQ(error, "config.postgres_changes_options.since is no cursor");
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
