#include "wire/datetime.hpp"

#include <charconv>
#include <limits>
#include <string_view>

namespace wire {

namespace {

constexpr std::int64_t microseconds_per_day = 86'400'000'000;
constexpr std::int64_t days_from_civil_epoch_to_2000 = 730'425; // from 0000-03-01, proleptic Gregorian

constexpr char two_digits[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                              "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";

char* format_two(char* to, unsigned value) {
    to[0] = two_digits[value * 2];
    to[1] = two_digits[value * 2 + 1];
    return to + 2;
}

struct CivilDate {
    std::int64_t year; // astronomical: 0 is 1 BC
    unsigned month;
    unsigned day;
};

// Days to civil date by eras of 400 years that start on 1 March, so that the leap day is the last of its year.
CivilDate civil_date(std::int64_t days_since_2000) {
    const std::int64_t days = days_since_2000 + days_from_civil_epoch_to_2000;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
    const unsigned year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted_month = (5 * day_of_year + 2) / 153;
    const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    const std::int64_t year = static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0);
    return {year, month, day};
}

char* format_civil_date(char* to, const CivilDate& date) {
    const auto year = static_cast<unsigned>(date.year > 0 ? date.year : 1 - date.year);
    if (year < 10'000) {
        to = format_two(to, year / 100);
        to = format_two(to, year % 100);
    } else {
        to = std::to_chars(to, to + 10, year).ptr;
    }
    *to++ = '-';
    to = format_two(to, date.month);
    *to++ = '-';
    return format_two(to, date.day);
}

char* format_text(char* to, std::string_view text) {
    return to + text.copy(to, text.size());
}

} // namespace

char* format_date(char* to, std::int32_t days) {
    if (days == std::numeric_limits<std::int32_t>::max()) {
        return format_text(to, "infinity");
    }
    if (days == std::numeric_limits<std::int32_t>::min()) {
        return format_text(to, "-infinity");
    }
    const CivilDate date = civil_date(days);
    to = format_civil_date(to, date);
    return date.year <= 0 ? format_text(to, " BC") : to;
}

char* format_timestamp(char* to, std::int64_t microseconds, bool with_zone) {
    if (microseconds == std::numeric_limits<std::int64_t>::max()) {
        return format_text(to, "infinity");
    }
    if (microseconds == std::numeric_limits<std::int64_t>::min()) {
        return format_text(to, "-infinity");
    }
    std::int64_t days = microseconds / microseconds_per_day;
    std::int64_t time = microseconds % microseconds_per_day;
    if (time < 0) {
        time += microseconds_per_day;
        days -= 1;
    }
    const CivilDate date = civil_date(days);
    to = format_civil_date(to, date);
    *to++ = 'T';
    to = format_time(to, time);
    if (with_zone) {
        to = format_text(to, "+00:00");
    }
    return date.year <= 0 ? format_text(to, " BC") : to;
}

char* format_time(char* to, std::int64_t microseconds) {
    const auto seconds = static_cast<std::uint32_t>(microseconds / 1'000'000);
    auto fraction = static_cast<std::uint32_t>(microseconds % 1'000'000);
    to = format_two(to, seconds / 3'600);
    *to++ = ':';
    to = format_two(to, seconds / 60 % 60);
    *to++ = ':';
    to = format_two(to, seconds % 60);
    if (fraction != 0) {
        *to++ = '.';
        to = format_two(to, fraction / 10'000);
        to = format_two(to, fraction / 100 % 100);
        to = format_two(to, fraction % 100);
        while (to[-1] == '0') {
            --to;
        }
    }
    return to;
}

} // namespace wire
