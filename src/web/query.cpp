#include "web/query.hpp"

#include "wire/json_text.hpp"

namespace web {

namespace {

constexpr std::size_t most_segments = 64;
constexpr std::size_t most_pairs = 256;

int digit_value(char letter) {
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    if (letter >= 'a' && letter <= 'f') {
        return letter - 'a' + 10;
    }
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

} // namespace

Result<std::string> percent_decode(std::string_view text, Plus plus) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && plus == Plus::IsSpace) {
            decoded += ' ';
        } else if (text[at] != '%') {
            decoded += text[at];
        } else {
            const int high = at + 2 < text.size() ? digit_value(text[at + 1]) : -1;
            const int low = at + 2 < text.size() ? digit_value(text[at + 2]) : -1;
            if (high < 0 || low < 0) {
                return Error{400, "\"%\" is not followed by two hexadecimal digits in " + shown(text)};
            }
            decoded += static_cast<char>(high * 16 + low);
            at += 2;
        }
    }
    if (decoded.find('\0') != std::string::npos) {
        return Error{400, shown(text) + " holds a NUL"};
    }
    if (wire::valid_utf8_prefix(decoded) != decoded.size()) {
        return Error{400, shown(text) + " is not UTF-8"};
    }
    return decoded;
}

Result<std::vector<std::string>> split_path(std::string_view path) {
    std::vector<std::string> segments;
    if (path.empty() || path.front() != '/') {
        return Error{400, "path " + shown(path) + " does not begin with \"/\""};
    }
    for (std::size_t begin = 1; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        if (segments.size() == most_segments) {
            return Error{400, "path " + shown(path) + " has more than " + std::to_string(most_segments) +
                                  " segments"};
        }
        auto segment = percent_decode(path.substr(begin, end - begin), Plus::IsPlus);
        if (auto* error = std::get_if<Error>(&segment)) {
            return std::move(*error);
        }
        segments.push_back(std::get<std::string>(std::move(segment)));
        begin = end + 1;
    }
    return segments;
}

Result<Query> Query::parse(std::string_view text) {
    Query query;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('&', begin), text.size());
        const std::string_view pair = text.substr(begin, end - begin);
        begin = end + 1;
        if (pair.empty()) {
            continue;
        }
        if (query.pairs_.size() == most_pairs) {
            return Error{400, "the query has more than " + std::to_string(most_pairs) + " parameters"};
        }
        const std::size_t sign = std::min(pair.find('='), pair.size());
        auto key = percent_decode(pair.substr(0, sign), Plus::IsSpace);
        auto value =
            percent_decode(sign == pair.size() ? std::string_view() : pair.substr(sign + 1), Plus::IsSpace);
        for (auto* part : {&key, &value}) {
            if (auto* error = std::get_if<Error>(part)) {
                return std::move(*error);
            }
        }
        query.pairs_.emplace_back(std::get<std::string>(std::move(key)),
                                  std::get<std::string>(std::move(value)));
    }
    return query;
}

std::optional<std::string_view> Query::value(std::string_view key) const {
    for (const auto& pair : pairs_) {
        if (pair.first == key) {
            return pair.second;
        }
    }
    return std::nullopt;
}

} // namespace web
