// Tokens to identities: keys from secrets, files and addresses, looked at again from time to time.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include <uv.h>

#include "gateway/config.hpp"
#include "hub/identity.hpp"
#include "token/keys.hpp"

namespace gateway {

class TokenGatekeeper final : public hub::Gatekeeper {
  public:
    TokenGatekeeper(uv_loop_t* loop, const Config& config);
    ~TokenGatekeeper();

    // Reads everything, the address included, and waits for it. Empty, or what is wrong.
    std::string load();
    // Reads the files anew, and the address without waiting for it. Empty, or what is wrong with a file; what it held stays. Keys of
    // api-keys-file that are gone are revoked: their identities expire. jwks-refresh counts from here.
    std::string reload();
    void start(); // looks again every jwks-refresh seconds, without waiting

    std::variant<hub::IdentityPointer, hub::Denial> identify(std::string_view token) override;

    std::size_t key_count() const { return keys_->all().size(); }

  private:
    struct Fetch;
    std::string build(const std::string& fetched, std::shared_ptr<token::Keys>& keys) const;
    std::string load_api_keys();
    std::string use();
    // From now on tokens are verified with these; the log says what is different.
    void take(std::shared_ptr<const token::Keys> keys);
    void refresh();

    uv_loop_t* loop_;
    const Config& config_;
    std::shared_ptr<const token::Keys> keys_ = std::make_shared<token::Keys>();
    // Verified tokens by their SHA-256: a page with ten channels shows its token ten times.
    std::unordered_map<std::string, hub::IdentityPointer> verified_;
    std::unordered_map<std::string, std::shared_ptr<hub::Identity>> api_keys_; // by their SHA-256
    std::string fetched_;                                                      // from the address, lately
    uv_timer_t* timer_;
    bool fetching_ = false;
};

} // namespace gateway
