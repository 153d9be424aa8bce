#include "gateway/config_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <tuple>

#include "gateway/read_file.hpp"

namespace gateway {

namespace {

std::string place_of(const std::string& path, const toml::source_position& position) {
    return fmt::format("file \"{}\", line {}, column {}", path, position.line, position.column);
}

const char* demand_of(SettingKind kind) {
    switch (kind) {
    case SettingKind::Text:
        return "a text in quotes";
    case SettingKind::Boolean:
        return "true or false";
    case SettingKind::Integer:
        return "an integer";
    case SettingKind::Number:
        return "a number";
    case SettingKind::Size:
        return "an integer, or a text with a unit as in \"64MB\"";
    case SettingKind::List:
        break;
    }
    return "an array of texts, or a text with commas between them";
}

std::string description_of(const toml::node& value) {
    switch (value.type()) {
    case toml::node_type::string:
        return "text \"" + value.as_string()->get() + "\"";
    case toml::node_type::integer:
        return fmt::format("integer {}", value.as_integer()->get());
    case toml::node_type::floating_point:
        return fmt::format("number {}", value.as_floating_point()->get());
    case toml::node_type::boolean:
        return value.as_boolean()->get() ? "true" : "false";
    case toml::node_type::array:
        return "an array";
    case toml::node_type::table:
        return "a table";
    default:
        return "a date or time";
    }
}

// False when the value is of another kind.
bool take(const toml::node& value, SettingKind kind, FileSetting& setting) {
    if (const auto* text = value.as_string()) {
        setting.text = text->get();
        return kind == SettingKind::Text || kind == SettingKind::Size || kind == SettingKind::List;
    }
    if (const auto* integer = value.as_integer()) {
        setting.text = std::to_string(integer->get());
        return kind == SettingKind::Integer || kind == SettingKind::Number || kind == SettingKind::Size;
    }
    if (const auto* number = value.as_floating_point()) {
        setting.text = fmt::format("{}", number->get());
        return kind == SettingKind::Number && std::isfinite(number->get());
    }
    if (const auto* boolean = value.as_boolean()) {
        setting.text = boolean->get() ? "true" : "false";
        return kind == SettingKind::Boolean;
    }
    const auto* array = value.as_array();
    if (kind != SettingKind::List || array == nullptr) {
        return false;
    }
    setting.list.emplace();
    for (const toml::node& element : *array) {
        const auto* text = element.as_string();
        if (text == nullptr) {
            return false;
        }
        setting.list->push_back(text->get());
    }
    return true;
}

std::string fault_of_key(const std::string& name) {
    if (name == "jwt-secret") {
        return "the secret is no setting of the file; name a file of its own with jwt-secret-file";
    }
    return "there is no setting \"" + name + "\"; pg_realtimed --help lists them";
}

} // namespace

std::string read_config_file(const std::string& path, const std::map<std::string, SettingKind>& known,
                             std::vector<FileSetting>& settings) {
    std::string content;
    if (std::string fault = read_file(path, content); !fault.empty()) {
        return fault;
    }
    toml::table table;
    try {
        table = toml::parse(content);
    } catch (const toml::parse_error& error) {
        std::string what(error.description());
        if (!what.empty()) {
            what.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(what.front())));
        }
        return place_of(path, error.source().begin) + ": " + what;
    }
    // The table is sorted by name. What is wrong is told as whoever reads the file finds it.
    std::vector<std::pair<const toml::key*, const toml::node*>> entries;
    for (const auto& [key, value] : table) {
        entries.emplace_back(&key, &value);
    }
    std::sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
        const toml::source_position a = left.first->source().begin, b = right.first->source().begin;
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    for (const auto& [key, value] : entries) {
        FileSetting setting;
        setting.name = std::string(key->str());
        setting.place = place_of(path, key->source().begin);
        const auto kind = known.find(setting.name);
        if (kind == known.end()) {
            const bool has_members =
                value->is_table() || (value->is_array() && value->as_array()->is_array_of_tables());
            return setting.place + ": " +
                   (has_members
                        ? "table \"" + setting.name + "\": settings stand in no tables and have no dots"
                        : fault_of_key(setting.name));
        }
        if (!take(*value, kind->second, setting)) {
            return setting.place + ": " + setting.name + " must be " + demand_of(kind->second) + ", not " +
                   description_of(*value);
        }
        settings.push_back(std::move(setting));
    }
    return {};
}

} // namespace gateway
