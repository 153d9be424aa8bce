// Bytes of an HTTP/1.1 connection to requests, without the connection.
//
// The loop for one connection, `rest` being the bytes that came:
//
//   for (;;) {
//       auto [step, consumed] = parser.feed(rest);   // stops behind each step
//       rest.remove_prefix(consumed);
//       NeedMore:     all bytes are used, wait for more; the first time behind a head that expects_continue(),
//                     write "100 Continue" before that
//       HeadComplete: look at head(); set_body_limit(); or take an upgrade: `rest` is then the first WebSocket bytes;
//                     else feed the rest, also when it is empty
//       BodyComplete: answer, reset(), go on with the rest: the next request
//       Failed:       answer error() and close: where the next request begins is not known any more
//   }
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "web/error.hpp"
#include "web/request_head.hpp"

namespace web {

struct RequestLimits {
    std::size_t head_bytes = 16 * 1024; // request line and headers with their line ends; below 4 GB
    std::size_t header_count = 100;
    std::size_t body_bytes = 1024 * 1024; // decoded; set_body_limit() changes it for one request
};

// Steps and errors depend on the bytes alone, not on how they are cut into pieces.
//
// Refused, because servers and proxies differ on it (request smuggling): Content-Length together with
// Transfer-Encoding, either of them twice, codings other than "chunked", folded headers, spaces before a
// colon, line ends other than CR LF, control bytes. One empty line before a request is skipped (RFC 9112
// section 2.2). Statuses of errors: 400 malformed, 413 body too long, 414 request line too long, 417, 431
// headers too long or too many, 501 unknown method or transfer coding, 505 another version of HTTP.
//
// Memory: nothing but the object itself (below 64 bytes) while idle(); else the head, the body up to its
// limit (its buffer may be twice that), a grammar of some 200 bytes and, in chunked bodies, up to
// longest_chunk_header. Throws nothing but std::bad_alloc. Not thread-safe.
class RequestParser {
  public:
    explicit RequestParser(const RequestLimits& limits);
    ~RequestParser();
    RequestParser(RequestParser&&) noexcept;
    RequestParser& operator=(RequestParser&&) noexcept;

    enum class Step : unsigned char { NeedMore, HeadComplete, BodyComplete, Failed };
    struct Fed {
        Step step = Step::NeedMore;
        std::size_t consumed = 0;
    };
    Fed feed(std::string_view bytes);

    // Nothing of a request has come since the beginning or the last reset().
    bool idle() const { return request_ == nullptr; }
    // From HeadComplete until reset(), also when the body failed.
    bool has_head() const;
    const RequestHead& head() const;
    // Between HeadComplete and the next feed(), which answers 413 at once when the client announced more.
    void set_body_limit(std::size_t bytes);
    // From BodyComplete until reset().
    std::string_view body() const;
    std::string take_body();
    // After Failed.
    const Error& error() const;

    // Forgets the request and frees all of its memory.
    void reset();

    // A chunk's size with its extensions, and the last chunk with the trailers, must fit into this.
    static constexpr std::size_t longest_chunk_header = 4096;

  private:
    struct Request;

    Fed feed_head(std::string_view bytes);
    Fed feed_body(std::string_view bytes);
    Fed feed_chunks(std::string_view bytes);
    Fed fail(Error error);

    RequestLimits limits_;
    std::unique_ptr<Request> request_;
};

} // namespace web
