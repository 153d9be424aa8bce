#include "gateway/log_limiter.hpp"

#include <algorithm>
#include <utility>

namespace gateway {

std::string LogLimiter::kind_of(std::string_view line) {
    constexpr std::size_t longest = 300;
    constexpr std::string_view ends_of_words = " ,;()\"";
    std::string kind;
    while (!line.empty() && kind.size() < longest) {
        if (line.front() == '"') {
            const std::size_t end = line.find('"', 1);
            kind += "\"\"";
            line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
            continue;
        }
        const std::size_t end = std::min(line.find_first_of(ends_of_words), line.size());
        const std::string_view word = line.substr(0, std::max<std::size_t>(end, 1));
        kind += word.find_first_of("0123456789") == std::string_view::npos ? word : "#";
        line.remove_prefix(word.size());
    }
    return kind;
}

bool LogLimiter::take(std::string_view line, double now) {
    std::string key = kind_of(line);
    auto known = kinds_.find(key);
    if (known == kinds_.end()) {
        if (kinds_.size() >= most_kinds) {
            std::erase_if(kinds_, [&](const auto& one) {
                return one.second.left_out.count == 0 && now - one.second.began > period;
            });
            if (kinds_.size() >= most_kinds) {
                return true;
            }
        }
        known = kinds_.emplace(std::move(key), Kind{now, 0, {}}).first;
    }
    Kind& kind = known->second;
    if (now - kind.began > period && kind.left_out.count == 0) {
        kind.began = now;
        kind.written = 0;
    }
    if (kind.written < most_similar) {
        ++kind.written;
        return true;
    }
    ++suppressed_;
    ++kind.left_out.count;
    kind.left_out.line = line;
    return false;
}

std::vector<LogLimiter::Summary> LogLimiter::take_summaries(double now) {
    std::vector<Summary> summaries;
    for (auto& [key, kind] : kinds_) {
        if (kind.left_out.count > 0 && now - kind.began > period) {
            summaries.push_back(std::exchange(kind.left_out, {}));
            kind.began = now;
            kind.written = 0;
        }
    }
    return summaries;
}

} // namespace gateway
