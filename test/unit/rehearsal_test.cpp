#include "monitor/rehearsal.hpp"

#include <gtest/gtest.h>

#include <random>
#include <variant>

#include "alert/compile.hpp"

namespace {

using namespace monitor;
using metric::second;
using metric::Time;

constexpr Time start = 800'000'000 * second;

std::shared_ptr<RuleList> list_of(const std::vector<alert::RuleText>& texts) {
    auto list = std::make_shared<RuleList>();
    for (const alert::RuleText& text : texts) {
        list->add(std::get<alert::Rule>(alert::compile(text, list->table())));
    }
    list->finish();
    return list;
}

alert::RuleText rule(const char* metric, double threshold) {
    alert::RuleText text;
    text.rule_id = "rule";
    text.metric = metric;
    text.threshold_value = threshold;
    text.cooldown_minutes = 0;
    text.flap_detection = false;
    return text;
}

std::string text_of(const std::vector<Rehearsed>& outcomes) {
    std::string text;
    for (const Rehearsed& outcome : outcomes) {
        text += std::to_string((outcome.at - start) / second) + ":" +
                std::string(alert::name_of(outcome.state)) + " ";
    }
    return text;
}

TEST(Rehearsal, StepsARuleThroughGivenValuesAndTheTimeBetweenThem) {
    alert::RuleText text = rule("error_rate", 0.1);
    text.for_seconds = 30;
    text.keep_firing_seconds = 20;
    const auto at = [](int seconds, std::optional<double> value) {
        return GivenValues{start + seconds * second, {{"error_rate", value}}};
    };
    const auto outcomes =
        rehearse(*list_of({text}), {at(0, 0.05), at(10, 0.5), at(20, 0.05), at(30, 0.5), at(100, 0.01)},
                 start + 200 * second);
    EXPECT_EQ(text_of(outcomes), "10:pending 20:inactive 30:pending 60:firing 100:recovering 120:inactive ");
    EXPECT_EQ(outcomes[3].event, alert::Event::Fire);
    EXPECT_EQ(outcomes[3].notification, alert::Notification::Firing);
    EXPECT_EQ(outcomes[5].event, alert::Event::Resolve);
}

TEST(Rehearsal, MissingValuesAreMissingData) {
    alert::RuleText text = rule("error_rate", 0.1);
    text.no_data_action = "alert";
    text.no_data_for_seconds = 60;
    const auto outcomes =
        rehearse(*list_of({text}),
                 {{start, {{"error_rate", 0.0}}}, {start + 10 * second, {{"error_rate", std::nullopt}}}},
                 start + 300 * second);
    EXPECT_EQ(text_of(outcomes), "70:no_data ");
    EXPECT_EQ(outcomes[0].event, alert::Event::FireNoData);
}

// The oracle is an engine that got the reports themselves and was asked at the same times.
TEST(Rehearsal, DecidesFromBucketsWhatTheEngineDecidedFromReports) {
    std::mt19937 random(20261124);
    for (const char* metric : {"error_rate", "avg_latency_ms", "p95_latency_ms", "messages_per_second",
                               "retry_rate", "active_connections"}) {
        alert::RuleText text = rule(metric, std::string(metric) == "error_rate"           ? 0.3
                                            : std::string(metric) == "active_connections" ? 2
                                                                                          : 100);
        text.window_seconds = 30;
        text.for_seconds = 20;
        const auto rules = list_of({text});
        Engine engine({});
        engine.set_global_rules(rules);
        Tenant& tenant = engine.tenant({});
        Watch& watch = engine.watch(tenant, "orders");
        std::string live;
        alert::State state = alert::State::Inactive;
        Time now = start;
        std::int64_t received = 0;
        std::int64_t errors = 0;
        std::int64_t retries = 0;
        for (int round = 0; round < 60; ++round) {
            const bool bad = random() % 10 < static_cast<unsigned>(round / 10 % 2 == 0 ? 9 : 1);
            metric::Report report;
            const std::string name = bad && random() % 2 == 0 ? "b" : "a" + std::to_string(random() % 3);
            report.connection_id = name;
            received += bad ? 5000 : 10;
            errors += bad ? 4000 : 0;
            retries += bad ? 500 : 0;
            report.counters = {received, 0, errors, retries, 0};
            report.avg_response_time_ms = bad ? 500 : 10;
            report.recorded_at = report.heartbeat_at = now + second;
            watch.data.apply(report, engine.limits());
            watch.data.sweep(now + 9 * second, engine.limits());
            watch.data.record_health(std::nullopt, now + 9 * second);
            engine.touch(tenant, watch);
            now += 10 * second;
            engine.evaluate(now, false);
            for (const Action& action : engine.actions()) {
                if (std::exchange(state, action.state.state) != action.state.state) {
                    live += std::to_string((now - start) / second) + ":" +
                            std::string(alert::name_of(state)) + " ";
                }
            }
        }
        Rehearsal rehearsal(rules, {});
        for (const metric::Bucket& bucket : watch.data.series(10).buckets) {
            rehearsal.add({}, "orders", bucket);
            rehearsal.evaluate_until(bucket.start + 10 * second, start);
        }
        EXPECT_EQ(text_of(rehearsal.outcomes), live) << metric;
        EXPECT_NE(live, "") << metric;
    }
}

TEST(Rehearsal, TellsNothingOfTheTimeThatOnlyFillsTheWindows) {
    Rehearsal rehearsal(list_of({rule("load", 10)}), {});
    for (int round = 0; round < 6; ++round) {
        metric::SampleBucket bucket;
        bucket.start = start + round * 10 * second;
        bucket.add(50);
        rehearsal.add_sample({}, "orders", "load", bucket);
        rehearsal.evaluate_until(bucket.start + 10 * second, start + 60 * second);
    }
    rehearsal.evaluate_until(start + 600 * second, start + 60 * second);
    EXPECT_EQ(text_of(rehearsal.outcomes), "420:no_data "); // five minutes after the window was empty
}

} // namespace
