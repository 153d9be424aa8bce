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
    watching->invalidations += 1;
    if (!watching->options.publication_names_given && watching->publications.publications == NIL) {
        watching->publications_valid = false; // the first registration may just have been made
        forget_all(*watching);
        return;
    }
    if (!OidIsValid(relation) || watching->ancestors.find(relation) != watching->ancestors.end()) {
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
        watching->invalidations += 1;
        forget_all(*watching);
    }
}

void on_publication_change(Datum, int, uint32) {
    if (watching != nullptr) {
        watching->invalidations += 1;
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
        RelationPlan* plan = item->second.plan;
        item = decoder.relations.erase(item);
        if (plan != nullptr) {
            MemoryContextDelete(plan->context);
        }
    }
    decoder.sent_relations.clear();
    decoder.announcements += 1;
}

// A context for what is being looked up; the one of an attempt that ended in an ERROR is given back first.
MemoryContext start_lookup(Decoder& decoder, const char* what) {
    if (decoder.unfinished_context != nullptr) {
        MemoryContextDelete(decoder.unfinished_context);
        decoder.unfinished_context = nullptr;
    }
    decoder.unfinished_context =
        AllocSetContextCreateInternal(decoder.relations_context, what, ALLOCSET_SMALL_SIZES);
    return decoder.unfinished_context;
}

// An ERROR on the way (the reorder buffer swallows those of transactions that abort while they are decoded) leaves the
// old set in place and invalid.
void refresh_publications(Decoder& decoder) {
    const std::uint64_t before = decoder.invalidations;
    MemoryContext context = start_lookup(decoder, "pg_realtime publications");
    MemoryContext previous = MemoryContextSwitchTo(context);
    const PublicationSet set = load_publications(decoder.options);
    warn_missing(set, decoder.publications);
    MemoryContextSwitchTo(previous);
    MemoryContext outdated = decoder.publications_context;
    decoder.publications = set;
    decoder.publications_context = context;
    decoder.unfinished_context = nullptr;
    decoder.publications_valid = decoder.invalidations == before;
    if (outdated != nullptr) {
        MemoryContextDelete(outdated);
    }
}

// Whether nothing was said yet of another partition of the same table.
bool is_first_of_partitions(Decoder& decoder, const RelationPlan& plan) {
    bool first = true;
    if (plan.ancestor_count > 0) {
        guarded([&] { first = decoder.warned_roots.insert(plan.ancestors[plan.ancestor_count - 1]).second; });
    }
    return first;
}

// Logged once, and again only after the table was put right and broken anew; for a partitioned table once.
void warn_once(Decoder& decoder, RelationEntry& entry) {
    const RelationPlan& plan = *entry.plan;
    if (!plan.streamed) {
        return;
    }
    const std::string_view wrong = decoder.tenants.first_not_uuid();
    const bool not_uuid =
        decoder.options.tenants_given && plan.tenant_type == TenantType::Uuid && !wrong.empty();
    const bool no_identity = plan.access != wire::Access::Public && plan.tenant_column != InvalidAttrNumber &&
                             !plan.tenant_in_identity && (plan.actions.pubdelete || plan.actions.pubupdate);
    const bool already = entry.warned;
    entry.warned = not_uuid || no_identity;
    if (already) {
        return;
    }
    if (not_uuid) {
        ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                          errmsg("tenant \"%.*s\" in option \"tenants\" is not a uuid",
                                 static_cast<int>(wrong.size()), wrong.data()),
                          errdetail("Tenant column \"%s\" of table %s is of type uuid.", plan.tenant_name,
                                    plan.display)));
    }
    if (no_identity && is_first_of_partitions(decoder, plan)) {
        ereport(
            WARNING,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("replica identity of table %s does not contain tenant column \"%s\"", plan.display,
                    plan.tenant_name),
             errdetail("The tenant of its DELETEs, and of UPDATEs that change the tenant, is not known: "
                       "such DELETEs reach no tenant.%s",
                       plan.ancestor_count > 0 ? " Other partitions of its table are not checked here." : ""),
             errhint("Run SELECT realtime_add_table(%s), or set REPLICA IDENTITY FULL.",
                     quote_literal_cstr(plan.registered))));
    }
}

// Replaces the entry's plan. An invalidation that arrives on the way leaves the entry invalid: good for this change, and
// planned again for the next. An ERROR leaves the old plan in place and invalid.
void plan_entry(Decoder& decoder, RelationEntry& entry, Relation relation) {
    entry.valid = false;
    if (!decoder.publications_valid) {
        refresh_publications(decoder);
    }
    const std::uint64_t before = decoder.invalidations;
    const bool publications_valid = decoder.publications_valid;
    MemoryContext context = start_lookup(decoder, "pg_realtime relation");
    RelationPlan* plan = plan_relation(relation, decoder.options, decoder.publications, context);
    guarded([&] {
        for (int index = 0; index < plan->ancestor_count; ++index) {
            decoder.ancestors.insert(plan->ancestors[index]);
        }
        if (plan->streamed) {
            write_relation_text(entry.text, *plan, decoder.options, decoder.charset);
        }
    });
    RelationPlan* outdated = entry.plan;
    entry.plan = plan;
    entry.announced = 0;
    decoder.unfinished_context = nullptr;
    entry.valid = publications_valid && decoder.invalidations == before;
    if (outdated != nullptr) {
        MemoryContextDelete(outdated->context);
    }
}

} // namespace

Decoder::Decoder(const Options& options_, bool walsender)
    : options(options_), batching(options.format == Format::Frame || options.batch == Batch::On ||
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
    CacheRegisterSyscacheCallback(CASTSOURCETARGET, on_catalog_change, static_cast<Datum>(0));
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
