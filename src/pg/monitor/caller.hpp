// On whose behalf the session works.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Claim sub of request.jwt.claims, or else request.jwt.claim.sub. False when there is none or it is no uuid.
bool current_user_id(pg_uuid_t* user);

// A tenant that the claims name, as they write it. Not terminated.
struct ClaimedTenant {
    const char* text = nullptr;
    int length = 0;
};
// The tenants at the path pg_realtime.tenant_claim of request.jwt.claims: a text, a number, or an array of them, the first
// most_claimed_tenants. Anything else names none. In the current memory context; returns how many.
int claimed_tenants(ClaimedTenant** tenants);
constexpr int most_claimed_tenants = 1000; // as many as the gateway takes

} // namespace pg::monitor
