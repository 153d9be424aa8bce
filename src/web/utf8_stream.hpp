// UTF-8 (RFC 3629) that comes in pieces.
#pragma once

#include <cstdint>
#include <string_view>

namespace web {

// Remembers what a character that is not complete yet still needs.
class Utf8Stream {
  public:
    // False as soon as no continuation could make the text UTF-8; then nothing more may be fed.
    bool feed(std::string_view piece);
    // Whether the text may end here.
    bool complete() const { return missing_ == 0; }

  private:
    bool feed_byte(unsigned char byte);

    std::uint8_t missing_ = 0;   // bytes of the character that are still to come
    std::uint8_t lowest_ = 0x80; // what the next one of them may be
    std::uint8_t highest_ = 0xbf;
};

} // namespace web
