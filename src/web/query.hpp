// Percent-encoded text: the query and the segments of a path (RFC 3986 section 2.1; "+" as HTML forms write it).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "web/error.hpp"

namespace web {

enum class Plus : unsigned char { IsPlus, IsSpace };

// Errors (400): "%" without two hexadecimal digits behind it, a result that is not UTF-8 or holds a NUL.
Result<std::string> percent_decode(std::string_view text, Plus plus);

// The segments of a path, decoded one by one, so that an encoded slash stays inside its segment: "/a/b%2Fc/" has the
// segments "a", "b/c" and "". The path must begin with "/". Errors as above, and above 64 segments.
Result<std::vector<std::string>> split_path(std::string_view path);

// The pairs of a query in their order. A key without "=" has an empty value; empty pairs ("&&") are skipped.
class Query {
  public:
    // Errors as above, and above 256 pairs.
    static Result<Query> parse(std::string_view text);

    // The value of the first pair with this key.
    std::optional<std::string_view> value(std::string_view key) const;
    const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

  private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

} // namespace web
