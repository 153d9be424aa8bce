// Whatever is reported, what follows from it can be stored: no arithmetic overflows, and every number is one that the tables accept.

#include "metric/range.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "metric/sketch.hpp"
#include "metric/subscription.hpp"

namespace {

using namespace metric;

constexpr Time now = 800'000'000 * second;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr std::int64_t extreme_counters[] = {
    0,         1,  5,        most_counter - 1, most_counter, most_counter + 1, INT32_MAX, INT64_MAX - 1,
    INT64_MAX, -1, INT64_MIN};
constexpr double extreme_numbers[] = {0,   -0.0,   5e-324,       1e-310,   1e-9,     1,
                                      340, 1e12,   1.0000001e12, 1e17,     1e308,    DBL_MAX,
                                      -1,  -1e308, nan,          infinity, -infinity};
constexpr std::int32_t extreme_counts[] = {
    0, 1, most_reported_connections, most_reported_connections + 1, INT32_MAX, -1, INT32_MIN};

// As the CHECKs of extension/40_metrics.sql want it.
void expect_measure(const std::optional<double>& value, double most = most_number) {
    if (value) {
        EXPECT_TRUE(*value >= 0 && *value <= most) << *value;
    }
}

void expect_counters(const Counters& counters) {
    for (const std::int64_t counter : {counters.messages_received, counters.messages_sent, counters.errors,
                                       counters.retries, counters.bytes}) {
        EXPECT_TRUE(counter >= 0 && counter <= most_counter) << counter;
    }
}

void expect_sketch(const Sketch& sketch) {
    EXPECT_TRUE(std::isfinite(sketch.sum()) && std::isfinite(sketch.min()) && std::isfinite(sketch.max()));
    EXPECT_LE(sketch.count(), static_cast<std::uint64_t>(INT64_MAX));
    EXPECT_EQ(Sketch::read(sketch.write()), sketch);
}

void expect_storable(Subscription& subscription, Time at) {
    for (const auto& [id, connection] : subscription.connections()) {
        expect_counters(connection.counters);
        EXPECT_LE(connection.counters.retries, INT32_MAX);
        expect_measure(connection.avg_response_time_ms);
        expect_measure(connection.cpu_percent);
        expect_measure(connection.memory_mb);
        expect_measure(connection.health_score, 100);
        EXPECT_TRUE(connection.connection_count >= 0 &&
                    connection.connection_count <= most_reported_connections);
        EXPECT_GE(connection.resets, 0);
    }
    for (const std::int32_t resolution : resolutions) {
        for (const Bucket& bucket : subscription.series(resolution).buckets) {
            expect_counters(bucket.increments);
            for (const std::int64_t count : {bucket.reports, bucket.cpu_count, bucket.memory_count}) {
                EXPECT_TRUE(count >= 0 && count <= most_counter);
            }
            for (const double sum : {bucket.cpu_sum, bucket.memory_sum, bucket.memory_max}) {
                EXPECT_TRUE(sum >= 0 && std::isfinite(sum));
            }
            for (const std::int32_t count : {bucket.active_connections, bucket.stale_connections}) {
                EXPECT_TRUE(count >= 0 && count <= most_connections_shown);
            }
            expect_sketch(bucket.latency);
        }
    }
    for (auto& [name, series] : subscription.samples()) {
        for (const Series<SampleBucket>& one : series) {
            for (const SampleBucket& bucket : one.buckets) {
                EXPECT_TRUE(bucket.count >= 0 && bucket.count <= most_counter);
                for (const double number : {bucket.sum, bucket.min, bucket.max, bucket.last}) {
                    EXPECT_TRUE(std::isfinite(number));
                }
                expect_sketch(bucket.distribution);
            }
        }
    }
    const Subscription* const twice[] = {&subscription, &subscription};
    const Health health = health_of(twice, Status::Unknown, at, {});
    EXPECT_TRUE(health.active_connections >= 0 && health.active_connections <= most_connections_shown);
    EXPECT_TRUE(health.stale_connections >= 0 && health.stale_connections <= most_connections_shown);
    for (const auto& measure :
         {health.avg_latency_ms, health.p50, health.p95, health.p99, health.retry_rate,
          health.messages_per_second, health.bytes_per_second, health.cpu_usage, health.memory_mb}) {
        expect_measure(measure);
    }
    expect_measure(health.error_rate, 1);
    expect_measure(health.success_rate, 1);
    expect_measure(health.score, 100);
    for (std::uint8_t metric = 1; metric <= static_cast<std::uint8_t>(Metric::ReplicationLagSeconds);
         ++metric) {
        for (std::uint8_t how = 0; how <= static_cast<std::uint8_t>(Aggregation::Last); ++how) {
            const Value value =
                value_of({static_cast<Metric>(metric), static_cast<Aggregation>(how), 60, {}}, twice, at, {});
            EXPECT_TRUE(std::isfinite(value.number));
        }
    }
}

Report extreme_report(std::mt19937_64& random, const std::string& id, Time at) {
    const auto counter = [&] { return extreme_counters[random() % std::size(extreme_counters)]; };
    const auto number = [&]() -> std::optional<double> {
        return extreme_numbers[random() % std::size(extreme_numbers)];
    };
    Report report;
    report.connection_id = id;
    report.counters = {counter(), counter(), counter(), counter(), counter()};
    report.avg_response_time_ms = number();
    report.cpu_percent = number();
    report.memory_mb = number();
    report.health_score = number();
    report.connection_count = extreme_counts[random() % std::size(extreme_counts)];
    report.heartbeat_at = at;
    report.recorded_at = at;
    return report;
}

TEST(Range, WhateverIsReportedCanBeStored) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        std::mt19937_64 random(seed);
        Subscription subscription;
        Time at = now;
        for (int step = 0; step < 60; ++step) {
            at += static_cast<Time>(random() % 20) * second;
            const std::string id = "c" + std::to_string(random() % 4);
            EXPECT_TRUE(subscription.apply(extreme_report(random, id, at), {}));
            (void)subscription.apply_sample("load", extreme_numbers[random() % std::size(extreme_numbers)],
                                            at);
            subscription.sweep(at, {});
        }
        expect_storable(subscription, at);
    }
}

TEST(Range, WhatWasStoredBeforeTheLimitsCanBeStoredAgain) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        std::mt19937_64 random(seed);
        Subscription subscription;
        const auto counter = [&] { return extreme_counters[random() % std::size(extreme_counters)]; };
        const auto number = [&] { return extreme_numbers[random() % std::size(extreme_numbers)]; };
        for (const std::int32_t resolution : resolutions) {
            Bucket bucket;
            bucket.start = now;
            bucket.reports = counter();
            bucket.increments = {counter(), counter(), counter(), counter(), counter()};
            bucket.cpu_sum = number();
            bucket.memory_sum = number();
            bucket.memory_max = number();
            bucket.cpu_count = counter();
            bucket.memory_count = counter();
            bucket.active_connections = extreme_counts[random() % std::size(extreme_counts)];
            bucket.health_score = number();
            subscription.load_bucket(resolution, bucket);
            SampleBucket samples;
            samples.start = now;
            samples.count = counter();
            samples.sum = number();
            samples.min = number();
            samples.max = number();
            samples.last = number();
            subscription.load_sample_bucket("load", resolution, samples);
        }
        const Report old = extreme_report(random, "old", now);
        Connection connection;
        connection.counters = old.counters;
        connection.cpu_percent = old.cpu_percent;
        connection.health_score = old.health_score;
        connection.connection_count = old.connection_count;
        connection.heartbeat_at = now;
        connection.resets = INT32_MAX;
        subscription.load_connection("old", connection);
        subscription.sweep(now + second, {});
        (void)subscription.apply(extreme_report(random, "old", now + second), {});
        (void)subscription.apply_sample("load", 1, now + second);
        expect_storable(subscription, now + second);
    }
}

TEST(Range, ConnectionsOfManyClientsDoNotOverflow) {
    Subscription subscription;
    for (int client = 0; client < 5000; ++client) {
        Report report;
        const std::string id = std::to_string(client);
        report.connection_id = id;
        report.connection_count = INT32_MAX;
        report.heartbeat_at = report.recorded_at = now;
        ASSERT_TRUE(subscription.apply(report, {}));
    }
    EXPECT_EQ(subscription.active_connections(), most_connections_shown);
    // All but one go: what was beyond the limit was counted, too.
    for (int client = 1; client < 5000; ++client) {
        Report report;
        const std::string id = std::to_string(client);
        report.connection_id = id;
        report.connection_count = 0;
        report.heartbeat_at = report.recorded_at = now + second;
        ASSERT_TRUE(subscription.apply(report, {}));
    }
    EXPECT_EQ(subscription.active_connections(), most_reported_connections);
}

TEST(Range, ASampleThatIsNoNumberIsRefused) {
    Subscription subscription;
    EXPECT_FALSE(subscription.apply_sample("load", nan, now));
    EXPECT_TRUE(subscription.samples().empty());
}

TEST(Range, ASketchSaturates) {
    Sketch sketch;
    for (int round = 0; round < 3; ++round) {
        sketch.add(1e308, INT64_MAX);
        sketch.add(DBL_MAX, INT64_MAX);
        sketch.add(2, UINT64_MAX);
        sketch.add(0, UINT64_MAX);
        expect_sketch(sketch);
    }
    EXPECT_EQ(sketch.count(), static_cast<std::uint64_t>(INT64_MAX));
    EXPECT_EQ(sketch.sum(), DBL_MAX);
    Sketch negative;
    negative.add(-DBL_MAX, INT64_MAX);
    EXPECT_EQ(negative.sum(), -DBL_MAX);
    Sketch merged = sketch;
    merged.merge(negative);
    merged.merge(sketch);
    expect_sketch(merged);
    EXPECT_EQ(merged.min(), -DBL_MAX);
    EXPECT_TRUE(merged.quantile(0.5).has_value());
}

// The stored form, as it is documented in sketch.cpp.
std::string stored(std::uint64_t zero, double sum, double min, double max,
                   std::vector<std::pair<int, std::uint64_t>> bins) {
    std::string bytes(1, '\1');
    const auto varint = [&](std::uint64_t number) {
        for (; number >= 0x80; number >>= 7) {
            bytes.push_back(static_cast<char>((number & 0x7f) | 0x80));
        }
        bytes.push_back(static_cast<char>(number));
    };
    const auto number = [&](double value) { bytes.append(reinterpret_cast<const char*>(&value), 8); };
    varint(zero);
    number(sum);
    number(min);
    number(max);
    varint(bins.size());
    int previous = 0;
    for (const auto& [index, weight] : bins) {
        varint(static_cast<std::uint64_t>(index - previous) << 1);
        varint(weight);
        previous = index;
    }
    varint(0);
    return bytes;
}

TEST(Range, SketchesThatOverflowedInEarlierVersionsAreRead) {
    const std::string broken[] = {
        stored(0, infinity, 1e308, 1e308, {{35461, 2}}),  // the sum overflowed
        stored(0, nan, 1, 100, {{1, 1}, {231, 5}}),       // inf - inf
        stored(UINT64_MAX, 10, 0, 5, {{81, UINT64_MAX}}), // the count wrapped around
        stored(1, 10, 0, 5, {{81, 0}, {90, 3}}),          // a weight wrapped around to 0
        stored(0, 10, 5, 5, {}),                          // all of them did
    };
    for (const std::string& bytes : broken) {
        const auto sketch = Sketch::read(bytes);
        ASSERT_TRUE(sketch);
        expect_sketch(*sketch);
    }
    EXPECT_EQ(Sketch::read(broken[0])->sum(), DBL_MAX);
    EXPECT_NEAR(Sketch::read(broken[1])->sum(), 501, 10);
    EXPECT_EQ(Sketch::read(broken[2])->count(), static_cast<std::uint64_t>(INT64_MAX));
    EXPECT_EQ(Sketch::read(broken[3])->count(), 4U);
    EXPECT_TRUE(Sketch::read(broken[4])->empty());
}

} // namespace
