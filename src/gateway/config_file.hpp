// The configuration file: TOML with one key for each setting, and no tables.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gateway {

// How the value of a setting is written in the file.
enum class SettingKind : unsigned char {
    Text,
    Boolean,
    Integer,
    Number, // with a fraction, if it has one
    Size,   // an integer, or a text with a unit: "64MB"
    List,   // texts in an array, or one text with commas
};

struct FileSetting {
    std::string name;
    std::string place;                            // for messages: file, line and column
    std::string text;                             // as it would stand in a flag
    std::optional<std::vector<std::string>> list; // of an array: its texts, which may hold commas
};

// Reads the settings in the order in which they stand in the file. Empty, or what is wrong and where.
std::string read_config_file(const std::string& path, const std::map<std::string, SettingKind>& known,
                             std::vector<FileSetting>& settings);

} // namespace gateway
