// The keys by which tokens are verified.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token {

// Which algorithms a key verifies follows from the key and never from the token (RFC 8725 section 3.1).
enum class Algorithm : std::uint8_t { HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, EdDSA };
std::optional<Algorithm> algorithm_named(std::string_view name);

constexpr std::size_t shortest_secret = 32; // bytes; RFC 7518 section 3.2 for HS256
constexpr int shortest_rsa_key = 2048;      // bits
constexpr std::size_t most_keys = 64;
constexpr std::size_t largest_key_set = 256 * 1024; // bytes of a JWKS document

class Key {
  public:
    struct Material;
    ~Key();
    Key(Key&&) noexcept;
    Key& operator=(Key&&) noexcept;

    const std::string& id() const { return id_; } // kid; empty: none
    bool fits(Algorithm algorithm) const;
    // Whether `signature` is that of `signed_part`. Secrets are compared in constant time.
    bool verifies(Algorithm algorithm, std::string_view signed_part, std::string_view signature) const;
    // The same name, and the same secret or public key.
    bool equals(const Key& other) const;
    // For the log: the kid in quotes, or what kind of key it is. Never a secret.
    std::string label() const;

    explicit Key(std::string id, std::unique_ptr<Material> material);

  private:
    std::string id_;
    std::unique_ptr<Material> material_;
};

// Filled once, then only read; may be shared by threads. Errors are sentences without a period, and never show a secret.
class Keys {
  public:
    // A secret for HS256, HS384 and HS512. Empty when it is taken.
    std::string add_secret(std::string_view secret, std::string id = {});
    // A public key or a certificate's key in PEM: RSA, P-256, P-384 or Ed25519.
    std::string add_pem(std::string_view pem, std::string id = {});
    // A JSON Web Key Set (RFC 7517). Keys of other types and uses are passed over, as the RFC demands; `skipped` counts them.
    std::string add_key_set(std::string_view document, std::size_t* skipped = nullptr);

    const std::vector<Key>& all() const { return keys_; }

  private:
    std::string add(std::string id, std::unique_ptr<Key::Material> material);

    std::vector<Key> keys_;
};

// What is different in `after`: "added "new"; removed "old"". Empty when both hold the same keys.
std::string change_of(const Keys& before, const Keys& after);

} // namespace token
