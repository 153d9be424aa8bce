#include "value/numeric.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "wire/error.hpp"

namespace value {

namespace {

// Header bits of a stored numeric: two sign bits, of which 11 means special and 10 means the short form that packs
// scale and weight into the same 16 bits.
constexpr unsigned sign_mask = 0xC000;
constexpr unsigned negative_sign = 0x4000;
constexpr unsigned short_form = 0x8000;
constexpr unsigned special_form = 0xC000;
constexpr unsigned special_mask = 0xF000;
constexpr unsigned special_nan = 0xC000;
constexpr unsigned special_positive_infinity = 0xD000;
constexpr unsigned special_negative_infinity = 0xF000;

struct Parts {
    bool negative;
    int weight; // of the first digit group, as a power of 10000
    int scale;  // decimal digits behind the point
    const char* groups;
    int group_count;

    unsigned group(int index) const {
        if (index < 0 || index >= group_count) {
            return 0;
        }
        std::uint16_t digits = 0;
        std::memcpy(&digits, groups + 2 * index, 2);
        return digits;
    }
};

[[noreturn]] void corrupt(std::size_t length) {
    throw wire::Error("XX001", "stored numeric value is not valid",
                      "The value has " + std::to_string(length) + " bytes.",
                      "Read the row with SELECT; if that fails too, the table is damaged.");
}

Parts split(unsigned header, const char* bytes, std::size_t length) {
    Parts parts{};
    std::size_t head = 2;
    if ((header & sign_mask) == short_form) {
        parts.negative = (header & 0x2000) != 0;
        parts.scale = static_cast<int>((header & 0x1F80) >> 7);
        parts.weight = static_cast<int>(header & 0x003F) - ((header & 0x0040) != 0 ? 64 : 0);
    } else {
        if (length < 4) {
            corrupt(length);
        }
        std::int16_t weight = 0;
        std::memcpy(&weight, bytes + 2, 2);
        parts.negative = (header & sign_mask) == negative_sign;
        parts.scale = static_cast<int>(header & 0x3FFF);
        parts.weight = weight;
        head = 4;
    }
    parts.groups = bytes + head;
    parts.group_count = static_cast<int>((length - head) / 2);
    return parts;
}

char* format_group(char* to, unsigned group) {
    to[0] = static_cast<char>('0' + group / 1000 % 10);
    to[1] = static_cast<char>('0' + group / 100 % 10);
    to[2] = static_cast<char>('0' + group / 10 % 10);
    to[3] = static_cast<char>('0' + group % 10);
    return to + 4;
}

char* format_leading_group(char* to, unsigned group) {
    char digits[4];
    format_group(digits, group);
    int skip = 0;
    while (skip < 3 && digits[skip] == '0') {
        ++skip;
    }
    std::memcpy(to, digits + skip, static_cast<std::size_t>(4 - skip));
    return to + 4 - skip;
}

} // namespace

void write_numeric(wire::ByteBuffer& out, const char* bytes, std::size_t length) {
    if (length < 2) {
        corrupt(length);
    }
    std::uint16_t header = 0;
    std::memcpy(&header, bytes, 2);
    if ((header & sign_mask) == special_form) {
        switch (header & special_mask) {
        case special_nan:
            out.append(std::string_view("\"NaN\""));
            return;
        case special_positive_infinity:
            out.append(std::string_view("\"Infinity\""));
            return;
        case special_negative_infinity:
            out.append(std::string_view("\"-Infinity\""));
            return;
        default:
            corrupt(length);
        }
    }
    const Parts parts = split(header, bytes, length);
    const int whole_groups = parts.weight >= 0 ? parts.weight + 1 : 1;
    // Sign, whole digits, point, and the fraction rounded up to whole groups.
    char* to = out.reserve(static_cast<std::size_t>(whole_groups) * 4 +
                           static_cast<std::size_t>(parts.scale) + 8);
    if (parts.negative) {
        *to++ = '-';
    }
    if (parts.weight < 0) {
        *to++ = '0';
    } else {
        to = format_leading_group(to, parts.group(0));
        for (int index = 1; index <= parts.weight; ++index) {
            to = format_group(to, parts.group(index));
        }
    }
    if (parts.scale > 0) {
        *to++ = '.';
        char* const end = to + parts.scale;
        for (int index = parts.weight + 1; to < end; ++index) {
            to = format_group(to, parts.group(index));
        }
        to = end;
    }
    out.advance_to(to);
}

} // namespace value
