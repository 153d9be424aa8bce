#include "wire/json_check.hpp"

#include <cstring>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "wire/frame.hpp"

namespace {

bool is_json(const std::string& text) {
    const std::unique_ptr<char[]> exact(new char[text.size()]);
    std::memcpy(exact.get(), text.data(), text.size());
    return wire::is_json({exact.get(), text.size()});
}

TEST(JsonCheck, AcceptsEveryFormOfADocument) {
    for (const char* text : {"null",
                             "true",
                             "false",
                             "0",
                             "-0",
                             "1",
                             "-12.50",
                             "1e5",
                             "1E+5",
                             "1.5e-300",
                             "\"\"",
                             "\"a\"",
                             "[]",
                             "{}",
                             " [ ] ",
                             "\t{\n}\r",
                             "[1,2,3]",
                             "[[],[[]],{}]",
                             R"({"a":1,"b":[true,null],"a":{}})",
                             R"("\"\\\/\b\f\n\r\t\u00e9\ud83c\udf5c")",
                             "\"東京 🍜\"",
                             "\"\x7f\""}) {
        EXPECT_TRUE(is_json(text)) << text;
    }
}

TEST(JsonCheck, RefusesEverythingElse) {
    for (const char* text : {"",
                             " ",
                             "nul",
                             "nulll",
                             "True",
                             "01",
                             "-",
                             "+1",
                             ".5",
                             "1.",
                             "1e",
                             "1e+",
                             "0x1",
                             "NaN",
                             "Infinity",
                             "'a'",
                             "\"",
                             "\"a",
                             "a\"",
                             "\"\\\"",
                             R"("\x")",
                             R"("\u12")",
                             R"("\u12g4")",
                             "\"\n\"",
                             "\"\x01\"",
                             "[",
                             "]",
                             "[1",
                             "[1,]",
                             "[,1]",
                             "[1 2]",
                             "[1}",
                             "{",
                             "}",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{a:1}",
                             "{1:2}",
                             "{\"a\":1 \"b\":2}",
                             "{\"a\":1]",
                             "1 2",
                             "null,\"action\":\"INSERT\"",
                             "null} {\"action\":1",
                             "[1]]",
                             "{}{}",
                             "\"\xff\"",
                             "\"\xed\xa0\x80\"",
                             "\"\xc3\"",
                             "\xef\xbb\xbf[]",
                             "// a\n1"}) {
        EXPECT_FALSE(is_json(text)) << text;
    }
    EXPECT_FALSE(is_json(std::string("1\0", 2)));
    EXPECT_FALSE(is_json(std::string("\0", 1)));
}

// A document is no document wherever it is cut off.
TEST(JsonCheck, RefusesEveryProperPrefixOfAContainer) {
    const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\n",true,false,null],"b":{"c":[[],{}]},"東":"🍜"})";
    EXPECT_TRUE(is_json(text));
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_FALSE(is_json(text.substr(0, length))) << text.substr(0, length);
    }
}

TEST(JsonCheck, SurvivesAnyDepth) {
    const std::size_t depth = 1'000'000;
    EXPECT_FALSE(is_json(std::string(depth, '[')));
    EXPECT_FALSE(is_json(std::string(depth, '{')));
    is_json(std::string(depth, '[') + std::string(depth, ']')); // accepted or refused, but answered
}

wire::Broadcast bell() {
    wire::Broadcast broadcast;
    broadcast.tenant = "t";
    broadcast.topic = "kitchen";
    broadcast.event = "bell";
    broadcast.payload = "{}";
    return broadcast;
}

TEST(Broadcast, IsValidOnlyAsItsFunctionWritesIt) {
    EXPECT_TRUE(wire::is_valid(bell()));
    const std::string longest(wire::longest_broadcast_name, 'n');
    const std::string too_long = longest + 'n';
    const std::string largest(wire::largest_broadcast_payload, ' ');
    for (std::string_view wire::Broadcast::*name :
         {&wire::Broadcast::tenant, &wire::Broadcast::topic, &wire::Broadcast::event}) {
        for (const std::string_view bad :
             {std::string_view(), std::string_view("\xff"), std::string_view(too_long)}) {
            wire::Broadcast broadcast = bell();
            broadcast.*name = bad;
            EXPECT_FALSE(wire::is_valid(broadcast));
        }
        wire::Broadcast broadcast = bell();
        broadcast.*name = longest;
        EXPECT_TRUE(wire::is_valid(broadcast));
    }
    wire::Broadcast broadcast = bell();
    broadcast.payload = R"(null,"action":"INSERT")";
    EXPECT_FALSE(wire::is_valid(broadcast)) << "a payload must not add keys to the object around it";
    const std::string just_fits = largest.substr(1) + '1';
    broadcast.payload = just_fits;
    EXPECT_TRUE(wire::is_valid(broadcast));
    const std::string one_more = largest + '1';
    broadcast.payload = one_more;
    EXPECT_FALSE(wire::is_valid(broadcast));
}

} // namespace
