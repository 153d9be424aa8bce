// Responses as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace web {

struct Header {
    std::string_view name;
    std::string_view value;
};

// Headers cannot be injected: a header whose name is no token is left out, control bytes in a value become
// spaces. Headers that the writer is responsible for (Connection, Content-Length, Date, Transfer-Encoding)
// are left out of `headers`, too.
struct Response {
    int status = 200;
    std::span<const Header> headers;
    std::string_view body;
    std::string_view date; // format_http_date(); left out when empty
    bool keep_alive = true;
    bool to_head_request = false; // everything but the body is written
};

// Appends the response. With status 204 and 304 there is no body, whatever `body` holds.
void write_response(std::string& out, const Response& response);

// Appends the head of a response whose body is what follows until the connection closes (server-sent events):
// the same bytes go to every client, whatever was sent before. `body`, `keep_alive` and `to_head_request`
// play no part.
void write_stream_head(std::string& out, const Response& response);

// What a client with "Expect: 100-continue" waits for.
inline constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

// "Not Found" for 404; "Unknown" for what has no name here.
std::string_view reason_phrase(int status);

// Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 section 5.6.7), for years 1970 to 9999; other times are moved to
// the nearest end.
std::string format_http_date(std::int64_t unix_seconds);

} // namespace web
