#include "pg/monitor/caller.hpp"

#include "pg/monitor/payload.hpp"
#include "wire/json_check.hpp"

namespace pg::monitor {

namespace {

// The claims that were read last. Policies ask in every statement, and the answer changes only with the claims.
struct Known {
    char* claims = nullptr;
    bool named = false;
    pg_uuid_t user;
};

Known known;
constexpr Size longest_kept = 16384;

// Claims that cannot be read name nobody.
bool user_in(const char* claims, pg_uuid_t* user) {
    if (!wire::is_json(claims)) {
        return false;
    }
    Jsonb* jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(claims)));
    JsonbValue subject;
    return JB_ROOT_IS_OBJECT(jsonb) &&
           getKeyJsonValueFromContainer(&jsonb->root, "sub", 3, &subject) != nullptr &&
           subject.type == jbvString && parse_uuid(subject.val.string.val, subject.val.string.len, user);
}

bool user_of(const char* claims, pg_uuid_t* user) {
    if (known.claims == nullptr || strcmp(known.claims, claims) != 0) {
        Known fresh;
        fresh.named = user_in(claims, &fresh.user);
        if (strlen(claims) > longest_kept) {
            *user = fresh.user;
            return fresh.named;
        }
        fresh.claims = MemoryContextStrdup(TopMemoryContext, claims);
        if (known.claims != nullptr) {
            pfree(known.claims);
        }
        known = fresh;
    }
    *user = known.user;
    return known.named;
}

} // namespace

bool current_user_id(pg_uuid_t* user) {
    const char* claims = GetConfigOption("request.jwt.claims", true, false);
    if (claims != nullptr && *claims != '\0') {
        return user_of(claims, user);
    }
    const char* subject = GetConfigOption("request.jwt.claim.sub", true, false);
    return subject != nullptr && parse_uuid(subject, static_cast<int>(strlen(subject)), user);
}

} // namespace pg::monitor

extern "C" {
PG_FUNCTION_INFO_V1(pg_realtime_user_id);
PGDLLEXPORT Datum pg_realtime_user_id(PG_FUNCTION_ARGS) {
    auto* user = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    if (!pg::monitor::current_user_id(user)) {
        PG_RETURN_NULL();
    }
    PG_RETURN_UUID_P(user);
}
}
