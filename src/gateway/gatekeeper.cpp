#include "gateway/gatekeeper.hpp"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "gateway/log.hpp"
#include "gateway/read_file.hpp"
#include "protocol/column_value.hpp"
#include "token/token.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"
#include "json/reader.hpp"

namespace gateway {

namespace {

constexpr std::size_t most_verified = 50'000;
constexpr std::size_t most_claimed_tenants = 1000;
constexpr long fetch_seconds = 10;
constexpr std::size_t shortest_api_key = 16;

double unix_now() {
    uv_timeval64_t time{};
    uv_gettimeofday(&time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Secrets in files often end with a line end that is not meant.
std::string without_line_end(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    return text;
}

std::size_t take_in(char* bytes, std::size_t size, std::size_t count, void* to) {
    auto* text = static_cast<std::string*>(to);
    if (text->size() + size * count > token::largest_key_set) {
        return 0; // ends the transfer
    }
    text->append(bytes, size * count);
    return size * count;
}

std::string fetch(const std::string& address, std::string& content) {
    CURL* curl = curl_easy_init();
    if (curl == nullptr) {
        return "out of memory";
    }
    char fault[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, address.c_str());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_in);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &content);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fault);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, fetch_seconds);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK) {
        return "key set at " + address +
               " cannot be read: " + (fault[0] != '\0' ? fault : curl_easy_strerror(code));
    }
    constexpr long ok = 200;
    return status == ok ? std::string()
                        : "key set at " + address + " cannot be read: the server answered with status " +
                              std::to_string(status) + ", not 200";
}

// Adds the keys of a set; one without a usable key is more likely a mistake than a wish.
std::string add_set(token::Keys& keys, const std::string& document, const std::string& where) {
    const std::size_t before = keys.all().size();
    std::string fault = keys.add_key_set(document);
    if (fault.empty() && keys.all().size() == before) {
        fault = "it holds no usable key";
    }
    return fault.empty() ? fault : "key set " + where + ": " + fault;
}

std::string digest_of(std::string_view text) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), bytes, &size, EVP_sha256(), nullptr) != 1) {
        throw std::bad_alloc();
    }
    return {reinterpret_cast<const char*>(bytes), size};
}

hub::Denial denial_of(const token::Error& error) {
    switch (error.failure) {
    case token::Failure::BadSignature:
    case token::Failure::UnknownKey:
        return {"JwtSignatureError", error.message};
    case token::Failure::Malformed:
    case token::Failure::TooLarge:
        return {"MalformedJWT", error.message};
    default:
        return {"InvalidJWTToken", error.message};
    }
}

// The tenants at a path of the claims: a text, a number, or an array of them. Anything else names none.
std::vector<std::string> claimed_tenants(const std::string& claims, std::string_view path) {
    std::vector<std::string> tenants;
    json::Reader reader;
    simdjson::ondemand::document document;
    simdjson::ondemand::value value;
    if (path.empty() || !reader.read(claims, document) ||
        document.get_value().get(value) != simdjson::SUCCESS) {
        return tenants;
    }
    while (!path.empty()) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        simdjson::ondemand::object object;
        simdjson::ondemand::value inner;
        if (value.get_object().get(object) != simdjson::SUCCESS ||
            object.find_field_unordered(path.substr(0, dot)).get(inner) != simdjson::SUCCESS) {
            return tenants;
        }
        value = inner;
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
    const auto take = [&](simdjson::ondemand::value one) {
        simdjson::ondemand::json_type type{};
        if (one.type().get(type) != simdjson::SUCCESS || tenants.size() == most_claimed_tenants) {
            return;
        }
        if (type == simdjson::ondemand::json_type::string) {
            if (const auto text = json::string_in(one); text && !text->empty()) {
                tenants.push_back(protocol::tenant_named(*text));
            }
        } else if (type == simdjson::ondemand::json_type::number) {
            tenants.emplace_back(json::raw_json(one));
        }
    };
    simdjson::ondemand::json_type type{};
    simdjson::ondemand::array array;
    if (value.type().get(type) == simdjson::SUCCESS && type == simdjson::ondemand::json_type::array &&
        value.get_array().get(array) == simdjson::SUCCESS) {
        for (auto element : array) {
            simdjson::ondemand::value one;
            if (element.get(one) != simdjson::SUCCESS) {
                break;
            }
            take(one);
        }
    } else {
        take(value);
    }
    return tenants;
}

} // namespace

TokenGatekeeper::TokenGatekeeper(uv_loop_t* loop, const Config& config)
    : loop_(loop), config_(config), timer_(new uv_timer_t()) {
    uv_timer_init(loop, timer_);
    timer_->data = this;
    uv_unref(reinterpret_cast<uv_handle_t*>(timer_));
}

TokenGatekeeper::~TokenGatekeeper() {
    uv_close(reinterpret_cast<uv_handle_t*>(timer_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
}

std::string TokenGatekeeper::build(const std::string& fetched, std::shared_ptr<token::Keys>& keys) const {
    keys = std::make_shared<token::Keys>();
    std::string fault, content;
    if (!config_.jwt_secret.empty()) {
        fault = keys->add_secret(config_.jwt_secret);
    }
    if (fault.empty() && !config_.jwt_secret_file.empty() &&
        (fault = read_file(config_.jwt_secret_file, content)).empty()) {
        fault = keys->add_secret(without_line_end(content));
    }
    if (fault.empty() && !config_.jwks_file.empty() &&
        (fault = read_file(config_.jwks_file, content)).empty()) {
        fault = content.find("-----BEGIN") != std::string::npos
                    ? keys->add_pem(content)
                    : add_set(*keys, content, "in file \"" + config_.jwks_file + '"');
    }
    if (fault.empty() && !fetched.empty()) {
        fault = add_set(*keys, fetched, "at " + config_.jwks_url);
    }
    return fault;
}

std::string TokenGatekeeper::load() {
    if (!config_.jwks_url.empty()) {
        std::string fetched;
        const bool others =
            !config_.jwt_secret.empty() || !config_.jwt_secret_file.empty() || !config_.jwks_file.empty();
        if (std::string fault = fetch(config_.jwks_url, fetched); !fault.empty()) {
            if (!others) {
                return fault;
            }
            spdlog::warn("keys: {}; the gateway starts with the other keys and asks again in {} s", fault,
                         std::max(1U, config_.jwks_refresh));
            return use();
        }
        // A provider that signs with the secret alone has an empty set.
        token::Keys set;
        if (others && set.add_key_set(fetched).empty() && set.all().empty()) {
            spdlog::warn("keys: key set at {} holds no usable key; it is looked at again", config_.jwks_url);
        } else {
            fetched_ = std::move(fetched);
        }
    }
    return use();
}

std::string TokenGatekeeper::reload() {
    if (config_.jwks_url.empty()) {
        fetched_.clear();
    }
    std::string fault = use();
    refresh();
    start(); // at the interval of now
    return fault;
}

// What is revoked in one place is so whatever is wrong with another.
std::string TokenGatekeeper::use() {
    verified_.clear();
    std::string fault = load_api_keys();
    std::shared_ptr<token::Keys> keys;
    std::string of_tokens = build(fetched_, keys);
    if (of_tokens.empty()) {
        take(std::move(keys));
    }
    return fault.empty() ? of_tokens : fault + (of_tokens.empty() ? "" : "; ") + of_tokens;
}

void TokenGatekeeper::take(std::shared_ptr<const token::Keys> keys) {
    const std::string change = token::change_of(*keys_, *keys);
    keys_ = std::move(keys);
    if (!change.empty()) {
        spdlog::info("keys: {}; there are {} now", change, key_count());
    }
}

// Lines KEY=ROLE. Keys are looked up by their digest, so that no time tells how much of one was right.
std::string TokenGatekeeper::load_api_keys() {
    std::unordered_map<std::string, std::shared_ptr<hub::Identity>> keys;
    if (!config_.api_keys_file.empty()) {
        std::string content;
        if (std::string fault = read_file(config_.api_keys_file, content); !fault.empty()) {
            return fault;
        }
        std::istringstream lines(content);
        std::size_t number = 0;
        for (std::string line; std::getline(lines, line);) {
            ++number;
            line = without_line_end(std::move(line));
            if (line.empty() || line.front() == '#') {
                continue;
            }
            const std::size_t sign = line.rfind('=');
            if (sign == std::string::npos || sign < shortest_api_key || sign + 1 == line.size()) {
                return "file \"" + config_.api_keys_file + "\", line " + std::to_string(number) +
                       ": not KEY=ROLE with a key of at least " + std::to_string(shortest_api_key) + " bytes";
            }
            auto identity = std::make_shared<hub::Identity>();
            identity->role = line.substr(sign + 1);
            wire::ByteBuffer claims(1024 + identity->role.size() * 6);
            claims.append("{\"role\":");
            wire::write_json_string(claims, identity->role);
            claims.append('}');
            identity->claims = claims.view();
            identity->every_tenant = std::find(config_.service_roles.begin(), config_.service_roles.end(),
                                               identity->role) != config_.service_roles.end();
            identity->expires_at = std::numeric_limits<double>::max();
            keys.emplace(digest_of(line.substr(0, sign)), std::move(identity));
        }
    }
    for (const auto& [digest, identity] : api_keys_) {
        const auto now = keys.find(digest);
        if (now != keys.end() && now->second->role == identity->role &&
            now->second->every_tenant == identity->every_tenant) {
            now->second = identity;
        } else {
            identity->expires_at = 0; // whoever still works with it is told soon
        }
    }
    api_keys_ = std::move(keys);
    return {};
}

struct TokenGatekeeper::Fetch {
    uv_work_t work{};
    TokenGatekeeper* keeper = nullptr;
    std::string address, content, fault;
};

void TokenGatekeeper::start() {
    const std::uint64_t interval = static_cast<std::uint64_t>(std::max(1U, config_.jwks_refresh)) * 1000;
    uv_timer_start(
        timer_, [](uv_timer_t* timer) { static_cast<TokenGatekeeper*>(timer->data)->refresh(); }, interval,
        interval);
}

void TokenGatekeeper::refresh() {
    if (fetching_ || (config_.jwks_url.empty() && config_.jwks_file.empty())) {
        return;
    }
    auto* job = new Fetch();
    job->work.data = job;
    job->keeper = this;
    job->address = config_.jwks_url;
    fetching_ = true;
    uv_queue_work(
        loop_, &job->work,
        [](uv_work_t* work) {
            auto* mine = static_cast<Fetch*>(work->data);
            if (!mine->address.empty()) {
                mine->fault = fetch(mine->address, mine->content);
            }
        },
        [](uv_work_t* work, int) {
            const std::unique_ptr<Fetch> mine(static_cast<Fetch*>(work->data));
            TokenGatekeeper& keeper = *mine->keeper;
            keeper.fetching_ = false;
            if (mine->address != keeper.config_.jwks_url) {
                keeper.refresh(); // these are the keys of the address before
                return;
            }
            std::shared_ptr<token::Keys> keys;
            if (mine->fault.empty()) {
                mine->fault = keeper.build(mine->content, keys);
            }
            if (!mine->fault.empty()) {
                spdlog::warn("keys: {}; those that are known stay", mine->fault);
                return;
            }
            keeper.fetched_ = std::move(mine->content);
            keeper.take(std::move(keys));
            keeper.verified_.clear();
        });
}

std::variant<hub::IdentityPointer, hub::Denial> TokenGatekeeper::identify(std::string_view text) {
    if (text.empty()) {
        return hub::Denial{"Unauthorized", "there is no token"};
    }
    const double now = unix_now();
    if (text.size() > token::largest_token) {
        return hub::Denial{"MalformedJWT",
                           "the token is longer than " + std::to_string(token::largest_token) + " bytes"};
    }
    std::string digest = digest_of(text);
    if (const auto key = api_keys_.find(digest); key != api_keys_.end()) {
        return key->second;
    }
    if (const auto known = verified_.find(digest); known != verified_.end()) {
        if (known->second->expires_at > now) {
            return known->second;
        }
        verified_.erase(known);
    }
    auto result =
        token::verify(text, *keys_, {now, config_.jwt_leeway, config_.jwt_audience, config_.jwt_issuer});
    if (const auto* error = std::get_if<token::Error>(&result)) {
        return denial_of(*error);
    }
    auto& claims = std::get<token::Claims>(result);
    if (claims.role.empty()) {
        return hub::Denial{"InvalidJWTToken", "claim role is missing"};
    }
    auto identity = std::make_shared<hub::Identity>();
    identity->claimed_tenants = claimed_tenants(claims.json, config_.tenant_claim);
    identity->claims = std::move(claims.json);
    // The database writes uuids in one form, and takes them in several.
    const auto uuid = protocol::uuid_in(claims.subject);
    identity->subject = uuid ? *uuid : std::move(claims.subject);
    identity->role = std::move(claims.role);
    identity->every_tenant = std::find(config_.service_roles.begin(), config_.service_roles.end(),
                                       identity->role) != config_.service_roles.end();
    identity->expires_at = claims.expires_at + config_.jwt_leeway;
    if (verified_.size() >= most_verified) {
        verified_.clear();
    }
    verified_.emplace(std::move(digest), identity);
    return identity;
}

} // namespace gateway
