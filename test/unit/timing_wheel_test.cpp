#include "web/timing_wheel.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

using web::Milliseconds;
using web::TimingWheel;

namespace {

struct Numbered : TimingWheel::Timer {
    int number = 0;
};

std::multiset<int> fired_at(TimingWheel& wheel, Milliseconds now) {
    std::multiset<int> fired;
    wheel.advance(now, [&](TimingWheel::Timer& timer) {
        EXPECT_FALSE(timer.scheduled());
        EXPECT_LE(timer.deadline(), now);
        fired.insert(static_cast<Numbered&>(timer).number);
    });
    return fired;
}

// Random schedules, moves, cancellations and destructions, compared with an ordered map.
TEST(TimingWheel, FiresWhatAnOrderedMapWouldFire) {
    std::mt19937 random(99);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
    for (const auto& [tick, slots] :
         std::vector<std::pair<Milliseconds, std::size_t>>{{1, 1}, {1, 8}, {7, 5}, {64, 1024}, {10, 16}}) {
        const Milliseconds start = below(1'000'000);
        TimingWheel wheel(start, tick, slots);
        Milliseconds now = start;
        std::vector<std::unique_ptr<Numbered>> timers(60);
        std::multimap<Milliseconds, int> oracle;
        const auto forget = [&](int number) {
            const auto found = std::find_if(oracle.begin(), oracle.end(),
                                            [&](const auto& entry) { return entry.second == number; });
            if (found != oracle.end()) {
                oracle.erase(found);
            }
        };
        for (int step = 0; step < 20'000; ++step) {
            const auto number = static_cast<int>(below(timers.size()));
            auto& timer = timers[static_cast<std::size_t>(number)];
            if (!timer) {
                timer = std::make_unique<Numbered>();
                timer->number = number;
            }
            switch (below(8)) {
            case 0:
                timer->cancel();
                forget(number);
                break;
            case 1:
                timer.reset();
                forget(number);
                break;
            case 2:
            case 3: {
                now += below(20) == 0 ? below(tick * slots * 3) : below(tick * 3);
                std::multiset<int> expected;
                while (!oracle.empty() && oracle.begin()->first <= now) {
                    expected.insert(oracle.begin()->second);
                    oracle.erase(oracle.begin());
                }
                ASSERT_EQ(fired_at(wheel, now), expected) << "at " << now << " with ticks of " << tick;
                ASSERT_EQ(wheel.now(), now);
                break;
            }
            default: {
                // Also in the past, which is due at once, and far beyond a round.
                const Milliseconds deadline =
                    now + below(tick * slots * 4) - std::min<Milliseconds>(now, below(10));
                wheel.schedule(*timer, deadline);
                forget(number);
                oracle.emplace(deadline, number);
                break;
            }
            }
        }
    }
}

TEST(TimingWheel, FiresAtTheDeadlineNotBeforeAndOnce) {
    TimingWheel wheel(1000, 64, 16);
    Numbered timer;
    wheel.schedule(timer, 1070);
    EXPECT_TRUE(timer.scheduled());
    EXPECT_TRUE(fired_at(wheel, 1069).empty());
    EXPECT_EQ(fired_at(wheel, 1070).size(), 1U);
    EXPECT_TRUE(fired_at(wheel, 1'000'000).empty());
}

TEST(TimingWheel, FiresTickAfterTick) {
    TimingWheel wheel(0, 10, 100);
    std::vector<Numbered> timers(50);
    for (int index = 0; index < 50; ++index) {
        timers[static_cast<std::size_t>(index)].number = index;
        wheel.schedule(timers[static_cast<std::size_t>(index)],
                       static_cast<Milliseconds>((index * 17 % 50) * 10));
    }
    Milliseconds last = 0;
    wheel.advance(500, [&](TimingWheel::Timer& timer) {
        EXPECT_GE(timer.deadline(), last);
        last = timer.deadline();
    });
    EXPECT_EQ(last, 490U);
}

TEST(TimingWheel, LetsWhatFiresScheduleCancelAndDestroy) {
    TimingWheel wheel(0, 1, 8);
    auto doomed = std::make_unique<Numbered>();
    auto first = std::make_unique<Numbered>();
    Numbered cancelled;
    Numbered again;
    wheel.schedule(*first, 1);
    wheel.schedule(*doomed, 2);
    wheel.schedule(cancelled, 3);
    wheel.schedule(again, 4);
    int fired = 0;
    const auto fire = [&](TimingWheel::Timer& timer) {
        ++fired;
        if (&timer == first.get()) {
            first.reset();
            doomed.reset();
            cancelled.cancel();
        } else {
            wheel.schedule(timer, 0); // due at once: with the next advance, not in a circle
        }
    };
    wheel.advance(4, fire);
    EXPECT_EQ(fired, 2);
    EXPECT_TRUE(again.scheduled());
    wheel.advance(4, fire);
    EXPECT_EQ(fired, 3);
}

TEST(TimingWheel, IgnoresAClockThatRunsBackwards) {
    TimingWheel wheel(100, 10, 8);
    Numbered timer;
    wheel.schedule(timer, 150);
    EXPECT_TRUE(fired_at(wheel, 50).empty());
    EXPECT_EQ(wheel.now(), 100U);
    EXPECT_EQ(fired_at(wheel, 150).size(), 1U);
}

TEST(TimingWheel, ReachesTheEndOfTime) {
    constexpr Milliseconds never = ~Milliseconds{0};
    TimingWheel wheel(0, 64, 16);
    Numbered timer;
    wheel.schedule(timer, never);
    EXPECT_TRUE(fired_at(wheel, never - 1).empty());
    EXPECT_EQ(fired_at(wheel, never).size(), 1U);
}

TEST(TimingWheel, ReleasesItsTimersWhenItGoesFirst) {
    Numbered timer;
    {
        TimingWheel wheel(0);
        wheel.schedule(timer, 10);
    }
    EXPECT_FALSE(timer.scheduled());
}

TEST(TimingWheel, CostsNothingForATimerButTheTimer) {
    EXPECT_LE(sizeof(TimingWheel::Timer), 24U);
}

} // namespace
