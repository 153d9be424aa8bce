#include "value/numeric.hpp"

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "stored_numeric.hpp"
#include "wire/error.hpp"
#include "written.hpp"

using stored::NumericForm;

namespace {

std::string text_of(const std::string& bytes) {
    const std::unique_ptr<char[]> exact(new char[bytes.size()]);
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    return written::text_of(
        [&](wire::ByteBuffer& out) { value::write_numeric(out, exact.get(), bytes.size()); });
}

// Every text must come back exactly, from both forms of the header where both can hold it.
void expect_kept(const std::string& text) {
    EXPECT_EQ(text_of(stored::numeric(text)), text);
    EXPECT_EQ(text_of(stored::numeric(text, NumericForm::Long)), text);
}

// The encoder of this test by hand: 1.5 is short, scale 1, weight 0, groups 1 and 5000.
TEST(StoredNumeric, IsWhatAServerStores) {
    EXPECT_EQ(stored::numeric("1.5"), std::string("\x80\x80\x01\x00\x88\x13", 6));
    EXPECT_EQ(stored::numeric("-10000"), std::string("\x01\xa0\x01\x00", 4));
    EXPECT_EQ(stored::numeric("0"), std::string("\x00\x80", 2));
    EXPECT_EQ(stored::numeric("0.0001"), std::string("\x7f\x82\x01\x00", 4));
}

TEST(Numeric, KeepsAllDigitsOfEverydayValues) {
    for (const char* text : {"0",
                             "1",
                             "-1",
                             "9",
                             "10",
                             "99",
                             "100",
                             "999",
                             "1000",
                             "9999",
                             "10000",
                             "10001",
                             "99999999",
                             "100000000",
                             "123456789012345678901234567890",
                             "0.0",
                             "0.00",
                             "0.1",
                             "-0.1",
                             "0.01",
                             "0.001",
                             "0.0001",
                             "0.00001",
                             "0.00000001",
                             "-0.00000000000000000001",
                             "1.0",
                             "1.5",
                             "12.50",
                             "-12.50",
                             "1234.5678",
                             "12345.67890",
                             "10000.0001",
                             "10000000000000000.0000000000000001",
                             "3.14159265358979323846",
                             "99999.99999"}) {
        expect_kept(text);
    }
}

TEST(Numeric, KeepsTrailingZerosOfEveryScale) {
    for (std::size_t scale = 1; scale <= 200; ++scale) {
        expect_kept("7." + std::string(scale, '0'));
        expect_kept("0." + std::string(scale, '0'));
        expect_kept("0." + std::string(scale - 1, '0') + "1");
        expect_kept("-123456." + std::string(scale, '9'));
    }
}

TEST(Numeric, KeepsEveryPowerOfTenAcrossBothHeaderForms) {
    for (std::size_t zeros = 0; zeros <= 600; ++zeros) {
        expect_kept("1" + std::string(zeros, '0'));
        expect_kept("-9" + std::string(zeros, '0') + ".25");
        expect_kept("1" + std::string(zeros, '0') + "1");
    }
}

TEST(Numeric, ReachesTheEndsOfItsType) {
    expect_kept(std::string(131'072, '9'));
    expect_kept("0." + std::string(16'382, '0') + "1");
    expect_kept("-" + std::string(131'072, '8') + "." + std::string(16'383, '7'));
}

TEST(Numeric, AgreesWithTheEncoderOnRandomDigits) {
    std::uint32_t state = 7;
    const auto next = [&state] {
        state = state * 1'664'525 + 1'013'904'223;
        return state >> 8;
    };
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        const std::size_t whole = next() % 30;
        for (std::size_t index = 0; index < whole; ++index) {
            text += static_cast<char>('0' + (next() % 3 == 0 ? next() % 10 : 0));
        }
        text.erase(0, text.find_first_not_of('0'));
        if (text.empty()) {
            text = "0";
        }
        const std::size_t scale = next() % 30;
        if (scale > 0) {
            text += '.';
            for (std::size_t index = 0; index < scale; ++index) {
                text += static_cast<char>('0' + (next() % 3 == 0 ? next() % 10 : 0));
            }
        }
        const bool zero = text.find_first_not_of("0.") == std::string::npos;
        expect_kept(!zero && next() % 2 == 0 ? "-" + text : text);
    }
}

// The oracle is the C library's reader of the same text.
TEST(Numeric, IsTheNearestDoubleAndTheExactInteger) {
    std::mt19937_64 random(20261124);
    for (int round = 0; round < 20000; ++round) {
        std::string text = random() % 2 == 0 ? "-" : "";
        const std::size_t whole = random() % (round % 7 == 0 ? 320 : 24);
        text += static_cast<char>('1' + random() % 9);
        for (std::size_t digit = 0; digit < whole; ++digit) {
            text += static_cast<char>('0' + random() % 10);
        }
        std::string fraction;
        for (std::size_t digit = random() % (round % 5 == 0 ? 340 : 12); digit > 0; --digit) {
            fraction += static_cast<char>('0' + (random() % 3 == 0 ? 0 : random() % 10));
        }
        if (random() % 3 == 0) {
            text = text.substr(0, text[0] == '-' ? 1 : 0) + "0";
        }
        const std::string bytes = stored::numeric(text + (fraction.empty() ? "" : "." + fraction));
        const double expected = std::strtod((text + "." + fraction).c_str(), nullptr);
        EXPECT_EQ(value::numeric_double(bytes.data(), bytes.size()), expected) << text << "." << fraction;
        const bool is_whole = fraction.find_first_not_of('0') == std::string::npos;
        errno = 0;
        const long long integer = std::strtoll(text.c_str(), nullptr, 10);
        const std::optional<std::int64_t> read = value::numeric_integer(bytes.data(), bytes.size());
        ASSERT_EQ(read.has_value(), is_whole && errno == 0) << text << "." << fraction;
        if (read) {
            EXPECT_EQ(*read, integer);
        }
    }
}

TEST(Numeric, ReachesTheEndsOfIntegers) {
    const auto integer = [](const char* text) {
        const std::string bytes = stored::numeric(text);
        return value::numeric_integer(bytes.data(), bytes.size());
    };
    EXPECT_EQ(integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(integer("9223372036854775808"), std::nullopt);
    EXPECT_EQ(integer("-9223372036854775809"), std::nullopt);
    EXPECT_EQ(integer("1000000000000000000000000"), std::nullopt);
    EXPECT_EQ(integer("0.00"), 0);
    EXPECT_EQ(integer("0.01"), std::nullopt);
    EXPECT_EQ(integer("NaN"), std::nullopt);
    const std::string nothing = stored::numeric("NaN");
    EXPECT_TRUE(std::isnan(value::numeric_double(nothing.data(), nothing.size())));
    const std::string least = stored::numeric("-Infinity");
    EXPECT_EQ(value::numeric_double(least.data(), least.size()), -std::numeric_limits<double>::infinity());
}

TEST(Numeric, WritesWhatIsNoNumberAsAString) {
    EXPECT_EQ(text_of(stored::numeric("NaN")), R"("NaN")");
    EXPECT_EQ(text_of(stored::numeric("Infinity")), R"("Infinity")");
    EXPECT_EQ(text_of(stored::numeric("-Infinity")), R"("-Infinity")");
}

void expect_corrupt(const std::string& bytes) {
    try {
        const std::string text = text_of(bytes);
        ADD_FAILURE() << bytes.size() << " bytes were read as " << text;
    } catch (const wire::Error& error) {
        EXPECT_STREQ(error.sqlstate, "XX001");
        EXPECT_STREQ(error.what(), "stored numeric value is not valid");
        EXPECT_EQ(error.detail, "The value has " + std::to_string(bytes.size()) + " bytes.");
    }
}

TEST(Numeric, RefusesLengthsThatNoNumericHas) {
    expect_corrupt("");
    expect_corrupt(std::string("\x80", 1));
    expect_corrupt(std::string("\x00\x00", 2));     // a long header cut in half
    expect_corrupt(std::string("\x00\x00\x00", 3)); // and within its weight
    const std::string whole = stored::numeric("1234567.25");
    const std::string whole_long = stored::numeric("1234567.25", NumericForm::Long);
    for (std::size_t length = 1; length < whole.size(); length += 2) {
        expect_corrupt(whole.substr(0, length));
        expect_corrupt(whole_long.substr(0, length));
    }
}

TEST(Numeric, RefusesTheOneSpecialValueThatDoesNotExist) {
    expect_corrupt(std::string("\x00\xe0", 2));
}

TEST(Numeric, NeverReadsBehindItsBytesWhateverTheHeaderSays) {
    for (unsigned header = 0; header < 0x10000; header += 7) {
        for (const unsigned weight : {0U, 1U, 63U, 300U, 0xffffU, 0x8000U}) {
            std::string bytes;
            stored::add_uint16(bytes, header);
            stored::add_uint16(bytes, weight);
            stored::add_uint16(bytes, 0xffff);
            try {
                text_of(bytes);
            } catch (const wire::Error& error) {
                ASSERT_STREQ(error.sqlstate, "XX001");
            }
        }
    }
}

TEST(Numeric, SurvivesALimitAtEveryByte) {
    for (const char* text : {"-1234567.25", "0.000000001", "100000000000000000000", "NaN"}) {
        const std::string bytes = stored::numeric(text);
        written::expect_every_limit_is_survived(
            [&](wire::ByteBuffer& out) { value::write_numeric(out, bytes.data(), bytes.size()); });
    }
}

} // namespace
