#include "web/frame_writer.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

std::string header(web::Opcode opcode, std::uint64_t size, bool compressed = false) {
    std::string out;
    web::write_frame_header(out, opcode, size, compressed);
    return out;
}

// RFC 6455 section 5.7, the server's side.
TEST(WebFrameWriter, WritesTheExamplesOfTheRfc) {
    EXPECT_EQ(header(web::Opcode::Text, 5) + "Hello", "\x81\x05\x48\x65\x6c\x6c\x6f");
    EXPECT_EQ(header(web::Opcode::Binary, 256), std::string("\x82\x7e\x01\x00", 4));
    EXPECT_EQ(header(web::Opcode::Binary, 65536), std::string("\x82\x7f\0\0\0\0\0\x01\0\0", 10));
    std::string ping;
    web::write_ping(ping, "Hello");
    EXPECT_EQ(ping, "\x89\x05\x48\x65\x6c\x6c\x6f");
    std::string pong;
    web::write_pong(pong, "Hello");
    EXPECT_EQ(pong, "\x8a\x05\x48\x65\x6c\x6c\x6f");
}

TEST(WebFrameWriter, ChoosesTheShortestFormOfTheLength) {
    EXPECT_EQ(header(web::Opcode::Text, 0), std::string("\x81\0", 2));
    EXPECT_EQ(header(web::Opcode::Text, 125), "\x81\x7d");
    EXPECT_EQ(header(web::Opcode::Text, 126), std::string("\x81\x7e\0\x7e", 4));
    EXPECT_EQ(header(web::Opcode::Text, 65535), "\x81\x7e\xff\xff");
    EXPECT_EQ(header(web::Opcode::Text, 0x7fff'ffff'ffff'ffff), "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff");
}

TEST(WebFrameWriter, MarksCompressedMessages) {
    EXPECT_EQ(header(web::Opcode::Text, 7, true), "\xc1\x07");
}

std::string close_frame(std::uint16_t code, std::string_view reason = {}) {
    std::string out;
    web::write_close(out, code, reason);
    return out;
}

TEST(WebFrameWriter, ClosesWithCodesThatMayBeSentAndReasonsThatFit) {
    EXPECT_EQ(close_frame(1000), "\x88\x02\x03\xe8");
    EXPECT_EQ(close_frame(1012, "restart"), "\x88\x09\x03\xf4restart");
    EXPECT_EQ(close_frame(1005, "none"), std::string("\x88\0", 2));
    EXPECT_EQ(close_frame(1006), std::string("\x88\0", 2));
    EXPECT_EQ(close_frame(1000, "\xff"), "\x88\x02\x03\xe8");
    EXPECT_EQ(close_frame(1000, std::string(200, 'x')), "\x88\x7d\x03\xe8" + std::string(123, 'x'));
    EXPECT_EQ(close_frame(1000, std::string(122, 'x') + "\xc3\xbc"),
              "\x88\x7c\x03\xe8" + std::string(122, 'x'));
}

TEST(WebFrameWriter, CutsPingsToWhatAControlFrameHolds) {
    std::string out;
    web::write_ping(out, std::string(126, 'x'));
    EXPECT_EQ(out, "\x89\x7d" + std::string(125, 'x'));
}

} // namespace
