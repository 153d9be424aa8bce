#include "web/query.hpp"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using web::Plus;

std::string decoded(std::string_view text, Plus plus = Plus::IsPlus) {
    const auto result = web::percent_decode(text, plus);
    if (const auto* error = std::get_if<web::Error>(&result)) {
        return std::to_string(error->status) + " " + error->message;
    }
    return std::get<std::string>(result);
}

std::string encoded(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        std::array<char, 4> code{};
        std::snprintf(code.data(), code.size(), "%%%02x",
                      static_cast<unsigned>(static_cast<unsigned char>(byte)));
        text += code.data();
    }
    return text;
}

TEST(PercentDecoding, GivesBackEveryByteThatMayStandInText) {
    for (int byte = 1; byte < 0x80; ++byte) {
        const std::string letter(1, static_cast<char>(byte));
        EXPECT_EQ(decoded(encoded(letter)), letter);
    }
    EXPECT_EQ(decoded(encoded("Grüße, 東京 🍜")), "Grüße, 東京 🍜");
    EXPECT_EQ(decoded("%C3%bc%C3%BC"), "üü");
    EXPECT_EQ(decoded("a%2Fb%252F"), "a/b%2F");
    EXPECT_EQ(decoded(""), "");
}

TEST(PercentDecoding, TakesPlusForASpaceInQueriesOnly) {
    EXPECT_EQ(decoded("a+b%2B", Plus::IsSpace), "a b+");
    EXPECT_EQ(decoded("a+b%2B", Plus::IsPlus), "a+b+");
}

TEST(PercentDecoding, RefusesWhatIsNoTextWithoutGuessing) {
    for (const char* text :
         {"%", "a%", "%4", "%4g", "%g4", "%%41", "% 41", "%+4", "%-1", "%0x41", "%u0041"}) {
        EXPECT_EQ(decoded(text),
                  std::string("400 \"%\" is not followed by two hexadecimal digits in \"") + text + "\"");
    }
    EXPECT_EQ(decoded("a%00"), "400 \"a%00\" holds a NUL");
    for (const char* text : {"%ff", "%c3", "%c3%28", "%ed%a0%80", "%c0%af", "%f5%80%80%80"}) {
        EXPECT_EQ(decoded(text), std::string("400 \"") + text + "\" is not UTF-8");
    }
    EXPECT_EQ(decoded(std::string(300, 'a') + "%ff"),
              "400 \"" + std::string(100, 'a') + "...\" is not UTF-8");
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Query, HasItsPairsInOrder) {
    const auto result = web::Query::parse("a=1&b=&c&=d&&a=2&e=f=g&h%3D=+i%26&");
    const auto& query = std::get<web::Query>(result);
    EXPECT_EQ(query.pairs(),
              (Pairs{{"a", "1"}, {"b", ""}, {"c", ""}, {"", "d"}, {"a", "2"}, {"e", "f=g"}, {"h=", " i&"}}));
    EXPECT_EQ(query.value("a"), "1") << "the first one counts";
    EXPECT_EQ(query.value("c"), "");
    EXPECT_EQ(query.value("A"), std::nullopt);
    EXPECT_TRUE(std::get<web::Query>(web::Query::parse("")).pairs().empty());
}

TEST(Query, RefusesBadPartsAndTooMany) {
    for (const char* text : {"a=%", "%=a", "ok=1&b=%ff", "a=%00"}) {
        EXPECT_TRUE(std::holds_alternative<web::Error>(web::Query::parse(text))) << text;
    }
    std::string text;
    for (int pair = 0; pair < 256; ++pair) {
        text += "k=v&";
    }
    EXPECT_TRUE(std::holds_alternative<web::Query>(web::Query::parse(text)));
    const auto result = web::Query::parse(text + "k=v");
    EXPECT_EQ(std::get<web::Error>(result).message, "the query has more than 256 parameters");
}

TEST(Path, IsSplitBeforeItIsDecoded) {
    const auto segments = [](std::string_view path) {
        return std::get<std::vector<std::string>>(web::split_path(path));
    };
    using Segments = std::vector<std::string>;
    EXPECT_EQ(segments("/"), Segments{""});
    EXPECT_EQ(segments("/a"), Segments{"a"});
    EXPECT_EQ(segments("/api/broadcast/room%2F1/events/a+b"),
              (Segments{"api", "broadcast", "room/1", "events", "a+b"}));
    EXPECT_EQ(segments("/a//%2e%2e/"), (Segments{"a", "", "..", ""}));
    for (const std::string& path :
         {std::string(), std::string("a"), std::string("*"), std::string("/a/%f"), std::string(65, '/')}) {
        EXPECT_TRUE(std::holds_alternative<web::Error>(web::split_path(path))) << path;
    }
    EXPECT_EQ(segments(std::string(64, '/')).size(), 64U);
}

} // namespace
