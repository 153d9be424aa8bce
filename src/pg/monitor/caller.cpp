#include "pg/monitor/caller.hpp"

#include <string_view>

#include "pg/monitor/payload.hpp"
#include "pg/monitor/settings.hpp"
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

// The tenant that a value is, if it is one.
bool tenant_in(const JsonbValue& value, ClaimedTenant* tenant) {
    if (value.type == jbvString) {
        *tenant = {value.val.string.val, value.val.string.len};
    } else if (value.type == jbvNumeric) {
        const char* text =
            DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
        *tenant = {text, static_cast<int>(strlen(text))};
    }
    return tenant->length > 0;
}

// The value at a path with a dot between members.
bool find_claim(Jsonb* claims, std::string_view path, JsonbValue* value) {
    JsonbContainer* container = &claims->root;
    for (;;) {
        const std::size_t dot = path.find('.');
        const std::string_view name = path.substr(0, dot);
        if (!JsonContainerIsObject(container) ||
            getKeyJsonValueFromContainer(container, name.data(), static_cast<int>(name.size()), value) ==
                nullptr) {
            return false;
        }
        if (dot == std::string_view::npos || dot + 1 == path.size()) {
            return true;
        }
        if (value->type != jbvBinary) {
            return false;
        }
        container = value->val.binary.data;
        path.remove_prefix(dot + 1);
    }
}

} // namespace

int claimed_tenants(ClaimedTenant** tenants) {
    const std::string_view path(settings::tenant_claim == nullptr ? "" : settings::tenant_claim);
    const char* claims = GetConfigOption("request.jwt.claims", true, false);
    JsonbValue value;
    if (path.empty() || claims == nullptr || !wire::is_json(claims) ||
        !find_claim(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(claims))), path, &value)) {
        return 0;
    }
    const bool many = value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data) &&
                      !JsonContainerIsScalar(value.val.binary.data);
    const auto size = many ? static_cast<int>(JsonContainerSize(value.val.binary.data)) : 1;
    *tenants = static_cast<ClaimedTenant*>(palloc(sizeof(ClaimedTenant) * static_cast<Size>(size + 1)));
    int count = 0;
    for (int index = 0; index < size && count < most_claimed_tenants; ++index) {
        const JsonbValue* one =
            many ? getIthJsonbValueFromContainer(value.val.binary.data, static_cast<uint32>(index)) : &value;
        (*tenants)[count] = {};
        count += tenant_in(*one, &(*tenants)[count]) ? 1 : 0;
    }
    return count;
}

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
