#include "pg/decoder.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"

namespace pg {

namespace {

// Invalidation callbacks cannot be unregistered, so they outlive the session that they serve.
Decoder* watching = nullptr;

void forget_all(Decoder& decoder) {
    for (auto& item : decoder.relations) {
        item.second.valid = false;
    }
    decoder.last_entry = nullptr;
    decoder.last_relation = InvalidOid;
}

void on_relation_change(Datum, Oid relation) {
    if (watching == nullptr) {
        return;
    }
    if (!OidIsValid(relation)) {
        forget_all(*watching);
        return;
    }
    auto item = watching->relations.find(relation);
    if (item != watching->relations.end()) {
        item->second.valid = false;
        watching->last_entry = nullptr;
        watching->last_relation = InvalidOid;
    }
}

// Names and types of schemas and columns: rare enough to look everything up again.
void on_catalog_change(Datum, int, uint32) {
    if (watching != nullptr) {
        forget_all(*watching);
    }
}

void on_publication_change(Datum, int, uint32) {
    if (watching != nullptr) {
        watching->publications_valid = false;
        forget_all(*watching);
    }
}

// Entries of relations that are gone or changed for good would otherwise pile up under a load of DDL.
constexpr std::size_t many_relations = 4096;

void sweep(Decoder& decoder) {
    for (auto item = decoder.relations.begin(); item != decoder.relations.end();) {
        if (item->second.valid) {
            ++item;
            continue;
        }
        if (item->second.plan != nullptr) {
            MemoryContextDelete(item->second.plan->context);
        }
        item = decoder.relations.erase(item);
    }
    decoder.sent_relations.clear();
}

void refresh_publications(Decoder& decoder) {
    MemoryContextReset(decoder.publications_context);
    MemoryContext previous = MemoryContextSwitchTo(decoder.publications_context);
    decoder.publications_valid = true; // before the look-up: an invalidation during it must win
    decoder.publications = load_publications(decoder.options);
    MemoryContextSwitchTo(previous);
}

void warn_once(const Decoder& decoder, RelationEntry& entry) {
    const RelationPlan& plan = *entry.plan;
    const std::string_view wrong = decoder.tenants.first_not_uuid();
    if (entry.warned || !plan.streamed) {
        return;
    }
    if (decoder.options.tenants_given && plan.tenant_type == TenantType::Uuid && !wrong.empty()) {
        entry.warned = true;
        ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                          errmsg("tenant \"%.*s\" in option \"tenants\" is not a uuid",
                                 static_cast<int>(wrong.size()), wrong.data()),
                          errdetail("Tenant column \"%s\" of table \"%s.%s\" is of type uuid.",
                                    plan.tenant_name, plan.schema, plan.table)));
    }
    if (plan.access != wire::Access::Public && plan.tenant_column != InvalidAttrNumber &&
        !plan.tenant_in_identity && (plan.actions.pubdelete || plan.actions.pubupdate)) {
        entry.warned = true;
        ereport(WARNING,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("replica identity of table \"%s.%s\" does not contain tenant column \"%s\"",
                        plan.schema, plan.table, plan.tenant_name),
                 errdetail("The tenant of its DELETEs, and of UPDATEs that change the tenant, is not known: "
                           "such DELETEs reach no tenant."),
                 errhint("Run SELECT realtime_add_table('%s.%s'), or set REPLICA IDENTITY FULL.", plan.schema,
                         plan.table)));
    }
}

// Replaces the entry's plan. An invalidation that arrives on the way leaves the entry invalid: good for this change, and
// planned again for the next.
void plan_entry(Decoder& decoder, RelationEntry& entry, Relation relation) {
    if (decoder.unfinished_context != nullptr) { // an ERROR ended the last attempt
        MemoryContextDelete(decoder.unfinished_context);
        decoder.unfinished_context = nullptr;
    }
    if (!decoder.publications_valid) {
        refresh_publications(decoder);
    }
    entry.valid = true;
    entry.warned = false;
    decoder.unfinished_context =
        AllocSetContextCreate(decoder.relations_context, "pg_realtime relation", ALLOCSET_SMALL_SIZES);
    RelationPlan* plan =
        plan_relation(relation, decoder.options, decoder.publications, decoder.unfinished_context);
    if (plan->streamed) {
        guarded([&] { write_relation_text(entry.text, *plan, decoder.options, decoder.charset); });
    }
    RelationPlan* outdated = entry.plan;
    entry.plan = plan;
    decoder.unfinished_context = nullptr;
    if (outdated != nullptr) {
        MemoryContextDelete(outdated->context);
    }
    if (!decoder.publications_valid) {
        entry.valid = false;
    }
}

} // namespace

Decoder::Decoder(const Options& options_, bool walsender)
    : options(options_),
      batching(options.format == Format::Frame || options.batch == Batch::On ||
               (options.batch == Batch::Automatic && walsender)),
      charset(options.format == Format::Json && !server_is_utf8() ? wire::Charset::Ascii
                                                                   : wire::Charset::Utf8) {
    row.set_limit(options.max_change_bytes);
}

Decoder::~Decoder() {
    if (watching == this) {
        watching = nullptr;
    }
}

void watch_catalogs(Decoder* decoder) {
    static bool registered = false;
    watching = decoder;
    if (registered) {
        return;
    }
    registered = true;
    CacheRegisterRelcacheCallback(on_relation_change, static_cast<Datum>(0));
    CacheRegisterSyscacheCallback(NAMESPACEOID, on_catalog_change, static_cast<Datum>(0));
    CacheRegisterSyscacheCallback(TYPEOID, on_catalog_change, static_cast<Datum>(0));
    CacheRegisterSyscacheCallback(PUBLICATIONOID, on_publication_change, static_cast<Datum>(0));
    CacheRegisterSyscacheCallback(PUBLICATIONRELMAP, on_publication_change, static_cast<Datum>(0));
    CacheRegisterSyscacheCallback(PUBLICATIONNAMESPACEMAP, on_publication_change, static_cast<Datum>(0));
}

RelationEntry& find_relation(Decoder& decoder, Relation relation) {
    const Oid relid = RelationGetRelid(relation);
    if (relid == decoder.last_relation) {
        return *decoder.last_entry;
    }
    RelationEntry* entry = nullptr;
    guarded([&] {
        if (decoder.relations.size() > many_relations &&
            decoder.relations.find(relid) == decoder.relations.end()) {
            sweep(decoder);
        }
        entry = &decoder.relations[relid];
    });
    if (!entry->valid || entry->plan == nullptr) {
        plan_entry(decoder, *entry, relation);
        warn_once(decoder, *entry);
    }
    if (entry->valid) {
        decoder.last_relation = relid;
        decoder.last_entry = entry;
    }
    return *entry;
}

} // namespace pg
