// Which subscriptions a pass is to look at: those that the model knows, and those of recent reports that it does not know.
#include <algorithm>

#include "pg/guard.hpp"
#include "pg/monitor/dirty.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/statement.hpp"

namespace pg::monitor {

namespace {

// One step over the index a name, however many rows a name has, and no more names of a tenant than are judged: of so many
// either all are new enough to fill the tenant up, or there are no others.
#define PG_REALTIME_NAMES_OF(tenant)                                                                         \
    "(WITH RECURSIVE named(name) AS ("                                                                       \
    "   SELECT ''::text COLLATE \"C\""                                                                       \
    "   UNION ALL"                                                                                           \
    "   SELECT LEAST((SELECT m.subscription_type FROM @extschema@.realtime_connection_metrics m"             \
    "                  WHERE m.tenant_id = " tenant                                                          \
    "                    AND m.subscription_type > n.name AND m.recorded_at > $1"                            \
    "                  ORDER BY m.subscription_type LIMIT 1),"                                               \
    "                (SELECT m.subscription_type FROM @extschema@.realtime_metric_samples m"                 \
    "                  WHERE m.tenant_id = " tenant                                                          \
    "                    AND m.subscription_type > n.name AND m.recorded_at > $1"                            \
    "                  ORDER BY m.subscription_type LIMIT 1))"                                               \
    "     FROM named n WHERE n.name IS NOT NULL)"                                                            \
    "  SELECT name FROM named WHERE name <> '' LIMIT $2)"                                                    \
    " UNION"                                                                                                 \
    " (SELECT h.subscription_type FROM @extschema@.realtime_health_status h WHERE h.tenant_id = " tenant     \
    "     AND h.reported LIMIT $2)"

Statement names_of_one{"SELECT $3, o.name FROM (" PG_REALTIME_NAMES_OF("$3") ") o(name)",
                       {"timestamptz", "int8", "uuid"}};

Statement names_of_all{
    "WITH RECURSIVE tenant(id) AS ("
    "  SELECT LEAST((SELECT m.tenant_id FROM @extschema@.realtime_connection_metrics m WHERE m.recorded_at > "
    "$1"
    "                 ORDER BY m.tenant_id LIMIT 1),"
    "               (SELECT m.tenant_id FROM @extschema@.realtime_metric_samples m WHERE m.recorded_at > $1"
    "                 ORDER BY m.tenant_id LIMIT 1),"
    "               (SELECT h.tenant_id FROM @extschema@.realtime_health_status h WHERE h.reported"
    "                 ORDER BY h.tenant_id LIMIT 1))"
    "  UNION ALL"
    "  SELECT LEAST((SELECT m.tenant_id FROM @extschema@.realtime_connection_metrics m"
    "                 WHERE m.tenant_id > t.id AND m.recorded_at > $1 ORDER BY m.tenant_id LIMIT 1),"
    "               (SELECT m.tenant_id FROM @extschema@.realtime_metric_samples m"
    "                 WHERE m.tenant_id > t.id AND m.recorded_at > $1 ORDER BY m.tenant_id LIMIT 1),"
    "               (SELECT h.tenant_id FROM @extschema@.realtime_health_status h"
    "                 WHERE h.tenant_id > t.id AND h.reported ORDER BY h.tenant_id LIMIT 1))"
    "    FROM tenant t WHERE t.id IS NOT NULL)"
    " SELECT t.id, o.name FROM tenant t CROSS JOIN LATERAL (" PG_REALTIME_NAMES_OF(
        "t.id") ") o(name)"
                " WHERE t.id IS NOT NULL",
    {"timestamptz", "int8"}};

#undef PG_REALTIME_NAMES_OF

void add(KeyList& list, const core::Uuid& tenant, std::string_view subscription) {
    if (list.count == list.room) {
        list.room = std::max(list.room * 2, 64);
        const Size size = sizeof(KeyReference) * static_cast<Size>(list.room);
        list.keys = static_cast<KeyReference*>(list.keys == nullptr
                                                   ? MemoryContextAllocHuge(CurrentMemoryContext, size)
                                                   : repalloc_huge(list.keys, size));
    }
    list.keys[list.count++] = {tenant, subscription.data(), subscription.size()};
}

void add_known(const core::Tenant& tenant, KeyList& list) {
    for (const auto& [name, watch] : tenant.watches) {
        add(list, tenant.id, name);
    }
}

void add_unknown(Model& model, Statement& statement, Datum* arguments, KeyList& list) {
    const uint64 count = run(statement, arguments, nullptr, true);
    SPITupleTable* table = SPI_tuptable;
    for (uint64 index = 0; index < count; ++index) {
        const Row row(table, index);
        const core::Uuid tenant = row.uuid(1);
        const std::string_view subscription = row.text(2);
        if (model.engine->find(tenant, subscription) == nullptr) {
            add(list, tenant, subscription);
        }
    }
}

bool is_full(const core::Tenant& tenant) {
    return tenant.watches.size() >= static_cast<Size>(settings::max_subscription_types);
}

} // namespace

void list_keys(Model& model, bool discover, KeyList& list) {
    for (const auto& [id, tenant] : model.engine->tenants()) {
        add_known(*tenant, list);
    }
    if (discover) {
        Datum arguments[] = {TimestampTzGetDatum(model.engine->timeline().earliest_wall(look_back)),
                             Int64GetDatum(settings::max_subscription_types)};
        add_unknown(model, names_of_all, arguments, list);
    }
}

void list_keys_of(Model& model, const core::Uuid& id, KeyList& list) {
    const int before = list.count;
    const auto& tenants = model.engine->tenants();
    const auto known = tenants.find(id);
    if (known != tenants.end()) {
        add_known(*known->second, list);
    }
    if (known == tenants.end() || !is_full(*known->second)) {
        core::Uuid copy = id;
        Datum arguments[] = {TimestampTzGetDatum(model.engine->timeline().earliest_wall(look_back)),
                             Int64GetDatum(settings::max_subscription_types),
                             PointerGetDatum(copy.bytes.data())};
        add_unknown(model, names_of_one, arguments, list);
    }
    list.full_tenants += list.count - before >= settings::max_subscription_types ? 1 : 0;
}

void add_key(const DirtyKey& key, KeyList& list) {
    core::Uuid tenant;
    memcpy(tenant.bytes.data(), key.tenant.data, UUID_LEN);
    add(list, tenant, {key.subscription, key.length});
}

void remember_full_tenants(Model& model) {
    if (own_status() == nullptr) {
        return; // no worker: nobody takes marks
    }
    static core::FullTenants full;
    full.clear();
    guarded([&] {
        std::vector<std::uint64_t> hashes;
        for (const auto& [id, tenant] : model.engine->tenants()) {
            if (is_full(*tenant)) {
                hashes.clear();
                for (const auto& [name, watch] : tenant->watches) {
                    hashes.push_back(hash_of_mark(id, name));
                }
                std::sort(hashes.begin(), hashes.end());
                (void)full.remember(id, hashes.data(), hashes.size());
            }
        }
    });
    set_full_tenants(full);
}

} // namespace pg::monitor
