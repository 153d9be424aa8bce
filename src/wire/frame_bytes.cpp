#include "wire/frame_bytes.hpp"

#include "wire/error.hpp"

namespace wire {

namespace {

constexpr std::uint16_t absent16 = 0xFFFF;
constexpr std::uint32_t absent32 = 0xFFFFFFFF;

[[noreturn]] void too_long(std::size_t size, std::size_t most) {
    throw Error("54000", "text of " + std::to_string(size) + " bytes is too long for a frame",
                "The format holds at most " + std::to_string(most) + " bytes there.");
}

} // namespace

FrameWriter::FrameWriter(ByteBuffer& out, char kind) : out_(out), start_(out.size()) {
    u32(0);
    out_.append(kind);
}

void FrameWriter::finish() {
    const std::size_t length = out_.size() - start_ - sizeof(std::uint32_t);
    if (length >= absent32) {
        too_long(length, absent32 - 1);
    }
    const std::uint32_t swapped = to_big_endian(static_cast<std::uint32_t>(length));
    out_.overwrite(start_, reinterpret_cast<const char*>(&swapped), sizeof swapped);
}

void FrameWriter::str16(std::string_view text) {
    if (text.size() >= absent16) {
        too_long(text.size(), absent16 - 1);
    }
    u16(static_cast<std::uint16_t>(text.size()));
    out_.append(text);
}

void FrameWriter::str32(std::string_view text) {
    if (text.size() >= absent32) {
        too_long(text.size(), absent32 - 1);
    }
    u32(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
}

void FrameWriter::optional_str16(const std::optional<std::string_view>& text) {
    if (text) {
        str16(*text);
    } else {
        u16(absent16);
    }
}

void FrameWriter::optional_str32(const std::optional<std::string_view>& text) {
    if (text) {
        str32(*text);
    } else {
        u32(absent32);
    }
}

std::uint8_t FrameReader::u8() {
    const std::string_view byte = take(1);
    return ok_ ? static_cast<std::uint8_t>(byte[0]) : std::uint8_t{0};
}

// The length that means absent is no length, also where a text must be: the writer refuses it there, too.
std::string_view FrameReader::str16() {
    const std::optional<std::string_view> text = optional_str16();
    ok_ = ok_ && text.has_value();
    return text.value_or(std::string_view());
}

std::string_view FrameReader::str32() {
    const std::optional<std::string_view> text = optional_str32();
    ok_ = ok_ && text.has_value();
    return text.value_or(std::string_view());
}

std::optional<std::string_view> FrameReader::optional_str16() {
    const std::uint16_t length = u16();
    if (!ok_ || length == absent16) {
        return std::nullopt;
    }
    return take(length);
}

std::optional<std::string_view> FrameReader::optional_str32() {
    const std::uint32_t length = u32();
    if (!ok_ || length == absent32) {
        return std::nullopt;
    }
    return take(length);
}

std::string_view FrameReader::take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
        ok_ = false;
        return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
}

} // namespace wire
