#include "web/upgrade.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "web/header_text.hpp"

namespace web {

namespace {

constexpr std::string_view key_suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

constexpr std::array<Header, 1> only_get = {{{"Allow", "GET"}}};
constexpr std::array<Header, 2> websocket_13 = {{{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}}};

bool is_base64_letter(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '+' || letter == '/';
}

// The base64 of 16 bytes: 22 letters, the last of which stands for two bits only.
bool is_key(std::string_view key) {
    return key.size() == 24 && std::all_of(key.begin(), key.begin() + 22, is_base64_letter) &&
           std::string_view("AQgw").find(key[21]) != std::string_view::npos && key.substr(22) == "==";
}

// One offer: a name and parameters, separated by ";". Each parameter at most once, as RFC 7692 section 7.1 wants it.
bool is_acceptable(std::string_view offer) {
    std::optional<std::string_view> rest = offer;
    const auto name = next_part(rest, ';');
    if (!name || !equal_ignoring_case(*name, "permessage-deflate")) {
        return false;
    }
    bool server_takeover_seen = false;
    bool client_takeover_seen = false;
    bool client_window_seen = false;
    while (auto parameter = next_part(rest, ';')) {
        const std::size_t sign = std::min(parameter->find('='), parameter->size());
        const bool has_value = sign != parameter->size();
        const std::string_view key = trimmed(parameter->substr(0, sign));
        std::string_view value = has_value ? trimmed(parameter->substr(sign + 1)) : std::string_view();
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        bool* seen = nullptr;
        if (equal_ignoring_case(key, "server_no_context_takeover") && !has_value) {
            seen = &server_takeover_seen;
        } else if (equal_ignoring_case(key, "client_no_context_takeover") && !has_value) {
            seen = &client_takeover_seen;
        } else if (equal_ignoring_case(key, "client_max_window_bits")) {
            // 8 to 15 without leading zeros; we can read every window.
            const bool one_digit = value == "8" || value == "9";
            const bool two_digits =
                value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5';
            if (!has_value || one_digit || two_digits) {
                seen = &client_window_seen;
            }
        }
        if (seen == nullptr || *seen) {
            return false;
        }
        *seen = true;
    }
    return true;
}

} // namespace

bool wants_upgrade(const RequestHead& request) {
    return request.header_has("upgrade", "websocket");
}

Result<Upgrade> check_upgrade(const RequestHead& request, bool offer_compression) {
    if (request.method() != Method::Get) {
        return Error{405, "a WebSocket is opened with GET"};
    }
    if (!wants_upgrade(request)) {
        return Error{426, "this is the address of a WebSocket; the request has no header Upgrade: websocket"};
    }
    if (request.minor_version() < 1) {
        return Error{400, "a WebSocket is opened with HTTP/1.1, not with HTTP/1.0"};
    }
    if (!request.header_has("connection", "upgrade")) {
        return Error{
            400,
            "header Connection does not say Upgrade; a proxy in between may have to be told to pass it on"};
    }
    const auto version = request.header("sec-websocket-version");
    if (!version || request.count("sec-websocket-version") > 1 || *version != "13") {
        return Error{426,
                     "Sec-WebSocket-Version " + shown(version.value_or("")) + " is not spoken here; 13 is"};
    }
    const auto key = request.header("sec-websocket-key");
    if (!key || request.count("sec-websocket-key") > 1 || !is_key(*key)) {
        return Error{400, "Sec-WebSocket-Key " + shown(key.value_or("")) + " is not one base64 of 16 bytes"};
    }
    if (request.has_body()) {
        return Error{400, "the request for a WebSocket has a body"};
    }
    Upgrade upgrade;
    upgrade.accept_key = accept_key_of(*key);
    for (std::size_t index = 0; offer_compression && index < request.field_count(); ++index) {
        const Field field = request.field(index);
        if (equal_ignoring_case(field.name, "sec-websocket-extensions") &&
            acceptable_deflate_offer(field.value)) {
            upgrade.permessage_deflate = true;
        }
    }
    return upgrade;
}

std::span<const Header> refusal_headers(const Error& error) {
    if (error.status == 405) {
        return only_get;
    }
    if (error.status == 426) {
        return websocket_13;
    }
    return {};
}

void write_upgrade_response(std::string& out, const Upgrade& upgrade) {
    out += "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
           "Upgrade\r\nSec-WebSocket-Accept: ";
    out += upgrade.accept_key;
    if (upgrade.permessage_deflate) {
        out += "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
               "client_no_context_takeover";
    }
    out += "\r\n\r\n";
}

std::string accept_key_of(std::string_view key) {
    std::string text(key);
    text += key_suffix;
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> encoded{};
    const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(size)};
}

bool acceptable_deflate_offer(std::string_view extensions) {
    std::optional<std::string_view> rest = extensions;
    while (const auto offer = next_part(rest, ',')) {
        if (is_acceptable(*offer)) {
            return true;
        }
    }
    return false;
}

} // namespace web
