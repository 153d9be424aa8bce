// Which pages may call: the answers to the browser's questions about other origins (Fetch standard, "CORS protocol").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "web/request_head.hpp"
#include "web/response.hpp"

namespace web {

// What a page may send beyond what browsers always allow. The first eight are those that the stock client sends.
inline constexpr std::string_view allowed_request_headers =
    "apikey, authorization, content-type, x-client-info, traceparent, tracestate, baggage, "
    "x-retry-count, "
    "x-connection-id, x-batch-id, x-request-id, last-event-id";
inline constexpr std::string_view allowed_methods = "GET, POST, OPTIONS";

// Credentials in the sense of the standard (cookies) are never allowed: callers prove themselves with tokens
// in headers.
class Cors {
  public:
    // Origins as browsers send them ("https://app.example", no path, no slash at the end), compared byte by
    // byte, or "*" for every one.
    explicit Cors(std::vector<std::string> allowed_origins);

    bool allows(std::string_view origin) const;

    // Adds what the response to `request` needs. The values point into `request` and live as long. A request
    // without an Origin header or from an origin that is not allowed gets no permission; the browser then
    // keeps the response from the page.
    void add_headers(std::vector<Header>& headers, const RequestHead& request) const;

    // Whether the request is a preflight, which is to be answered with status 204 and what
    // add_preflight_headers() adds, without asking for a token: browsers send none.
    static bool is_preflight(const RequestHead& request);
    void add_preflight_headers(std::vector<Header>& headers, const RequestHead& request) const;

  private:
    bool add_permission(std::vector<Header>& headers, const RequestHead& request) const;

    std::vector<std::string> origins_;
    bool every_origin_ = false;
};

} // namespace web
