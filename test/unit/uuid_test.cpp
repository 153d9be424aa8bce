#include "value/uuid.hpp"

#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace {

std::string text_of(const std::string& bytes) {
    char text[36];
    return {text, value::format_uuid(text, bytes.data())};
}

TEST(Uuid, IsThirtySixLowerCaseCharacters) {
    EXPECT_EQ(text_of(std::string(16, '\0')), "00000000-0000-0000-0000-000000000000");
    EXPECT_EQ(text_of(std::string(16, '\xff')), "ffffffff-ffff-ffff-ffff-ffffffffffff");
    EXPECT_EQ(text_of("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"),
              "01234567-89ab-cdef-0123-456789abcdef");
}

TEST(Uuid, WritesEveryByteValueAtEveryPlace) {
    for (int value = 0; value < 256; ++value) {
        for (std::size_t place = 0; place < 16; ++place) {
            std::string bytes(16, '\0');
            bytes[place] = static_cast<char>(value);
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", value);
            std::string plain(32, '0');
            plain.replace(place * 2, 2, digits);
            const std::string expected = plain.substr(0, 8) + "-" + plain.substr(8, 4) + "-" +
                                         plain.substr(12, 4) + "-" + plain.substr(16, 4) + "-" +
                                         plain.substr(20);
            ASSERT_EQ(text_of(bytes), expected);
        }
    }
}

} // namespace
