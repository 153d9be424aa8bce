// Files that pin bytes: compared with what the code writes, or written anew by `unit_tests --update-golden`.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace golden {

inline bool& updating() {
    static bool value = false;
    return value;
}

// Paths are relative to the folder test.
inline std::filesystem::path path_of(const std::string& name) {
    return std::filesystem::path(GOLDEN_DIRECTORY).parent_path() / name;
}

inline std::string file_bytes(const std::string& name) {
    std::ifstream file(path_of(name), std::ios::binary);
    EXPECT_TRUE(file.good()) << "there is no test/" << name << "; run unit_tests --update-golden";
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void expect_file(const std::string& name, std::string_view bytes) {
    if (updating()) {
        std::filesystem::create_directories(path_of(name).parent_path());
        std::ofstream file(path_of(name), std::ios::binary | std::ios::trunc);
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        ASSERT_TRUE(file.flush().good()) << "could not write test/" << name;
        return;
    }
    EXPECT_EQ(file_bytes(name), bytes)
        << "test/" << name << " differs; if the format was meant to change, see docs/protocol-frame.md";
}

} // namespace golden
