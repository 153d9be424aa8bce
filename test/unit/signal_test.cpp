#include "metric/signal.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "alert/compile.hpp"

namespace {

using metric::Aggregation;
using metric::Metric;

TEST(Signal, AnAggregationThatMeansNothingForAMetricIsRefused) {
    for (int metric = 1; metric <= static_cast<int>(Metric::ReplicationLagSeconds); ++metric) {
        const auto of = static_cast<Metric>(metric);
        const auto meaningful = metric::aggregations_of(of);
        for (int aggregation = 0; aggregation <= static_cast<int>(Aggregation::Last); ++aggregation) {
            const auto by = static_cast<Aggregation>(aggregation);
            alert::RuleText rule;
            rule.rule_id = "r";
            rule.metric = metric::name_of(of);
            rule.aggregation = metric::name_of(by);
            rule.severity = "high";
            rule.window_seconds = 60;
            alert::SignalTable table;
            const bool taken = std::holds_alternative<alert::Rule>(alert::compile(rule, table));
            EXPECT_EQ(taken, std::find(meaningful.begin(), meaningful.end(), by) != meaningful.end())
                << rule.metric << " " << rule.aggregation;
        }
    }
    EXPECT_EQ(metric::aggregations_of(Metric::Custom).size(), 12U);
    EXPECT_TRUE(metric::aggregations_of(Metric::ReplicationLagSeconds).empty());
}

TEST(Signal, ConditionsThatCannotBeReadSayWhy) {
    alert::RuleText rule;
    rule.rule_id = "r";
    rule.metric = "load";
    rule.conditions.push_back(
        {"error", 0, "conditions.metric must be the name of a metric", "default", "", 0, {}, {}});
    alert::SignalTable table;
    const auto compiled = alert::compile(rule, table);
    ASSERT_TRUE(std::holds_alternative<std::string>(compiled));
    EXPECT_EQ(std::get<std::string>(compiled), "condition 1: conditions.metric must be the name of a metric");
}

} // namespace
