#include "token/keys.hpp"

#include <algorithm>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "token/base64url.hpp"
#include "json/reader.hpp"

namespace token {

namespace ondemand = simdjson::ondemand;

namespace {

template <auto release> struct Release {
    template <class Object> void operator()(Object* object) const { release(object); }
};
using PublicKey = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using Source = std::unique_ptr<BIO, Release<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Release<BN_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Release<ECDSA_SIG_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

const EVP_MD* digest_of(Algorithm algorithm) {
    switch (algorithm) {
    case Algorithm::HS256:
    case Algorithm::RS256:
    case Algorithm::ES256:
        return EVP_sha256();
    case Algorithm::HS384:
    case Algorithm::RS384:
    case Algorithm::ES384:
        return EVP_sha384();
    case Algorithm::HS512:
    case Algorithm::RS512:
        return EVP_sha512();
    case Algorithm::EdDSA:
        break;
    }
    return nullptr; // Ed25519 has its own
}

enum class Kind : std::uint8_t { Secret, Rsa, P256, P384, Ed25519 };

std::optional<Kind> kind_of(EVP_PKEY* key) {
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return Kind::Rsa;
    case EVP_PKEY_ED25519:
        return Kind::Ed25519;
    case EVP_PKEY_EC: {
        char group[64] = "";
        std::size_t length = 0;
        if (EVP_PKEY_get_group_name(key, group, sizeof(group), &length) != 1) {
            return std::nullopt;
        }
        const std::string_view name(group, length);
        return name == "prime256v1"  ? std::optional(Kind::P256)
               : name == "secp384r1" ? std::optional(Kind::P384)
                                     : std::nullopt;
    }
    default:
        return std::nullopt;
    }
}

// The two numbers of an ECDSA signature, each as long as the curve's (RFC 7518 section 3.4), in the form that OpenSSL takes.
std::string der_of(std::string_view raw, std::size_t half) {
    if (raw.size() != 2 * half) {
        return {};
    }
    Number r(BN_bin2bn(bytes_of(raw), static_cast<int>(half), nullptr));
    Number s(BN_bin2bn(bytes_of(raw.substr(half)), static_cast<int>(half), nullptr));
    Signature signature(ECDSA_SIG_new());
    if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) {
        return {};
    }
    (void)r.release();
    (void)s.release();
    unsigned char* der = nullptr;
    const int length = i2d_ECDSA_SIG(signature.get(), &der);
    std::string text =
        length > 0 ? std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(length)) : "";
    OPENSSL_free(der);
    return text;
}

PublicKey build(const char* type, OSSL_PARAM_BLD* builder) {
    Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
    KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return PublicKey(key);
}

PublicKey rsa_key(const std::string& modulus, const std::string& exponent) {
    Builder builder(OSSL_PARAM_BLD_new());
    Number n(BN_bin2bn(bytes_of(modulus), static_cast<int>(modulus.size()), nullptr));
    Number e(BN_bin2bn(bytes_of(exponent), static_cast<int>(exponent.size()), nullptr));
    if (!builder || !n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return nullptr;
    }
    return build("RSA", builder.get());
}

PublicKey curve_key(const char* group, std::size_t size, const std::string& x, const std::string& y) {
    if (x.size() != size || y.size() != size) {
        return nullptr;
    }
    const std::string point = "\x04" + x + y;
    Builder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return nullptr;
    }
    return build("EC", builder.get());
}

// The members of a key of a set that matter here.
struct KeyText {
    std::string type, id, use, algorithm, curve, n, e, x, y, k;
};

std::optional<std::string> decoded(const std::string& text) {
    return text.empty() ? std::nullopt : read_base64url(text);
}

} // namespace

struct Key::Material {
    Kind kind = Kind::Secret;
    std::string secret;
    PublicKey key;
    std::optional<Algorithm> only; // the key says so itself

    Material() = default;
    Material(const Material&) = delete;
    Material& operator=(const Material&) = delete;
    ~Material() { OPENSSL_cleanse(secret.data(), secret.size()); }
};

namespace {

std::unique_ptr<Key::Material> material_of(const KeyText& text) {
    auto material = std::make_unique<Key::Material>();
    if (text.type == "oct") {
        const auto secret = decoded(text.k);
        if (!secret || secret->size() < shortest_secret) {
            return nullptr;
        }
        material->secret = *secret;
    } else if (text.type == "RSA") {
        const auto n = decoded(text.n);
        const auto e = decoded(text.e);
        constexpr std::size_t largest = 2048; // bytes: 16384 bits
        if (!n || !e || n->size() > largest || e->size() > 8) {
            return nullptr;
        }
        material->kind = Kind::Rsa;
        material->key = rsa_key(*n, *e);
    } else if (text.type == "EC") {
        const auto x = decoded(text.x);
        const auto y = decoded(text.y);
        const bool small = text.curve == "P-256";
        if (!x || !y || (!small && text.curve != "P-384")) {
            return nullptr;
        }
        material->kind = small ? Kind::P256 : Kind::P384;
        material->key = small ? curve_key("prime256v1", 32, *x, *y) : curve_key("secp384r1", 48, *x, *y);
    } else if (text.type == "OKP" && text.curve == "Ed25519") {
        const auto x = decoded(text.x);
        if (!x || x->size() != 32) {
            return nullptr;
        }
        material->kind = Kind::Ed25519;
        material->key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
    }
    const bool usable = material->kind == Kind::Secret ? !material->secret.empty() : material->key != nullptr;
    if (!usable ||
        (material->kind == Kind::Rsa && EVP_PKEY_get_bits(material->key.get()) < shortest_rsa_key)) {
        return nullptr;
    }
    if (!text.algorithm.empty()) {
        material->only = algorithm_named(text.algorithm);
        if (!material->only) {
            return nullptr;
        }
    }
    return material;
}

} // namespace

std::optional<Algorithm> algorithm_named(std::string_view name) {
    static constexpr std::string_view names[] = {"HS256", "HS384", "HS512", "RS256", "RS384",
                                                 "RS512", "ES256", "ES384", "EdDSA"};
    const auto* const found = std::find(std::begin(names), std::end(names), name);
    if (found == std::end(names)) {
        return std::nullopt;
    }
    return static_cast<Algorithm>(found - std::begin(names));
}

Key::Key(std::string id, std::unique_ptr<Material> material)
    : id_(std::move(id)), material_(std::move(material)) {}
Key::~Key() = default;
Key::Key(Key&&) noexcept = default;
Key& Key::operator=(Key&&) noexcept = default;

bool Key::fits(Algorithm algorithm) const {
    if (material_->only && *material_->only != algorithm) {
        return false;
    }
    switch (algorithm) {
    case Algorithm::HS256:
    case Algorithm::HS384:
    case Algorithm::HS512:
        return material_->kind == Kind::Secret;
    case Algorithm::RS256:
    case Algorithm::RS384:
    case Algorithm::RS512:
        return material_->kind == Kind::Rsa;
    case Algorithm::ES256:
        return material_->kind == Kind::P256;
    case Algorithm::ES384:
        return material_->kind == Kind::P384;
    case Algorithm::EdDSA:
        return material_->kind == Kind::Ed25519;
    }
    return false;
}

bool Key::verifies(Algorithm algorithm, std::string_view signed_part, std::string_view signature) const {
    if (!fits(algorithm)) {
        return false;
    }
    if (material_->kind == Kind::Secret) {
        unsigned char expected[EVP_MAX_MD_SIZE];
        unsigned int length = 0;
        return HMAC(digest_of(algorithm), material_->secret.data(),
                    static_cast<int>(material_->secret.size()), bytes_of(signed_part), signed_part.size(),
                    expected, &length) != nullptr &&
               length == signature.size() && CRYPTO_memcmp(expected, signature.data(), length) == 0;
    }
    std::string der;
    if (material_->kind == Kind::P256 || material_->kind == Kind::P384) {
        der = der_of(signature, material_->kind == Kind::P256 ? 32 : 48);
        if (der.empty()) {
            return false;
        }
        signature = der;
    }
    Digest context(EVP_MD_CTX_new());
    const bool verified = context &&
                          EVP_DigestVerifyInit(context.get(), nullptr, digest_of(algorithm), nullptr,
                                               material_->key.get()) == 1 &&
                          EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                           bytes_of(signed_part), signed_part.size()) == 1;
    ERR_clear_error();
    return verified;
}

bool Key::equals(const Key& other) const {
    if (id_ != other.id_ || material_->kind != other.material_->kind ||
        material_->only != other.material_->only) {
        return false;
    }
    if (material_->kind != Kind::Secret) {
        return EVP_PKEY_eq(material_->key.get(), other.material_->key.get()) == 1;
    }
    const std::string &mine = material_->secret, &theirs = other.material_->secret;
    return mine.size() == theirs.size() && CRYPTO_memcmp(mine.data(), theirs.data(), mine.size()) == 0;
}

std::string Key::label() const {
    static constexpr const char* kinds[] = {"a secret", "an RSA key", "a P-256 key", "a P-384 key",
                                            "an Ed25519 key"};
    constexpr std::size_t most = 100;
    if (id_.empty()) {
        return std::string(kinds[static_cast<std::size_t>(material_->kind)]) + " without kid";
    }
    std::string shown = id_.substr(0, most);
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char letter) { return letter < ' ' || letter >= 0x7f; }, '?');
    return '"' + shown + (id_.size() > most ? "...\"" : "\"");
}

std::string change_of(const Keys& before, const Keys& after) {
    const auto only_in = [](const Keys& these, const Keys& those) {
        std::string list;
        for (const Key& key : these.all()) {
            if (std::none_of(those.all().begin(), those.all().end(),
                             [&](const Key& other) { return key.equals(other); })) {
                list += (list.empty() ? "" : ", ") + key.label();
            }
        }
        return list;
    };
    const std::string added = only_in(after, before), removed = only_in(before, after);
    return (added.empty() ? "" : "added " + added) + (added.empty() || removed.empty() ? "" : "; ") +
           (removed.empty() ? "" : "removed " + removed);
}

std::string Keys::add(std::string id, std::unique_ptr<Key::Material> material) {
    if (keys_.size() == most_keys) {
        return "there are more than " + std::to_string(most_keys) + " keys";
    }
    keys_.emplace_back(std::move(id), std::move(material));
    return {};
}

std::string Keys::add_secret(std::string_view secret, std::string id) {
    if (secret.size() < shortest_secret) {
        return "secret has " + std::to_string(secret.size()) + " bytes, fewer than " +
               std::to_string(shortest_secret);
    }
    auto material = std::make_unique<Key::Material>();
    material->secret = secret;
    return add(std::move(id), std::move(material));
}

std::string Keys::add_pem(std::string_view pem, std::string id) {
    Source source(
        BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<std::size_t>(pem.size(), largest_key_set))));
    auto material = std::make_unique<Key::Material>();
    material->key.reset(source ? PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr) : nullptr);
    ERR_clear_error();
    if (!material->key) {
        return "text is no public key in PEM";
    }
    const std::optional<Kind> kind = kind_of(material->key.get());
    if (!kind) {
        return "key is neither RSA nor P-256, P-384 or Ed25519";
    }
    if (*kind == Kind::Rsa && EVP_PKEY_get_bits(material->key.get()) < shortest_rsa_key) {
        return "RSA key has " + std::to_string(EVP_PKEY_get_bits(material->key.get())) +
               " bits, fewer than " + std::to_string(shortest_rsa_key);
    }
    material->kind = *kind;
    return add(std::move(id), std::move(material));
}

std::string Keys::add_key_set(std::string_view document, std::size_t* skipped) {
    if (document.size() > largest_key_set) {
        return "key set is larger than " + std::to_string(largest_key_set) + " bytes";
    }
    json::Reader reader;
    ondemand::document parsed;
    ondemand::array set;
    if (!reader.read(document, parsed) || parsed["keys"].get_array().get(set) != simdjson::SUCCESS) {
        return "text is no JSON Web Key Set: it has no array \"keys\"";
    }
    for (auto element : set) {
        KeyText text;
        ondemand::object members;
        bool readable = element.get_object().get(members) == simdjson::SUCCESS;
        if (readable) {
            const std::pair<std::string_view, std::string*> wanted[] = {
                {"kty", &text.type},  {"kid", &text.id}, {"use", &text.use}, {"alg", &text.algorithm},
                {"crv", &text.curve}, {"n", &text.n},    {"e", &text.e},     {"x", &text.x},
                {"y", &text.y},       {"k", &text.k}};
            for (auto field : members) {
                std::string_view name;
                ondemand::value value;
                if (field.unescaped_key().get(name) != simdjson::SUCCESS) {
                    readable = false;
                    break;
                }
                const std::string known(name);
                if (field.value().get(value) != simdjson::SUCCESS) {
                    readable = false;
                    break;
                }
                for (const auto& [member, target] : wanted) {
                    if (member == known) {
                        *target = json::string_in(value).value_or("");
                    }
                }
            }
        }
        std::unique_ptr<Key::Material> material =
            readable && (text.use.empty() || text.use == "sig") ? material_of(text) : nullptr;
        if (!material) {
            if (skipped != nullptr) {
                *skipped += 1;
            }
            continue;
        }
        if (std::string problem = add(text.id, std::move(material)); !problem.empty()) {
            return problem;
        }
    }
    return {};
}

} // namespace token
