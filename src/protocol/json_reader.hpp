// Reading JSON documents of strangers with simdjson. A document is checked as a whole before anything is taken from it, because
// simdjson's way of reading on demand passes over what is not asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "wire/json_check.hpp"

namespace protocol {

class JsonReader {
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

// The bytes of a value, without white space around it.
inline std::string_view raw_json(simdjson::ondemand::value value) {
    std::string_view raw;
    simdjson::ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) {
        return {};
    }
    simdjson::ondemand::object object;
    simdjson::ondemand::array array;
    switch (type) {
    case simdjson::ondemand::json_type::object:
        if (value.get_object().get(object) != simdjson::SUCCESS ||
            object.raw_json().get(raw) != simdjson::SUCCESS) {
            return {};
        }
        break;
    case simdjson::ondemand::json_type::array:
        if (value.get_array().get(array) != simdjson::SUCCESS ||
            array.raw_json().get(raw) != simdjson::SUCCESS) {
            return {};
        }
        break;
    default:
        raw = value.raw_json_token();
    }
    while (!raw.empty() &&
           (raw.back() == ' ' || raw.back() == '\t' || raw.back() == '\n' || raw.back() == '\r')) {
        raw.remove_suffix(1);
    }
    return raw;
}

// Empty when the value is no string.
inline std::optional<std::string> string_in(simdjson::ondemand::value value) {
    std::string_view text;
    simdjson::ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS || type != simdjson::ondemand::json_type::string ||
        value.get_string().get(text) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return std::string(text);
}

} // namespace protocol
