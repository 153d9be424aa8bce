#include "json/reader.hpp"

namespace json {

std::string_view raw_json(simdjson::ondemand::value value) {
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

std::optional<std::string> string_in(simdjson::ondemand::value value) {
    std::string_view text;
    simdjson::ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS || type != simdjson::ondemand::json_type::string ||
        value.get_string().get(text) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return std::string(text);
}

} // namespace json
