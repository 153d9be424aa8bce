#include "wire/byte_buffer.hpp"

#include <string>

#include <gtest/gtest.h>

#include "written.hpp"

namespace {

TEST(ByteBuffer, GrowsFromNothingToManyBytesWithoutLosingAny) {
    wire::ByteBuffer out(written::plenty);
    std::string expected;
    for (int index = 0; index < 10'000; ++index) {
        const std::string piece = std::to_string(index);
        out.append(piece);
        expected += piece;
        out.append(',');
        expected += ',';
    }
    EXPECT_EQ(out.view(), expected);
    EXPECT_EQ(out.view(10), std::string_view(expected).substr(10));
}

TEST(ByteBuffer, TakesExactlyItsLimitAndNotOneByteMore) {
    for (const std::size_t limit : {0, 1, 2, 1023, 1024, 1025, 5000}) {
        wire::ByteBuffer out(limit);
        for (std::size_t index = 0; index < limit; ++index) {
            out.append('x');
        }
        EXPECT_EQ(out.view(), std::string(limit, 'x'));
        EXPECT_THROW(out.append('y'), wire::LimitExceeded);
        EXPECT_THROW(out.append("yz"), wire::LimitExceeded);
        EXPECT_EQ(out.view(), std::string(limit, 'x')) << "a refused append must change nothing";
    }
}

TEST(ByteBuffer, RefusesSizesThatWouldOverflow) {
    wire::ByteBuffer out(written::plenty);
    out.append("x");
    EXPECT_THROW(out.reserve(~std::size_t{0}), wire::LimitExceeded);
    EXPECT_THROW(out.reserve(~std::size_t{0} - 1), wire::LimitExceeded);
    EXPECT_EQ(out.view(), "x");
}

TEST(ByteBuffer, CountsReservedBytesOnlyWhenTheyAreTaken) {
    wire::ByteBuffer out(100);
    char* to = out.reserve(3);
    to[0] = 'a';
    to[1] = 'b';
    EXPECT_TRUE(out.empty());
    out.advance_to(to + 2);
    EXPECT_EQ(out.view(), "ab");
}

TEST(ByteBuffer, KeepsItsMemoryWhenCleared) {
    wire::ByteBuffer out(written::plenty);
    out.append(std::string(100'000, 'x'));
    const char* data = out.data();
    const std::size_t capacity = out.capacity();
    out.clear();
    EXPECT_TRUE(out.empty());
    out.append(std::string(100'000, 'y'));
    EXPECT_EQ(out.data(), data);
    EXPECT_EQ(out.capacity(), capacity);
}

TEST(ByteBuffer, GivesMemoryBackOnlyAboveWhatIsKeptAndNeverContents) {
    wire::ByteBuffer out(written::plenty);
    out.append(std::string(100'000, 'x'));
    out.release_above(4096);
    EXPECT_EQ(out.view(), std::string(100'000, 'x')) << "contents are never cut";
    out.truncate(10);
    out.release_above(4096);
    EXPECT_EQ(out.capacity(), 4096U);
    EXPECT_EQ(out.view(), std::string(10, 'x'));
    out.release_above(1 << 20);
    EXPECT_EQ(out.capacity(), 4096U);
    out.append(std::string(10'000, 'y'));
    EXPECT_EQ(out.size(), 10'010U);
}

TEST(ByteBuffer, CanGiveBackAllOfItsMemory) {
    wire::ByteBuffer out(written::plenty);
    out.append(std::string(100'000, 'x'));
    out.clear();
    out.release_above(0);
    EXPECT_EQ(out.capacity(), 0U);
    out.append("again");
    EXPECT_EQ(out.view(), "again");
}

TEST(ByteBuffer, TakesTextThatHasNoBytesAndNoAddress) {
    wire::ByteBuffer out(0);
    out.append(std::string_view());
    out.append(nullptr, 0);
    EXPECT_TRUE(out.empty());
    EXPECT_TRUE(out.view().empty());
}

TEST(ByteBuffer, ChangesBytesInPlace) {
    wire::ByteBuffer out(100);
    out.append("abcdef");
    out.put(0, 'A');
    out.overwrite(3, "DEF", 3);
    EXPECT_EQ(out.view(), "AbcDEF");
}

TEST(ByteBuffer, SurvivesALimitAtEveryByte) {
    written::expect_every_limit_is_survived([](wire::ByteBuffer& out) {
        for (int index = 0; index < 40; ++index) {
            out.append("some text");
            out.append('\n');
        }
    });
}

} // namespace
