// The clocks: what is judged does not depend on what somebody does to the wall clock.
#include <gtest/gtest.h>

#include <random>
#include <variant>

#include "alert/compile.hpp"
#include "metric/timeline.hpp"
#include "monitor/announcement.hpp"
#include "monitor/engine.hpp"

namespace {

using namespace monitor;
using metric::Clocks;
using metric::hour;
using metric::minute;
using metric::second;
using metric::Time;
using metric::Timeline;

constexpr Time noon = 800'000'000 * second / hour * hour;

TEST(Timeline, FollowsTheWallClockWhileNobodySetsIt) {
    Timeline time({noon, 5}, 0);
    EXPECT_FALSE(time.advance({noon + 10 * second, 5 + 10 * second}));
    EXPECT_EQ(time.now(), noon + 10 * second);
    EXPECT_FALSE(time.advance({noon + 20 * second + 300, 5 + 20 * second}));
    EXPECT_EQ(time.now(), noon + 20 * second + 300);
    EXPECT_EQ(time.offset(), 0);
}

TEST(Timeline, GoesOnWhenTheWallClockIsSetBackOrForward) {
    Timeline time({noon, 0}, 0);
    EXPECT_TRUE(time.advance({noon - hour + second, second}));
    EXPECT_EQ(time.now(), noon + second);
    EXPECT_EQ(time.offset(), hour);
    EXPECT_EQ(time.wall(), noon - hour + second);
    EXPECT_TRUE(time.advance({noon + hour + 2 * second, 2 * second}));
    EXPECT_EQ(time.now(), noon + 2 * second);
    EXPECT_EQ(time.offset(), -hour);
}

TEST(Timeline, NeverGoesBackByALittleEither) {
    Timeline time({noon, 0}, 0);
    EXPECT_FALSE(time.advance({noon - second / 2, 1}));
    EXPECT_EQ(time.now(), noon);
}

TEST(Timeline, KnowsReportsThatWereMadeBeforeTheClockWasSet) {
    Timeline back({noon, 0}, 0);
    back.advance({noon - hour + 2 * second, 2 * second});
    EXPECT_EQ(back.time_of(noon + second), noon + second);
    EXPECT_EQ(back.time_of(noon - hour + second), noon + second);
    EXPECT_EQ(back.time_of(noon - hour + 10 * second), noon + 2 * second) << "the future counts as now";
    Timeline forward({noon, 0}, 0);
    forward.advance({noon + hour + 2 * second, 2 * second});
    EXPECT_EQ(forward.time_of(noon + second), noon + second);
    EXPECT_EQ(forward.time_of(noon + hour + second), noon + second);
    EXPECT_LE(forward.earliest_wall(minute), noon - minute + 2 * second);
}

TEST(Timeline, BeginsBehindWhatIsStored) {
    Timeline time({noon - hour, 0}, 0);
    EXPECT_FALSE(time.begin_after(noon - 2 * hour));
    EXPECT_TRUE(time.begin_after(noon));
    EXPECT_EQ(time.now(), noon);
    EXPECT_EQ(time.wall(), noon - hour);
}

alert::RuleText rule(std::string id, std::string metric, std::string aggregation, double threshold) {
    alert::RuleText text;
    text.rule_id = std::move(id);
    text.metric = std::move(metric);
    text.aggregation = std::move(aggregation);
    text.threshold_value = threshold;
    text.cooldown_minutes = 2;
    return text;
}

std::shared_ptr<RuleList> rules() {
    alert::RuleText lasting = rule("lasting", "load", "last", 10);
    lasting.for_seconds = 30;
    lasting.keep_firing_seconds = 20;
    alert::RuleText at_once = rule("at_once", "load", "last", 50);
    at_once.cooldown_minutes = 0;
    at_once.flap_detection = false;
    alert::RuleText long_window = rule("long_window", "load", "avg", 30);
    long_window.window_seconds = 600;
    alert::RuleText missing = rule("missing", "load", "last", 90);
    missing.no_data_action = "alert";
    missing.no_data_for_seconds = 45;
    auto list = std::make_shared<RuleList>();
    for (const alert::RuleText& text :
         {lasting, at_once, long_window, missing, rule("errors", "error_rate", "default", 0.2),
          rule("stale", "stale_connections", "default", 0)}) {
        list->add(std::get<alert::Rule>(alert::compile(text, list->table())));
    }
    list->finish();
    return list;
}

// What a pass decides and when it wants to be called again, as text.
std::string pass(Engine& engine, Clocks clocks, bool check) {
    const Time now = engine.advance(clocks);
    engine.evaluate(now, check);
    Announcement announcement;
    std::vector<Uuid> ids(Announcement::count_opening(engine));
    for (Uuid& id : ids) {
        id.bytes[0] = 1;
    }
    announcement.build(engine, ids, {[](const Uuid&, char* to) { std::fill(to, to + 36, '0'); }, "now"});
    std::string happened;
    for (const auto& alert : announcement.opened) {
        happened += "open " + alert.action->rule_id + " " + alert.kind + "; ";
    }
    for (const auto& alert : announcement.ended) {
        happened += "end " + alert.action->rule_id + " " + alert.resolution + "; ";
    }
    for (const auto& notification : announcement.owed) {
        happened += std::string("tell ") + notification.kind + " " + notification.action->rule_id + "; ";
    }
    const Time wake_at = engine.wake_at();
    return happened + (wake_at == metric::forever ? "sleep" : std::to_string(wake_at - now));
}

struct Happening {
    Time at = 0;   // by the steady clock
    Time read = 0; // when a pass reads it
    bool sample = false;
    double value = 0;
    bool check = false;
};

// One subscription: values come and go, a connection counts errors and is silent now and then.
std::vector<Happening> happenings(std::mt19937& random) {
    std::vector<Happening> all;
    Time at = 0;
    for (int index = 0; index < 400; ++index) {
        const bool pause = random() % 40 == 0;
        at += pause ? static_cast<Time>(random() % 400) * second : static_cast<Time>(random() % 9000) * 1000;
        const Time delay = random() % 3 == 0 ? static_cast<Time>(random() % 900) * 1000 : 0;
        all.push_back(
            {at, at + delay, random() % 2 == 0, static_cast<double>(random() % 100), random() % 10 == 0});
        at += delay + 1;
    }
    return all;
}

std::vector<std::string> run(const std::vector<Happening>& all,
                             const std::vector<std::pair<Time, Time>>& jumps) {
    const auto wall_at = [&](Time steady) {
        Time wall = noon + steady;
        for (const auto& [at, by] : jumps) {
            wall += at <= steady ? by : 0;
        }
        return wall;
    };
    Engine engine({});
    engine.begin({wall_at(0), 0}, 0);
    engine.set_global_rules(rules());
    std::vector<std::string> decided;
    std::int64_t errors = 0;
    for (const Happening& happening : all) {
        const Clocks clocks{wall_at(happening.read), happening.read};
        const Time now = engine.advance(clocks);
        // Between two happenings the engine is called when it asked to be.
        Tenant& tenant = engine.tenant({});
        Watch& watch = engine.watch(tenant, "orders");
        const Time made_at = std::min(engine.timeline().time_of(wall_at(happening.at)), now);
        if (happening.sample) {
            watch.data.apply_sample("load", happening.value, made_at, engine.limits());
        } else {
            errors += happening.value > 50 ? static_cast<std::int64_t>(happening.value) : 0;
            metric::Report report;
            report.connection_id = "c";
            report.counters = {100 * happening.at / second, 0, errors, 0, 0};
            report.heartbeat_at = report.recorded_at = made_at;
            EXPECT_TRUE(watch.data.apply(report, engine.limits()));
        }
        engine.touch(tenant, watch);
        decided.push_back(pass(engine, clocks, happening.check));
    }
    return decided;
}

TEST(Clocks, DecideTheSameWhenTheWallClockJumpsBackAndForth) {
    std::size_t alerts = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
        std::mt19937 random(seed);
        const std::vector<Happening> all = happenings(random);
        std::vector<std::pair<Time, Time>> jumps;
        for (Time at = 0; at < all.back().at;) {
            at += static_cast<Time>(random() % 300) * second + 1;
            jumps.emplace_back(at, random() % 2 == 0 ? hour : -hour);
        }
        const std::vector<std::string> expected = run(all, {});
        const std::vector<std::string> decided = run(all, jumps);
        ASSERT_EQ(decided.size(), expected.size());
        for (std::size_t index = 0; index < expected.size(); ++index) {
            ASSERT_EQ(decided[index], expected[index]) << "seed " << seed << ", happening " << index;
            alerts += expected[index].find("open") != std::string::npos ? 1 : 0;
        }
    }
    EXPECT_GT(alerts, 600U);
}

} // namespace
