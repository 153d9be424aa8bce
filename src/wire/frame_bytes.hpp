// Big-endian integers and counted strings: the letters that frames are spelled with.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "wire/byte_buffer.hpp"

namespace wire {

template <class Integer> Integer to_big_endian(Integer value) {
    static_assert(std::is_unsigned_v<Integer>);
    if constexpr (sizeof(Integer) == 2) {
        return __builtin_bswap16(value);
    } else if constexpr (sizeof(Integer) == 4) {
        return __builtin_bswap32(value);
    } else {
        return __builtin_bswap64(value);
    }
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "frames are byte-swapped for little-endian machines");

// Writes one frame: the length is filled in by finish().
class FrameWriter {
  public:
    FrameWriter(ByteBuffer& out, char kind);
    // Throws wire::Error 54000 when the frame is longer than its length field can say.
    void finish();

    void u8(std::uint8_t value) { out_.append(static_cast<char>(value)); }
    void u16(std::uint16_t value) { integer(value); }
    void u32(std::uint32_t value) { integer(value); }
    void u64(std::uint64_t value) { integer(value); }
    // Throw wire::Error 54000 when the text is longer than the length field can say.
    void str16(std::string_view text);
    void str32(std::string_view text);
    void optional_str16(const std::optional<std::string_view>& text);
    void optional_str32(const std::optional<std::string_view>& text);

  private:
    template <class Integer> void integer(Integer value) {
        const Integer swapped = to_big_endian(value);
        out_.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
    }

    ByteBuffer& out_;
    std::size_t start_;
};

// Reads a frame's body. A read past the end yields zeros and makes ok() false; no length is trusted.
class FrameReader {
  public:
    explicit FrameReader(std::string_view body) : rest_(body) {}

    bool ok() const { return ok_; }
    bool finished() const { return ok_ && rest_.empty(); }
    std::size_t remaining() const { return rest_.size(); }

    std::uint8_t u8();
    std::uint16_t u16() { return integer<std::uint16_t>(); }
    std::uint32_t u32() { return integer<std::uint32_t>(); }
    std::uint64_t u64() { return integer<std::uint64_t>(); }
    std::string_view str16();
    std::string_view str32();
    std::optional<std::string_view> optional_str16();
    std::optional<std::string_view> optional_str32();

  private:
    std::string_view take(std::size_t count);
    template <class Integer> Integer integer() {
        const std::string_view bytes = take(sizeof(Integer));
        Integer value = 0;
        if (ok_) {
            std::memcpy(&value, bytes.data(), sizeof value);
        }
        return to_big_endian(value);
    }

    std::string_view rest_;
    bool ok_ = true;
};

} // namespace wire
