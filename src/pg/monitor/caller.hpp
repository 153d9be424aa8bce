// On whose behalf the session works.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Claim sub of request.jwt.claims, or else request.jwt.claim.sub. False when there is none or it is no uuid.
bool current_user_id(pg_uuid_t* user);

} // namespace pg::monitor
