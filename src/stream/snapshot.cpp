#include "stream/snapshot.hpp"

#include <algorithm>
#include <charconv>

namespace stream {

namespace {

bool read_number(std::string_view text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

} // namespace

std::optional<Snapshot> Snapshot::read(std::string_view text) {
    const std::size_t first = text.find(':');
    const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
    Snapshot snapshot;
    if (second == std::string_view::npos || !read_number(text.substr(0, first), snapshot.lowest_) ||
        !read_number(text.substr(first + 1, second - first - 1), snapshot.highest_) ||
        snapshot.lowest_ > snapshot.highest_) {
        return std::nullopt;
    }
    std::string_view rest = text.substr(second + 1);
    while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        std::uint64_t running = 0;
        if (!read_number(rest.substr(0, comma), running)) {
            return std::nullopt;
        }
        snapshot.running_.push_back(running);
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    std::sort(snapshot.running_.begin(), snapshot.running_.end());
    return snapshot;
}

bool Snapshot::sees(std::uint32_t xid) const {
    const auto distance = static_cast<std::int32_t>(xid - static_cast<std::uint32_t>(highest_));
    const std::uint64_t full = highest_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
    return full < highest_ && (full < lowest_ || !std::binary_search(running_.begin(), running_.end(), full));
}

} // namespace stream
