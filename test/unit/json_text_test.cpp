#include "wire/json_text.hpp"

#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "written.hpp"

using wire::Charset;

namespace {

std::string content(std::string_view text, Charset charset = Charset::Utf8) {
    return written::text_of(
        [&](wire::ByteBuffer& out) { wire::write_json_string_content(out, text, charset); });
}

std::string in_quotes(std::string_view text, Charset charset = Charset::Utf8) {
    return written::text_of([&](wire::ByteBuffer& out) { wire::write_json_string(out, text, charset); });
}

// RFC 8259 section 7, spelled out for one byte, with the short escapes that PostgreSQL uses.
std::string escape_of(unsigned char byte) {
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (byte < 0x20) {
        char text[8];
        std::snprintf(text, sizeof text, "\\u%04x", byte);
        return text;
    }
    return std::string(1, static_cast<char>(byte));
}

TEST(JsonString, EscapesEveryByteAtEveryPlaceOfABlock) {
    for (int byte = 0; byte < 256; ++byte) {
        for (int length = 1; length <= 36; ++length) {
            for (int place = 0; place < length; ++place) {
                std::string text(static_cast<std::size_t>(length), 'a');
                text[static_cast<std::size_t>(place)] = static_cast<char>(byte);
                const std::string expected = std::string(static_cast<std::size_t>(place), 'a') +
                                             escape_of(static_cast<unsigned char>(byte)) +
                                             std::string(static_cast<std::size_t>(length - place - 1), 'a');
                ASSERT_EQ(in_quotes(text), '"' + expected + '"')
                    << "byte " << byte << " at " << place << " of " << length;
                ASSERT_EQ(content(text), expected) << "byte " << byte << " at " << place << " of " << length;
            }
        }
    }
}

TEST(JsonString, ReadsNoByteBehindItsText) {
    for (std::size_t length = 0; length <= 80; ++length) {
        // Memory of exactly this size: the sanitizer sees a read one byte too far.
        const std::unique_ptr<char[]> exact(new char[length]);
        std::fill_n(exact.get(), length, 'z');
        EXPECT_EQ(content({exact.get(), length}), std::string(length, 'z'));
        EXPECT_EQ(content({exact.get(), length}, Charset::Ascii), std::string(length, 'z'));
        EXPECT_EQ(in_quotes({exact.get(), length}), '"' + std::string(length, 'z') + '"');
    }
}

TEST(JsonString, HandlesLongRunsOfSpecialAndPlainBytes) {
    std::string text;
    std::string expected;
    std::uint32_t state = 12345;
    for (int index = 0; index < 20'000; ++index) {
        state = state * 1'664'525 + 1'013'904'223;
        const auto byte = static_cast<unsigned char>((state >> 24) % 5 == 0 ? (state >> 16) & 0x7f : 'q');
        text += static_cast<char>(byte);
        expected += escape_of(byte);
    }
    EXPECT_EQ(content(text), expected);
}

TEST(JsonString, HasQuotesAroundItAlsoWhenEmpty) {
    EXPECT_EQ(in_quotes(std::string_view()), R"("")");
    EXPECT_EQ(in_quotes(""), R"("")");
    EXPECT_EQ(in_quotes("say \"hi\""), R"("say \"hi\"")");
}

TEST(JsonString, CopiesUtf8AsItIs) {
    const std::string text = "Grüße, 東京 🍜 \x7f";
    EXPECT_EQ(content(text), text);
}

TEST(JsonStringInAscii, WritesEveryCodePointAsUtf16Escapes) {
    EXPECT_EQ(content("\xc2\x80", Charset::Ascii), R"(\u0080)");
    EXPECT_EQ(content("\xc3\xbc", Charset::Ascii), R"(\u00fc)");
    EXPECT_EQ(content("\xdf\xbf", Charset::Ascii), R"(\u07ff)");
    EXPECT_EQ(content("\xe0\xa0\x80", Charset::Ascii), R"(\u0800)");
    EXPECT_EQ(content("\xe6\x9d\xb1", Charset::Ascii), R"(\u6771)");
    EXPECT_EQ(content("\xed\x9f\xbf", Charset::Ascii), R"(\ud7ff)");
    EXPECT_EQ(content("\xee\x80\x80", Charset::Ascii), R"(\ue000)");
    EXPECT_EQ(content("\xef\xbf\xbf", Charset::Ascii), R"(\uffff)");
    EXPECT_EQ(content("\xf0\x90\x80\x80", Charset::Ascii), R"(\ud800\udc00)");
    EXPECT_EQ(content("\xf0\x9f\x8d\x9c", Charset::Ascii), R"(\ud83c\udf5c)");
    EXPECT_EQ(content("\xf4\x8f\xbf\xbf", Charset::Ascii), R"(\udbff\udfff)");
    EXPECT_EQ(content("a\"\xc3\xbc\nz", Charset::Ascii), R"(a\"\u00fc\nz)");
}

TEST(JsonStringInAscii, EscapesACodePointAtEveryPlaceOfABlock) {
    for (std::size_t place = 0; place <= 40; ++place) {
        for (std::size_t behind = 0; behind <= 20; ++behind) {
            const std::string before(place, 'a');
            const std::string after(behind, 'b');
            ASSERT_EQ(content(before + "\xf0\x9f\x8d\x9c" + after, Charset::Ascii),
                      before + R"(\ud83c\udf5c)" + after);
        }
    }
}

const std::vector<std::string> not_utf8 = {
    "\x80",             // continuation without a lead
    "\xc0\xaf",         // overlong
    "\xc1\xbf",         // overlong
    "\xc3",             // cut off
    "\xe0\x9f\xbf",     // overlong
    "\xe2\x82",         // cut off
    "\xed\xa0\x80",     // surrogate
    "\xed\xbf\xbf",     // surrogate
    "\xf0\x8f\xbf\xbf", // overlong
    "\xf0\x9f\x8d",     // cut off
    "\xf4\x90\x80\x80", // beyond U+10FFFF
    "\xf5\x80\x80\x80",
    "\xff",
};

TEST(JsonStringInAscii, ReplacesWhatIsNotUtf8ByteByByte) {
    for (const std::string& bytes : not_utf8) {
        std::string expected;
        for (std::size_t index = 0; index < bytes.size(); ++index) {
            expected += R"(\ufffd)";
        }
        EXPECT_EQ(content(bytes, Charset::Ascii), expected);
        EXPECT_EQ(content(bytes + "x", Charset::Ascii), expected + "x");
    }
}

TEST(ValidUtf8Prefix, EndsWhereTheFirstBadSequenceBegins) {
    EXPECT_EQ(wire::valid_utf8_prefix(std::string_view()), 0U);
    const std::string good = std::string("a\0b", 3) + "\x7f ü 東 🍜 \xf4\x8f\xbf\xbf";
    EXPECT_EQ(wire::valid_utf8_prefix(good), good.size());
    for (const std::string& bytes : not_utf8) {
        EXPECT_EQ(wire::valid_utf8_prefix(bytes), 0U);
        EXPECT_EQ(wire::valid_utf8_prefix(good + bytes + good), good.size());
    }
}

// Every sequence of the encoding form, made here by arithmetic, is accepted; every surrogate is not.
TEST(ValidUtf8Prefix, AcceptsExactlyTheUnicodeScalarValues) {
    for (std::uint32_t point = 0; point <= 0x10ffff; ++point) {
        std::string bytes;
        if (point < 0x80) {
            bytes = {static_cast<char>(point)};
        } else if (point < 0x800) {
            bytes = {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 63))};
        } else if (point < 0x10000) {
            bytes = {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 63)),
                     static_cast<char>(0x80 | (point & 63))};
        } else {
            bytes = {static_cast<char>(0xf0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 63)),
                     static_cast<char>(0x80 | (point >> 6 & 63)), static_cast<char>(0x80 | (point & 63))};
        }
        const bool surrogate = point >= 0xd800 && point <= 0xdfff;
        ASSERT_EQ(wire::valid_utf8_prefix(bytes), surrogate ? 0U : bytes.size()) << point;
    }
}

std::string document(std::string_view text, Charset charset) {
    return written::text_of([&](wire::ByteBuffer& out) { wire::write_json_document(out, text, charset); });
}

TEST(JsonDocument, StaysOnOneLineAndIsOtherwiseUntouched) {
    const std::string text = "{\n  \"a\": [1,\r\n\t2.50],\n\"b\\n\": \"ü\"}\n";
    const std::string line = "{   \"a\": [1,  \t2.50], \"b\\n\": \"ü\"} ";
    EXPECT_EQ(document(text, Charset::Utf8), line);
    EXPECT_EQ(document(text, Charset::Ascii), "{   \"a\": [1,  \t2.50], \"b\\n\": \"\\u00fc\"} ");
}

TEST(JsonDocument, LeavesWhatStoodBeforeItInTheBufferAlone) {
    wire::ByteBuffer out(1000);
    out.append("first\nline\r");
    wire::write_json_document(out, "[\n1]", Charset::Utf8);
    EXPECT_EQ(out.view(), "first\nline\r[ 1]");
}

TEST(Numbers, ReachTheEndsOfTheirRange) {
    const auto signed_text = [](std::int64_t value) {
        return written::text_of([&](wire::ByteBuffer& out) { wire::write_int64(out, value); });
    };
    const auto unsigned_text = [](std::uint64_t value) {
        return written::text_of([&](wire::ByteBuffer& out) { wire::write_uint64(out, value); });
    };
    EXPECT_EQ(signed_text(0), "0");
    EXPECT_EQ(signed_text(-1), "-1");
    EXPECT_EQ(signed_text(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
    EXPECT_EQ(signed_text(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(unsigned_text(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    std::uint64_t power = 1;
    std::string digits = "1";
    for (int index = 0; index < 19; ++index, power *= 10, digits += '0') {
        EXPECT_EQ(unsigned_text(power), digits);
        EXPECT_EQ(unsigned_text(power - 1), std::to_string(power - 1));
        EXPECT_EQ(signed_text(-static_cast<std::int64_t>(power)), "-" + digits);
    }
}

TEST(Lsn, IsWrittenAsPostgresPrintsIt) {
    const auto lsn = [](std::uint64_t value) {
        char text[17];
        return std::string(text, wire::format_lsn(text, value));
    };
    EXPECT_EQ(lsn(0), "0/0");
    EXPECT_EQ(lsn(0x1a2b3c8), "0/1A2B3C8");
    EXPECT_EQ(lsn(0x16'b374d848), "16/B374D848");
    EXPECT_EQ(lsn(0x1'00000000), "1/0");
    EXPECT_EQ(lsn(0xabcdef01'00000023), "ABCDEF01/23");
    EXPECT_EQ(lsn(0xffffffff'ffffffff), "FFFFFFFF/FFFFFFFF");
}

std::string base64(std::string_view bytes) {
    return written::text_of([&](wire::ByteBuffer& out) { wire::write_base64(out, bytes); });
}

TEST(Base64, MatchesTheVectorsOfItsRfc) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foob"), "Zm9vYg==");
    EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64(std::string("\0\0\0", 3)), "AAAA");
    EXPECT_EQ(base64("\xfb\xff\xbf"), "+/+/");
}

TEST(Base64, UsesAllSixtyFourLettersInOrder) {
    std::string bytes;
    for (unsigned first = 0; first < 64; first += 4) {
        const unsigned group = first << 18 | (first + 1) << 12 | (first + 2) << 6 | (first + 3);
        bytes += static_cast<char>(group >> 16);
        bytes += static_cast<char>(group >> 8);
        bytes += static_cast<char>(group);
    }
    EXPECT_EQ(base64(bytes), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

TEST(JsonText, SurvivesALimitAtEveryByte) {
    const std::string text = "plain text of more than sixteen bytes, \"quoted\"\n\x01 and 東京 🍜 at the end";
    for (const Charset charset : {Charset::Utf8, Charset::Ascii}) {
        written::expect_every_limit_is_survived(
            [&](wire::ByteBuffer& out) { wire::write_json_string(out, text, charset); });
        written::expect_every_limit_is_survived(
            [&](wire::ByteBuffer& out) { wire::write_json_document(out, "[1,\n\"東京\"]", charset); });
    }
    written::expect_every_limit_is_survived([&](wire::ByteBuffer& out) { wire::write_base64(out, text); });
    written::expect_every_limit_is_survived([](wire::ByteBuffer& out) {
        wire::write_int64(out, -42);
        wire::write_uint64(out, 42);
    });
}

} // namespace
