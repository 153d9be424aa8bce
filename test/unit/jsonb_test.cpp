#include "value/jsonb.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "stored_jsonb.hpp"
#include "wire/error.hpp"
#include "written.hpp"

using stored::Json;

namespace {

// Reads from memory of exactly the document's size, so that the sanitizer sees a read one byte too far.
std::string text_of(const std::string& bytes, wire::Charset charset = wire::Charset::Utf8,
                    std::size_t limit = written::plenty) {
    const std::unique_ptr<char[]> exact(new char[bytes.size()]);
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    wire::ByteBuffer out(limit);
    value::write_jsonb(out, exact.get(), bytes.size(), charset);
    return std::string(out.view());
}

void expect_kept(const Json& json) {
    EXPECT_EQ(text_of(stored::jsonb(json)), stored::json_text(json));
}

// Any tree; sizes go beyond 32 and 64 entries so that stored offsets occur among keys and among values.
class RandomJson {
  public:
    explicit RandomJson(std::uint32_t seed) : state_(seed) {}

    Json document(int depth) {
        const std::uint32_t choice = next(depth > 0 ? 9 : 5);
        switch (choice) {
        case 0:
            return Json::null();
        case 1:
            return Json::boolean(next(2) == 0);
        case 2:
        case 3:
            return number();
        case 4:
            return Json::string(text());
        default:
            break;
        }
        const std::uint32_t most = next(8) == 0 ? 100 : 6;
        const std::uint32_t count = next(most + 1);
        if (choice < 7) {
            std::vector<Json> elements;
            for (std::uint32_t index = 0; index < count; ++index) {
                elements.push_back(document(depth - 1));
            }
            return Json::array(std::move(elements));
        }
        std::vector<std::pair<std::string, Json>> members;
        for (std::uint32_t index = 0; index < count; ++index) {
            members.emplace_back(text() + std::to_string(index), document(depth - 1));
        }
        return Json::object(std::move(members));
    }

  private:
    std::uint32_t next(std::uint32_t below) {
        state_ = state_ * 1'664'525 + 1'013'904'223;
        return (state_ >> 8) % below;
    }
    Json number() {
        static const char* const numbers[] = {"0",
                                              "1",
                                              "-1",
                                              "42",
                                              "1.50",
                                              "-0.001",
                                              "1000",
                                              "10000",
                                              "12345678",
                                              "0.0000",
                                              "99999999999999999999.25"};
        return Json::number(numbers[next(std::size(numbers))]);
    }
    std::string text() {
        static const char* const texts[] = {"",
                                            "a",
                                            "name",
                                            "with \"quotes\"",
                                            "line\nbreak",
                                            "东京",
                                            "\\",
                                            "x\x01",
                                            "a text of more than sixteen bytes, and some"};
        return texts[next(std::size(texts))];
    }

    std::uint32_t state_;
};

TEST(StoredJsonb, IsWhatAServerStores) {
    EXPECT_EQ(stored::jsonb(Json::array({})), std::string("\x00\x00\x00\x40", 4));
    // '{"a": 1}': one pair; the key ends at 1, the number with three bytes of padding at 12.
    EXPECT_EQ(stored::jsonb(Json::object({{"a", Json::number("1")}})),
              std::string("\x01\x00\x00\x20"
                          "\x01\x00\x00\x80"
                          "\x0b\x00\x00\x10"
                          "a\0\0\0"
                          "\x20\x00\x00\x00\x00\x80\x01\x00",
                          24));
}

TEST(Jsonb, WritesScalarsWithoutBrackets) {
    for (const Json& json : {Json::null(), Json::boolean(true), Json::boolean(false), Json::number("0"),
                             Json::number("-12.50"), Json::number("123456789012345678901234567890"),
                             Json::string(""), Json::string("a \"b\"\n"), Json::string("東京")}) {
        expect_kept(json);
    }
}

TEST(Jsonb, WritesEmptyContainers) {
    expect_kept(Json::array({}));
    expect_kept(Json::object({}));
    expect_kept(Json::array({Json::array({}), Json::object({}), Json::array({Json::array({})})}));
    expect_kept(Json::object({{"", Json::object({})}, {"a", Json::array({})}}));
}

TEST(Jsonb, KeepsPaddingOutOfTheText) {
    for (std::size_t length = 0; length <= 9; ++length) {
        const std::string pad(length, 'p');
        expect_kept(Json::array({Json::string(pad), Json::number("1"), Json::string(pad), Json::array({}),
                                 Json::string(pad), Json::object({{pad, Json::number("2")}})}));
        expect_kept(Json::object({{pad, Json::number("7")}, {pad + "x", Json::array({Json::null()})}}));
    }
}

TEST(Jsonb, FollowsStoredOffsetsOfEveryCountOfEntries) {
    for (int count = 0; count <= 200; ++count) {
        std::vector<Json> elements;
        std::vector<std::pair<std::string, Json>> members;
        for (int index = 0; index < count; ++index) {
            const Json element = index % 3 == 0   ? Json::number(std::to_string(index))
                                 : index % 3 == 1 ? Json::string(std::string(index % 7U, 's'))
                                                  : Json::array({Json::boolean(index % 2 == 0)});
            elements.push_back(element);
            members.emplace_back("key" + std::to_string(index), element);
        }
        expect_kept(Json::array(elements));
        expect_kept(Json::object(members));
    }
}

TEST(Jsonb, NestsDeeperThanAnyStack) {
    // The text is known without recursion, and so are the bytes: each level is a header, one entry and its content.
    constexpr int depth = 200'000;
    std::string bytes(8 * static_cast<std::size_t>(depth) + 4, '\0');
    for (int level = 0; level <= depth; ++level) {
        const std::size_t at = 8 * static_cast<std::size_t>(level);
        const std::uint32_t header = 0x40000000U | (level < depth ? 1U : 0U);
        std::memcpy(&bytes[at], &header, 4);
        if (level < depth) {
            const std::uint32_t entry = 0xD0000000U | static_cast<std::uint32_t>(bytes.size() - at - 8);
            std::memcpy(&bytes[at + 4], &entry, 4);
        }
    }
    EXPECT_EQ(text_of(bytes), std::string(depth + 1, '[') + std::string(depth + 1, ']'));
}

TEST(Jsonb, AgreesWithTheEncoderOnRandomDocuments) {
    for (std::uint32_t seed = 0; seed < 1'000; ++seed) {
        expect_kept(RandomJson(seed * 2'654'435'761U).document(4));
    }
}

TEST(Jsonb, WritesAsciiWhenAsked) {
    const Json json = Json::object({{"ü", Json::string("東 🍜")}});
    EXPECT_EQ(text_of(stored::jsonb(json), wire::Charset::Ascii), R"({"\u00fc":"\u6771 \ud83c\udf5c"})");
}

// Either it is read or it is refused as damaged; it never reads elsewhere (the sanitizer's part) or ends otherwise.
void expect_read_or_refused(const std::string& bytes) {
    try {
        text_of(bytes, wire::Charset::Utf8, 1 << 20);
    } catch (const wire::Error& error) {
        ASSERT_STREQ(error.sqlstate, "XX001");
    } catch (const wire::LimitExceeded&) { // NOLINT(bugprone-empty-catch): a lie can make a document longer
    }
}

Json sample() {
    return Json::object({{"id", Json::number("12345.678")},
                         {"tags", Json::array({Json::string("a"), Json::string("bc"), Json::null()})},
                         {"nested", Json::object({{"x", Json::number("1")}, {"y", Json::object({})}})},
                         {"yes", Json::boolean(true)}});
}

TEST(DamagedJsonb, IsRefusedOrReadWhereverItIsCutOff) {
    for (const Json& json :
         {sample(), RandomJson(77).document(5), Json::string("scalar"), Json::number("1.5")}) {
        const std::string bytes = stored::jsonb(json);
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            expect_read_or_refused(bytes.substr(0, length));
        }
    }
}

TEST(DamagedJsonb, IsRefusedOrReadWhicheverByteIsWrong) {
    std::vector<std::pair<std::string, Json>> members;
    for (int index = 0; index < 40; ++index) {
        members.emplace_back("k" + std::to_string(index), Json::number(std::to_string(index)));
    }
    for (const Json& json : {sample(), Json::object(members), Json::array({sample(), sample()})}) {
        const std::string bytes = stored::jsonb(json);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            for (int value = 0; value < 256; ++value) {
                std::string damaged = bytes;
                damaged[at] = static_cast<char>(value);
                expect_read_or_refused(damaged);
            }
        }
    }
}

TEST(DamagedJsonb, IsRefusedOrReadWithRandomWords) {
    std::uint32_t state = 99;
    const std::string bytes = stored::jsonb(Json::array({sample(), sample(), Json::array({sample()})}));
    for (int round = 0; round < 20'000; ++round) {
        std::string damaged = bytes;
        for (int change = 0; change < 3; ++change) {
            state = state * 1'664'525 + 1'013'904'223;
            const std::size_t at = (state >> 8) % (bytes.size() / 4) * 4;
            state = state * 1'664'525 + 1'013'904'223;
            // Few distinct high bits, so that types and flags stay plausible while lengths lie.
            const std::uint32_t word = (state & 0xF0000000U) | ((state >> 8) & 0x3FU);
            std::memcpy(&damaged[at], &word, 4);
        }
        expect_read_or_refused(damaged);
    }
}

struct Lie {
    const char* detail;
    std::vector<std::uint32_t> words;
};

TEST(DamagedJsonb, SaysWhatIsWrong) {
    const Lie lies[] = {
        {"A container is shorter than its header.", {}},
        {"A container is neither object nor array.", {0x00000000}},
        {"A container has more entries than bytes.", {0x40000001}},
        {"A container has more entries than bytes.", {0x4FFFFFFF, 0x40000000}},
        {"A container has more entries than bytes.", {0x20000001, 0x40000000}},
        {"A string lies outside of its container.", {0x40000001, 0x00000001}},
        {"A string lies outside of its container.", {0x40000001, 0x0FFFFFFF, 0x41414141}},
        {"A string lies outside of its container.", {0x20000001, 0x00000005, 0x40000000, 0x41414141}},
        {"A number lies outside of its container.", {0x40000001, 0x10000008, 0x00000000}},
        {"A number lies outside of its container.", {0x40000001, 0x10000002, 0x00000000}},
        {"A nested container lies outside of its parent.", {0x40000001, 0x50000008, 0x40000000}},
        {"A container is shorter than its header.", {0x40000001, 0x50000002, 0x40000000}},
        {"An entry has an unknown type.", {0x40000001, 0x60000000}},
        {"An entry has an unknown type.", {0x40000001, 0x70000000}},
    };
    for (const Lie& lie : lies) {
        std::string bytes;
        for (const std::uint32_t word : lie.words) {
            stored::add_uint32(bytes, word);
        }
        try {
            ADD_FAILURE() << "read as " << text_of(bytes) << " instead of: " << lie.detail;
        } catch (const wire::Error& error) {
            EXPECT_STREQ(error.sqlstate, "XX001");
            EXPECT_STREQ(error.what(), "stored jsonb value is not valid");
            EXPECT_EQ(error.detail, lie.detail);
            EXPECT_FALSE(error.hint.empty());
        }
    }
}

TEST(Jsonb, SurvivesALimitAtEveryByte) {
    const std::string bytes = stored::jsonb(Json::array({sample(), Json::string("東京\n"), sample()}));
    for (const wire::Charset charset : {wire::Charset::Utf8, wire::Charset::Ascii}) {
        written::expect_every_limit_is_survived(
            [&](wire::ByteBuffer& out) { value::write_jsonb(out, bytes.data(), bytes.size(), charset); });
    }
}

} // namespace
