// From HTTP to WebSocket: the server's side of the opening handshake (RFC 6455 section 4.2, RFC 7692 for
// compression).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "web/error.hpp"
#include "web/request_head.hpp"
#include "web/response.hpp"

namespace web {

struct Upgrade {
    std::string accept_key;          // value of Sec-WebSocket-Accept
    bool permessage_deflate = false; // agreed on; both sides compress each message on its own
};

// Whether the request asks for a WebSocket; whether rightly, check_upgrade() says.
bool wants_upgrade(const RequestHead& request);

// Errors: 405 (not GET), 426 (no WebSocket asked for, or a version other than 13), 400 (anything else).
// Subprotocols are not known; a client that asks for one gets none, as RFC 6455 allows. The Origin header is
// not looked at: see Cors::allows(). `offer_compression`: accept permessage-deflate when the client offers it
// in a form that is usable here.
Result<Upgrade> check_upgrade(const RequestHead& request, bool offer_compression);

// The headers that belong to a refusal by check_upgrade(): Allow, or the version and protocol that would do.
std::span<const Header> refusal_headers(const Error& error);

// Appends "101 Switching Protocols". WebSocket frames follow.
void write_upgrade_response(std::string& out, const Upgrade& upgrade);

// base64(SHA-1(key + the GUID of the RFC)).
std::string accept_key_of(std::string_view key);

// Whether one of the client's offers of permessage-deflate can be taken with the answer
// "server_no_context_takeover; client_no_context_takeover". An offer that limits our window cannot: every
// message is compressed once for all clients.
bool acceptable_deflate_offer(std::string_view extensions);

} // namespace web
