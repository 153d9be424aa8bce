// Verifying JSON Web Tokens (RFC 7519, with the rules of RFC 8725): nothing of a token is believed before its signature.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "token/keys.hpp"

namespace token {

struct Claims {
    std::string json;                  // the claims as they came, for request.jwt.claims
    std::string subject, role, issuer; // sub, role, iss; empty: none
    std::vector<std::string> audiences;
    double expires_at = 0; // Unix time, seconds
};

enum class Failure : std::uint8_t {
    TooLarge,
    Malformed,
    UnsupportedAlgorithm,
    UnknownKey,
    BadSignature,
    MissingClaim,
    Expired,
    NotYetValid,
    WrongAudience,
    WrongIssuer
};

struct Error {
    Failure failure = Failure::Malformed;
    std::string message; // a sentence without a period, which never shows the token
};

// What is demanded of a token beside its signature and exp, which every token must have.
struct Expectations {
    double now = 0;                     // Unix time, seconds
    double leeway = 0;                  // s, by which clocks may differ
    std::vector<std::string> audiences; // one of them must be among aud; empty: aud does not matter
    std::vector<std::string> issuers;   // iss must be one of them; empty: iss does not matter
};

constexpr std::size_t largest_token = 8192; // bytes

// Every key that fits the token's algorithm, and its kid if it has one, is tried.
std::variant<Claims, Error> verify(std::string_view token, const Keys& keys, const Expectations& expected);

} // namespace token
