#include "pg/publication.hpp"

#include "pg/registration.hpp"

namespace pg {

PublicationSet load_publications(const Options& options) {
    PublicationSet set;
    List* names = options.publication_names_given ? options.publication_names
                                                  : list_make1(const_cast<char*>(default_publication));
    ListCell* cell = nullptr;
    foreach (cell, names) {
        auto* name = static_cast<char*>(lfirst(cell));
        if (Publication* publication = GetPublicationByName(name, true)) {
            set.publications = lappend(set.publications, publication);
        } else if (options.publication_names_given || any_registration()) {
            set.missing = lappend(set.missing, name);
        } else {
            set.every_table = true;
        }
    }
    return set;
}

namespace {

bool contains(List* names, const char* name) {
    ListCell* cell = nullptr;
    foreach (cell, names) {
        if (strcmp(static_cast<const char*>(lfirst(cell)), name) == 0) {
            return true;
        }
    }
    return false;
}

} // namespace

void warn_missing(const PublicationSet& set, const PublicationSet& before) {
    ListCell* cell = nullptr;
    foreach (cell, set.missing) {
        const char* name = static_cast<const char*>(lfirst(cell));
        if (!contains(before.missing, name)) {
            ereport(WARNING,
                    (errcode(ERRCODE_UNDEFINED_OBJECT),
                     errmsg("publication \"%s\" does not exist at this point of the WAL", name),
                     errdetail("Changes are streamed without it until it is created."),
                     strcmp(name, default_publication) == 0
                         ? errhint("Run realtime_add_table() for each table in view realtime_tables.")
                         : errhint("Create it, or take it out of option \"publication_names\".")));
        }
    }
}

namespace {

// How one publication publishes a relation: as which relation, and how many levels above it that is.
struct Membership {
    bool published = false;
    Oid relation = InvalidOid;
    int ancestor_level = 0;
};

Membership membership(const Publication* publication, Relation relation, List* relation_publications,
                      List* schema_publications) {
    Membership result;
    result.relation = RelationGetRelid(relation);
    const bool partition = relation->rd_rel->relispartition;
    List* ancestors = partition ? get_partition_ancestors(result.relation) : NIL;
    if (publication->alltables) {
        result.published = true;
        if (publication->pubviaroot && partition) {
            result.relation = llast_oid(ancestors);
            result.ancestor_level = list_length(ancestors);
        }
        return result;
    }
    if (partition) {
        int level = 0;
        const Oid ancestor = GetTopMostAncestorInPublication(publication->oid, ancestors, &level);
        if (OidIsValid(ancestor)) {
            result.published = true;
            if (publication->pubviaroot) {
                result.relation = ancestor;
                result.ancestor_level = level;
            }
        }
    }
    result.published = result.published || list_member_oid(relation_publications, publication->oid) ||
                       list_member_oid(schema_publications, publication->oid);
    return result;
}

void add_actions(PublicationActions& to, const PublicationActions& from) {
    to.pubinsert |= from.pubinsert;
    to.pubupdate |= from.pubupdate;
    to.pubdelete |= from.pubdelete;
    to.pubtruncate |= from.pubtruncate;
}

struct MembershipRow {
    Node* filter = nullptr;
    bool has_columns = false;
    Bitmapset* columns = nullptr;
};

MembershipRow read_membership_row(const Publication* publication, Oid relation) {
    MembershipRow row;
    if (publication->alltables ||
        SearchSysCacheExists2(PUBLICATIONNAMESPACEMAP, ObjectIdGetDatum(get_rel_namespace(relation)),
                              ObjectIdGetDatum(publication->oid))) {
        return row;
    }
    HeapTuple tuple =
        SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(relation), ObjectIdGetDatum(publication->oid));
    if (!HeapTupleIsValid(tuple)) {
        return row;
    }
    bool is_null = false;
    const Datum filter = SysCacheGetAttr(PUBLICATIONRELMAP, tuple, Anum_pg_publication_rel_prqual, &is_null);
    if (!is_null) {
        row.filter = static_cast<Node*>(stringToNode(TextDatumGetCString(filter)));
    }
    const Datum columns =
        SysCacheGetAttr(PUBLICATIONRELMAP, tuple, Anum_pg_publication_rel_prattrs, &is_null);
    if (!is_null) {
        row.has_columns = true;
        row.columns = pub_collist_to_bitmapset(nullptr, columns, CurrentMemoryContext);
    }
    ReleaseSysCache(tuple);
    return row;
}

void add_filter(Publishing& publishing, FilterAction action, bool publishes, Node* filter) {
    if (!publishes) {
        return;
    }
    const auto index = static_cast<int>(action);
    if (filter == nullptr) {
        publishing.unfiltered[index] = true;
    } else {
        publishing.filters[index] = lappend(publishing.filters[index], filter);
    }
}

// Combines filters and column lists of the publications that publish the relation at the same level.
void combine(Publishing& publishing, List* publications, Relation relation) {
    for (bool& unfiltered : publishing.unfiltered) {
        unfiltered = false;
    }
    bool lists_differ = false;
    bool first = true;
    ListCell* cell = nullptr;
    foreach (cell, publications) {
        auto* publication = static_cast<Publication*>(lfirst(cell));
        const MembershipRow row = read_membership_row(publication, publishing.published_relation);
        add_filter(publishing, FilterAction::Insert, publication->pubactions.pubinsert, row.filter);
        add_filter(publishing, FilterAction::Update, publication->pubactions.pubupdate, row.filter);
        add_filter(publishing, FilterAction::Delete, publication->pubactions.pubdelete, row.filter);
        if (first) {
            publishing.every_column = !row.has_columns;
            publishing.columns = row.columns;
        } else if (row.has_columns != !publishing.every_column ||
                   (row.has_columns && !bms_equal(row.columns, publishing.columns))) {
            lists_differ = true;
            if (row.has_columns) {
                publishing.columns =
                    publishing.every_column ? row.columns : bms_int_members(publishing.columns, row.columns);
                publishing.every_column = false;
            }
        }
        first = false;
    }
    if (lists_differ) {
        ereport(WARNING,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("publications have different column lists for table %s",
                        quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                                   RelationGetRelationName(relation))),
                 errdetail("Only the columns that every one of them publishes are sent."),
                 errhint("Name one of the publications in option \"publication_names\", or make their "
                         "column lists equal.")));
    }
}

} // namespace

namespace {

bool is_own(Oid relation) {
    const Oid extension = getExtensionOfObject(RelationRelationId, relation);
    return OidIsValid(extension) && extension == get_extension_oid("pg_realtime", true);
}

} // namespace

bool is_membership_table(Relation relation) {
    return strcmp(RelationGetRelationName(relation), "tenant_memberships") == 0 &&
           is_own(RelationGetRelid(relation));
}

Publishing publish_everything(Relation relation) {
    Publishing publishing;
    publishing.published_relation = RelationGetRelid(relation);
    publishing.actions = {true, true, true, true};
    return publishing;
}

Publishing decide_publishing(const PublicationSet& set, Relation relation) {
    Publishing publishing;
    const Oid relid = RelationGetRelid(relation);
    publishing.published_relation = relid;
    if (set.every_table) {
        // A newcomer sees all user tables; the extension's own tables would only be noise.
        return is_publishable_relation(relation) && !is_own(relid) ? publish_everything(relation)
                                                                   : publishing;
    }
    List* relation_publications = GetRelationPublications(relid);
    List* schema_publications = GetSchemaPublications(RelationGetNamespace(relation));
    List* publications = NIL;
    int top_level = 0;
    ListCell* cell = nullptr;
    foreach (cell, set.publications) {
        auto* publication = static_cast<Publication*>(lfirst(cell));
        const Membership member =
            membership(publication, relation, relation_publications, schema_publications);
        if (!member.published ||
            (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE && !publication->pubviaroot)) {
            continue;
        }
        add_actions(publishing.actions, publication->pubactions);
        // The top-most ancestor over all publications wins, as in pgoutput.
        if (member.ancestor_level < top_level) {
            continue;
        }
        if (member.ancestor_level > top_level) {
            publications = NIL;
            top_level = member.ancestor_level;
        }
        publishing.published_relation = member.relation;
        publications = lappend(publications, publication);
    }
    if (publications != NIL) {
        combine(publishing, publications, relation);
    }
    return publishing;
}

} // namespace pg
