#include "metric/health.hpp"

#include <gtest/gtest.h>

#include <random>

namespace {

using metric::health_score;
using metric::HealthInput;
using metric::Quality;
using metric::Status;

struct Vector {
    HealthInput input;
    double score;
};

TEST(Health, ScoresAreThoseOfTheReference) {
    const Vector vectors[] = {
        {{340, .013, 1, 23.5}, 90.6}, {{0, 0, 0, 0}, 100},          {{500, 0, 0, 0}, 92.5},
        {{1000, 0, 0, 0}, 78.5},      {{2000, 0, 0, 0}, 56.9},      {{30000, 0, 0, 0}, 20.0},
        {{340, .05, 1, 23.5}, 82.0},  {{340, .144, 1, 23.5}, 67.1}, {{340, .5, 1, 23.5}, 39.2},
        {{340, 1, 1, 23.5}, 0},       {{340, .013, 5, 23.5}, 83.4}, {{340, .013, 10, 23.5}, 75.1},
        {{340, .013, 1, 85}, 84.5},   {{340, .013, 1, 95}, 75.7},   {{340, .013, 1, 100}, 57.2},
        {{2000, .05, 5, 90}, 40.0},   {{5000, .2, 10, 95}, 14.0},   {{340, {}, 1, {}}, 88.9},
    };
    for (const Vector& vector : vectors) {
        const auto score = health_score(vector.input);
        ASSERT_TRUE(score);
        EXPECT_EQ(metric::in_tenths(score->score), static_cast<int>(vector.score * 10 + 0.5)) << vector.score;
    }
}

TEST(Health, NothingKnownIsNoScore) {
    EXPECT_FALSE(health_score({}));
}

TEST(Health, NoGrowingInputRaisesTheScore) {
    std::mt19937_64 random(20261124);
    std::uniform_real_distribution<double> fraction(0, 1);
    for (int round = 0; round < 200'000; ++round) {
        std::optional<double> inputs[] = {fraction(random) * 5000, fraction(random), fraction(random) * 20,
                                          fraction(random) * 100};
        for (auto& input : inputs) {
            if (random() % 8 == 0) {
                input.reset();
            }
        }
        const std::size_t growing = random() % 4;
        if (!inputs[growing]) {
            continue;
        }
        const auto before = health_score({inputs[0], inputs[1], inputs[2], inputs[3]});
        *inputs[growing] *= 1 + fraction(random);
        const auto after = health_score({inputs[0], inputs[1], inputs[2], inputs[3]});
        ASSERT_LE(after->score, before->score);
    }
}

TEST(Health, TheWorstInputIsNamed) {
    EXPECT_EQ(health_score(HealthInput{10, 0.5, 0, 10})->worst, metric::Dimension::Errors);
    EXPECT_EQ(health_score(HealthInput{9000, 0, 0, 10})->worst, metric::Dimension::Latency);
    EXPECT_EQ(health_score(HealthInput{0, 0, 0, 0})->worst, metric::Dimension::None);
}

TEST(Health, AWorseStateIsLeftOnlyFivePointsAboveItsEdge) {
    EXPECT_EQ(metric::status_of(85, Status::Healthy), Status::Healthy);
    EXPECT_EQ(metric::status_of(85, Status::Degraded), Status::Degraded);
    EXPECT_EQ(metric::status_of(90, Status::Degraded), Status::Healthy);
    EXPECT_EQ(metric::status_of(52, Status::Unhealthy), Status::Unhealthy);
    EXPECT_EQ(metric::status_of(55, Status::Unhealthy), Status::Degraded);
    EXPECT_EQ(metric::status_of(49.9, Status::Healthy), Status::Unhealthy);
}

TEST(Health, QualityFollowsTheGuide) {
    EXPECT_EQ(metric::connection_quality(150, 16, 0, 10), Quality::Critical);
    EXPECT_EQ(metric::connection_quality(150, 0, 6, 10), Quality::Critical);
    EXPECT_EQ(metric::connection_quality(150, 15, 5, 10), Quality::Poor);
    EXPECT_EQ(metric::connection_quality(150, 0, 0, 2001), Quality::Poor);
    EXPECT_EQ(metric::connection_quality(150, 0, 0, 2000), Quality::Good);
    EXPECT_EQ(metric::connection_quality(150, 0, 0, 1000), Quality::Excellent);
    EXPECT_EQ(metric::connection_quality(0, 0, 0, {}), Quality::Excellent);
}

} // namespace
