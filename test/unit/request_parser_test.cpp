#include "web/request_parser.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "request_transcript.hpp"

using Step = web::RequestParser::Step;

namespace {

// A request of these lines, which get their line ends here, and the empty line.
std::string lines(const std::vector<std::string>& texts, const std::string& body = {}) {
    std::string request;
    for (const std::string& text : texts) {
        request += text + "\r\n";
    }
    return request + "\r\n" + body;
}

// The status that the bytes are refused with, however they are cut; 0 when they are not refused.
int refusal(const std::string& bytes, const web::RequestLimits& limits = {}) {
    const std::string whole = request_transcript::whole(bytes, limits);
    EXPECT_EQ(request_transcript::byte_by_byte(bytes, limits), whole) << bytes;
    for (std::size_t cut = 1; cut < bytes.size() && bytes.size() < 600; ++cut) {
        bool first = true;
        const auto two_pieces = [&] {
            const std::size_t size = first ? cut : bytes.size();
            first = false;
            return size;
        };
        EXPECT_EQ(request_transcript::of(bytes, two_pieces, limits), whole) << "cut at " << cut << "\n"
                                                                            << bytes;
    }
    const std::size_t at = whole.rfind("failed ");
    return at == std::string::npos ? 0 : std::stoi(whole.substr(at + 7));
}

TEST(RequestParser, SplitsTheTargetAndFindsHeadersWhateverTheirCase) {
    web::RequestParser parser({});
    const std::string bytes =
        lines({"GET /realtime/v1/websocket?apikey=k%20y&vsn=2.0.0?x HTTP/1.1", "Host: a.example",
               "X-Many: one", "Accept:  spaces inside \t ", "x-many: two", "Empty:"});
    const auto fed = parser.feed(bytes);
    ASSERT_EQ(fed.step, Step::HeadComplete);
    EXPECT_EQ(fed.consumed, bytes.size());
    const web::RequestHead& head = parser.head();
    EXPECT_EQ(head.method(), web::Method::Get);
    EXPECT_EQ(head.path(), "/realtime/v1/websocket");
    EXPECT_EQ(head.query(), "apikey=k%20y&vsn=2.0.0?x");
    EXPECT_EQ(head.header("HOST"), "a.example");
    EXPECT_EQ(head.header("accept"), "spaces inside");
    EXPECT_EQ(head.header("empty"), "");
    EXPECT_EQ(head.header("X-MANY"), "one");
    EXPECT_EQ(head.count("x-Many"), 2U);
    EXPECT_TRUE(head.header_has("x-many", "TWO"));
    EXPECT_FALSE(head.header_has("x-many", "three"));
    EXPECT_EQ(head.header("missing"), std::nullopt);
    EXPECT_TRUE(head.keep_alive());
    EXPECT_FALSE(head.has_body());
    EXPECT_EQ(parser.feed("").step, Step::BodyComplete);
    EXPECT_EQ(parser.body(), "");
}

TEST(RequestParser, KeepsItsHeadWhenMoved) {
    web::RequestParser first({});
    const std::string bytes = lines({"GET /a?b HTTP/1.1", "Host: h"});
    ASSERT_EQ(first.feed(bytes).step, Step::HeadComplete);
    web::RequestParser second(std::move(first));
    EXPECT_EQ(second.head().path(), "/a");
    EXPECT_EQ(second.head().query(), "b");
    EXPECT_EQ(second.head().header("host"), "h");
}

TEST(RequestParser, StopsBehindTheHeadSoThatTheRestIsTheWebSockets) {
    web::RequestParser parser({});
    const std::string head =
        lines({"GET / HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: Upgrade"});
    const auto fed = parser.feed(head + std::string("\x81\x80\0\0\0\0", 6));
    EXPECT_EQ(fed.step, Step::HeadComplete);
    EXPECT_EQ(fed.consumed, head.size());
}

TEST(RequestParser, ReadsBodiesOfBothForms) {
    const std::string counted = lines({"POST /a HTTP/1.1", "Host: h", "Content-Length: 11"}, "hello world");
    const std::string chunked =
        lines({"POST /b HTTP/1.1", "Host: h", "transfer-encoding: Chunked"},
              "5;name=\"v;\\\" x\"\r\nhello\r\n06 ; a\r\n world\r\n0;last\r\nTrailer: t\r\n\r\n");
    const std::string empty =
        lines({"POST /c HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"}, "0\r\n\r\n");
    const std::string none = lines({"POST /d HTTP/1.1", "Host: h", "Content-Length: 0"});
    const std::string text = request_transcript::whole(counted + chunked + empty + none);
    EXPECT_EQ(text, "head 2 1.1 /a ?  keep\nHost=h\nContent-Length=11\nbody hello world\n"
                    "head 2 1.1 /b ?  keep chunked\nHost=h\ntransfer-encoding=Chunked\nbody hello world\n"
                    "head 2 1.1 /c ?  keep chunked\nHost=h\nTransfer-Encoding=chunked\nbody \n"
                    "head 2 1.1 /d ?  keep\nHost=h\nContent-Length=0\nbody \nidle\n");
    EXPECT_EQ(refusal(counted + chunked + empty + none), 0);
}

TEST(RequestParser, AcceptsTheFormsThatAreAllowed) {
    const std::vector<std::string> good = {
        lines({"OPTIONS * HTTP/1.1", "Host: h"}),
        lines({"OPTIONS /a HTTP/1.1", "Host: h"}),
        lines({"GET http://a.example/path?q HTTP/1.1", "Host: a.example"}),
        lines({"GET HTTPS://a.example/ HTTP/1.1", "Host: a.example"}),
        lines({"HEAD / HTTP/1.0"}),
        lines({"PUT / HTTP/1.1", "Host:"}),
        "\r\n" + lines({"DELETE / HTTP/1.1", "Host: h"}),
        lines({"PATCH /%00 HTTP/1.1", "Host: h", "!#$%&'*+-.^_`|~09azAZ: \x80\xff tab\there"}),
        lines({"GET / HTTP/1.1", "Host: h", "Content-Length: 0003"}, "abc"),
        lines({"GET / HTTP/1.1", "Host: h", "Connection: keep-alive, Upgrade"}),
    };
    for (const std::string& request : good) {
        EXPECT_EQ(refusal(request), 0) << request;
        EXPECT_EQ(refusal(request + request), 0) << request;
    }
    EXPECT_NE(request_transcript::whole(good[2]).find("/path ? q keep"), std::string::npos);
}

struct Bad {
    const char* why;
    int status;
    std::string bytes;
};

std::string with_field(const std::string& field) {
    return lines({"POST / HTTP/1.1", "Host: h", field}, "0\r\n\r\n");
}

std::string with_chunks(const std::string& chunks) {
    return lines({"POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"}, chunks);
}

TEST(RequestParser, RefusesWhatIsMalformedOrUnknown) {
    const std::vector<Bad> table = {
        {"bytes of TLS", 400, std::string("\x16\x03\x01\x02\0", 5)},
        {"no method", 400, lines({" / HTTP/1.1", "Host: h"})},
        {"no target", 400, lines({"GET  HTTP/1.1", "Host: h"})},
        {"two spaces", 400, lines({"GET  / HTTP/1.1", "Host: h"})},
        {"no version", 400, lines({"GET /", "Host: h"})},
        {"space in target", 400, lines({"GET /a b HTTP/1.1", "Host: h"})},
        {"fragment", 400, lines({"GET /a#b HTTP/1.1", "Host: h"})},
        {"raw UTF-8", 400, lines({"GET /\xc3\xbc HTTP/1.1", "Host: h"})},
        {"relative", 400, lines({"GET a HTTP/1.1", "Host: h"})},
        {"asterisk", 400, lines({"GET * HTTP/1.1", "Host: h"})},
        {"no authority", 400, lines({"GET http:///a HTTP/1.1", "Host: h"})},
        {"other scheme", 400, lines({"GET ftp://a/ HTTP/1.1", "Host: h"})},
        {"space behind version", 400, lines({"GET / HTTP/1.1 ", "Host: h"})},
        {"other protocol", 400, lines({"GET / HTTQ/1.1", "Host: h"})},
        {"version without digits", 400, lines({"GET / HTTP/x.y", "Host: h"})},
        {"HTTP/2", 505, lines({"GET / HTTP/2.0", "Host: h"})},
        {"preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {"HTTP/0.9", 505, lines({"GET / HTTP/0.9"})},
        {"HTTP/1.2", 505, lines({"GET / HTTP/1.2", "Host: h"})},
        {"unknown method", 501, lines({"BREW / HTTP/1.1", "Host: h"})},
        {"methods have a case", 501, lines({"get / HTTP/1.1", "Host: h"})},
        {"tunnel", 501, lines({"CONNECT a:80 HTTP/1.1", "Host: h"})},
        {"no Host", 400, lines({"GET / HTTP/1.1"})},
        {"two Hosts", 400, lines({"GET / HTTP/1.1", "Host: a", "host: a"})},
        {"no colon", 400, with_field("Field")},
        {"no name", 400, with_field(": value")},
        {"space in name", 400, with_field("Fie ld: value")},
        {"space before colon", 400, with_field("Field : value")},
        {"name of other letters", 400, with_field("F\xc3\xbc: value")},
        {"brackets", 400, with_field("F(x): value")},
        {"NUL in name", 400, with_field(std::string("F\0: value", 9))},
        {"NUL in value", 400, with_field(std::string("F: va\0lue", 9))},
        {"control byte", 400, with_field("F: va\x01lue")},
        {"delete", 400, with_field("F: va\x7flue")},
        {"line feed alone", 400, with_field("F: v\nG: w")},
        {"carriage return alone", 400, with_field("F: v\rG: w")},
        {"two carriage returns", 400, with_field("F: v\r")},
        {"folded header", 400, with_field("F: v\r\n w")},
        {"folded by a tab", 400, with_field("F: v\r\n\tw")},
        {"first header folded", 400, "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
        {"line feeds only", 400, "GET / HTTP/1.1\nHost: h\n\n"},
        {"two empty lines before", 400, "\r\n\r\n" + lines({"GET / HTTP/1.1", "Host: h"})},
        {"unknown expectation", 417, with_field("Expect: the-unexpected")},
        {"malformed Connection", 400, with_field("Connection: a b")},
    };
    for (const Bad& bad : table) {
        EXPECT_EQ(refusal(bad.bytes), bad.status) << bad.why << "\n" << request_transcript::whole(bad.bytes);
    }
}

// What has been used to make two servers disagree on where a request ends.
TEST(RequestParser, RefusesRequestSmuggling) {
    const std::vector<Bad> table = {
        {"both lengths", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Content-Length: 5", "Transfer-Encoding: chunked"},
               "0\r\n\r\n")},
        {"both, other order", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Content-Length: 5"},
               "0\r\n\r\n")},
        {"two lengths", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Content-Length: 5", "Content-Length: 6"}, "hello!")},
        {"two equal lengths", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Content-Length: 5", "content-length: 5"}, "hello")},
        {"list of lengths", 400, with_field("Content-Length: 5, 5")},
        {"plus sign", 400, with_field("Content-Length: +5")},
        {"minus sign", 400, with_field("Content-Length: -5")},
        {"hexadecimal", 400, with_field("Content-Length: 0x5")},
        {"fraction", 400, with_field("Content-Length: 5.0")},
        {"empty length", 400, with_field("Content-Length:")},
        {"space inside", 400, with_field("Content-Length: 1 5")},
        {"overflow", 400, with_field("Content-Length: 18446744073709551621")},
        {"name with a space", 400, with_field("Content-Length : 5")},
        {"name with a tab", 400, with_field("Transfer-Encoding\t: chunked")},
        {"two codings", 501, with_field("Transfer-Encoding: gzip, chunked")},
        {"chunked not last", 501, with_field("Transfer-Encoding: chunked, identity")},
        {"chunked twice", 501, with_field("Transfer-Encoding: chunked, chunked")},
        {"two headers", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"},
               "0\r\n\r\n")},
        {"second header", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"},
               "0\r\n\r\n")},
        {"other coding first", 400,
         lines({"POST / HTTP/1.1", "Host: h", "Transfer-Encoding: identity", "Transfer-Encoding: chunked"},
               "0\r\n\r\n")},
        {"quoted", 501, with_field("Transfer-Encoding: \"chunked\"")},
        {"vertical tab", 400,
         with_field("Transfer-Encoding: \x0b"
                    "chunked")},
        {"empty coding", 501, with_field("Transfer-Encoding:")},
        {"unknown coding", 501, with_field("Transfer-Encoding: xchunked")},
        {"parameter", 501, with_field("Transfer-Encoding: chunked;q=1")},
        {"chunked in HTTP/1.0", 400, lines({"POST / HTTP/1.0", "Transfer-Encoding: chunked"}, "0\r\n\r\n")},
        {"chunk size with sign", 400, with_chunks("+5\r\nhello\r\n0\r\n\r\n")},
        {"chunk size with 0x", 400, with_chunks("0x5\r\nhello\r\n0\r\n\r\n")},
        {"space before chunk size", 400, with_chunks(" 5\r\nhello\r\n0\r\n\r\n")},
        {"empty chunk size", 400, with_chunks("\r\nhello\r\n0\r\n\r\n")},
        {"overflowing chunk size", 400, with_chunks("10000000000000005\r\nhello\r\n0\r\n\r\n")},
        {"chunk longer than said", 400, with_chunks("4\r\nhello\r\n0\r\n\r\n")},
        {"chunk shorter than said", 400, with_chunks("6\r\nhello\r\n0\r\n\r\n")},
        {"line feed behind chunk", 400, with_chunks("5\r\nhello\n0\r\n\r\n")},
        {"line feed behind size", 400, with_chunks("5\nhello\r\n0\r\n\r\n")},
        {"carriage return behind size", 400, with_chunks("5\rX\r\nhello\r\n0\r\n\r\n")},
        {"line feed in extension", 400, with_chunks("5;a\nhello\r\n0\r\n\r\n")},
        {"nothing behind semicolon", 400, with_chunks("5;\r\nhello\r\n0\r\n\r\n")},
        {"open quotes", 400, with_chunks("5;a=\"b\r\nhello\r\n0;c=\"\r\n\r\n")},
        {"line end in quotes", 400, with_chunks("5;a=\"b\r\nc\"\r\nhello\r\n0\r\n\r\n")},
        {"trailer without a colon", 400, with_chunks("0\r\nTrailer\r\n\r\n")},
        {"trailer that sets a length", 400, with_chunks("0\r\nContent-Length: 5\r\n\r\n")},
    };
    for (const Bad& bad : table) {
        EXPECT_EQ(refusal(bad.bytes), bad.status) << bad.why << "\n" << request_transcript::whole(bad.bytes);
    }
}

// A chunk that does not end where it should is judged by as many bytes when they come with the chunk as when
// they come alone.
TEST(RequestParser, JudgesTheEndOfAChunkAlikeHoweverItCame) {
    for (std::size_t junk = 0; junk < 8; ++junk) {
        const std::string bytes = with_chunks("4\r\nabcd" + std::string(junk, 'x'));
        EXPECT_EQ(refusal(bytes), junk < 5 ? 0 : 400) << junk;
    }
}

TEST(RequestParser, HoldsItsLimits) {
    web::RequestLimits limits;
    limits.head_bytes = 100;
    limits.header_count = 3;
    limits.body_bytes = 10;
    const auto of_size = [](std::size_t size) {
        const std::string begin = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
        return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
    };
    EXPECT_EQ(refusal(of_size(100), limits), 0);
    EXPECT_EQ(refusal(of_size(101), limits), 431);
    EXPECT_EQ(refusal(of_size(3000), limits), 431);
    EXPECT_EQ(refusal(lines({"GET /" + std::string(200, 'a') + " HTTP/1.1", "Host: h"}), limits), 414);
    EXPECT_EQ(refusal(lines({"GET / HTTP/1.1", "Host: h", "A: a", "B: b"}), limits), 0);
    EXPECT_EQ(refusal(lines({"GET / HTTP/1.1", "Host: h", "A: a", "B: b", "C: c"}), limits), 431);

    EXPECT_EQ(refusal(lines({"PUT / HTTP/1.1", "Host: h", "Content-Length: 10"}, "0123456789"), limits), 0);
    EXPECT_EQ(refusal(lines({"PUT / HTTP/1.1", "Host: h", "Content-Length: 11"}, "0123456789a"), limits),
              413);
    EXPECT_EQ(refusal(with_chunks("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), limits), 0);
    EXPECT_EQ(refusal(with_chunks("5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n"), limits), 413);
    EXPECT_EQ(refusal(with_chunks("ffffffffffffffff\r\n0123456789abc"), limits), 413);

    const std::size_t longest = web::RequestParser::longest_chunk_header;
    EXPECT_EQ(refusal(with_chunks("1;" + std::string(longest - 10, 'x') + "\r\na\r\n0\r\n\r\n"), limits), 0);
    EXPECT_EQ(refusal(with_chunks("1;" + std::string(longest, 'x') + "\r\na\r\n0\r\n\r\n"), limits), 400);
    EXPECT_EQ(refusal(with_chunks("0\r\nA: " + std::string(longest, 'x') + "\r\n\r\n"), limits), 400);
    EXPECT_EQ(refusal(with_chunks(std::string(longest + 1, '0')), limits), 400);
}

TEST(RequestParser, LetsTheBodyLimitDependOnTheHead) {
    const std::string head =
        lines({"POST /a HTTP/1.1", "Host: h", "Content-Length: 20", "Expect: 100-continue"});
    web::RequestParser parser({});
    ASSERT_EQ(parser.feed(head).step, Step::HeadComplete);
    EXPECT_TRUE(parser.head().expects_continue());
    parser.set_body_limit(19);
    EXPECT_EQ(parser.feed("").step, Step::Failed) << "before the body is asked for";
    EXPECT_EQ(parser.error().status, 413);
    EXPECT_TRUE(parser.has_head());
    EXPECT_EQ(parser.head().path(), "/a");

    parser.reset();
    EXPECT_FALSE(parser.has_head());
    ASSERT_EQ(parser.feed(head).step, Step::HeadComplete);
    parser.set_body_limit(20);
    EXPECT_EQ(parser.feed("").step, Step::NeedMore);
    EXPECT_EQ(parser.feed(std::string(20, 'x')).step, Step::BodyComplete);
    EXPECT_EQ(parser.take_body(), std::string(20, 'x'));
}

TEST(RequestParser, KnowsWhoWaitsForContinueAndWhoKeepsTheConnection) {
    const auto head_text = [](const std::vector<std::string>& texts) {
        return request_transcript::whole(lines(texts));
    };
    const auto has = [](const std::string& text, const char* word) {
        return text.find(word) != std::string::npos;
    };
    EXPECT_FALSE(has(head_text({"GET / HTTP/1.1", "Host: h", "Expect: 100-continue"}), " expect"));
    EXPECT_TRUE(has(head_text({"PUT / HTTP/1.1", "Host: h", "Expect: 100-Continue", "Content-Length: 1"}),
                    " expect"));
    EXPECT_FALSE(has(head_text({"PUT / HTTP/1.0", "Expect: 100-continue", "Content-Length: 1"}), " expect"));
    EXPECT_TRUE(has(head_text({"GET / HTTP/1.0"}), " close"));
    EXPECT_TRUE(has(head_text({"GET / HTTP/1.0", "Connection: Keep-Alive"}), " keep"));
    EXPECT_TRUE(
        has(head_text({"GET / HTTP/1.1", "Host: h", "Connection: x", "Connection: y, Close"}), " close"));
}

TEST(RequestParser, KeepsNothingAtRest) {
    web::RequestParser parser({});
    EXPECT_LE(sizeof parser, 64U);
    EXPECT_TRUE(parser.idle());
    EXPECT_EQ(parser.feed("").step, Step::NeedMore);
    EXPECT_TRUE(parser.idle());
    parser.feed("G");
    EXPECT_FALSE(parser.idle());
    parser.reset();
    EXPECT_TRUE(parser.idle());
    EXPECT_EQ(parser.feed("\x01").step, Step::Failed);
    EXPECT_EQ(parser.feed("GET / HTTP/1.1\r\n").step, Step::Failed) << "a connection does not recover";
}

TEST(RequestParser, CutsWhatItShowsInErrors) {
    const std::string text =
        request_transcript::whole(lines({std::string(5000, 'B') + " / HTTP/1.1", "Host: h"}));
    EXPECT_EQ(text, "failed 501 method \"" + std::string(100, 'B') + "...\" is not known here\n");
}

// Random requests in a row, good and bad: neither the cuts nor what stands before or behind may matter.
TEST(RequestParser, DependsOnTheBytesAloneNotOnHowTheyAreCut) {
    std::mt19937 random(20'261'123);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
    const std::vector<std::string> pieces = {"GET ",
                                             "POST ",
                                             "/",
                                             "?",
                                             " HTTP/1.1\r\n",
                                             "Host: h\r\n",
                                             "\r\n",
                                             "\r",
                                             "\n",
                                             "Transfer-Encoding: chunked\r\n",
                                             "Content-Length: 5\r\n",
                                             "0\r\n",
                                             "5\r\n",
                                             "hello",
                                             "\r\n0\r\n\r\n",
                                             ";a=b",
                                             "x",
                                             ":",
                                             " "};
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes;
        for (std::size_t count = below(4); count != 0; --count) {
            switch (below(3)) {
            case 0:
                bytes += lines({"GET /" + std::string(below(30), 'p') + " HTTP/1.1", "Host: h",
                                "N: " + std::string(below(50), 'v')});
                break;
            case 1: {
                const std::string body(below(200), 'b');
                bytes += lines(
                    {"POST / HTTP/1.1", "Host: h", "Content-Length: " + std::to_string(body.size())}, body);
                break;
            }
            default: {
                std::string chunks;
                for (std::size_t chunk = below(4); chunk != 0; --chunk) {
                    const std::size_t size = 1 + below(15);
                    chunks += std::string(1, "0123456789abcdef"[size]) + (below(2) == 0 ? "" : ";e=1") +
                              "\r\n" + std::string(size, 'c') + "\r\n";
                }
                bytes += with_chunks(chunks + "0\r\n" + (below(2) == 0 ? "T: t\r\n" : "") + "\r\n");
                break;
            }
            }
        }
        for (std::size_t count = below(3); count != 0; --count) { // damage
            bytes.insert(below(bytes.size() + 1), pieces[below(pieces.size())]);
        }
        const std::string whole = request_transcript::whole(bytes);
        ASSERT_EQ(request_transcript::byte_by_byte(bytes), whole) << bytes;
        ASSERT_EQ(request_transcript::of(bytes, [&] { return 1 + below(20); }), whole) << bytes;
    }
}

} // namespace
