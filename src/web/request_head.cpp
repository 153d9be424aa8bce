#include "web/request_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "web/header_text.hpp"

namespace web {

namespace {

constexpr std::array<std::pair<std::string_view, Method>, 7> methods = {{{"GET", Method::Get},
                                                                         {"HEAD", Method::Head},
                                                                         {"POST", Method::Post},
                                                                         {"PUT", Method::Put},
                                                                         {"PATCH", Method::Patch},
                                                                         {"DELETE", Method::Delete},
                                                                         {"OPTIONS", Method::Options}}};

bool is_target_letter(char letter) {
    return letter > ' ' && letter <= '~' && letter != '#';
}

// The path and query of http://authority/path?query (RFC 9112 section 3.2.2: a server must accept it).
std::optional<std::string_view> behind_authority(std::string_view target) {
    for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
        if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
            const std::size_t slash = target.find_first_of("/?", scheme.size());
            if (slash != std::string_view::npos && slash != scheme.size() && target[slash] == '/') {
                return target.substr(slash);
            }
        }
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string_view> RequestHead::header(std::string_view name) const {
    for (const FieldPieces& pieces : fields_) {
        if (equal_ignoring_case(view(pieces.name), name)) {
            return view(pieces.value);
        }
    }
    return std::nullopt;
}

std::optional<std::string_view> RequestHead::last_header(std::string_view name) const {
    for (std::size_t index = fields_.size(); index-- > 0;) {
        if (equal_ignoring_case(field(index).name, name)) {
            return field(index).value;
        }
    }
    return std::nullopt;
}

std::size_t RequestHead::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::count_if(fields_.begin(), fields_.end(), [&](const FieldPieces& pieces) {
            return equal_ignoring_case(view(pieces.name), name);
        }));
}

bool RequestHead::header_has(std::string_view name, std::string_view token) const {
    return std::any_of(fields_.begin(), fields_.end(), [&](const FieldPieces& pieces) {
        return equal_ignoring_case(view(pieces.name), name) && list_has(view(pieces.value), token);
    });
}

bool RequestHead::keep_alive() const {
    if (header_has("connection", "close")) {
        return false;
    }
    return minor_version_ >= 1 || header_has("connection", "keep-alive");
}

std::optional<Error> RequestHead::accept_request_line(std::string_view method, std::string_view target,
                                                      int version) {
    const auto* known = std::find_if(methods.begin(), methods.end(),
                                     [&](const auto& entry) { return entry.first == method; });
    if (known == methods.end()) {
        return Error{501, "method " + shown(method) + " is not known here"};
    }
    method_ = known->second;
    minor_version_ = static_cast<std::uint8_t>(version % 10);

    if (!std::all_of(target.begin(), target.end(), is_target_letter)) {
        return Error{400, "request target " + shown(target) +
                              " has a letter that must be percent-encoded, or a fragment"};
    }
    std::string_view local = target;
    if (target.front() != '/' && !(target == "*" && method_ == Method::Options)) {
        const auto behind = behind_authority(target);
        if (!behind) {
            return Error{400, "request target " + shown(target) +
                                  " is neither a path nor an http URL with a path"};
        }
        local = *behind;
    }
    const std::size_t mark = local.find('?');
    path_ = piece_of(local.substr(0, mark));
    query_ = piece_of(mark == std::string_view::npos ? local.substr(local.size()) : local.substr(mark + 1));
    return std::nullopt;
}

std::optional<Error> RequestHead::accept_fields() {
    const std::size_t hosts = count("host");
    if (hosts > 1 || (hosts == 0 && minor_version_ >= 1)) {
        return Error{400, hosts == 0 ? "header Host is missing" : "header Host is given more than once"};
    }
    if (auto error = accept_body_length()) {
        return error;
    }
    if (const auto expect = header("expect"); expect && minor_version_ >= 1) {
        if (count("expect") > 1 || !equal_ignoring_case(*expect, "100-continue")) {
            return Error{417, "expectation " + shown(*expect) + " cannot be met; only 100-continue can"};
        }
        // Who sends no body needs no permission.
        expects_continue_ = has_body();
    }
    return std::nullopt;
}

// Two servers in a row that disagree on where a request ends can be made to see different requests. So every form on
// which implementations differ is refused, also where RFC 9112 section 6.3 would allow a guess.
std::optional<Error> RequestHead::accept_body_length() {
    const auto coding = header("transfer-encoding");
    const auto length = header("content-length");
    if (coding) {
        if (length) {
            return Error{400, "headers Content-Length and Transfer-Encoding exclude each other"};
        }
        if (minor_version_ == 0) {
            return Error{400, "header Transfer-Encoding is unknown to HTTP/1.0"};
        }
        if (count("transfer-encoding") > 1) {
            return Error{400, "header Transfer-Encoding is given more than once"};
        }
        if (!equal_ignoring_case(*coding, "chunked")) {
            return Error{501,
                         "transfer coding " + shown(*coding) + " is not known here; only \"chunked\" is"};
        }
        chunked_ = true;
        return std::nullopt;
    }
    if (!length) {
        return std::nullopt;
    }
    if (count("content-length") > 1) {
        return Error{400, "header Content-Length is given more than once"};
    }
    const char* end = length->data() + length->size();
    const auto parsed = std::from_chars(length->data(), end, content_length_);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
        return Error{400, "Content-Length " + shown(*length) + " is no number of bytes"};
    }
    return std::nullopt;
}

} // namespace web
