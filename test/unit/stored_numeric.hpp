// Makes the bytes that PostgreSQL stores for a numeric, from decimal text. Written from the description of the format
// only, so that it cannot share a mistake with the code under test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stored {

enum class NumericForm : std::uint8_t { Natural, Long }; // Natural: short whenever PostgreSQL would

inline void add_uint16(std::string& to, unsigned value) {
    to += static_cast<char>(value & 0xff);
    to += static_cast<char>(value >> 8 & 0xff);
}

struct NumericParts {
    bool negative = false;
    int weight = 0;
    int scale = 0;
    std::vector<unsigned> groups; // base 10000, first the most significant
};

inline NumericParts numeric_parts(std::string_view text) {
    NumericParts parts;
    if (!text.empty() && text.front() == '-') {
        parts.negative = true;
        text.remove_prefix(1);
    }
    const std::size_t point = text.find('.');
    std::string whole(text.substr(0, point));
    std::string fraction(point == std::string_view::npos ? std::string_view() : text.substr(point + 1));
    parts.scale = static_cast<int>(fraction.size());
    while (whole.size() % 4 != 0) {
        whole.insert(whole.begin(), '0');
    }
    while (fraction.size() % 4 != 0) {
        fraction += '0';
    }
    parts.weight = static_cast<int>(whole.size() / 4) - 1;
    const std::string digits = whole + fraction;
    for (std::size_t at = 0; at < digits.size(); at += 4) {
        parts.groups.push_back(static_cast<unsigned>(std::stoi(digits.substr(at, 4))));
    }
    while (!parts.groups.empty() && parts.groups.front() == 0) {
        parts.groups.erase(parts.groups.begin());
        --parts.weight;
    }
    while (!parts.groups.empty() && parts.groups.back() == 0) {
        parts.groups.pop_back();
    }
    if (parts.groups.empty()) {
        parts.weight = 0;
        parts.negative = false;
    }
    return parts;
}

// The bytes behind the varlena header.
inline std::string numeric(std::string_view text, NumericForm form = NumericForm::Natural) {
    std::string bytes;
    if (text == "NaN") {
        add_uint16(bytes, 0xC000);
        return bytes;
    }
    if (text == "Infinity") {
        add_uint16(bytes, 0xD000);
        return bytes;
    }
    if (text == "-Infinity") {
        add_uint16(bytes, 0xF000);
        return bytes;
    }
    const NumericParts parts = numeric_parts(text);
    const bool fits_short = parts.scale <= 63 && parts.weight >= -64 && parts.weight <= 63;
    if (fits_short && form == NumericForm::Natural) {
        add_uint16(bytes, 0x8000U | (parts.negative ? 0x2000U : 0U) |
                              static_cast<unsigned>(parts.scale) << 7 |
                              (static_cast<unsigned>(parts.weight) & 0x7fU));
    } else {
        add_uint16(bytes, (parts.negative ? 0x4000U : 0U) | static_cast<unsigned>(parts.scale));
        add_uint16(bytes, static_cast<unsigned>(parts.weight) & 0xffffU);
    }
    for (const unsigned group : parts.groups) {
        add_uint16(bytes, group);
    }
    return bytes;
}

} // namespace stored
