#include "monitor/rehearsal.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
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
        Rehearsal rehearsal(rules, {}, start, now);
        for (const metric::Bucket& bucket : watch.data.series(10).buckets) {
            rehearsal.add({}, "orders", bucket);
        }
        rehearsal.finish();
        EXPECT_EQ(text_of(rehearsal.outcomes), live) << metric;
        EXPECT_NE(live, "") << metric;
    }
}

TEST(Rehearsal, TellsNothingOfTheTimeThatOnlyFillsTheWindows) {
    Rehearsal rehearsal(list_of({rule("load", 10)}), {}, start + 60 * second, start + 600 * second);
    for (int round = 0; round < 6; ++round) {
        metric::SampleBucket bucket;
        bucket.start = start + round * 10 * second;
        bucket.add(50, bucket.start);
        rehearsal.add_sample({}, "orders", "load", bucket);
    }
    rehearsal.finish();
    EXPECT_EQ(text_of(rehearsal.outcomes), "420:no_data "); // five minutes after the window was empty
}

TEST(Rehearsal, WhatComesAfterAGapEndsNoAlertBeforeIt) {
    alert::RuleText text = rule("load", 10);
    text.aggregation = "last";
    text.for_seconds = 15;
    Rehearsal rehearsal(list_of({text}), {}, start, start + 1000 * second);
    for (const auto& [at, value] : {std::pair(0, 50.0), std::pair(360, 1.0)}) {
        metric::SampleBucket bucket;
        bucket.start = start + at * second;
        bucket.add(value, bucket.start);
        rehearsal.add_sample({}, "orders", "load", bucket);
    }
    rehearsal.finish();
    EXPECT_EQ(text_of(rehearsal.outcomes), "10:pending 25:firing 370:inactive ");
}

// Buckets of what was reported, as they are stored.
struct Stored {
    std::map<Time, metric::Bucket> buckets;
    std::map<Time, metric::SampleBucket> samples;

    void take(const metric::Subscription& data) {
        for (const metric::Bucket& bucket : data.series(10).buckets) {
            buckets[bucket.start] = bucket;
        }
        if (const auto load = data.samples().find("load"); load != data.samples().end()) {
            for (const metric::SampleBucket& bucket : load->second[0].buckets) {
                samples[bucket.start] = bucket;
            }
        }
    }
};

class Lived {
  public:
    explicit Lived(const std::shared_ptr<RuleList>& rules) : rules_(rules) { start_engine(); }

    // As after a crash: what was stored is all that is known.
    void restart(const Stored& stored) {
        std::vector<std::pair<std::string, ActiveInstance>> instances;
        for (const ActiveInstance& instance : watch_->instances) {
            instances.emplace_back("rule", instance);
        }
        const auto connections = watch_->data.connections();
        start_engine();
        for (const auto& [at, bucket] : stored.buckets) {
            watch_->data.load_bucket(10, bucket);
        }
        for (const auto& [at, bucket] : stored.samples) {
            watch_->data.load_sample_bucket("load", 10, bucket);
        }
        for (const auto& [id, connection] : connections) {
            watch_->data.load_connection(id, connection);
        }
        for (const auto& [rule, instance] : instances) {
            engine_->load_instance(*watch_, *tenant_, rule, instance.state, instance.alert_id,
                                   instance.owed_alert_id);
        }
    }
    void evaluate_due(Time end) {
        for (Time due = engine_->wake_at(); due < end; due = engine_->wake_at()) {
            evaluate(due);
            if (engine_->wake_at() <= due) {
                break;
            }
        }
    }
    void evaluate(Time now) {
        engine_->evaluate(now, true); // as a regular check does
        for (const Action& action : engine_->actions()) {
            if (std::exchange(state_, action.state.state) != action.state.state) {
                text +=
                    std::to_string((now - start) / second) + ":" + std::string(alert::name_of(state_)) + " ";
            }
        }
    }
    void touch() { engine_->touch(*tenant_, *watch_); }
    metric::Subscription& data() { return watch_->data; }
    const metric::Limits& limits() const { return engine_->limits(); }

    std::string text;

  private:
    void start_engine() {
        engine_ = std::make_unique<Engine>(metric::Limits{});
        engine_->set_global_rules(rules_);
        tenant_ = &engine_->tenant({});
        watch_ = &engine_->watch(*tenant_, "orders");
    }

    std::shared_ptr<RuleList> rules_;
    std::unique_ptr<Engine> engine_;
    Tenant* tenant_ = nullptr;
    Watch* watch_ = nullptr;
    alert::State state_ = alert::State::Inactive;
};

// The oracle is an engine that got the reports themselves, through gaps, restarts and reports that lie back by up to the length
// of a bucket; the replay gets what was stored of them.
TEST(Rehearsal, DecidesWhatWasDecidedThroughGapsRestartsAndLateReports) {
    int decided = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        const auto chance = [&random](unsigned of) { return random() % of == 0; };
        const char* const metrics[] = {"load", "error_rate", "avg_latency_ms", "messages_per_second"};
        alert::RuleText text = rule(metrics[random() % 4], 0);
        text.threshold_value = text.metric == "error_rate" ? 0.3 : text.metric == "load" ? 10 : 100;
        text.aggregation = text.metric == "load" ? (chance(2) ? "last" : "avg") : "default";
        text.window_seconds = 10 * static_cast<int>(1 + random() % 30);
        text.for_seconds = static_cast<int>(random() % 45);
        text.keep_firing_seconds = static_cast<int>(random() % 45);
        text.no_data_action = chance(2) ? "alert" : "ok";
        text.no_data_for_seconds = static_cast<int>(random() % 200);
        const auto rules = list_of({text});
        Lived lived(rules);
        Stored stored;
        Time now = start;
        std::int64_t number = 0;
        bool bad = false;
        for (int round = 0; round < 120; ++round) {
            const Time end = now + 10 * second;
            lived.evaluate_due(end);
            if (chance(6)) {
                bad = !bad;
            }
            // A subscription is known from its first report on.
            const int reports = round > 0 && chance(3) ? 0 : static_cast<int>(1 + random() % 3);
            for (int report = 0; report < reports; ++report) {
                // In any order within the bucket.
                const Time at = now + static_cast<Time>(random() % 10) * second;
                const std::string id = "c" + std::to_string(number++);
                metric::Report given;
                given.connection_id = id;
                given.counters = {bad ? 5000 : 10, 0, bad ? 4000 : 0, 0, 0};
                given.avg_response_time_ms = bad ? 500 : 10;
                given.recorded_at = given.heartbeat_at = at;
                EXPECT_TRUE(lived.data().apply(given, lived.limits()));
                EXPECT_TRUE(lived.data().apply_sample("load", bad ? 50 : 1, at, lived.limits()));
                lived.touch();
            }
            stored.take(lived.data());
            lived.evaluate(end);
            if (chance(10)) {
                lived.restart(stored);
                lived.evaluate(end); // a worker begins with a look at everything
            }
            now = end;
            for (unsigned gap = chance(8) ? random() % 60 : 0; gap > 0; --gap) {
                now += 10 * second;
                lived.evaluate_due(now);
                lived.evaluate(now);
            }
        }
        Rehearsal rehearsal(rules, {}, start, now);
        for (auto bucket = stored.buckets.begin(); bucket != stored.buckets.end(); ++bucket) {
            rehearsal.add({}, "orders", bucket->second);
            rehearsal.add_sample({}, "orders", "load", stored.samples.at(bucket->first));
        }
        rehearsal.finish();
        EXPECT_EQ(text_of(rehearsal.outcomes), lived.text) << "seed " << seed << ", " << text.metric;
        decided += lived.text.empty() ? 0 : 1;
    }
    EXPECT_GT(decided, 150);
}

} // namespace
