#include "value/numeric.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "wire/digits.hpp"
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

unsigned read_group(const char* at) {
    std::uint16_t group = 0;
    std::memcpy(&group, at, 2);
    return group;
}

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
        return read_group(groups + 2 * index);
    }
};

[[noreturn]] void corrupt(std::size_t length) {
    throw wire::Error("XX001", "stored numeric value is not valid",
                      "The value has " + std::to_string(length) + " bytes.",
                      "Read the row with SELECT; if that fails too, the table is damaged.");
}

unsigned read_header(const char* bytes, std::size_t length) {
    if (length < 2 || length % 2 != 0) {
        corrupt(length);
    }
    std::uint16_t header = 0;
    std::memcpy(&header, bytes, 2);
    return header;
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

// A group of a stored numeric is below 10000; bytes that are not are damaged, and must not lead outside of the table.
char* format_group(char* to, unsigned group) {
    to = wire::format_two_digits(to, group / 100 % 100);
    return wire::format_two_digits(to, group % 100);
}

char* format_leading_group(char* to, unsigned group) {
    if (group >= 1000) {
        return format_group(to, group);
    }
    if (group >= 100) {
        *to++ = static_cast<char>('0' + group / 100);
        return wire::format_two_digits(to, group % 100);
    }
    if (group >= 10) {
        return wire::format_two_digits(to, group);
    }
    *to++ = static_cast<char>('0' + group);
    return to;
}

// One group before the point and up to four digits behind it; a second group may be missing, which is 0.
char* format_small(char* to, const char* groups, std::size_t length, unsigned scale) {
    to = format_leading_group(to, read_group(groups));
    if (scale == 0) {
        return to;
    }
    *to++ = '.';
    format_group(to, length >= 4 ? read_group(groups + 2) : 0);
    return to + scale;
}

char* format_special(char* to, unsigned header, std::size_t length) {
    std::string_view text;
    switch (header & special_mask) {
    case special_nan:
        text = "\"NaN\"";
        break;
    case special_positive_infinity:
        text = "\"Infinity\"";
        break;
    case special_negative_infinity:
        text = "\"-Infinity\"";
        break;
    default:
        corrupt(length);
    }
    return to + text.copy(to, text.size());
}

} // namespace

std::size_t numeric_room(const char* bytes, std::size_t length) {
    const unsigned header = read_header(bytes, length);
    constexpr std::size_t special_room = 16;
    if ((header & sign_mask) == special_form) {
        return special_room;
    }
    const Parts parts = split(header, bytes, length);
    const int whole_groups = parts.weight >= 0 ? parts.weight + 1 : 1;
    // Sign, whole digits, point, and the fraction rounded up to whole groups.
    return static_cast<std::size_t>(whole_groups) * 4 + static_cast<std::size_t>(parts.scale) + 8;
}

char* format_numeric(char* to, const char* bytes, std::size_t length) {
    const unsigned header = read_header(bytes, length);
    // Most numbers: short form, not negative, digits before the point in one group, at most four behind it.
    constexpr unsigned small_mask = sign_mask | 0x2000 | 0x0040 | 0x003F;
    if ((header & small_mask) == short_form && length >= 4) {
        const unsigned scale = (header & 0x1F80) >> 7;
        if (scale <= 4) {
            return format_small(to, bytes + 2, length - 2, scale);
        }
    }
    if ((header & sign_mask) == special_form) {
        return format_special(to, header, length);
    }
    const Parts parts = split(header, bytes, length);
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
    return to;
}

std::optional<std::int64_t> numeric_integer(const char* bytes, std::size_t length) {
    const unsigned header = read_header(bytes, length);
    if ((header & sign_mask) == special_form) {
        return std::nullopt;
    }
    const Parts parts = split(header, bytes, length);
    for (int index = std::max(parts.weight + 1, 0); index < parts.group_count; ++index) {
        if (parts.group(index) != 0) {
            return std::nullopt;
        }
    }
    std::int64_t number = 0;
    constexpr int most_groups = 5; // 10000^5 is beyond the type
    if (parts.weight >= most_groups) {
        return std::nullopt;
    }
    for (int index = 0; index <= parts.weight; ++index) {
        const auto group = static_cast<std::int64_t>(parts.group(index));
        // Towards the sign of the number, because the least one has no positive counterpart.
        if (__builtin_mul_overflow(number, std::int64_t{10000}, &number) ||
            __builtin_add_overflow(number, parts.negative ? -group : group, &number)) {
            return std::nullopt;
        }
    }
    return number;
}

double numeric_double(const char* bytes, std::size_t length) {
    const unsigned header = read_header(bytes, length);
    if ((header & sign_mask) == special_form) {
        const unsigned special = header & special_mask;
        const double infinity = std::numeric_limits<double>::infinity();
        return special == special_positive_infinity   ? infinity
               : special == special_negative_infinity ? -infinity
                                                      : std::numeric_limits<double>::quiet_NaN();
    }
    const Parts parts = split(header, bytes, length);
    // Up to three groups are an integer that a double holds exactly, and one division by an exact power of ten rounds
    // once.
    static constexpr double powers[] = {1, 1e4, 1e8, 1e12, 1e16, 1e20};
    const int behind = parts.group_count - 1 - parts.weight; // groups behind the point
    if (parts.group_count <= 3 && behind <= 5 && behind >= -2) {
        std::int64_t digits = 0;
        for (int index = 0; index < parts.group_count; ++index) {
            digits = digits * 10000 + parts.group(index);
        }
        const auto whole = static_cast<double>(parts.negative ? -digits : digits);
        return behind >= 0 ? whole / powers[behind] : whole * powers[-behind];
    }
    std::string text(numeric_room(bytes, length), '\0');
    const char* const end = format_numeric(text.data(), bytes, length);
    double number = 0;
    if (std::from_chars(text.data(), end, number).ec == std::errc::result_out_of_range) {
        const bool is_small = parts.weight < 0;
        number = is_small ? 0.0 : std::numeric_limits<double>::infinity();
        number = parts.negative ? -number : number;
    }
    return number;
}

void write_numeric(wire::ByteBuffer& out, const char* bytes, std::size_t length) {
    char* to = out.reserve(numeric_room(bytes, length));
    out.advance_to(format_numeric(to, bytes, length));
}

} // namespace value
