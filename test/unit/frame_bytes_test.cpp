#include "wire/frame_bytes.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "wire/error.hpp"
#include "written.hpp"

using wire::FrameReader;
using wire::FrameWriter;

namespace {

TEST(FrameWriter, PutsTheLengthOfWhatFollowsInFront) {
    wire::ByteBuffer out(1000);
    out.append("before");
    FrameWriter frame(out, 'Z');
    frame.u8(1);
    frame.u16(0x0203);
    frame.u32(0x04050607);
    frame.u64(0x08090a0b0c0d0e0f);
    frame.str16("ab");
    frame.str32("cd");
    frame.optional_str16(std::nullopt);
    frame.optional_str32(std::nullopt);
    frame.optional_str16("");
    frame.finish();
    const std::string expected("before"
                               "\x00\x00\x00\x22"
                               "Z"
                               "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                               "\x00\x02"
                               "ab"
                               "\x00\x00\x00\x02"
                               "cd"
                               "\xff\xff"
                               "\xff\xff\xff\xff"
                               "\x00\x00",
                               6 + 4 + 0x22);
    EXPECT_EQ(out.view(), expected);
}

TEST(FrameWriter, RefusesTextThatItsLengthCannotCount) {
    wire::ByteBuffer out(written::plenty);
    FrameWriter frame(out, 'Z');
    frame.str16(std::string(0xfffe, 'x'));
    try {
        frame.str16(std::string(0xffff, 'x')); // the length that means absent
        ADD_FAILURE() << "too long a text was written";
    } catch (const wire::Error& error) {
        EXPECT_STREQ(error.sqlstate, "54000");
        EXPECT_STREQ(error.what(), "text of 65535 bytes is too long for a frame");
        EXPECT_EQ(error.detail, "The format holds at most 65534 bytes there.");
    }
    EXPECT_THROW(frame.optional_str16(std::string(0x10000, 'x')), wire::Error);
}

TEST(FrameReader, ReadsBigEndian) {
    FrameReader in(std::string_view("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 15));
    EXPECT_EQ(in.u8(), 0x01);
    EXPECT_EQ(in.u16(), 0x0203);
    EXPECT_EQ(in.u32(), 0x04050607U);
    EXPECT_EQ(in.u64(), 0x08090a0b0c0d0e0fU);
    EXPECT_TRUE(in.finished());
}

TEST(FrameReader, IsFinishedOnlyWhenEveryByteIsRead) {
    FrameReader in(std::string_view("\x00\x01", 2));
    EXPECT_FALSE(in.finished());
    in.u8();
    EXPECT_FALSE(in.finished());
    in.u8();
    EXPECT_TRUE(in.finished());
    in.u8();
    EXPECT_FALSE(in.finished());
    EXPECT_FALSE(in.ok());
}

TEST(FrameReader, YieldsZerosBehindTheEndForGood) {
    FrameReader in(std::string_view("\x00\x00\x01", 3));
    EXPECT_EQ(in.u32(), 0U);
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.u8(), 0) << "a reader that failed does not go on with what is left";
    EXPECT_EQ(in.u64(), 0U);
    EXPECT_TRUE(in.str16().empty());
    EXPECT_EQ(in.optional_str32(), std::nullopt);
    EXPECT_FALSE(in.ok());
}

TEST(FrameReader, TrustsNoLength) {
    for (const std::string_view bytes :
         {std::string_view("\x00\x03zz", 4), std::string_view("\xff\xfe", 2)}) {
        FrameReader in(bytes);
        EXPECT_TRUE(in.str16().empty());
        EXPECT_FALSE(in.ok());
    }
    FrameReader in(std::string_view("\x7f\xff\xff\xff"
                                    "abcd",
                                    8));
    EXPECT_TRUE(in.str32().empty());
    EXPECT_FALSE(in.ok());
}

TEST(FrameReader, TellsAbsentFromEmpty) {
    FrameReader in(std::string_view("\xff\xff\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00", 12));
    EXPECT_EQ(in.optional_str16(), std::nullopt);
    EXPECT_EQ(in.optional_str16(), "");
    EXPECT_EQ(in.optional_str32(), std::nullopt);
    EXPECT_EQ(in.optional_str32(), "");
    EXPECT_TRUE(in.finished());
}

// All ones means absent, also where a text must be: no writer can have meant 65,535 bytes.
TEST(FrameReader, RefusesAbsentWhereATextMustBe) {
    const std::string bytes = "\xff\xff" + std::string(0xffff, 'x');
    FrameReader in(bytes);
    EXPECT_TRUE(in.str16().empty());
    EXPECT_FALSE(in.ok());
    FrameReader longest(std::string_view("\xff\xff\xff\xff", 4));
    EXPECT_TRUE(longest.str32().empty());
    EXPECT_FALSE(longest.ok());
}

} // namespace
