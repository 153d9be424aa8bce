// The grammar of one HTTP/1.1 message. Behind it stands Boost.Beast's parser, which only message_parser.cpp
// includes: it compiles slowly. Part of RequestParser, which gives it whole heads and bounded pieces of
// bodies.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "web/error.hpp"
#include "web/request_head.hpp"

namespace web {

class MessageParser {
  public:
    explicit MessageParser(std::size_t most_headers);
    ~MessageParser();
    MessageParser(const MessageParser&) = delete;
    MessageParser& operator=(const MessageParser&) = delete;

    // Reads head.text_, which must be a whole head with the empty line at its end, into the rest of `head`.
    std::optional<Error> read_head(RequestHead& head);

    struct BodyStep {
        std::size_t consumed = 0; // what remains must be given again, with more behind it
        bool complete = false;
        std::optional<Error> error;
    };
    // Appends to `body`, up to `most` bytes in all, what `bytes` hold of it, and stops at the next border
    // between a chunk and its header. Only for heads with a body, until it is complete. Chunked bodies: at
    // least fewest_chunk_bytes at once.
    BodyStep read_body(std::string_view bytes, std::string& body, std::size_t most);

    // The last chunk, "0" and two line ends. No chunked body ends earlier behind a chunk's begin.
    static constexpr std::size_t fewest_chunk_bytes = 5;

  private:
    class Grammar;
    std::unique_ptr<Grammar> grammar_;
};

} // namespace web
