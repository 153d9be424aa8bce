// Reading JSON documents of strangers with simdjson. A document is checked as a whole before anything is taken from it, because
// simdjson's way of reading on demand passes over what is not asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "wire/json_check.hpp"

namespace json {

class Reader {
  public:
    // The document stays valid until the next one. False when the text is not JSON.
    bool read(std::string_view text, simdjson::ondemand::document& document) {
        if (!wire::is_json(text)) {
            return false;
        }
        // simdjson reads a little behind the end.
        padded_.assign(text);
        padded_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
        return parser_.iterate(padded_.data(), padded_.size(), padded_.capacity()).get(document) ==
               simdjson::SUCCESS;
    }

  private:
    simdjson::ondemand::parser parser_;
    std::string padded_;
};

// The bytes of a value, without white space around it; empty when it cannot be read any more.
std::string_view raw_json(simdjson::ondemand::value value);

// Empty when the value is no string.
std::optional<std::string> string_in(simdjson::ondemand::value value);

} // namespace json
