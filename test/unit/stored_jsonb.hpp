// Makes the bytes that PostgreSQL stores for a jsonb, from a small tree, and the text that should come out of them.
// Written from the description of the format only, so that it cannot share a mistake with the code under test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "stored_numeric.hpp"

namespace stored {

struct Json {
    enum class Type : std::uint8_t { Null, False, True, Number, String, Array, Object };

    Type type = Type::Null;
    std::string text;           // String, or the digits of Number
    std::vector<Json> elements; // of Array, or the values of Object
    std::vector<std::string> keys;

    static Json null() { return {}; }
    static Json boolean(bool value) { return {value ? Type::True : Type::False, {}, {}, {}}; }
    static Json number(std::string digits) { return {Type::Number, std::move(digits), {}, {}}; }
    static Json string(std::string text_) { return {Type::String, std::move(text_), {}, {}}; }
    static Json array(std::vector<Json> elements_) { return {Type::Array, {}, std::move(elements_), {}}; }
    // Keys in the order that jsonb keeps: shorter first, then by bytes.
    static Json object(std::vector<std::pair<std::string, Json>> members) {
        std::sort(members.begin(), members.end(), [](const auto& left, const auto& right) {
            return left.first.size() != right.first.size() ? left.first.size() < right.first.size()
                                                           : left.first < right.first;
        });
        Json object{Type::Object, {}, {}, {}};
        for (auto& member : members) {
            object.keys.push_back(std::move(member.first));
            object.elements.push_back(std::move(member.second));
        }
        return object;
    }

    bool container() const { return type == Type::Array || type == Type::Object; }
};

inline void add_uint32(std::string& to, std::uint32_t value) {
    add_uint16(to, value & 0xffff);
    add_uint16(to, value >> 16);
}

inline std::string jsonb_container(const Json& json, bool scalar);

// Appends the data of one entry, with the padding that belongs to it, and returns its type bits.
inline std::uint32_t add_entry_data(std::string& data, const Json& json) {
    const auto align = [&data] {
        while (data.size() % 4 != 0) {
            data += '\0';
        }
    };
    switch (json.type) {
    case Json::Type::Null:
        return 0x40000000;
    case Json::Type::False:
        return 0x20000000;
    case Json::Type::True:
        return 0x30000000;
    case Json::Type::String:
        data += json.text;
        return 0x00000000;
    case Json::Type::Number: {
        align();
        const std::string bytes = numeric(json.text);
        add_uint32(data,
                   static_cast<std::uint32_t>((bytes.size() + 4) << 2)); // varlena header with its own size
        data += bytes;
        return 0x10000000;
    }
    case Json::Type::Array:
    case Json::Type::Object:
        align();
        data += jsonb_container(json, false);
        return 0x50000000;
    }
    return 0;
}

inline std::string jsonb_container(const Json& json, bool scalar) {
    const bool object = json.type == Json::Type::Object;
    const std::size_t count = scalar ? 1 : json.elements.size();
    std::vector<Json> parts;
    for (const std::string& key : json.keys) {
        parts.push_back(Json::string(key));
    }
    if (scalar) {
        parts.push_back(json);
    } else {
        parts.insert(parts.end(), json.elements.begin(), json.elements.end());
    }
    std::string entries;
    std::string data;
    for (std::size_t index = 0; index < parts.size(); ++index) {
        const std::size_t before = data.size();
        const std::uint32_t type = add_entry_data(data, parts[index]);
        // Each 32nd entry stores where it ends instead of its length, so that a reader need not add up all of them.
        const bool stride = index % 32 == 0;
        add_uint32(entries, type | (stride ? 0x80000000U | static_cast<std::uint32_t>(data.size())
                                           : static_cast<std::uint32_t>(data.size() - before)));
    }
    std::string bytes;
    add_uint32(bytes, static_cast<std::uint32_t>(count) | (object ? 0x20000000U : 0x40000000U) |
                          (scalar ? 0x10000000U : 0U));
    return bytes + entries + data;
}

// What stands behind the varlena header.
inline std::string jsonb(const Json& json) {
    return jsonb_container(json, !json.container());
}

inline std::string json_string(const std::string& text) {
    std::string out = "\"";
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        const std::string_view named = "\b\f\n\r\t\"\\";
        const std::size_t at = named.find(character);
        if (at != std::string_view::npos) {
            out += '\\';
            out += "bfnrt\"\\"[at];
        } else if (byte < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", byte);
            out += escape;
        } else {
            out += character;
        }
    }
    return out + '"';
}

// The same document as text, with no spaces between tokens.
inline std::string json_text(const Json& json) {
    switch (json.type) {
    case Json::Type::Null:
        return "null";
    case Json::Type::False:
        return "false";
    case Json::Type::True:
        return "true";
    case Json::Type::Number:
        return json.text;
    case Json::Type::String:
        return json_string(json.text);
    case Json::Type::Array:
    case Json::Type::Object:
        break;
    }
    const bool object = json.type == Json::Type::Object;
    std::string out(1, object ? '{' : '[');
    for (std::size_t index = 0; index < json.elements.size(); ++index) {
        if (index > 0) {
            out += ',';
        }
        if (object) {
            out += json_string(json.keys[index]) + ':';
        }
        out += json_text(json.elements[index]);
    }
    return out + (object ? '}' : ']');
}

} // namespace stored
