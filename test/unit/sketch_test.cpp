#include "metric/sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace {

using metric::Sketch;

std::vector<double> values_of(int kind, std::mt19937_64& random) {
    std::vector<double> values;
    std::exponential_distribution<double> exponential(0.01);
    std::lognormal_distribution<double> lognormal(3, 2);
    std::normal_distribution<double> normal(0, 50);
    for (int index = 0; index < 20'000; ++index) {
        values.push_back(kind == 0 ? exponential(random) : kind == 1 ? lognormal(random) : normal(random));
    }
    return values;
}

TEST(Sketch, QuantilesAreWithinOnePercentOfTheExactOnes) {
    std::mt19937_64 random(1);
    for (int kind = 0; kind < 3; ++kind) {
        std::vector<double> values = values_of(kind, random);
        Sketch sketch;
        for (const double value : values) {
            sketch.add(value);
        }
        std::sort(values.begin(), values.end());
        for (const double fraction : {0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
            const double exact =
                values[static_cast<std::size_t>(fraction * static_cast<double>(values.size() - 1))];
            EXPECT_NEAR(*sketch.quantile(fraction), exact, std::abs(exact) * 0.0101 + 1e-9)
                << kind << " " << fraction;
        }
    }
}

TEST(Sketch, TheOrderOfMergingDoesNotMatter) {
    std::mt19937_64 random(2);
    std::vector<Sketch> parts(16);
    Sketch whole;
    for (Sketch& part : parts) {
        for (const double value : values_of(static_cast<int>(random() % 3), random)) {
            part.add(std::round(value)); // whole numbers: their sums are exact in any order
            whole.add(std::round(value));
        }
    }
    for (int round = 0; round < 5; ++round) {
        std::shuffle(parts.begin(), parts.end(), random);
        Sketch merged;
        for (const Sketch& part : parts) {
            merged.merge(part);
        }
        EXPECT_EQ(merged, whole);
    }
}

TEST(Sketch, AWeightCountsSoManyTimes) {
    Sketch weighted;
    weighted.add(5, 1000);
    weighted.add(7);
    EXPECT_EQ(weighted.count(), 1001U);
    EXPECT_EQ(weighted.sum(), 5007);
    EXPECT_NEAR(*weighted.quantile(0.99), 5, 0.06);
    EXPECT_EQ(weighted.max(), 7);
}

TEST(Sketch, AnEmptyOneHasNoQuantile) {
    EXPECT_FALSE(Sketch{}.quantile(0.5));
    EXPECT_TRUE(Sketch{}.empty());
}

TEST(Sketch, WhatIsWrittenIsReadBack) {
    std::mt19937_64 random(3);
    for (int kind = 0; kind < 3; ++kind) {
        Sketch sketch;
        for (const double value : values_of(kind, random)) {
            sketch.add(value, random() % 100 + 1);
        }
        sketch.add(0);
        const auto read = Sketch::read(sketch.write());
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, sketch);
    }
    EXPECT_EQ(Sketch::read(Sketch{}.write()), Sketch{});
}

TEST(Sketch, BytesThatAreNoneAreRefused) {
    Sketch sketch;
    sketch.add(1);
    sketch.add(100, 5);
    const std::string bytes = sketch.write();
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(Sketch::read(std::string_view(bytes).substr(0, length))) << length;
    }
    EXPECT_FALSE(Sketch::read(bytes + "x"));
    // Whatever is read is written so that it is read as the same again.
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(value);
            if (const auto read = Sketch::read(changed)) {
                EXPECT_EQ(Sketch::read(read->write()), read);
            }
        }
    }
}

TEST(Sketch, ManyDifferentMagnitudesStayBounded) {
    Sketch sketch;
    for (double value = 1e-8; value < 1e300; value *= 1.005) {
        sketch.add(value);
    }
    EXPECT_LT(sketch.write().size(), 64U * 1024);
    EXPECT_NEAR(*sketch.quantile(1), 1e300, 1e298);
}

} // namespace
