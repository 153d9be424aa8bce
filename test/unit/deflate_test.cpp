#include "web/deflate.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace {

std::string compressed(web::Compressor& compressor, const std::string& message) {
    std::string out;
    EXPECT_TRUE(compressor.compress(message, out));
    return out;
}

web::Inflated result_of(const std::string& bytes, std::size_t most = 1'000'000) {
    std::string out;
    const web::Inflated result = web::inflate_message(bytes, most, out);
    EXPECT_LE(out.size(), most);
    return result;
}

// RFC 7692 section 7.2.3: the ways to write "Hello".
TEST(Deflate, ReadsTheExamplesOfTheRfc) {
    const auto inflated = [](const std::string& bytes) {
        std::string out;
        EXPECT_EQ(web::inflate_message(bytes, 100, out), web::Inflated::Complete);
        return out;
    };
    EXPECT_EQ(inflated(std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)), "Hello");
    EXPECT_EQ(inflated(std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11)), "Hello") << "stored";
    EXPECT_EQ(inflated(std::string("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8)), "Hello")
        << "a last block, then another";
    EXPECT_EQ(inflated(std::string("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13)), "Hello")
        << "two blocks";
    EXPECT_EQ(inflated(std::string("\xf3\x48\xcd\xc9\xc9\x07\x00", 7)), "Hello") << "a last block alone";
    EXPECT_EQ(inflated(std::string("\0", 1)), "") << "the empty message";
}

TEST(Deflate, GivesBackWhatItCompressed) {
    std::mt19937 random(7692);
    web::Compressor fast(1);
    web::Compressor small(9);
    for (int round = 0; round < 300; ++round) {
        std::string message(random() % (round % 10 == 0 ? 200'000 : 500), '\0');
        const unsigned letters = 1 + random() % 255;
        for (char& letter : message) {
            letter = static_cast<char>(random() % letters);
        }
        for (web::Compressor* compressor : {&fast, &small}) {
            const std::string bytes = compressed(*compressor, message);
            std::string out = "before";
            ASSERT_EQ(web::inflate_message(bytes, message.size(), out), web::Inflated::Complete);
            ASSERT_EQ(out, "before" + message);
        }
    }
    EXPECT_EQ(compressed(fast, ""), std::string("\0", 1));
}

TEST(Deflate, CompressesEveryMessageOnItsOwn) {
    web::Compressor used;
    const std::string message = "the same text, the same bytes, whatever went before";
    const std::string first = compressed(used, message);
    compressed(used, std::string(100'000, 'x'));
    EXPECT_EQ(compressed(used, message), first);
    std::string out = "kept|";
    EXPECT_TRUE(used.compress(message, out));
    EXPECT_EQ(out, "kept|" + first);
}

TEST(Inflate, StopsAtItsLimitWhateverIsPromised) {
    web::Compressor compressor;
    const std::string bomb = compressed(compressor, std::string(100'000'000, 'x'));
    EXPECT_LT(bomb.size(), 1'000'000U);
    EXPECT_EQ(result_of(bomb, 1000), web::Inflated::TooLong);
    const std::string exact = compressed(compressor, std::string(1000, 'x'));
    EXPECT_EQ(result_of(exact, 1000), web::Inflated::Complete);
    EXPECT_EQ(result_of(exact, 999), web::Inflated::TooLong);
    EXPECT_EQ(result_of(exact, 0), web::Inflated::TooLong);
}

TEST(Inflate, RefusesWhatIsDamagedOrCutOff) {
    web::Compressor compressor;
    const std::string message = "a message of some length, with some repetition, repetition, repetition";
    const std::string bytes = compressed(compressor, message);
    for (std::size_t size = 0; size < bytes.size() - 1; ++size) {
        std::string out;
        const web::Inflated result = web::inflate_message(bytes.substr(0, size), 1000, out);
        EXPECT_TRUE(result != web::Inflated::Complete || out != message) << size;
    }
    EXPECT_EQ(result_of(""), web::Inflated::Malformed);
    EXPECT_EQ(result_of("\xff\xff"), web::Inflated::Malformed) << "a block type that does not exist";
    EXPECT_EQ(result_of(std::string("\0\5\0\0\0hello", 10)), web::Inflated::Malformed)
        << "a length that contradicts itself";
    EXPECT_EQ(result_of(bytes.substr(0, 10)), web::Inflated::Malformed) << "cut off inside a block";
}

} // namespace
