#include "web/response.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "web/header_text.hpp"

namespace web {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 33> phrases = {
    {{101, "Switching Protocols"},
     {200, "OK"},
     {201, "Created"},
     {202, "Accepted"},
     {204, "No Content"},
     {206, "Partial Content"},
     {301, "Moved Permanently"},
     {302, "Found"},
     {304, "Not Modified"},
     {307, "Temporary Redirect"},
     {308, "Permanent Redirect"},
     {400, "Bad Request"},
     {401, "Unauthorized"},
     {403, "Forbidden"},
     {404, "Not Found"},
     {405, "Method Not Allowed"},
     {406, "Not Acceptable"},
     {408, "Request Timeout"},
     {409, "Conflict"},
     {410, "Gone"},
     {413, "Content Too Large"},
     {414, "URI Too Long"},
     {415, "Unsupported Media Type"},
     {417, "Expectation Failed"},
     {422, "Unprocessable Content"},
     {426, "Upgrade Required"},
     {429, "Too Many Requests"},
     {431, "Request Header Fields Too Large"},
     {500, "Internal Server Error"},
     {501, "Not Implemented"},
     {503, "Service Unavailable"},
     {504, "Gateway Timeout"},
     {505, "HTTP Version Not Supported"}}};

bool is_the_writers(std::string_view name) {
    for (const std::string_view own : {"connection", "content-length", "date", "transfer-encoding"}) {
        if (equal_ignoring_case(name, own)) {
            return true;
        }
    }
    return false;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    for (const char letter : value) {
        const bool control = (letter >= 0 && letter < ' ') || letter == 0x7f;
        out += control ? ' ' : letter;
    }
    out += "\r\n";
}

// Everything but how long the body is and the empty line.
void write_head(std::string& out, const Response& response, bool keep_alive) {
    // A status is three digits, whatever the caller says.
    const int status = response.status >= 100 && response.status <= 999 ? response.status : 500;
    out += "HTTP/1.1 ";
    out += std::to_string(status);
    out += ' ';
    out += reason_phrase(status);
    out += "\r\n";
    if (!response.date.empty()) {
        append_header(out, "Date", response.date);
    }
    bool upgrade = false;
    for (const Header& header : response.headers) {
        if (is_token(header.name) && !is_the_writers(header.name)) {
            append_header(out, header.name, header.value);
            upgrade = upgrade || equal_ignoring_case(header.name, "upgrade");
        }
    }
    // Upgrade concerns this connection only and has to be named as such (RFC 9110 section 7.8).
    const std::string_view life = keep_alive ? "keep-alive" : "close";
    append_header(out, "Connection", upgrade ? "Upgrade, " + std::string(life) : std::string(life));
}

} // namespace

void write_response(std::string& out, const Response& response) {
    write_head(out, response, response.keep_alive);
    if (response.status == 204 || response.status == 304) {
        out += "\r\n";
        return;
    }
    append_header(out, "Content-Length", std::to_string(response.body.size()));
    out += "\r\n";
    if (!response.to_head_request) {
        out += response.body;
    }
}

void write_stream_head(std::string& out, const Response& response) {
    write_head(out, response, false);
    out += "\r\n";
}

std::string_view reason_phrase(int status) {
    const auto* found = std::find_if(phrases.begin(), phrases.end(),
                                     [&](const auto& phrase) { return phrase.first == status; });
    return found == phrases.end() ? "Unknown" : found->second;
}

std::string format_http_date(std::int64_t unix_seconds) {
    constexpr std::int64_t last_second_of_year_9999 = 253'402'300'799;
    constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::chrono::sys_seconds time{
        std::chrono::seconds(std::clamp<std::int64_t>(unix_seconds, 0, last_second_of_year_9999))};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<std::chrono::seconds> clock(time - day);
    std::array<char, 40> text{};
    const int size =
        std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                      days[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                      months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
    return {text.data(), static_cast<std::size_t>(size)};
}

} // namespace web
