#include "stream/timelines.hpp"

#include <algorithm>
#include <charconv>

namespace stream {

bool Timelines::have(const protocol::Cursor& cursor) const {
    if (current == 0 || cursor.timeline == current) {
        return true;
    }
    const auto left = std::find_if(before.begin(), before.end(),
                                   [&](const Left& one) { return one.timeline == cursor.timeline; });
    // A commit at the very address is of the other timeline; a place between transactions, without position, is shared.
    return left != before.end() &&
           (cursor.lsn < left->at || (cursor.lsn == left->at && cursor.position == 0));
}

std::optional<std::vector<Timelines::Left>> Timelines::read_history(std::string_view content) {
    constexpr std::string_view blanks = " \t\r";
    std::vector<Left> before;
    while (!content.empty()) {
        const std::size_t end = std::min(content.find('\n'), content.size());
        std::string_view line = content.substr(0, end);
        content.remove_prefix(std::min(end + 1, content.size()));
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const auto word = [&] {
            line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
            const std::string_view found = line.substr(0, line.find_first_of(blanks));
            line.remove_prefix(found.size());
            return found;
        };
        const std::string_view number = word();
        Left left;
        const auto [stopped, error] =
            std::from_chars(number.data(), number.data() + number.size(), left.timeline);
        const std::optional<std::uint64_t> at = protocol::read_lsn(word());
        if (error != std::errc{} || stopped != number.data() + number.size() || !at) {
            return std::nullopt;
        }
        left.at = *at;
        before.push_back(left);
    }
    return before;
}

} // namespace stream
