#include "web/cors.hpp"

#include <algorithm>
#include <utility>

namespace web {

Cors::Cors(std::vector<std::string> allowed_origins)
    : origins_(std::move(allowed_origins)),
      every_origin_(std::find(origins_.begin(), origins_.end(), "*") != origins_.end()) {}

bool Cors::allows(std::string_view origin) const {
    return every_origin_ || std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

bool Cors::add_permission(std::vector<Header>& headers, const RequestHead& request) const {
    if (every_origin_) {
        headers.push_back({"Access-Control-Allow-Origin", "*"});
        return true;
    }
    // The response differs from origin to origin, so no cache may give one's to another.
    headers.push_back({"Vary", "Origin"});
    const auto origin = request.header("origin");
    if (!origin || request.count("origin") > 1 || !allows(*origin)) {
        return false;
    }
    headers.push_back({"Access-Control-Allow-Origin", *origin});
    return true;
}

void Cors::add_headers(std::vector<Header>& headers, const RequestHead& request) const {
    if (add_permission(headers, request)) {
        headers.push_back({"Access-Control-Expose-Headers", "Retry-After, X-Request-Id"});
    }
}

bool Cors::is_preflight(const RequestHead& request) {
    return request.method() == Method::Options && request.header("origin") &&
           request.header("access-control-request-method");
}

void Cors::add_preflight_headers(std::vector<Header>& headers, const RequestHead& request) const {
    if (add_permission(headers, request)) {
        headers.push_back({"Access-Control-Allow-Methods", allowed_methods});
        headers.push_back({"Access-Control-Allow-Headers", allowed_request_headers});
        headers.push_back({"Access-Control-Max-Age", "86400"});
    }
}

} // namespace web
