#include "token/token.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "token/base64url.hpp"

namespace {

using namespace token;

const std::string secret = "0123456789abcdef0123456789abcdef";
constexpr double now = 1'800'000'000;

std::string base64url(std::string_view bytes) {
    static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
        for (count += 8; count >= 6;) {
            count -= 6;
            text += letters[bits >> count & 63];
        }
    }
    if (count > 0) {
        text += letters[bits << (6 - count) & 63];
    }
    return text;
}

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &length);
    return {reinterpret_cast<char*>(mac), length};
}

std::string signed_with(const std::function<std::string(std::string_view)>& sign, const std::string& header,
                        const std::string& claims) {
    const std::string part = base64url(header) + "." + base64url(claims);
    return part + "." + base64url(sign(part));
}

std::string hs256(const std::string& claims, const std::string& header = R"({"alg":"HS256","typ":"JWT"})") {
    return signed_with([](std::string_view part) { return hmac(EVP_sha256(), secret, part); }, header,
                       claims);
}

Keys with_secret() {
    Keys keys;
    EXPECT_EQ(keys.add_secret(secret), "");
    return keys;
}

std::string answer(std::string_view text, const Keys& keys, const Expectations& expected = {now, 0, {}, {}}) {
    const auto result = verify(text, keys, expected);
    const auto* error = std::get_if<Error>(&result);
    return error == nullptr ? "taken" : error->message;
}

const std::string good = R"({"sub":"u","role":"authenticated","exp":1800000100,"aud":["a","b"],"iss":"me"})";

struct KeyPair {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, EVP_PKEY_free};
    std::string pem() const {
        BIO* memory = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(memory, key.get());
        char* data = nullptr;
        const long length = BIO_get_mem_data(memory, &data);
        std::string text(data, static_cast<std::size_t>(length));
        BIO_free(memory);
        return text;
    }
    std::string sign(const EVP_MD* digest, std::string_view text) const {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        EVP_DigestSignInit(context, nullptr, digest, nullptr, key.get());
        std::size_t length = 0;
        EVP_DigestSign(context, nullptr, &length, reinterpret_cast<const unsigned char*>(text.data()),
                       text.size());
        std::string signature(length, '\0');
        EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &length,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size());
        EVP_MD_CTX_free(context);
        signature.resize(length);
        return signature;
    }
    // r and s side by side, as tokens have them.
    std::string sign_raw(const EVP_MD* digest, int half, std::string_view text) const {
        const std::string der = sign(digest, text);
        const auto* at = reinterpret_cast<const unsigned char*>(der.data());
        ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
        std::string raw(static_cast<std::size_t>(2 * half), '\0');
        BN_bn2binpad(ECDSA_SIG_get0_r(signature), reinterpret_cast<unsigned char*>(raw.data()), half);
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), reinterpret_cast<unsigned char*>(raw.data()) + half, half);
        ECDSA_SIG_free(signature);
        return raw;
    }
};

TEST(Base64url, TakesOneTextForOneValue) {
    for (std::size_t length = 0; length < 70; ++length) {
        std::string bytes;
        for (std::size_t index = 0; index < length; ++index) {
            bytes += static_cast<char>(index * 37 + length);
        }
        EXPECT_EQ(read_base64url(base64url(bytes)), bytes);
    }
    for (const char* wrong : {"a", "=", "QQ==", "QR", "Q+", "Q/", "Q Q", "QQQQQ", "QQ\n"}) {
        EXPECT_FALSE(read_base64url(wrong)) << wrong;
    }
}

TEST(Token, TakesTheExamplesOfTheStandards) {
    // RFC 7515 appendix A.1 and A.3; RFC 8037 appendix A.4, whose payload is no JSON: only its signature can be right.
    const std::string claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    Keys keys;
    EXPECT_EQ(keys.add_key_set(R"({"keys":[
        {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})"),
              "");
    const Expectations then{1300819379, 0, {}, {}};
    EXPECT_EQ(answer("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims +
                         ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                     keys, then),
              "taken");
    EXPECT_EQ(
        answer("eyJhbGciOiJFUzI1NiJ9." + claims +
                   ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
               keys, then),
        "taken");
    EXPECT_EQ(answer("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
                     "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                     keys, then),
              "claims of the token cannot be read");
}

TEST(Token, GivesTheClaimsOfAGoodOne) {
    const auto result = verify(hs256(good), with_secret(), {now, 0, {"b"}, {"me"}});
    const auto* claims = std::get_if<Claims>(&result);
    ASSERT_NE(claims, nullptr) << std::get<Error>(result).message;
    EXPECT_EQ(claims->subject, "u");
    EXPECT_EQ(claims->role, "authenticated");
    EXPECT_EQ(claims->expires_at, 1800000100);
    EXPECT_EQ(claims->audiences, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(claims->json, good);
}

TEST(Token, EveryAlgorithmVerifiesItsOwnSignaturesAndNoOthers) {
    struct Case {
        std::string name;
        KeyPair pair;
        std::function<std::string(const KeyPair&, std::string_view)> sign;
    };
    std::vector<Case> cases;
    const auto add = [&](const char* name, EVP_PKEY* key,
                         std::function<std::string(const KeyPair&, std::string_view)> sign) {
        Case made{name, {}, std::move(sign)};
        made.pair.key.reset(key);
        cases.push_back(std::move(made));
    };
    add("RS256", EVP_RSA_gen(2048),
        [](const KeyPair& pair, std::string_view text) { return pair.sign(EVP_sha256(), text); });
    add("RS512", EVP_RSA_gen(2048),
        [](const KeyPair& pair, std::string_view text) { return pair.sign(EVP_sha512(), text); });
    add("ES256", EVP_EC_gen("P-256"),
        [](const KeyPair& pair, std::string_view text) { return pair.sign_raw(EVP_sha256(), 32, text); });
    add("ES384", EVP_EC_gen("P-384"),
        [](const KeyPair& pair, std::string_view text) { return pair.sign_raw(EVP_sha384(), 48, text); });
    add("EdDSA", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
        [](const KeyPair& pair, std::string_view text) { return pair.sign(nullptr, text); });
    for (const Case& one : cases) {
        const std::string text = signed_with([&](std::string_view part) { return one.sign(one.pair, part); },
                                             "{\"alg\":\"" + one.name + "\"}", good);
        for (const Case& other : cases) {
            Keys keys;
            ASSERT_EQ(keys.add_pem(other.pair.pem()), "");
            const bool same = one.name == other.name;
            const bool both_rsa = one.name.starts_with("RS") && other.name.starts_with("RS");
            EXPECT_EQ(answer(text, keys), same       ? "taken"
                                          : both_rsa ? "signature of the token is wrong"
                                                     : "there is no key for algorithm " + one.name)
                << one.name << " " << other.name;
        }
    }
    // The oldest trick: a public key, which everybody knows, taken for a secret.
    Keys keys;
    ASSERT_EQ(keys.add_pem(cases[0].pair.pem()), "");
    const std::string pem = cases[0].pair.pem();
    EXPECT_EQ(answer(signed_with([&](std::string_view part) { return hmac(EVP_sha256(), pem, part); },
                                 R"({"alg":"HS256"})", good),
                     keys),
              "there is no key for algorithm HS256");
    // A signature in DER, which tokens do not have.
    const KeyPair& curve = cases[2].pair;
    Keys curve_keys;
    ASSERT_EQ(curve_keys.add_pem(curve.pem()), "");
    EXPECT_EQ(answer(signed_with([&](std::string_view part) { return curve.sign(EVP_sha256(), part); },
                                 R"({"alg":"ES256"})", good),
                     curve_keys),
              "signature of the token is wrong");
}

TEST(Token, NoChangedBitIsTaken) {
    const std::string text = hs256(good);
    const Keys keys = with_secret();
    ASSERT_EQ(answer(text, keys), "taken");
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string changed = text;
            changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
            EXPECT_NE(answer(changed, keys), "taken") << at << " " << bit;
        }
        EXPECT_NE(answer(text.substr(0, at), keys), "taken") << at;
    }
}

TEST(Token, RefusesWhatAttackersTry) {
    const Keys keys = with_secret();
    const auto unsigned_token = [](const std::string& header) {
        return base64url(header) + "." + base64url(good) + ".";
    };
    EXPECT_EQ(answer(unsigned_token(R"({"alg":"none"})"), keys),
              "token has the unsupported algorithm \"none\"");
    EXPECT_EQ(answer(unsigned_token(R"({"alg":"None"})"), keys),
              "token has the unsupported algorithm \"None\"");
    EXPECT_EQ(answer(unsigned_token(R"({"typ":"JWT"})"), keys), "token has no algorithm");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","alg":"none"})"), keys),
              "header of the token cannot be read");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","crit":["exp"]})"), keys),
              "token demands an extension that is not supported");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","b64":false})"), keys),
              "token demands an extension that is not supported");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","typ":"secevent+jwt"})"), keys),
              "token is of type \"secevent+jwt\"");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS512"})"), keys), "signature of the token is wrong");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"exp":9})"), keys), "claims of the token cannot be read");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"sub":"a","\u0073ub":"b"})"), keys),
              "claims of the token cannot be read");
    EXPECT_EQ(answer(hs256("[1]"), keys), "claims of the token cannot be read");
    EXPECT_EQ(answer(hs256("{\"exp\":1800000100,\"sub\":\"\xff\"}"), keys),
              "claims of the token cannot be read");
    EXPECT_EQ(answer("", keys), "token does not have three parts");
    EXPECT_EQ(answer("a.b", keys), "token does not have three parts");
    EXPECT_EQ(answer("a.b.c.d", keys), "token does not have three parts");
    EXPECT_EQ(answer("%.b.c", keys), "token is not base64url");
    EXPECT_EQ(answer(std::string(largest_token + 1, 'a'), keys), "token has 8193 bytes, more than 8192");
    EXPECT_EQ(answer(hs256(good), Keys{}), "there is no key for algorithm HS256");
}

TEST(Token, ClaimsThatNoDatabaseStoresAreMalformed) {
    const Keys keys = with_secret();
    const auto with = [&](const std::string& member) {
        return answer(hs256(R"({"exp":1800000100,)" + member + "}"), keys);
    };
    const std::string refused =
        "claims of the token hold what no database stores: \\u0000, half of a surrogate "
        "pair, or a number with too large an exponent";
    for (const char* member : {R"("sub":"\u0000")", R"("a\u0000":1)", R"("a":{"b":["\\\u0000"]})",
                               R"("a":"\ud800")", R"("a":"\ud83dx\ude00")", R"("a":"\ude00")",
                               R"("a":"\ud83d\u0041")", R"("a":1e100000)", R"("a":1E+0999999)"}) {
        EXPECT_EQ(with(member), refused) << member;
    }
    for (const char* member :
         {R"("a":"\\u0000")", R"("a":"\ud83d\ude00")", R"("a":"\u0041\"\u00e9")", R"("a":1e0000005)",
          R"("a":-2.5E-99)", R"("a":"1e1000000")", R"("a":"true","b":false)"}) {
        EXPECT_EQ(with(member), "taken") << member;
    }
}

TEST(Token, ChecksTimesAudienceAndIssuer) {
    const Keys keys = with_secret();
    EXPECT_EQ(answer(hs256(R"({"exp":1799999999})"), keys), "Token has expired 1 seconds ago");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000000})"), keys), "Token has expired 0 seconds ago");
    EXPECT_EQ(answer(hs256(R"({"exp":1799999999})"), keys, {now, 30, {}, {}}), "taken");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000000.5})"), keys), "taken");
    EXPECT_EQ(answer(hs256(R"({"sub":"u"})"), keys), "token has no exp");
    EXPECT_EQ(answer(hs256(R"({"exp":"1800000100"})"), keys), "exp, nbf or iat of the token is no number");
    EXPECT_EQ(answer(hs256(R"({"exp":1e999})"), keys), "exp, nbf or iat of the token is no number");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"nbf":1800000001})"), keys), "token is not valid yet");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"nbf":1800000001})"), keys, {now, 1, {}, {}}), "taken");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"iat":1800000060})"), keys),
              "token was issued in the future");
    EXPECT_EQ(answer(hs256(good), keys, {now, 0, {"c"}, {}}), "token is not for this audience");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"aud":"c"})"), keys, {now, 0, {"c"}, {}}), "taken");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100})"), keys, {now, 0, {"c"}, {}}),
              "token is not for this audience");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100,"aud":[1]})"), keys),
              "aud of the token is no text and no array of texts");
    EXPECT_EQ(answer(hs256(good), keys, {now, 0, {}, {"you"}}), "issuer \"me\" is not trusted");
    EXPECT_EQ(answer(hs256(R"({"exp":1800000100})"), keys, {now, 0, {}, {"you"}}), "token has no issuer");
}

TEST(Keys, AreChosenByTheirNameAndRefusedWhenTheyAreWeak) {
    Keys keys;
    EXPECT_EQ(keys.add_secret("short"), "secret has 5 bytes, fewer than 32");
    EXPECT_EQ(keys.add_secret(std::string(40, 'x'), "old"), "");
    EXPECT_EQ(keys.add_secret(secret, "new"), "");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","kid":"new"})"), keys), "taken");
    EXPECT_EQ(answer(hs256(good), keys), "taken");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","kid":"old"})"), keys), "signature of the token is wrong");
    EXPECT_EQ(answer(hs256(good, R"({"alg":"HS256","kid":"none"})"), keys),
              "there is no key for algorithm HS256 and kid \"none\"");
    KeyPair weak;
    weak.key.reset(EVP_RSA_gen(1024));
    EXPECT_EQ(keys.add_pem(weak.pem()), "RSA key has 1024 bits, fewer than 2048");
    KeyPair other;
    other.key.reset(EVP_EC_gen("secp256k1"));
    EXPECT_EQ(keys.add_pem(other.pem()), "key is neither RSA nor P-256, P-384 or Ed25519");
    EXPECT_EQ(keys.add_pem("nonsense"), "text is no public key in PEM");
    std::size_t skipped = 0;
    EXPECT_EQ(
        keys.add_key_set(
            R"({"keys":[5,{},{"kty":"oct","k":"c2hvcnQ"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},
                                   {"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
                                   {"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
                                   {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})",
            &skipped),
        "");
    EXPECT_EQ(skipped, 7U);
    for (const char* wrong : {"", "{}", "[]", "{\"keys\":5}", "nonsense"}) {
        EXPECT_EQ(keys.add_key_set(wrong), "text is no JSON Web Key Set: it has no array \"keys\"") << wrong;
    }
}

TEST(Keys, AChangeOfTheSetNamesKeysAndShowsNoSecret) {
    const auto set_of = [](std::initializer_list<std::pair<const char*, const char*>> list) {
        Keys keys;
        for (const auto& [id, letters] : list) {
            EXPECT_EQ(keys.add_secret(std::string(40, *letters), id), "");
        }
        return keys;
    };
    EXPECT_EQ(change_of(set_of({}), set_of({})), "");
    EXPECT_EQ(change_of(set_of({{"a", "x"}, {"b", "y"}}), set_of({{"b", "y"}, {"a", "x"}})), "");
    EXPECT_EQ(change_of(set_of({{"a", "x"}, {"b", "y"}}), set_of({{"b", "y"}, {"c", "z"}})),
              "added \"c\"; removed \"a\"");
    EXPECT_EQ(change_of(set_of({{"a", "x"}}), set_of({{"a", "y"}})), "added \"a\"; removed \"a\"");
    EXPECT_EQ(change_of(set_of({{"", "x"}}), set_of({{"", "y"}, {"a\n\x7f", "z"}})),
              "added a secret without kid, \"a??\"; removed a secret without kid");
    KeyPair one, other;
    one.key.reset(EVP_EC_gen("P-256"));
    other.key.reset(EVP_EC_gen("P-256"));
    Keys before, after;
    EXPECT_EQ(before.add_pem(one.pem()), "");
    EXPECT_EQ(after.add_pem(one.pem()), "");
    EXPECT_EQ(change_of(before, after), "");
    EXPECT_EQ(after.add_pem(other.pem()), "");
    EXPECT_EQ(change_of(before, after), "added a P-256 key without kid");
}

TEST(Keys, AKeyThatNamesItsAlgorithmVerifiesNoOther) {
    Keys keys;
    ASSERT_EQ(keys.add_key_set("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" + base64url(secret) +
                               "\"}]}"),
              "");
    EXPECT_EQ(answer(hs256(good), keys), "there is no key for algorithm HS256");
}

} // namespace
