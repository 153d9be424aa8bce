#include "protocol/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace protocol {

namespace {

constexpr std::size_t longest = 32; // our names are shorter

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
}

// How many letters have to be inserted, removed, replaced or swapped with their neighbour (optimal string alignment). Source:
// R. A. Wagner and R. Lowrance, "An Extension of the String-to-String Correction Problem", J. ACM 22 (1975).
std::size_t distance(std::string_view left, std::string_view right) {
    using Row = std::array<std::size_t, longest + 1>;
    Row before{}, last{}, row{};
    for (std::size_t column = 0; column <= right.size(); ++column) {
        last[column] = column;
    }
    for (std::size_t at = 1; at <= left.size(); ++at) {
        row[0] = at;
        for (std::size_t column = 1; column <= right.size(); ++column) {
            const bool same = lower(left[at - 1]) == lower(right[column - 1]);
            row[column] =
                std::min({last[column] + 1, row[column - 1] + 1, last[column - 1] + (same ? 0U : 1U)});
            if (at > 1 && column > 1 && lower(left[at - 1]) == lower(right[column - 2]) &&
                lower(left[at - 2]) == lower(right[column - 1])) {
                row[column] = std::min(row[column], before[column - 2] + 1);
            }
        }
        before = last;
        last = row;
    }
    return last[right.size()];
}

} // namespace

std::string_view nearest(std::string_view text, std::span<const std::string_view> names) {
    std::string_view best;
    if (text.empty() || text.size() > longest) {
        return best;
    }
    std::size_t least = 0;
    for (const std::string_view name : names) {
        if (name.size() > longest) {
            continue;
        }
        const std::size_t differs = distance(text, name);
        const std::size_t allowed = std::min(text.size(), name.size()) / 3;
        if (differs <= allowed && (best.empty() || differs < least)) {
            best = name;
            least = differs;
        }
    }
    return best;
}

std::string suggestion(std::string_view text, std::span<const std::string_view> names) {
    if (const std::string_view name = nearest(text, names); !name.empty()) {
        return "; did you mean \"" + std::string(name) + "\"?";
    }
    std::string list;
    for (const std::string_view name : names) {
        list += (list.empty() ? "; there are " : ", ") + std::string(name);
    }
    return list;
}

} // namespace protocol
