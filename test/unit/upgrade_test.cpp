#include "web/upgrade.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "request_of.hpp"

namespace {

using Lines = std::vector<std::string>;

const std::string key_of_the_rfc = "dGhlIHNhbXBsZSBub25jZQ==";

Lines handshake() {
    return {"Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: " + key_of_the_rfc,
            "Origin: http://example.com",
            "Sec-WebSocket-Protocol: chat, superchat",
            "Sec-WebSocket-Version: 13"};
}

Lines with(Lines lines, std::size_t index, const std::string& line) {
    lines[index] = line;
    return lines;
}

// 0 when the upgrade is accepted.
int status_of(const web::RequestHead& request) {
    const auto result = web::check_upgrade(request, true);
    const auto* error = std::get_if<web::Error>(&result);
    return error == nullptr ? 0 : error->status;
}

// The example of RFC 6455 sections 1.2 and 1.3. The subprotocol is ours to ignore.
TEST(Upgrade, AnswersTheHandshakeOfTheRfc) {
    const auto request = request_of(handshake(), "GET /chat HTTP/1.1");
    EXPECT_TRUE(web::wants_upgrade(request));
    const auto result = web::check_upgrade(request, true);
    ASSERT_TRUE(std::holds_alternative<web::Upgrade>(result));
    std::string out;
    web::write_upgrade_response(out, std::get<web::Upgrade>(result));
    EXPECT_EQ(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST(Upgrade, AcceptsWhatBrowsersAndProxiesSend) {
    EXPECT_EQ(status_of(request_of(with(handshake(), 0, "UPGRADE: WebSocket"))), 0);
    EXPECT_EQ(status_of(request_of(with(handshake(), 0, "Upgrade: h2c, websocket"))), 0);
    EXPECT_EQ(status_of(request_of(with(handshake(), 1, "Connection: keep-alive, upgrade"))), 0);
}

TEST(Upgrade, RefusesEachMistakeWithItsStatus) {
    EXPECT_EQ(status_of(request_of(handshake(), "POST / HTTP/1.1")), 405);
    EXPECT_EQ(status_of(request_of({})), 426);
    EXPECT_EQ(status_of(request_of(with(handshake(), 0, "Upgrade: websockets"))), 426);
    EXPECT_EQ(status_of(request_of(handshake(), "GET / HTTP/1.0")), 400);
    EXPECT_EQ(status_of(request_of(with(handshake(), 1, "Connection: keep-alive"))), 400);
    EXPECT_EQ(status_of(request_of(with(handshake(), 5, "X: y"))), 426);
    EXPECT_EQ(status_of(request_of(with(handshake(), 5, "Sec-WebSocket-Version: 8"))), 426);
    EXPECT_EQ(status_of(request_of(with(handshake(), 5, "Sec-WebSocket-Version: 13, 8"))), 426);
    EXPECT_EQ(status_of(request_of(with(handshake(), 3, "Sec-WebSocket-Version: 13"))), 426);
    EXPECT_EQ(status_of(request_of(with(handshake(), 3, "Content-Length: 1"))), 400);
    for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=a",
                            "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ===",
                            "dGhlIHNhbXBsZSBub2 jZQ==", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZSE="}) {
        EXPECT_EQ(status_of(request_of(with(handshake(), 2, std::string("Sec-WebSocket-Key: ") + key))), 400)
            << key;
    }
    EXPECT_EQ(status_of(request_of(with(handshake(), 2, "X: y"))), 400);
    EXPECT_EQ(status_of(request_of(with(handshake(), 3, "Sec-WebSocket-Key: " + key_of_the_rfc))), 400);
}

TEST(Upgrade, TellsTheRefusedWhatWouldDo) {
    const auto named = [](int status, std::string_view name) -> std::string {
        for (const web::Header& header : web::refusal_headers({status, ""})) {
            if (header.name == name) {
                return std::string(header.value);
            }
        }
        return "";
    };
    EXPECT_EQ(named(426, "Sec-WebSocket-Version"), "13");
    EXPECT_EQ(named(426, "Upgrade"), "websocket");
    EXPECT_EQ(named(405, "Allow"), "GET");
    EXPECT_TRUE(web::refusal_headers({400, ""}).empty());
}

TEST(DeflateOffer, IsTakenWhenItLeavesTheWindowsToUs) {
    for (const char* offer :
         {"permessage-deflate", "permessage-deflate; client_max_window_bits",
          "Permessage-Deflate;server_no_context_takeover ; client_no_context_takeover",
          "permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=\"15\"",
          "x-other; y=\"a, permessage-deflate\", permessage-deflate",
          "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits"}) {
        EXPECT_TRUE(web::acceptable_deflate_offer(offer)) << offer;
    }
    for (const char* offer :
         {"", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=10",
          "permessage-deflate; server_max_window_bits", "permessage-deflate; unknown",
          "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16",
          "permessage-deflate; client_max_window_bits=08",
          "permessage-deflate; client_max_window_bits=", "permessage-deflate; server_no_context_takeover=1",
          "permessage-deflate; client_max_window_bits; client_max_window_bits", "permessage-deflate;",
          "y=\"a, permessage-deflate\"", "y=\"a, permessage-deflate"}) {
        EXPECT_FALSE(web::acceptable_deflate_offer(offer)) << offer;
    }
}

TEST(DeflateOffer, IsAnsweredOnlyWhenCompressionIsOn) {
    const auto request = request_of(
        with(handshake(), 4, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"));
    for (const bool enabled : {false, true}) {
        const auto result = web::check_upgrade(request, enabled);
        std::string out;
        web::write_upgrade_response(out, std::get<web::Upgrade>(result));
        const std::string answer =
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
            "client_no_context_takeover\r\n\r\n";
        EXPECT_EQ(out.size() > answer.size() && out.substr(out.size() - answer.size()) == answer, enabled);
    }
}

} // namespace
