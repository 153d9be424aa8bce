#include "token/token.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include "token/base64url.hpp"
#include "json/reader.hpp"

namespace token {

namespace ondemand = simdjson::ondemand;

namespace {

std::string shown(std::string_view text) {
    constexpr std::size_t most = 100;
    return '"' + std::string(text.substr(0, most)) + (text.size() > most ? "..." : "") + '"';
}

// Calls `member(name, value)` for each member; false when the text is no object or names a member twice, of which readers may
// take different ones.
template <class Member> bool for_each_member(json::Reader& reader, std::string_view text, Member member) {
    ondemand::document document;
    ondemand::object object;
    if (!reader.read(text, document) || document.get_object().get(object) != simdjson::SUCCESS) {
        return false;
    }
    std::set<std::string> names;
    for (auto field : object) {
        std::string_view name;
        ondemand::value value;
        if (field.unescaped_key().get(name) != simdjson::SUCCESS) {
            return false;
        }
        const auto [known, is_new] = names.insert(std::string(name));
        if (!is_new || field.value().get(value) != simdjson::SUCCESS) {
            return false;
        }
        member(*known, value);
    }
    return true;
}

struct Header {
    std::optional<std::string> algorithm, key_id, type;
    bool has_critical = false; // crit or b64: extensions that must be understood, and are not
};

std::optional<double> number_in(ondemand::value value) {
    double number = 0;
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS || type != ondemand::json_type::number ||
        value.get_double().get(number) != simdjson::SUCCESS || !std::isfinite(number)) {
        return std::nullopt;
    }
    return number;
}

// One text, or an array of texts; false for anything else.
bool read_audiences(ondemand::value value, std::vector<std::string>& audiences) {
    if (std::optional<std::string> one = json::string_in(value)) {
        audiences.push_back(std::move(*one));
        return true;
    }
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) {
        return false;
    }
    for (auto element : array) {
        ondemand::value inner;
        std::optional<std::string> audience;
        if (element.get(inner) == simdjson::SUCCESS) {
            audience = json::string_in(inner);
        }
        if (!audience) {
            return false;
        }
        audiences.push_back(std::move(*audience));
    }
    return true;
}

struct Times {
    std::optional<double> expires, not_before, issued;
    bool malformed = false; // one of them is no number
};

// The code unit of four hexadecimal digits behind \\u, which were checked before.
unsigned code_unit(std::string_view digits) {
    unsigned value = 0;
    std::from_chars(digits.data(), digits.data() + 4, value, 16);
    return value;
}

// Whether the database's jsonb takes a JSON document: it has no character 0, no half of a surrogate pair, and no number beyond
// numeric. Otherwise each query with these claims would fail, and look like a database that is not there.
bool fits_jsonb(std::string_view json) {
    constexpr std::size_t most_exponent_digits = 5;
    bool in_text = false;
    for (std::size_t at = 0; at < json.size(); ++at) {
        const char letter = json[at];
        if (letter == '"') {
            in_text = !in_text;
        } else if (in_text && letter == '\\') {
            if (json[++at] != 'u') {
                continue;
            }
            const unsigned first = code_unit(json.substr(at + 1));
            at += 4;
            if (first >= 0xD800 && first < 0xDC00) {
                const std::string_view rest = json.substr(at + 1);
                const unsigned second = rest.starts_with("\\u") ? code_unit(rest.substr(2)) : 0;
                if (second < 0xDC00 || second > 0xDFFF) {
                    return false;
                }
                at += 6;
            } else if (first == 0 || (first >= 0xDC00 && first < 0xE000)) {
                return false;
            }
        } else if (!in_text && (letter == 'e' || letter == 'E') && at > 0 &&
                   std::isdigit(static_cast<unsigned char>(json[at - 1])) != 0) {
            const std::size_t from = json.find_first_not_of("+-0", at + 1);
            const std::size_t digits =
                from == std::string_view::npos
                    ? 0
                    : std::min(json.find_first_not_of("0123456789", from), json.size()) - from;
            if (digits >= most_exponent_digits) {
                return false;
            }
        }
    }
    return true;
}

Error failure(Failure kind, std::string message) {
    return {kind, std::move(message)};
}

std::optional<Error> check_signature(const Header& header, std::string_view signed_part,
                                     std::string_view signature, const Keys& keys) {
    const std::optional<Algorithm> algorithm =
        header.algorithm ? algorithm_named(*header.algorithm) : std::nullopt;
    if (!algorithm) {
        return failure(Failure::UnsupportedAlgorithm,
                       header.algorithm ? "token has the unsupported algorithm " + shown(*header.algorithm)
                                        : "token has no algorithm");
    }
    bool any = false;
    for (const Key& key : keys.all()) {
        // A key without a name may be any; a token without one may be of any key.
        if (!key.fits(*algorithm) || (header.key_id && !key.id().empty() && key.id() != *header.key_id)) {
            continue;
        }
        any = true;
        if (key.verifies(*algorithm, signed_part, signature)) {
            return std::nullopt;
        }
    }
    return any ? failure(Failure::BadSignature, "signature of the token is wrong")
               : failure(Failure::UnknownKey,
                         "there is no key for algorithm " + *header.algorithm +
                             (header.key_id ? " and kid " + shown(*header.key_id) : std::string()));
}

std::optional<Error> check_claims(const Claims& claims, const Times& times, const Expectations& expected) {
    if (times.malformed) {
        return failure(Failure::Malformed, "exp, nbf or iat of the token is no number");
    }
    if (!times.expires) {
        return failure(Failure::MissingClaim, "token has no exp");
    }
    if (*times.expires + expected.leeway <= expected.now) {
        return failure(Failure::Expired, "Token has expired " +
                                             std::to_string(static_cast<long long>(
                                                 std::min(expected.now - *times.expires, 1e15))) +
                                             " seconds ago");
    }
    if (times.not_before && *times.not_before > expected.now + expected.leeway) {
        return failure(Failure::NotYetValid, "token is not valid yet");
    }
    if (times.issued && *times.issued > expected.now + expected.leeway) {
        return failure(Failure::NotYetValid, "token was issued in the future");
    }
    const auto is_among = [](const std::vector<std::string>& list, const std::string& one) {
        return std::find(list.begin(), list.end(), one) != list.end();
    };
    if (!expected.audiences.empty() &&
        std::none_of(claims.audiences.begin(), claims.audiences.end(),
                     [&](const std::string& audience) { return is_among(expected.audiences, audience); })) {
        return failure(Failure::WrongAudience, "token is not for this audience");
    }
    if (!expected.issuers.empty() && !is_among(expected.issuers, claims.issuer)) {
        return failure(Failure::WrongIssuer, claims.issuer.empty()
                                                 ? "token has no issuer"
                                                 : "issuer " + shown(claims.issuer) + " is not trusted");
    }
    return std::nullopt;
}

} // namespace

std::variant<Claims, Error> verify(std::string_view token, const Keys& keys, const Expectations& expected) {
    if (token.size() > largest_token) {
        return failure(Failure::TooLarge, "token has " + std::to_string(token.size()) + " bytes, more than " +
                                              std::to_string(largest_token));
    }
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return failure(Failure::Malformed, "token does not have three parts");
    }
    const auto header_text = read_base64url(token.substr(0, first));
    const auto claims_text = read_base64url(token.substr(first + 1, second - first - 1));
    const auto signature = read_base64url(token.substr(second + 1));
    if (!header_text || !claims_text || !signature) {
        return failure(Failure::Malformed, "token is not base64url");
    }
    json::Reader reader;
    Header header;
    const bool is_header =
        for_each_member(reader, *header_text, [&](const std::string& name, ondemand::value value) {
            if (name == "alg") {
                header.algorithm = json::string_in(value);
            } else if (name == "kid") {
                header.key_id = json::string_in(value);
            } else if (name == "typ") {
                header.type = json::string_in(value).value_or("?");
            } else if (name == "crit" || name == "b64") {
                header.has_critical = true;
            }
        });
    if (!is_header || header.has_critical) {
        return failure(Failure::Malformed, is_header ? "token demands an extension that is not supported"
                                                     : "header of the token cannot be read");
    }
    if (header.type && *header.type != "JWT" && *header.type != "jwt" && *header.type != "at+jwt") {
        return failure(Failure::Malformed, "token is of type " + shown(*header.type));
    }
    if (std::optional<Error> error = check_signature(header, token.substr(0, second), *signature, keys)) {
        return *error;
    }
    Claims claims;
    Times times;
    bool audiences_are_texts = true;
    const bool are_claims =
        for_each_member(reader, *claims_text, [&](const std::string& name, ondemand::value value) {
            const auto time = [&](std::optional<double>& to) {
                to = number_in(value);
                times.malformed = times.malformed || !to;
            };
            if (name == "exp") {
                time(times.expires);
            } else if (name == "nbf") {
                time(times.not_before);
            } else if (name == "iat") {
                time(times.issued);
            } else if (name == "sub") {
                claims.subject = json::string_in(value).value_or("");
            } else if (name == "role") {
                claims.role = json::string_in(value).value_or("");
            } else if (name == "iss") {
                claims.issuer = json::string_in(value).value_or("");
            } else if (name == "aud") {
                audiences_are_texts = read_audiences(value, claims.audiences);
            }
        });
    if (!are_claims || !audiences_are_texts) {
        return failure(Failure::Malformed, are_claims ? "aud of the token is no text and no array of texts"
                                                      : "claims of the token cannot be read");
    }
    if (!fits_jsonb(*claims_text)) {
        return failure(Failure::Malformed,
                       "claims of the token hold what no database stores: \\u0000, half of a "
                       "surrogate pair, or a number with too large an exponent");
    }
    if (std::optional<Error> error = check_claims(claims, times, expected)) {
        return *error;
    }
    claims.expires_at = *times.expires;
    claims.json = *claims_text;
    return claims;
}

} // namespace token
