#include "web/frame_reader.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client_frames.hpp"
#include "web/deflate.hpp"
#include "web/frame_writer.hpp"

using client_frames::bytes_of;
using client_frames::Frame;

namespace {

constexpr unsigned continuation = 0;
constexpr unsigned text = 1;
constexpr unsigned binary = 2;
constexpr unsigned close_frame = 8;
constexpr unsigned ping = 9;
constexpr unsigned pong = 10;
constexpr bool more = false; // a fragment that is not the last one

std::string all(const std::vector<Frame>& frames) {
    std::string bytes;
    for (const Frame& frame : frames) {
        bytes += bytes_of(frame);
    }
    return bytes;
}

// The events, which must not depend on how the bytes are cut.
std::string events(const std::string& bytes, const web::FrameLimits& limits = {}, bool compression = false) {
    const std::string whole = client_frames::whole(bytes, limits, compression);
    EXPECT_EQ(client_frames::byte_by_byte(bytes, limits, compression), whole);
    for (std::size_t cut = 1; cut < bytes.size() && bytes.size() < 600; ++cut) {
        bool first = true;
        const auto two_pieces = [&] {
            const std::size_t size = first ? cut : bytes.size();
            first = false;
            return size;
        };
        EXPECT_EQ(client_frames::transcript(bytes, two_pieces, limits, compression), whole)
            << "cut at " << cut;
    }
    return whole;
}

std::string code_payload(unsigned code, const std::string& reason = {}) {
    return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} + reason;
}

// The examples of RFC 6455 section 5.7 that a client may send; the unmasked ones are a server's.
TEST(WebFrameReader, ReadsTheExamplesOfTheRfc) {
    EXPECT_EQ(events("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text Hello\nat rest\n");
    EXPECT_EQ(events("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "pong Hello\nat rest\n");
    EXPECT_EQ(events("\x81\x05\x48\x65\x6c\x6c\x6f"),
              "failed 1002 frame of a client without a mask\nat rest\n");
}

TEST(WebFrameReader, ReadsPayloadsOfEveryLengthAroundTheFormsOfTheLength) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 4095U, 4096U, 4097U, 65535U, 65536U, 200'000U}) {
        const std::string payload(size, 'x');
        const std::string bytes = all({{binary, payload}, {text, payload}});
        const std::string expected = "binary " + payload + "\ntext " + payload + "\nat rest\n";
        EXPECT_EQ(client_frames::whole(bytes), expected) << size;
        EXPECT_EQ(client_frames::byte_by_byte(bytes), expected) << size;
    }
}

TEST(WebFrameReader, LetsControlFramesComeBetweenFragments) {
    EXPECT_EQ(events(all({{text, "a", more},
                          {ping, "one"},
                          {continuation, "", more},
                          {pong, ""},
                          {continuation, "b", more},
                          {ping, ""},
                          {continuation, "c"},
                          {binary, "", more},
                          {ping, std::string(125, 'p')},
                          {continuation, ""}})),
              "ping one\npong \nping \ntext abc\nping " + std::string(125, 'p') + "\nbinary \nat rest\n");
    EXPECT_EQ(events(all({{text, "a", more}, {close_frame, code_payload(1001, "leaving")}})),
              "close 1001 leaving\nat rest\n");
}

struct Violation {
    const char* why;
    std::string bytes;
    int code;
};

TEST(WebFrameReader, AnswersEachViolationWithItsCloseCode) {
    Frame unmasked{text, "x"};
    unmasked.masked = false;
    Frame unmasked_ping{ping, ""};
    unmasked_ping.masked = false;
    Frame long_form{text, "x"};
    long_form.length_bytes = 2;
    Frame longest_form{text, std::string(300, 'x')};
    longest_form.length_bytes = 8;
    const std::string top_bit_of_length = std::string("\x82\xff\x80\0\0\0\0\0\0\0", 10);
    std::vector<Violation> table = {
        {"unmasked", bytes_of(unmasked), 1002},
        {"unmasked ping", bytes_of(unmasked_ping), 1002},
        {"RSV1", bytes_of({text, "x", true, 4}), 1002},
        {"RSV2", bytes_of({text, "x", true, 2}), 1002},
        {"RSV3", bytes_of({text, "x", true, 1}), 1002},
        {"RSV1 on a ping", bytes_of({ping, "", true, 4}), 1002},
        {"RSV1 on a close", bytes_of({close_frame, "", true, 4}), 1002},
        {"fragmented ping", bytes_of({ping, "x", more}), 1002},
        {"fragmented close", bytes_of({close_frame, "", more}), 1002},
        {"long ping", bytes_of({ping, std::string(126, 'x')}), 1002},
        {"long pong", bytes_of({pong, std::string(70'000, 'x')}), 1002},
        {"long close", bytes_of({close_frame, code_payload(1000, std::string(124, 'x'))}), 1002},
        {"length not in its shortest form", bytes_of(long_form), 1002},
        {"length in eight bytes", bytes_of(longest_form), 1002},
        {"length of 2^63", top_bit_of_length, 1002},
        {"continuation of nothing", bytes_of({continuation, "x"}), 1002},
        {"continuation of nothing, not the last", bytes_of({continuation, "x", more}), 1002},
        {"continuation behind a whole message", all({{text, "a"}, {continuation, "b"}}), 1002},
        {"message inside a message", all({{text, "a", more}, {text, "b"}}), 1002},
        {"binary inside text", all({{text, "a", more}, {ping, ""}, {binary, "b"}}), 1002},
        {"close with one byte", bytes_of({close_frame, "\x03"}), 1002},
        {"reason not UTF-8", bytes_of({close_frame, code_payload(1000, "\xff")}), 1007},
        {"reason cut off", bytes_of({close_frame, code_payload(1000, "\xe2\x82")}), 1007},
        {"text not UTF-8", bytes_of({text, "a\xff"}), 1007},
        {"text ends inside a letter", bytes_of({text, "\xe2\x82"}), 1007},
        {"letter broken between fragments", all({{text, "\xe2\x82", more}, {continuation, "x"}}), 1007},
        {"letter never completed", all({{text, "\xe2\x82", more}, {continuation, ""}}), 1007},
        {"surrogates", bytes_of({text, "\xed\xa0\x80"}), 1007},
    };
    for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        table.push_back({"reserved opcode", bytes_of({opcode, ""}), 1002});
        table.push_back({"reserved opcode inside a message", all({{text, "a", more}, {opcode, "b"}}), 1002});
    }
    for (const unsigned code :
         {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
        table.push_back({"close code", bytes_of({close_frame, code_payload(code)}), 1002});
    }
    for (const Violation& violation : table) {
        const std::string behind = all({{text, "never seen"}, {close_frame, ""}});
        const std::string before = all({{text, "before"}});
        const std::string got = events(before + violation.bytes + behind);
        const std::string expected = "text before\nfailed " + std::to_string(violation.code) + " ";
        // (A message of its own may be complete before the violation.)
        EXPECT_NE(got.find("failed " + std::to_string(violation.code) + " "), std::string::npos)
            << violation.why << got;
        EXPECT_EQ(got.find("never seen"), std::string::npos) << violation.why;
        EXPECT_EQ(got.substr(0, 12), expected.substr(0, 12)) << violation.why;
    }
}

TEST(WebFrameReader, ReportsTheClosesThatAreAllowed) {
    EXPECT_EQ(events(bytes_of({close_frame, ""})), "close 1005 \nat rest\n");
    for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U,
                                1014U, 3000U, 3999U, 4000U, 4999U}) {
        EXPECT_EQ(events(bytes_of({close_frame, code_payload(code, "b\xc3\xbc")})),
                  "close " + std::to_string(code) + " b\xc3\xbc\nat rest\n");
    }
    EXPECT_EQ(
        events(all({{close_frame, code_payload(1000)}, {text, "late"}, {close_frame, code_payload(1001)}})),
        "close 1000 \nat rest\n");
}

TEST(WebFrameReader, FailsAtTheFirstByteThatCannotBecomeUtf8) {
    // 10 bytes are said to come; the second one is wrong.
    std::string bytes = bytes_of({text, "a\xc0 and more"});
    EXPECT_EQ(events(bytes.substr(0, 6 + 1)), "incomplete\n");
    EXPECT_EQ(events(bytes.substr(0, 6 + 2)), "failed 1007 text is not UTF-8\nat rest\n");
}

TEST(WebFrameReader, HoldsTheLimitOfAMessageOverAllOfItsFragments) {
    web::FrameLimits limits;
    limits.message_bytes = 1000;
    const std::string fits(1000, 'x');
    EXPECT_EQ(events(bytes_of({text, fits}), limits), "text " + fits + "\nat rest\n");
    EXPECT_EQ(events(bytes_of({text, fits + "x"}), limits), "failed 1009 message too big\nat rest\n");
    EXPECT_EQ(events(all({{text, std::string(999, 'x'), more}, {ping, "p"}, {continuation, "x"}}), limits),
              "ping p\ntext " + fits + "\nat rest\n");
    EXPECT_EQ(events(all({{text, std::string(999, 'x'), more}, {continuation, "xx"}}), limits),
              "failed 1009 message too big\nat rest\n");
    // The first byte of a fragment that will not fit is enough.
    const std::string fragments = all({{text, std::string(999, 'x'), more}, {continuation, "xx"}});
    EXPECT_EQ(events(fragments.substr(0, fragments.size() - 1), limits),
              "failed 1009 message too big\nat rest\n");
    // A header is enough: nothing is kept for what was only announced.
    const std::string announced = std::string("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff....", 14) + "x";
    EXPECT_EQ(events(announced, limits), "failed 1009 message too big\nat rest\n");
}

TEST(WebFrameReader, KeepsNothingAtRest) {
    const web::FrameLimits limits;
    web::FrameReader reader(limits, true);
    EXPECT_LE(sizeof reader, 24U);
    EXPECT_TRUE(reader.at_rest());
    const std::string bytes =
        all({{text, std::string(100'000, 'x'), more}, {ping, "p"}, {continuation, "y"}, {ping, "q"}});
    std::string_view rest = bytes;
    while (reader.next(rest).kind != web::Event::Kind::None) {
        EXPECT_FALSE(reader.at_rest());
    }
    EXPECT_TRUE(reader.at_rest());
}

TEST(WebFrameReader, MayBeMovedInsideAFrame) {
    const web::FrameLimits limits;
    const std::string bytes = bytes_of({text, "hello"});
    std::string_view first = std::string_view(bytes).substr(0, 8);
    std::string_view second = std::string_view(bytes).substr(8);
    web::FrameReader reader(limits, false);
    EXPECT_EQ(reader.next(first).kind, web::Event::Kind::None);
    web::FrameReader moved(std::move(reader));
    EXPECT_EQ(moved.next(second).bytes, "hello");
}

std::string compressed(const std::string& message) {
    web::Compressor compressor;
    std::string out;
    EXPECT_TRUE(compressor.compress(message, out));
    return out;
}

TEST(WebFrameReader, InflatesMessagesWhenThatIsAgreedOn) {
    const std::string message = "Grüße, " + std::string(10'000, 'x');
    const std::string payload = compressed(message);
    const Frame one{text, payload, true, 4};
    EXPECT_EQ(events(bytes_of(one), {}, true), "text " + message + "\nat rest\n");
    EXPECT_EQ(
        events(all({{text, payload.substr(0, 5), more, 4}, {ping, "p"}, {continuation, payload.substr(5)}}),
               {}, true),
        "ping p\ntext " + message + "\nat rest\n");
    EXPECT_EQ(
        events(all({{text, "plain"}, one, {binary, compressed("b"), true, 4}, {text, "plain"}}), {}, true),
        "text plain\ntext " + message + "\nbinary b\ntext plain\nat rest\n");
    EXPECT_EQ(events(bytes_of({text, compressed(""), true, 4}), {}, true), "text \nat rest\n");
}

TEST(WebFrameReader, RefusesCompressedMessagesThatBreakTheRules) {
    const std::string payload = compressed("hello");
    const auto kind = [](const std::string& got) { return got.substr(0, got.find(' ', 7)); };
    EXPECT_EQ(kind(events(bytes_of({text, payload, true, 4}), {}, false)), "failed 1002");
    EXPECT_EQ(kind(events(all({{text, "a", more}, {continuation, payload, true, 4}}), {}, true)),
              "failed 1002");
    EXPECT_EQ(kind(events(bytes_of({ping, "x", true, 4}), {}, true)), "failed 1002");
    EXPECT_EQ(kind(events(bytes_of({text, payload, true, 5}), {}, true)), "failed 1002");
    EXPECT_EQ(kind(events(bytes_of({text, "\xff\xff", true, 4}), {}, true)), "failed 1007");
    EXPECT_EQ(kind(events(bytes_of({text, compressed("\xff"), true, 4}), {}, true)), "failed 1007");
    EXPECT_EQ(kind(events(bytes_of({text, compressed("\xe2\x82"), true, 4}), {}, true)), "failed 1007");
    web::FrameLimits limits;
    limits.inflated_bytes = 100'000;
    EXPECT_EQ(kind(events(bytes_of({text, compressed(std::string(100'000, 'x')), true, 4}), limits, true)),
              "text " + std::string(100'000, 'x') + "\nat");
    EXPECT_EQ(kind(events(bytes_of({text, compressed(std::string(50'000'000, 'x')), true, 4}), limits, true)),
              "failed 1009");
}

// Random conversations, written by an encoder that shares nothing with the reader, read in random pieces.
TEST(WebFrameReader, GivesBackWhatWasSentHoweverItWasFragmentedAndCut) {
    std::mt19937 random(6455);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
    const std::vector<std::string> letters = {"a", "\xc3\xbc", "\xe6\x9d\xb1", "\xf0\x9f\x8d\x9c",
                                              "\xf4\x8f\xbf\xbf"};
    web::Compressor compressor;
    for (int round = 0; round < 3000; ++round) {
        std::string bytes;
        std::string expected;
        const auto send = [&](unsigned opcode, const std::string& payload, bool fin, unsigned reserved) {
            Frame frame{opcode, payload, fin, reserved};
            for (unsigned char& byte : frame.mask) {
                byte = static_cast<unsigned char>(random());
            }
            bytes += bytes_of(frame);
        };
        const auto maybe_control = [&] {
            while (below(4) == 0) {
                const bool is_ping = below(2) == 0;
                const std::string payload(below(3) == 0 ? below(126) : 0, static_cast<char>(random()));
                send(is_ping ? ping : pong, payload, true, 0);
                expected += (is_ping ? "ping " : "pong ") + payload + "\n";
            }
        };
        for (std::size_t count = 1 + below(4); count != 0; --count) {
            const bool is_text = below(2) == 0;
            std::string message;
            for (std::size_t size = below(10) == 0 ? below(9000) : below(40); size != 0; --size) {
                message +=
                    is_text ? letters[below(letters.size())] : std::string(1, static_cast<char>(random()));
            }
            std::string payload = message;
            const bool compress = below(3) == 0;
            if (compress) {
                payload.clear();
                ASSERT_TRUE(compressor.compress(message, payload));
            }
            maybe_control();
            bool first = true;
            for (std::size_t at = 0;; first = false) {
                const std::size_t size = below(3) == 0 ? payload.size() - at : below(payload.size() - at + 1);
                const bool fin = at + size == payload.size() && below(3) != 0;
                send(!first    ? continuation
                     : is_text ? text
                               : binary,
                     payload.substr(at, size), fin, first && compress ? 4 : 0);
                at += size;
                if (fin) {
                    break;
                }
                maybe_control();
            }
            expected += (is_text ? "text " : "binary ") + message + "\n";
            maybe_control();
        }
        expected += "at rest\n";
        ASSERT_EQ(client_frames::whole(bytes, {}, true), expected);
        ASSERT_EQ(client_frames::transcript(
                      bytes, [&] { return 1 + below(1 + below(3000)); }, {}, true),
                  expected);
        if (bytes.size() < 3000) {
            ASSERT_EQ(client_frames::byte_by_byte(bytes, {}, true), expected);
        }
        // Damaged, the bytes mean something else, but one thing only.
        for (int hits = 3; hits != 0; --hits) {
            bytes[below(bytes.size())] ^= static_cast<char>(1U << below(8));
        }
        const std::string damaged = client_frames::whole(bytes, {}, true);
        ASSERT_EQ(client_frames::transcript(
                      bytes, [&] { return 1 + below(50); }, {}, true),
                  damaged);
    }
}

} // namespace
