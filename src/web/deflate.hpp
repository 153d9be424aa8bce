// permessage-deflate (RFC 7692 section 7.2) without context takeover: every message is compressed on its own,
// so that one compressed message serves all clients and an idle connection keeps no window.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace web {

// Holds some 260 kB of zlib's state: one for each loop, not for each connection.
class Compressor {
  public:
    // zlib's level, 1 (fast) to 9.
    explicit Compressor(int level = 1);
    ~Compressor();
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    // Appends the payload of a frame with RSV1 set. False, with `out` unchanged, when zlib had no memory:
    // then send the message uncompressed.
    bool compress(std::string_view message, std::string& out);

  private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
    int level_;
};

enum class Inflated : unsigned char { Complete, Malformed, TooLong };

// Appends what a compressed message holds, at most `most` bytes of it, whatever the input promises. Holds
// some 48 kB while it runs. Not Complete: `out` holds what had come until then. Throws std::bad_alloc.
Inflated inflate_message(std::string_view compressed, std::size_t most, std::string& out);

} // namespace web
