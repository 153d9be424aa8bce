// On whose behalf a channel works.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hub {

struct Identity {
    std::string claims;  // JSON, as in the token
    std::string subject; // user id; empty: nobody in particular
    std::string role;
    bool every_tenant = false;                // by its role
    std::vector<std::string> claimed_tenants; // named by the token itself
    double expires_at = 0;                    // Unix time, seconds; 0 as soon as what proved it is revoked
};
// Of one thread.
using IdentityPointer = std::shared_ptr<const Identity>;

struct Denial {
    std::string code; // as the original calls it, for example InvalidJWTToken
    std::string message;
};

// Who a token belongs to, as of now.
class Gatekeeper {
  public:
    virtual std::variant<IdentityPointer, Denial> identify(std::string_view token) = 0;

  protected:
    ~Gatekeeper() = default;
};

} // namespace hub
