#include "wire/datetime.hpp"

#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "wire/error.hpp"

namespace {

constexpr std::int64_t day = 86'400'000'000;

std::string date(std::int32_t days) {
    char text[wire::longest_datetime];
    return {text, wire::format_date(text, days)};
}

std::string timestamp(std::int64_t microseconds, bool with_zone = false) {
    char text[wire::longest_datetime];
    return {text, wire::format_timestamp(text, microseconds, with_zone)};
}

std::string time_of_day(std::int64_t microseconds) {
    char text[wire::longest_datetime];
    return {text, wire::format_time(text, microseconds)};
}

// A calendar that only counts: no division by eras, no tables of the code under test.
struct Calendar {
    std::int64_t year; // 0 is 1 BC
    int month;
    int day_of_month;
    std::int64_t days; // since 2000-01-01

    bool leap() const { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
    int month_length() const {
        static constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        return month == 2 && leap() ? 29 : lengths[month - 1];
    }
    void next_day() {
        ++days;
        if (++day_of_month > month_length()) {
            day_of_month = 1;
            if (++month > 12) {
                month = 1;
                ++year;
            }
        }
    }
    // Only from a first of January.
    void next_year() {
        days += leap() ? 366 : 365;
        ++year;
    }
    std::string text(const char* behind) const {
        char buffer[64];
        std::snprintf(buffer, sizeof buffer, "%04lld-%02d-%02d%s%s",
                      static_cast<long long>(year > 0 ? year : 1 - year), month, day_of_month, behind,
                      year > 0 ? "" : " BC");
        return buffer;
    }
};

// The first of January of any year, counted from 2000 year by year.
Calendar january(std::int64_t year) {
    Calendar calendar{2000, 1, 1, 0};
    while (calendar.year < year) {
        calendar.next_year();
    }
    while (calendar.year > year) {
        --calendar.year;
        calendar.days -= calendar.leap() ? 366 : 365;
    }
    return calendar;
}

TEST(Date, AgreesWithACountedCalendarDayByDay) {
    const struct {
        std::int64_t first_year;
        int years;
    } spans[] = {{-4712, 100}, {-405, 820}, {1580, 20}, {1890, 220}, {9990, 20}, {294'200, 80}};
    for (const auto& span : spans) {
        Calendar calendar = january(span.first_year);
        while (calendar.year < span.first_year + span.years) {
            ASSERT_EQ(date(static_cast<std::int32_t>(calendar.days)), calendar.text(""));
            calendar.next_day();
        }
    }
}

TEST(Date, AgreesWithACountedCalendarAroundEveryTurnOfAYear) {
    Calendar calendar = january(-4712);
    while (calendar.year < 294'277) {
        const auto first = static_cast<std::int32_t>(calendar.days);
        ASSERT_EQ(date(first), calendar.text(""));
        const Calendar before{calendar.year - 1, 12, 31, 0};
        ASSERT_EQ(date(first - 1), before.text(""));
        Calendar march{calendar.year, 2, 28, 0};
        ASSERT_EQ(date(first + 58), march.text(""));
        march.next_day();
        ASSERT_EQ(date(first + 59), march.text(""));
        calendar.next_year();
    }
}

TEST(Date, ReachesTheEndsOfItsType) {
    EXPECT_EQ(date(-2'451'545 + 1), "4714-11-25 BC");
    EXPECT_EQ(date(-2'451'545), "4714-11-24 BC"); // Julian day 0
    EXPECT_EQ(date(2'145'031'948), "5874897-12-31");
    EXPECT_EQ(january(5'874'898).days - 1, 2'145'031'948);
    EXPECT_EQ(date(0), "2000-01-01");
    EXPECT_EQ(date(-730'119), "0001-01-01");
    EXPECT_EQ(date(-730'120), "0001-12-31 BC");
}

TEST(Date, KnowsInfinity) {
    EXPECT_EQ(date(std::numeric_limits<std::int32_t>::max()), "infinity");
    EXPECT_EQ(date(std::numeric_limits<std::int32_t>::min()), "-infinity");
}

TEST(Date, StaysWithinItsBufferForEveryBitPattern) {
    for (std::int64_t days = std::numeric_limits<std::int32_t>::min();
         days <= std::numeric_limits<std::int32_t>::max(); days += 65'521) {
        ASSERT_LE(date(static_cast<std::int32_t>(days)).size(), 48U);
    }
}

TEST(Timestamp, ReachesTheEndsOfItsType) {
    EXPECT_EQ(timestamp(-211'813'488'000'000'000), "4714-11-24T00:00:00 BC");
    EXPECT_EQ(timestamp(-211'813'488'000'000'000, true), "4714-11-24T00:00:00+00:00 BC");
    EXPECT_EQ(timestamp(9'223'371'331'199'999'999), "294276-12-31T23:59:59.999999");
    EXPECT_EQ(timestamp(9'223'371'331'199'999'999, true), "294276-12-31T23:59:59.999999+00:00");
}

TEST(Timestamp, KnowsInfinityWithAndWithoutAZone) {
    for (const bool with_zone : {false, true}) {
        EXPECT_EQ(timestamp(std::numeric_limits<std::int64_t>::max(), with_zone), "infinity");
        EXPECT_EQ(timestamp(std::numeric_limits<std::int64_t>::min(), with_zone), "-infinity");
    }
}

TEST(Timestamp, CountsMicrosecondsDownwardsBeforeItsEpoch) {
    EXPECT_EQ(timestamp(0), "2000-01-01T00:00:00");
    EXPECT_EQ(timestamp(-1), "1999-12-31T23:59:59.999999");
    EXPECT_EQ(timestamp(-day), "1999-12-31T00:00:00");
    EXPECT_EQ(timestamp(-day - 1), "1999-12-30T23:59:59.999999");
    EXPECT_EQ(timestamp(-946'684'800'000'000, true), "1970-01-01T00:00:00+00:00");
}

TEST(Timestamp, AgreesWithACountedCalendar) {
    Calendar calendar = january(-300);
    while (calendar.year < 2'500) {
        const std::int64_t noon = calendar.days * day + 45'296'000'780;
        ASSERT_EQ(timestamp(noon), calendar.text("T12:34:56.00078"));
        ASSERT_EQ(timestamp(noon, true), calendar.text("T12:34:56.00078+00:00"));
        for (int skipped = 0; skipped < 29; ++skipped) {
            calendar.next_day();
        }
    }
}

TEST(Timestamp, StaysWithinItsBufferForEveryBitPattern) {
    std::uint64_t bits = 1;
    for (int index = 0; index < 200'000; ++index) {
        bits = bits * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
        ASSERT_LE(timestamp(static_cast<std::int64_t>(bits), true).size(), 48U);
    }
    EXPECT_LE(timestamp(std::numeric_limits<std::int64_t>::max() - 1, true).size(), 48U);
    EXPECT_LE(timestamp(std::numeric_limits<std::int64_t>::min() + 1, true).size(), 48U);
}

TEST(Time, ShowsOnlyTheFractionThatIsThere) {
    EXPECT_EQ(time_of_day(0), "00:00:00");
    EXPECT_EQ(time_of_day(1), "00:00:00.000001");
    EXPECT_EQ(time_of_day(10), "00:00:00.00001");
    EXPECT_EQ(time_of_day(120), "00:00:00.00012");
    EXPECT_EQ(time_of_day(100'000), "00:00:00.1");
    EXPECT_EQ(time_of_day(500'500), "00:00:00.5005");
    EXPECT_EQ(time_of_day(999'999), "00:00:00.999999");
    EXPECT_EQ(time_of_day(1'000'000), "00:00:01");
    EXPECT_EQ(time_of_day(day - 1), "23:59:59.999999");
    EXPECT_EQ(time_of_day(day), "24:00:00");
}

TEST(Time, AgreesWithEverySecondOfADay) {
    std::int64_t second = 0;
    for (int hour = 0; hour < 24; ++hour) {
        for (int minute = 0; minute < 60; ++minute) {
            for (int in_minute = 0; in_minute < 60; ++in_minute, ++second) {
                char expected[64];
                std::snprintf(expected, sizeof expected, "%02d:%02d:%02d", hour, minute, in_minute);
                ASSERT_EQ(time_of_day(second * 1'000'000), expected);
            }
        }
    }
}

// A stored time outside of a day is damage; it must not become a look-up outside of a table.
TEST(Time, RefusesWhatIsNoTimeOfADay) {
    for (const std::int64_t microseconds :
         {std::int64_t{-1}, day + 1, 100 * day, std::numeric_limits<std::int64_t>::min(),
          std::numeric_limits<std::int64_t>::max()}) {
        try {
            time_of_day(microseconds);
            ADD_FAILURE() << microseconds << " was taken for a time";
        } catch (const wire::Error& error) {
            EXPECT_STREQ(error.sqlstate, "XX001");
        }
    }
}

} // namespace
