#include "wire/datetime.hpp"

#include <charconv>
#include <limits>
#include <string>
#include <string_view>

#include "wire/digits.hpp"
#include "wire/error.hpp"

namespace wire {

namespace {

constexpr std::int64_t microseconds_per_day = 86'400'000'000;
constexpr std::int64_t days_from_civil_epoch_to_2000 = 730'425; // from 0000-03-01, proleptic Gregorian

struct CivilDate {
    std::int32_t year; // astronomical: 0 is 1 BC
    std::uint32_t month;
    std::uint32_t day;
};

// Cassio Neri and Lorenz Schneider, "Euclidean affine functions and their application to calendar algorithms" (2022),
// with years that start on 1 March, so that the leap day is the last of its year.
CivilDate civil_date(std::int64_t days_since_2000) {
    // Whole eras of 400 years make every date that PostgreSQL can hold a positive number.
    constexpr std::uint32_t eras = 20;
    const auto days =
        static_cast<std::uint32_t>(days_since_2000 + days_from_civil_epoch_to_2000 + eras * 146'097);
    const std::uint64_t quarter_days = std::uint64_t{4} * days + 3; // the last dates are beyond 2^30 days
    const auto century = static_cast<std::uint32_t>(quarter_days / 146'097);
    const auto day_of_century = static_cast<std::uint32_t>(quarter_days % 146'097 / 4);
    const std::uint64_t scaled = std::uint64_t{2'939'745} * (4 * day_of_century + 3);
    const auto year_of_century = static_cast<std::uint32_t>(scaled >> 32);
    const std::uint32_t day_of_year = static_cast<std::uint32_t>(scaled) / 2'939'745 / 4;
    const std::uint32_t month_and_day = 2'141 * day_of_year + 197'913;
    const bool next_year = day_of_year >= 306; // January and February
    const std::uint32_t month = month_and_day >> 16;
    return {static_cast<std::int32_t>(100 * century + year_of_century + (next_year ? 1 : 0)) -
                static_cast<std::int32_t>(eras * 400),
            next_year ? month - 12 : month, (month_and_day & 0xFFFF) / 2'141 + 1};
}

char* format_civil_date(char* to, const CivilDate& date) {
    const auto year = static_cast<unsigned>(date.year > 0 ? date.year : 1 - date.year);
    if (year < 10'000) {
        to = format_two_digits(to, year / 100);
        to = format_two_digits(to, year % 100);
    } else {
        to = std::to_chars(to, to + 10, year).ptr;
    }
    *to++ = '-';
    to = format_two_digits(to, date.month);
    *to++ = '-';
    return format_two_digits(to, date.day);
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
    if (microseconds < 0 || microseconds > microseconds_per_day) {
        throw Error("XX001", "stored time value is not valid",
                    "It says " + std::to_string(microseconds) + " microseconds since midnight.",
                    "Read the row with SELECT; if that fails too, the table is damaged.");
    }
    const auto seconds = static_cast<std::uint32_t>(microseconds / 1'000'000);
    auto fraction = static_cast<std::uint32_t>(microseconds % 1'000'000);
    to = format_two_digits(to, seconds / 3'600);
    *to++ = ':';
    to = format_two_digits(to, seconds / 60 % 60);
    *to++ = ':';
    to = format_two_digits(to, seconds % 60);
    if (fraction != 0) {
        *to++ = '.';
        to = format_two_digits(to, fraction / 10'000);
        to = format_two_digits(to, fraction / 100 % 100);
        to = format_two_digits(to, fraction % 100);
        while (to[-1] == '0') {
            --to;
        }
    }
    return to;
}

} // namespace wire
