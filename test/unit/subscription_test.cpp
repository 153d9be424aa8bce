#include "metric/subscription.hpp"

#include <gtest/gtest.h>

namespace {

using namespace metric;

constexpr Time now = 800'000'000 * second; // at the begin of an hour, a minute and ten seconds

Report report_at(Time at, std::string_view id, Counters counters, double response = 100) {
    Report report;
    report.connection_id = id;
    report.counters = counters;
    report.avg_response_time_ms = response;
    report.heartbeat_at = at;
    report.recorded_at = at;
    return report;
}

double number_of(const Subscription& subscription, Metric metric, Time at,
                 Aggregation aggregation = Aggregation::Default, int window = 60) {
    const Subscription* const one[] = {&subscription};
    const Value value = value_of(Signal{metric, aggregation, window, {}}, one, at, Limits{});
    EXPECT_EQ(value.kind, Value::Kind::Number);
    return value.number;
}

Value::Kind kind_of(const Subscription& subscription, Metric metric, Time at, int window = 60) {
    const Subscription* const one[] = {&subscription};
    return value_of(Signal{metric, Aggregation::Default, window, {}}, one, at, Limits{}).kind;
}

TEST(Subscription, TheGuidesExampleIsHealthy) {
    Subscription subscription;
    Report report = report_at(now, "conn_abc123", {150, 25, 2, 1, 45670}, 340);
    report.memory_mb = 234.7;
    report.connection_count = 5;
    subscription.apply(report, {});
    const Subscription* const one[] = {&subscription};
    const Health health = health_of(one, Status::Unknown, now, {});
    EXPECT_EQ(health.status, Status::Healthy);
    EXPECT_EQ(health.active_connections, 5);
    EXPECT_NEAR(*health.error_rate, 0.0133, 0.0001);
    EXPECT_NEAR(*health.success_rate, 0.9867, 0.0001);
    EXPECT_EQ(*health.avg_latency_ms, 340);
}

TEST(Subscription, OnlyIncrementsCountAfterTheFirstReport) {
    Subscription subscription;
    subscription.apply(report_at(now, "a", {100, 0, 10, 0, 0}), {});
    subscription.apply(report_at(now + second, "a", {200, 0, 10, 0, 0}), {});
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + second), 0.05);
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + second, Aggregation::Sum), 10);
}

TEST(Subscription, ACounterThatGoesBackwardsBeganAnew) {
    Subscription subscription;
    subscription.apply(report_at(now, "a", {100, 0, 4, 0, 0}), {});
    subscription.apply(report_at(now + second, "a", {60, 0, 1, 0, 0}), {});
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + second, Aggregation::Sum), 5);
    EXPECT_EQ(subscription.connections().at("a").resets, 1);
}

TEST(Subscription, AnOvertakenReportIsNotCountedTwice) {
    Subscription subscription;
    subscription.apply(report_at(now + 2 * second, "a", {200, 0, 20, 0, 0}), {});
    subscription.apply(report_at(now + second, "a", {100, 0, 10, 0, 0}), {});
    subscription.apply(report_at(now + 3 * second, "a", {300, 0, 20, 0, 0}), {});
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + 3 * second, Aggregation::Sum), 20);
}

TEST(Subscription, AWindowTakesInTheBucketsThatOverlapIt) {
    Subscription subscription;
    subscription.apply(report_at(now, "a", {100, 0, 50, 0, 0}), {});
    subscription.apply(report_at(now + 30 * second, "a", {200, 0, 50, 0, 0}), {});
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + 60 * second), 0.25);
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + 69 * second), 0.25);
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + 70 * second), 0);
    EXPECT_EQ(kind_of(subscription, Metric::ErrorRate, now + 101 * second), Value::Kind::NoData);
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now + 101 * second, Aggregation::Default, 3600),
              0.25);
}

TEST(Subscription, ErrorsWithoutMessagesAreFailureAltogether) {
    Subscription subscription;
    subscription.apply(report_at(now, "a", {0, 0, 3, 0, 0}), {});
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now), 1);
}

TEST(Subscription, HeartbeatsThatStopMakeConnectionsStaleAndThenGone) {
    Subscription subscription;
    const Limits limits;
    subscription.apply(report_at(now, "a", {1, 0, 0, 0, 0}), limits);
    subscription.apply(report_at(now + 30 * second, "b", {1, 0, 0, 0, 0}), limits);
    const auto counts_at = [&](Time at) {
        subscription.sweep(at, limits);
        return std::pair(subscription.active_connections(), subscription.stale_connections());
    };
    EXPECT_EQ(counts_at(now + 59 * second), std::pair(2, 0));
    EXPECT_EQ(counts_at(now + 60 * second), std::pair(1, 1));
    EXPECT_EQ(counts_at(now + 90 * second), std::pair(0, 2));
    const Subscription* const one[] = {&subscription};
    EXPECT_EQ(health_of(one, Status::Healthy, now + 90 * second, limits).status, Status::Unknown);
    EXPECT_EQ(counts_at(now + 300 * second), std::pair(0, 1));
    EXPECT_EQ(counts_at(now + 330 * second), std::pair(0, 0));
    EXPECT_EQ(health_of(one, Status::Healthy, now + 330 * second, limits).status, Status::Offline);
    subscription.apply(report_at(now + 400 * second, "a", {2, 0, 0, 0, 0}), limits);
    EXPECT_EQ(counts_at(now + 400 * second), std::pair(1, 0));
}

TEST(Subscription, PercentilesAreThoseOfTheMessages) {
    Subscription subscription;
    subscription.apply(report_at(now, "fast", {99, 0, 0, 0, 0}, 10), {});
    subscription.apply(report_at(now, "slow", {1, 0, 0, 0, 0}, 5000), {});
    EXPECT_NEAR(number_of(subscription, Metric::P95LatencyMs, now), 10, 0.1);
    EXPECT_EQ(number_of(subscription, Metric::AvgLatencyMs, now, Aggregation::Max), 5000);
    EXPECT_NEAR(number_of(subscription, Metric::AvgLatencyMs, now), 59.9, 0.01);
}

TEST(Subscription, EveryMetricHasEveryAggregation) {
    Subscription subscription;
    Report report = report_at(now, "a", {100, 50, 5, 2, 1000});
    report.cpu_percent = 10;
    report.memory_mb = 200;
    subscription.apply(report, {});
    subscription.apply_sample("queue_depth", 3, now);
    subscription.apply_sample("batch_items", 50, now);
    subscription.apply_sample("batch_failures", 5, now);
    subscription.record_health(90, now);
    const Subscription* const one[] = {&subscription};
    for (int metric = 1; metric <= static_cast<int>(Metric::BatchFailureRate); ++metric) {
        for (int aggregation = 0; aggregation <= static_cast<int>(Aggregation::Last); ++aggregation) {
            const Signal signal{static_cast<Metric>(metric), static_cast<Aggregation>(aggregation), 60, {}};
            EXPECT_EQ(value_of(signal, one, now, {}).kind, Value::Kind::Number)
                << name_of(signal.metric) << " " << name_of(signal.aggregation);
            const Subscription nothing;
            const Subscription* const none[] = {&nothing};
            EXPECT_EQ(value_of(signal, none, now, {}).kind, Value::Kind::NoData)
                << name_of(signal.metric) << " " << name_of(signal.aggregation);
        }
    }
    EXPECT_EQ(value_of({Metric::BatchFailureRate, Aggregation::Default, 60, {}}, one, now, {}).number, 0.1);
    EXPECT_EQ(value_of({Metric::Custom, Aggregation::Last, 60, "queue_depth"}, one, now, {}).number, 3);
    EXPECT_EQ(value_of({Metric::Custom, Aggregation::Last, 60, "unknown"}, one, now, {}).kind,
              Value::Kind::NoData);
}

TEST(Subscription, WhatAUserWroteCountsUntilAConnectionReports) {
    Subscription subscription;
    Subscription::Reported reported;
    reported.error_rate = 0.5;
    subscription.set_reported(reported);
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now), 0.5);
    subscription.apply(report_at(now, "a", {100, 0, 1, 0, 0}), {});
    EXPECT_EQ(number_of(subscription, Metric::ErrorRate, now), 0.01);
}

TEST(Subscription, LoadingWhatWasStoredGoesOnWhereItStopped) {
    Subscription before;
    before.apply(report_at(now, "a", {100, 0, 10, 0, 0}), {});
    Subscription after;
    for (const auto& [id, connection] : before.connections()) {
        after.load_connection(id, connection);
    }
    for (const std::int32_t resolution : resolutions) {
        for (const Bucket& bucket : before.series(resolution).buckets) {
            after.load_bucket(resolution, bucket);
        }
    }
    for (Subscription* subscription : {&before, &after}) {
        subscription->apply(report_at(now + second, "a", {150, 0, 20, 0, 0}), {});
        subscription->sweep(now + second, {});
    }
    EXPECT_EQ(number_of(after, Metric::ErrorRate, now + second),
              number_of(before, Metric::ErrorRate, now + second));
    EXPECT_EQ(after.active_connections(), before.active_connections());
    EXPECT_EQ(number_of(after, Metric::P95LatencyMs, now + second),
              number_of(before, Metric::P95LatencyMs, now + second));
}

TEST(Subscription, RemembersNoMoreConnectionsAndMetricsThanItMay) {
    Limits limits;
    limits.most_connections = 2;
    limits.most_samples = 1;
    Subscription subscription;
    Report report;
    report.recorded_at = report.heartbeat_at = 800'000'000 * second;
    for (const char* id : {"a", "b"}) {
        report.connection_id = id;
        EXPECT_TRUE(subscription.apply(report, limits));
    }
    report.connection_id = "c";
    EXPECT_FALSE(subscription.apply(report, limits));
    report.connection_id = "a";
    EXPECT_TRUE(subscription.apply(report, limits));
    EXPECT_EQ(subscription.active_connections(), 2);
    EXPECT_TRUE(subscription.apply_sample("one", 1, report.recorded_at, limits));
    EXPECT_FALSE(subscription.apply_sample("two", 1, report.recorded_at, limits));
    EXPECT_TRUE(subscription.apply_sample("one", 2, report.recorded_at, limits));
}

} // namespace
