#include "wire/frame.hpp"

#include <cstring>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "any_frame.hpp"
#include "frame_meaning.hpp"
#include "golden_frames.hpp"
#include "wire/error.hpp"
#include "written.hpp"

using wire::Frame;
using wire::ReadError;
using wire::ReadResult;

namespace {

std::string bytes_of(const Frame& frame) {
    return written::text_of([&](wire::ByteBuffer& out) { write_any_frame(out, frame); });
}

// Bytes in memory of exactly their size, so that the sanitizer sees a read one byte too far.
class Exact {
  public:
    explicit Exact(std::string_view bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
        std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    }
    std::string_view view() const { return {bytes_.get(), size_}; }

  private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

// Reads, and when that works, what was read must say the same bytes again.
ReadResult read_any(std::string_view bytes) {
    const Exact exact(bytes);
    Frame frame;
    const ReadResult result = wire::read_frame(exact.view(), frame);
    EXPECT_LE(result.consumed, bytes.size());
    if (result.error == ReadError::None) {
        EXPECT_EQ(bytes_of(frame), bytes.substr(0, result.consumed));
    }
    return result;
}

void set_length(std::string& bytes) {
    const std::size_t length = bytes.size() - 4;
    for (std::size_t index = 0; index < 4; ++index) {
        bytes[index] = static_cast<char>(length >> (24 - 8 * index));
    }
}

TEST(Frame, OfEveryKindIsReadBackEqual) {
    for (const golden::Golden& entry : golden::frames()) {
        const Exact bytes(bytes_of(entry.frame));
        Frame frame;
        const ReadResult result = wire::read_frame(bytes.view(), frame);
        ASSERT_EQ(result.error, ReadError::None) << entry.name;
        EXPECT_EQ(result.consumed, bytes.view().size());
        EXPECT_EQ(FrameMeaning::of(frame), FrameMeaning::of(entry.frame)) << entry.name;
    }
}

// By hand, not by the writer: the shape that docs/protocol-frame.md describes.
TEST(Frame, OfAChangeHasTheDocumentedBytes) {
    const std::string expected("\x00\x00\x00\x2a"
                               "I"
                               "\x00\x00\x40\x07"                 // relation_id
                               "\x00\x00\x00\x00\x01\xa2\xa3\xc8" // position
                               "\x00\x00\x00\x00"                 // subtransaction
                               "\x02"                             // flags: omitted
                               "\x00\x02t1"                       // tenant
                               "\x00\x00\x00\x08{\"id\":1}"       // record
                               "\xff\xff\xff\xff"                 // old_record
                               "\x00\x00\x00\x00",                // unchanged_toast
                               46);
    wire::RowChange change;
    change.relation_id = 16'391;
    change.position = 27'435'976;
    change.omitted = true;
    change.tenant = "t1";
    change.record = R"({"id":1})";
    EXPECT_EQ(bytes_of(change), expected);
}

TEST(Frames, ShareAMessageAndAreReadOneAfterTheOther) {
    std::string message;
    for (const golden::Golden& entry : golden::frames()) {
        message += bytes_of(entry.frame);
    }
    const Exact exact(message);
    std::string_view rest = exact.view();
    Frame frame; // one object for all kinds, as a reader would have it
    for (const golden::Golden& entry : golden::frames()) {
        const ReadResult result = wire::read_frame(rest, frame);
        ASSERT_EQ(result.error, ReadError::None) << entry.name;
        EXPECT_EQ(FrameMeaning::of(frame), FrameMeaning::of(entry.frame)) << entry.name;
        rest.remove_prefix(result.consumed);
    }
    EXPECT_TRUE(rest.empty());
}

TEST(ReadFrame, OfNoBytesIsTruncated) {
    Frame frame;
    EXPECT_EQ(wire::read_frame({}, frame).error, ReadError::Truncated);
}

TEST(ReadFrame, AnswersEveryTruncationWithAnError) {
    for (const golden::Golden& entry : golden::frames()) {
        const std::string bytes = bytes_of(entry.frame);
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            ASSERT_EQ(read_any(bytes.substr(0, length)).error, ReadError::Truncated)
                << entry.name << " cut to " << length;
            // Cut off with a length that hides it.
            if (length >= 4) {
                std::string hidden = bytes.substr(0, length);
                set_length(hidden);
                const ReadError error = read_any(hidden).error;
                ASSERT_TRUE(error == ReadError::LengthMismatch)
                    << entry.name << " cut to " << length << ": " << wire::describe(error);
            }
        }
    }
}

TEST(ReadFrame, AnswersBytesBehindTheLastFieldWithAnError) {
    for (const golden::Golden& entry : golden::frames()) {
        std::string bytes = bytes_of(entry.frame) + '\0';
        EXPECT_EQ(read_any(bytes).consumed, bytes.size() - 1) << "the next frame's byte is not this one's";
        set_length(bytes);
        EXPECT_EQ(read_any(bytes).error, ReadError::LengthMismatch) << entry.name;
    }
}

TEST(ReadFrame, AnswersEveryWrongByteWithAFrameOrAnError) {
    for (const golden::Golden& entry : golden::frames()) {
        const std::string bytes = bytes_of(entry.frame);
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            for (int value = 0; value < 256; ++value) {
                std::string wrong = bytes;
                wrong[at] = static_cast<char>(value);
                const ReadResult result = read_any(wrong);
                ASSERT_STRNE(wire::describe(result.error), "unknown error");
            }
        }
    }
}

TEST(ReadFrame, AnswersLengthsThatLieWithAnError) {
    for (const golden::Golden& entry : golden::frames()) {
        const std::string bytes = bytes_of(entry.frame);
        for (std::size_t at = 0; at + 4 <= bytes.size(); ++at) {
            for (const std::string_view word :
                 {std::string_view("\xff\xff\xff\xff", 4), std::string_view("\xff\xff\xff\xfe", 4),
                  std::string_view("\x7f\xff\xff\xff", 4), std::string_view("\x80\x00\x00\x00", 4),
                  std::string_view("\x00\x00\x00\x00", 4), std::string_view("\x00\x01\x00\x00", 4)}) {
                std::string wrong = bytes;
                wrong.replace(at, 4, word);
                const ReadError error = read_any(wrong).error;
                if (at == 0) {
                    ASSERT_NE(error, ReadError::None) << entry.name;
                }
            }
        }
    }
}

TEST(ReadFrame, RefusesAFrameWithoutAKind) {
    EXPECT_EQ(read_any(std::string(4, '\0')).error, ReadError::LengthMismatch);
    EXPECT_EQ(read_any(std::string(8, '\0')).error, ReadError::LengthMismatch);
}

TEST(ReadFrame, RefusesAnUnknownKindAndSaysWhere) {
    std::string bytes = bytes_of(wire::Progress{1});
    for (const char kind : {'\0', 'a', 'b', 'Z', '\xff'}) {
        bytes[4] = kind;
        const ReadResult result = read_any(bytes);
        EXPECT_EQ(result.error, ReadError::UnknownKind);
        EXPECT_EQ(result.consumed, 5U);
    }
    EXPECT_STREQ(wire::describe(ReadError::UnknownKind), "unknown frame kind");
}

TEST(ReadFrame, RefusesAnotherVersionWhateverFollowsIt) {
    for (const unsigned version : {0U, 2U, 0x100U, 0xffffU}) {
        wire::Hello hello;
        hello.protocol_version = static_cast<std::uint16_t>(version);
        hello.plugin_version = "9.9.9";
        std::string bytes = bytes_of(hello);
        EXPECT_EQ(read_any(bytes).error, ReadError::VersionMismatch);
        // Another version may have other fields behind the number.
        bytes += "more";
        set_length(bytes);
        EXPECT_EQ(read_any(bytes).error, ReadError::VersionMismatch);
        bytes.resize(7);
        set_length(bytes);
        EXPECT_EQ(read_any(bytes).error, ReadError::VersionMismatch);
    }
}

TEST(ReadFrame, RefusesValuesThatTheFormatDoesNotDefine) {
    const struct {
        const char* name;
        std::size_t at;
        char value;
    } cases[] = {
        {"relation-tenant", 9, 'x'},     // access
        {"relation-tenant", 10, 'x'},    // replica identity
        {"relation-tenant", 10, '\0'},   // the same
        {"relation-tenant", 12, '\x04'}, // tenant column beyond the columns
        {"relation-tenant", 31, '\x02'}, // flags of the first column
        {"insert", 21, '\x04'},          // flags
        {"truncate-cascade", 17, '\x04'}, {"broadcast", 25, '\x02'}, {"message", 25, '\x80'},
    };
    for (const auto& entry : cases) {
        for (const golden::Golden& valid : golden::frames()) {
            if (std::string_view(valid.name) == entry.name) {
                std::string bytes = bytes_of(valid.frame);
                bytes[entry.at] = entry.value;
                EXPECT_EQ(read_any(bytes).error, ReadError::InvalidValue) << entry.name << " at " << entry.at;
            }
        }
    }
}

// A count is refused before anything is allocated for it.
TEST(ReadFrame, RefusesCountsThatTheFrameCannotHold) {
    wire::TruncateFrame truncate;
    truncate.relation_ids = {1, 2, 3};
    std::string bytes = bytes_of(truncate);
    for (const int count : {0, 2, 4, 255}) {
        bytes[19] = static_cast<char>(count);
        EXPECT_EQ(read_any(bytes).error, ReadError::LengthMismatch) << count;
    }
}

TEST(Frames, OfEdgeSizesAreReadBackEqual) {
    const std::string longest(0xfffe, 'n');
    const std::string large(1 << 20, 'r');
    wire::RowChange change;
    change.tenant = longest;
    change.record = large;
    change.old_record = "";
    EXPECT_EQ(read_any(bytes_of(change)).error, ReadError::None);
    wire::TruncateFrame truncate;
    truncate.relation_ids.assign(0xffff, 7);
    EXPECT_EQ(read_any(bytes_of(truncate)).error, ReadError::None);
    truncate.relation_ids.clear();
    EXPECT_EQ(read_any(bytes_of(truncate)).error, ReadError::None);
    wire::Relation relation;
    relation.tenant_column = 1599;
    relation.columns.assign(1600, {true, 25, "a", "text"});
    EXPECT_EQ(read_any(bytes_of(relation)).error, ReadError::None);
    wire::Boundary boundary;
    boundary.time = -1;
    EXPECT_EQ(read_any(bytes_of(boundary)).error, ReadError::None);
}

TEST(Frames, TooLongForTheirFieldsAreRefusedAsALimit) {
    const std::string too_long(0xffff, 'n');
    wire::RowChange change;
    change.tenant = too_long;
    wire::ByteBuffer out(written::plenty);
    out.append("kept");
    EXPECT_THROW(wire::write_change(out, change), wire::Error);
    out.truncate(4);
    change.tenant = "t";
    wire::write_change(out, change);
    EXPECT_EQ(out.view(), "kept" + bytes_of(change));
}

TEST(Frames, SurviveALimitAtEveryByte) {
    for (const golden::Golden& entry : golden::frames()) {
        written::expect_every_limit_is_survived(
            [&](wire::ByteBuffer& out) { write_any_frame(out, entry.frame); });
    }
}

} // namespace
