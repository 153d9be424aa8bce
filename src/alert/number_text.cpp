#include "alert/number_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace alert {

namespace {

std::string written(double number, std::chars_format format, int precision) {
    char digits[64];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number, format, precision);
    return error == std::errc() ? std::string(digits, end) : std::string();
}

std::string of_unit(std::int64_t count, const char* unit) {
    return std::to_string(count) + unit;
}

} // namespace

std::string number_text(double number, int decimals) {
    if (std::isnan(number)) {
        return "NaN";
    }
    if (std::isinf(number)) {
        return number < 0 ? "-infinity" : "infinity";
    }
    const double size = std::fabs(number);
    if (size >= 1e15 || (size > 0 && size < 0.5 * std::pow(10.0, -decimals))) {
        return written(number, std::chars_format::general, 3);
    }
    std::string text = written(number, std::chars_format::fixed, decimals);
    if (decimals > 0) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') {
            text.pop_back();
        }
    }
    return text == "-0" ? "0" : text;
}

std::string percent_text(double share) {
    return number_text(share * 100, 2) + "%";
}

std::string duration_text(double seconds) {
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 60 * minute;
    constexpr std::int64_t day = 24 * hour;
    if (!(std::fabs(seconds) < 1e15)) { // also NaN
        return number_text(seconds) + "s";
    }
    if (seconds < 0) {
        return "-" + duration_text(-seconds);
    }
    if (seconds < minute) {
        const std::string text = number_text(seconds, 2);
        return text == "60" ? "1m" : text + "s";
    }
    // The two largest units.
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    std::string text;
    std::int64_t rest = 0;
    if (whole >= day) {
        text = of_unit(whole / day, "d");
        rest = whole % day / hour;
        return rest == 0 ? text : text + " " + of_unit(rest, "h");
    }
    if (whole >= hour) {
        text = of_unit(whole / hour, "h");
        rest = whole % hour / minute;
        return rest == 0 ? text : text + " " + of_unit(rest, "m");
    }
    text = of_unit(whole / minute, "m");
    rest = whole % minute;
    return rest == 0 ? text : text + " " + of_unit(rest, "s");
}

std::string bytes_text(double bytes) {
    constexpr const char* units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    std::size_t unit = 0;
    while (std::fabs(bytes) >= 1024 && unit + 1 < std::size(units)) {
        bytes /= 1024;
        ++unit;
    }
    return number_text(bytes, 1) + units[unit];
}

} // namespace alert
