#include "protocol/column_value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "protocol/row_text.hpp"

namespace protocol {

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 86400 * second;
// What the server accepts (its datatype/timestamp.h), counted from its epoch, 2000-01-01: any other epoch would push the
// last years it knows over the end of 64 bits.
constexpr std::int64_t first_date = -2'451'545;         // 4714-11-24 BC
constexpr std::int64_t end_of_dates = 2'145'031'949;    // 5874898-01-01
constexpr std::int64_t end_of_timestamps = 106'751'983; // 294277-01-01, in days

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    return result;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// A decimal number: 0.<digits> * 10^exponent.
struct Decimal {
    enum class Kind : std::uint8_t { Number, NaN, Infinity } kind = Kind::Number;
    bool negative = false;
    std::string digits; // without leading and trailing zeros; empty: 0
    std::int64_t exponent = 0;
};

std::optional<Decimal> read_decimal(std::string_view text) {
    Decimal decimal;
    text = trimmed(text);
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        decimal.negative = text.front() == '-';
        text.remove_prefix(1);
    }
    const std::string word = lower(text.substr(0, 16));
    if (word == "nan") {
        decimal.kind = Decimal::Kind::NaN;
        decimal.negative = false;
        return decimal;
    }
    if (word == "infinity" || word == "inf") {
        decimal.kind = Decimal::Kind::Infinity;
        return decimal;
    }
    bool any = false;
    std::size_t at = 0;
    bool behind_point = false;
    for (; at < text.size(); ++at) {
        const char letter = text[at];
        if (letter == '.' && !behind_point) {
            behind_point = true;
        } else if (letter >= '0' && letter <= '9') {
            any = true;
            if (letter != '0' || !decimal.digits.empty()) {
                decimal.digits += letter;
                decimal.exponent += behind_point ? 0 : 1;
            } else if (behind_point) {
                decimal.exponent -= 1;
            }
        } else {
            break;
        }
    }
    if (!any) {
        return std::nullopt;
    }
    if (at < text.size()) {
        std::string_view rest = text.substr(at + 1);
        std::int64_t shift = 0;
        if ((text[at] | 0x20) != 'e' || rest.empty()) {
            return std::nullopt;
        }
        rest = rest.front() == '+' ? rest.substr(1) : rest;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), shift);
        constexpr std::int64_t most = 1'000'000; // beyond every numeric
        if (error != std::errc{} || end != rest.data() + rest.size() || shift > most || shift < -most) {
            return std::nullopt;
        }
        decimal.exponent += shift;
    }
    while (!decimal.digits.empty() && decimal.digits.back() == '0') {
        decimal.digits.pop_back();
    }
    if (decimal.digits.empty()) {
        decimal.exponent = 0;
        decimal.negative = false;
    }
    return decimal;
}

std::strong_ordering compare_magnitude(const Decimal& left, const Decimal& right) {
    if (left.digits.empty() || right.digits.empty()) {
        return left.digits.size() <=> right.digits.size();
    }
    if (left.exponent != right.exponent) {
        return left.exponent <=> right.exponent;
    }
    return left.digits.compare(right.digits) <=> 0;
}

std::strong_ordering compare_decimals(const Decimal& left, const Decimal& right) {
    using Kind = Decimal::Kind;
    // -Infinity, negative, 0 and positive, Infinity, NaN
    const auto rank = [](const Decimal& decimal) {
        return decimal.kind == Kind::NaN        ? 2
               : decimal.kind == Kind::Infinity ? (decimal.negative ? -2 : 1)
               : decimal.negative               ? -1
                                                : 0;
    };
    if (rank(left) != rank(right) || left.kind != Kind::Number) {
        return rank(left) <=> rank(right);
    }
    return left.negative ? compare_magnitude(right, left) : compare_magnitude(left, right);
}

// Reads exactly `count` digits.
bool take_digits(std::string_view& text, std::size_t count, std::int64_t& number) {
    if (text.size() < count) {
        return false;
    }
    number = 0;
    for (std::size_t at = 0; at < count; ++at) {
        if (text[at] < '0' || text[at] > '9') {
            return false;
        }
        number = number * 10 + (text[at] - '0');
    }
    text.remove_prefix(count);
    return true;
}

bool take(std::string_view& text, char letter) {
    if (text.empty() || text.front() != letter) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

// Days since 2000-01-01 of a date of the proleptic Gregorian calendar. Source: Howard Hinnant, "chrono-Compatible Low-Level
// Date Algorithms", days_from_civil.
std::int64_t days_of(std::int64_t year, std::int64_t month, std::int64_t day_of_month) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t of_era = year - era * 400;
    const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day_of_month - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 730425;
}

bool take_date(std::string_view& text, std::int64_t& days) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
        ++digits;
    }
    std::int64_t year = 0, month = 0, day_of_month = 0;
    if (digits < 4 || digits > 7 || !take_digits(text, digits, year) || !take(text, '-') ||
        !take_digits(text, 2, month) || !take(text, '-') || !take_digits(text, 2, day_of_month) ||
        month < 1 || month > 12 || day_of_month < 1) {
        return false;
    }
    const bool before_christ = text.size() >= 3 && text.substr(text.size() - 3) == " BC";
    if (before_christ) {
        text.remove_suffix(3);
        year = 1 - year;
    }
    static constexpr std::array<int, 12> lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day_of_month > lengths[static_cast<std::size_t>(month - 1)] + (leap && month == 2 ? 1 : 0)) {
        return false;
    }
    days = days_of(year, month, day_of_month);
    return true;
}

bool take_time(std::string_view& text, std::int64_t& microseconds) {
    std::int64_t hours = 0, minutes = 0, seconds = 0, fraction = 0;
    if (!take_digits(text, 2, hours) || !take(text, ':') || !take_digits(text, 2, minutes)) {
        return false;
    }
    if (take(text, ':')) {
        if (!take_digits(text, 2, seconds)) {
            return false;
        }
        if (take(text, '.')) {
            std::int64_t unit = second;
            std::size_t digits = 0;
            while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
                unit /= 10;
                fraction += (text.front() - '0') * unit;
                text.remove_prefix(1);
                ++digits;
            }
            if (digits == 0 || digits > 6) {
                return false;
            }
        }
    }
    if (hours > 24 || minutes > 59 || seconds > 60 ||
        (hours == 24 && (minutes != 0 || seconds != 0 || fraction != 0))) {
        return false;
    }
    microseconds = ((hours * 60 + minutes) * 60 + seconds) * second + fraction;
    return true;
}

// Z, +hh, +hh:mm, +hh:mm:ss, or nothing.
bool take_zone(std::string_view& text, std::int64_t& offset) {
    offset = 0;
    if (text.empty() || take(text, 'Z') || take(text, 'z')) {
        return true;
    }
    const bool west = text.front() == '-';
    std::int64_t hours = 0, minutes = 0, seconds = 0;
    if ((!take(text, '+') && !take(text, '-')) || !take_digits(text, 2, hours)) {
        return false;
    }
    if (!text.empty() && (!take(text, ':') || !take_digits(text, 2, minutes))) {
        return false;
    }
    if (!text.empty() && (!take(text, ':') || !take_digits(text, 2, seconds))) {
        return false;
    }
    offset = ((hours * 60 + minutes) * 60 + seconds) * second * (west ? -1 : 1);
    return hours <= 15 && minutes <= 59 && seconds <= 59;
}

std::optional<std::int64_t> read_moment(ColumnKind kind, std::string_view text) {
    text = trimmed(text);
    if (kind != ColumnKind::Time && (text == "infinity" || text == "-infinity")) {
        return text.front() == '-' ? std::numeric_limits<std::int64_t>::min()
                                   : std::numeric_limits<std::int64_t>::max();
    }
    std::int64_t days = 0, time = 0, offset = 0;
    if (kind == ColumnKind::Time) {
        return take_time(text, time) && text.empty() ? std::optional(time) : std::nullopt;
    }
    if (!take_date(text, days)) {
        return std::nullopt;
    }
    if (kind == ColumnKind::Date) {
        return text.empty() && days >= first_date && days < end_of_dates ? std::optional(days) : std::nullopt;
    }
    if (!text.empty()) {
        if ((!take(text, 'T') && !take(text, ' ')) || !take_time(text, time) || !take_zone(text, offset) ||
            !text.empty()) {
            return std::nullopt;
        }
    }
    // The zone may move a moment over either end, by less than a day.
    if (days < first_date - 1 || days > end_of_timestamps) {
        return std::nullopt;
    }
    // PostgreSQL ignores the zone of a text for a timestamp without one.
    const std::int64_t moment = days * day + time - (kind == ColumnKind::TimestampTz ? offset : 0);
    return moment >= first_date * day && moment < end_of_timestamps * day ? std::optional(moment)
                                                                          : std::nullopt;
}

// As PostgreSQL: braces around all of it or none, and a hyphen at most behind each four digits.
std::optional<std::string> read_uuid(std::string_view text) {
    if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
        text = text.substr(1, text.size() - 2);
    }
    std::string digits;
    bool hyphen_fits = false;
    for (const char letter : lower(text.substr(0, 64))) {
        if ((letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f')) {
            digits += letter;
            hyphen_fits = digits.size() % 4 == 0 && digits.size() < 32;
        } else if (letter == '-' && hyphen_fits) {
            hyphen_fits = false;
        } else {
            return std::nullopt;
        }
    }
    return digits.size() == 32 ? std::optional(digits) : std::nullopt;
}

template <class Number> std::optional<double> read_float(std::string_view text) {
    text = trimmed(text);
    const std::string word = lower(text.substr(0, 16));
    if (word == "nan") {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const bool negative = word.starts_with('-');
    const std::string_view name = std::string_view(word).substr(negative || word.starts_with('+') ? 1 : 0);
    if (name == "infinity" || name == "inf") {
        return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    }
    Number number = 0;
    text = text.starts_with('+') ? text.substr(1) : text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return static_cast<double>(number);
}

std::optional<std::int64_t> read_boolean(std::string_view text) {
    const std::string word = lower(trimmed(text));
    for (const std::string_view yes : {"t", "true", "y", "yes", "on", "1"}) {
        if (word == yes) {
            return 1;
        }
    }
    for (const std::string_view no : {"f", "false", "n", "no", "off", "0"}) {
        if (word == no) {
            return 0;
        }
    }
    return std::nullopt;
}

} // namespace

ColumnKind kind_named(std::string_view type_name) {
    static constexpr std::pair<std::string_view, ColumnKind> kinds[] = {
        {"int2", ColumnKind::Decimal},
        {"int4", ColumnKind::Decimal},
        {"int8", ColumnKind::Decimal},
        {"oid", ColumnKind::Decimal},
        {"numeric", ColumnKind::Decimal},
        {"float8", ColumnKind::Float},
        {"float4", ColumnKind::SmallFloat},
        {"text", ColumnKind::Text},
        {"varchar", ColumnKind::Text},
        {"bpchar", ColumnKind::PaddedText},
        {"name", ColumnKind::Text},
        {"bool", ColumnKind::Boolean},
        {"uuid", ColumnKind::Uuid},
        {"date", ColumnKind::Date},
        {"timestamp", ColumnKind::Timestamp},
        {"timestamptz", ColumnKind::TimestampTz},
        {"time", ColumnKind::Time}};
    static constexpr std::string_view opaque[] = {
        "json", "jsonb",  "xml",  "citext", "inet", "cidr",  "interval", "timetz",  "money",
        "box",  "circle", "line", "lseg",   "path", "point", "polygon",  "tsquery", "tsvector"};
    const auto* const found = std::find_if(std::begin(kinds), std::end(kinds),
                                           [&](const auto& entry) { return entry.first == type_name; });
    if (found != std::end(kinds)) {
        return found->second;
    }
    // Arrays are called after their elements.
    const bool is_opaque = type_name.starts_with('_') ||
                           std::find(std::begin(opaque), std::end(opaque), type_name) != std::end(opaque);
    return is_opaque ? ColumnKind::Opaque : ColumnKind::Other;
}

bool has_order(ColumnKind kind) {
    return kind != ColumnKind::Other && kind != ColumnKind::Opaque;
}

std::optional<ColumnValue> read_value(ColumnKind kind, std::string_view text) {
    ColumnValue value;
    value.kind = kind;
    switch (kind) {
    case ColumnKind::Decimal:
        if (!read_decimal(text)) {
            return std::nullopt;
        }
        value.text = text;
        return value;
    case ColumnKind::Float:
    case ColumnKind::SmallFloat: {
        const std::optional<double> number =
            kind == ColumnKind::Float ? read_float<double>(text) : read_float<float>(text);
        value.number = number.value_or(0);
        return number ? std::optional(value) : std::nullopt;
    }
    case ColumnKind::Boolean: {
        const std::optional<std::int64_t> boolean = read_boolean(text);
        value.integer = boolean.value_or(0);
        return boolean ? std::optional(value) : std::nullopt;
    }
    case ColumnKind::Uuid: {
        std::optional<std::string> uuid = read_uuid(text);
        value.text = uuid.value_or("");
        return uuid ? std::optional(value) : std::nullopt;
    }
    case ColumnKind::Date:
    case ColumnKind::Timestamp:
    case ColumnKind::TimestampTz:
    case ColumnKind::Time: {
        const std::optional<std::int64_t> moment = read_moment(kind, text);
        value.integer = moment.value_or(0);
        return moment ? std::optional(value) : std::nullopt;
    }
    case ColumnKind::PaddedText:
        value.text = text.substr(0, text.find_last_not_of(' ') + 1);
        return value;
    case ColumnKind::Text:
    case ColumnKind::Opaque:
    case ColumnKind::Other:
        break;
    }
    value.text = text;
    return value;
}

std::optional<ColumnValue> read_json_value(ColumnKind kind, std::string_view json) {
    if (json.empty() || json == "null") {
        return std::nullopt;
    }
    if (json.front() == '"') {
        const std::optional<std::string> content = string_content(json);
        return content ? read_value(kind, *content) : std::nullopt;
    }
    return read_value(kind, json);
}

std::optional<std::string> uuid_in(std::string_view text) {
    std::optional<std::string> digits = read_uuid(text);
    if (digits) {
        for (const std::size_t hyphen : {8, 13, 18, 23}) {
            digits->insert(hyphen, 1, '-');
        }
    }
    return digits;
}

std::string tenant_named(std::string_view text) {
    return uuid_in(text).value_or(std::string(text));
}

std::string key_of(const ColumnValue& value) {
    switch (value.kind) {
    case ColumnKind::Decimal: {
        const Decimal decimal = read_decimal(value.text).value_or(Decimal{});
        const char* const sign = decimal.kind == Decimal::Kind::NaN        ? "nan"
                                 : decimal.kind == Decimal::Kind::Infinity ? "inf"
                                                                           : "";
        return sign + std::string(decimal.negative ? "-" : "+") + decimal.digits + 'e' +
               std::to_string(decimal.exponent);
    }
    case ColumnKind::Float:
    case ColumnKind::SmallFloat:
        return {};
    case ColumnKind::Boolean:
    case ColumnKind::Date:
    case ColumnKind::Timestamp:
    case ColumnKind::TimestampTz:
    case ColumnKind::Time:
        return '#' + std::to_string(value.integer);
    case ColumnKind::Text:
    case ColumnKind::PaddedText:
    case ColumnKind::Uuid:
    case ColumnKind::Opaque:
    case ColumnKind::Other:
        break;
    }
    return '"' + value.text;
}

std::strong_ordering compare(const ColumnValue& left, const ColumnValue& right) {
    switch (left.kind) {
    case ColumnKind::Decimal:
        return compare_decimals(read_decimal(left.text).value_or(Decimal{}),
                                read_decimal(right.text).value_or(Decimal{}));
    case ColumnKind::Float:
    case ColumnKind::SmallFloat:
        if (std::isnan(left.number) || std::isnan(right.number)) {
            return static_cast<int>(std::isnan(left.number)) <=> static_cast<int>(std::isnan(right.number));
        }
        return left.number < right.number   ? std::strong_ordering::less
               : left.number > right.number ? std::strong_ordering::greater
                                            : std::strong_ordering::equal;
    case ColumnKind::Boolean:
    case ColumnKind::Date:
    case ColumnKind::Timestamp:
    case ColumnKind::TimestampTz:
    case ColumnKind::Time:
        return left.integer <=> right.integer;
    case ColumnKind::Text:
    case ColumnKind::PaddedText:
    case ColumnKind::Uuid:
    case ColumnKind::Opaque:
    case ColumnKind::Other:
        break;
    }
    return left.text.compare(right.text) <=> 0;
}

} // namespace protocol
