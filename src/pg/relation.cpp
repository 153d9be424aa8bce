#include "pg/relation.hpp"

#include "pg/encoding.hpp"
#include "pg/gather.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

template <class T> T* allocate(int count) {
    return static_cast<T*>(palloc0(sizeof(T) * static_cast<Size>(count + 1)));
}

const char* copy_utf8(const char* text) {
    const std::string_view utf8 = to_utf8(text, strlen(text));
    return pnstrdup(utf8.data(), utf8.size());
}

bool restrict_actions(RelationPlan& plan, const Options& options, const PublicationActions& published) {
    plan.actions.pubinsert = published.pubinsert && options.actions.pubinsert;
    plan.actions.pubupdate = published.pubupdate && options.actions.pubupdate;
    plan.actions.pubdelete = published.pubdelete && options.actions.pubdelete;
    plan.actions.pubtruncate = published.pubtruncate && options.actions.pubtruncate;
    return plan.actions.pubinsert || plan.actions.pubupdate || plan.actions.pubdelete ||
           plan.actions.pubtruncate;
}

// The attribute of the stored row that carries a published attribute: by name, as partitions may order them otherwise.
AttrNumber stored_attribute(TupleDesc stored, Form_pg_attribute published, bool same_relation) {
    if (same_relation) {
        return published->attnum;
    }
    for (int index = 0; index < stored->natts; ++index) {
        Form_pg_attribute attribute = TupleDescAttr(stored, index);
        if (!attribute->attisdropped &&
            strcmp(NameStr(attribute->attname), NameStr(published->attname)) == 0) {
            return attribute->attnum;
        }
    }
    return 0;
}

// A registered table is described by its labels, or by those of the nearest ancestor that has any.
Registration find_registration(Relation relation, Oid* registered) {
    *registered = RelationGetRelid(relation);
    Registration registration = read_registration(*registered);
    if (registration.access != wire::Access::Unregistered || !relation->rd_rel->relispartition) {
        return registration;
    }
    ListCell* cell = nullptr;
    foreach (cell, get_partition_ancestors(RelationGetRelid(relation))) {
        registration = read_registration(lfirst_oid(cell));
        if (registration.access != wire::Access::Unregistered) {
            *registered = lfirst_oid(cell);
            return registration;
        }
    }
    return registration;
}

const char* qualified_name(Oid relation) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
                                      get_rel_name(relation));
}

// The tenant column: the registered one, else one that is called tenant_id and has a usable type.
void plan_tenant(RelationPlan& plan, Relation relation) {
    Oid registered = InvalidOid;
    const Registration registration = find_registration(relation, &registered);
    plan.access = registration.access;
    plan.registered = qualified_name(registered);
    if (plan.access == wire::Access::Public) {
        return;
    }
    const char* name = "tenant_id";
    if (registration.tenant_column != InvalidAttrNumber) {
        name = get_attname(registered, registration.tenant_column, true);
    } else if (plan.access == wire::Access::Tenant) {
        name = nullptr; // the tenant column was dropped: nobody may see the rows
    }
    if (name == nullptr) {
        return;
    }
    TupleDesc descriptor = RelationGetDescr(relation);
    for (int index = 0; index < descriptor->natts; ++index) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, index);
        if (!attribute->attisdropped && !is_virtual_generated(attribute) &&
            strcmp(NameStr(attribute->attname), name) == 0) {
            plan.tenant_type = tenant_type_of(attribute->atttypid);
            if (plan.tenant_type != TenantType::None) {
                plan.tenant_column = attribute->attnum;
                plan.tenant_name = pstrdup(name);
            }
        }
    }
}

void plan_ancestors(RelationPlan& plan, Relation relation) {
    if (!relation->rd_rel->relispartition) {
        return;
    }
    List* ancestors = get_partition_ancestors(RelationGetRelid(relation));
    plan.ancestors = allocate<Oid>(list_length(ancestors));
    ListCell* cell = nullptr;
    foreach (cell, ancestors) {
        plan.ancestors[plan.ancestor_count++] = lfirst_oid(cell);
    }
}

bool in_identity(const RelationPlan& plan, const Bitmapset* identity, AttrNumber stored) {
    switch (plan.replica_identity) {
    case REPLICA_IDENTITY_FULL:
        return true;
    case REPLICA_IDENTITY_NOTHING:
        return false;
    default:
        return bms_is_member(stored - FirstLowInvalidHeapAttributeNumber, identity);
    }
}

const char* type_name(Oid type) {
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple)) {
        return "unknown";
    }
    const char* name = copy_utf8(NameStr(reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typname));
    ReleaseSysCache(tuple);
    return name;
}

bool in_primary_key(HeapTuple index, AttrNumber stored) {
    if (index == nullptr) {
        return false;
    }
    const auto* form = reinterpret_cast<Form_pg_index>(GETSTRUCT(index));
    for (int position = 0; position < form->indnkeyatts; ++position) {
        if (form->indkey.values[position] == stored) {
            return true;
        }
    }
    return false;
}

// Which columns tell a row apart when its values cannot be sent.
void plan_key(RelationPlan& plan, Relation relation) {
    const bool full = plan.replica_identity == REPLICA_IDENTITY_FULL;
    HeapTuple index = nullptr;
    if (full) {
        list_free(RelationGetIndexList(relation));
        if (OidIsValid(relation->rd_pkindex)) {
            index = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relation->rd_pkindex));
        }
    }
    for (int column = 0; column < plan.column_count; ++column) {
        ColumnSource& source = plan.sources[column];
        source.key = full ? in_primary_key(index, source.stored) : source.identity;
    }
    if (index != nullptr) {
        ReleaseSysCache(index);
    }
}

void plan_columns(RelationPlan& plan, Relation relation, Relation published, const Publishing& publishing,
                  bool ascii_only) {
    TupleDesc stored = RelationGetDescr(relation);
    TupleDesc descriptor = RelationGetDescr(published);
    const bool same = RelationGetRelid(relation) == RelationGetRelid(published);
    const Bitmapset* identity = RelationGetIdentityKeyBitmap(relation);
    plan.stored_count = stored->natts;
    plan.new_values = allocate<Datum>(stored->natts);
    plan.new_nulls = allocate<bool>(stored->natts);
    plan.old_values = allocate<Datum>(stored->natts);
    plan.old_nulls = allocate<bool>(stored->natts);
    plan.published_count = descriptor->natts;
    plan.attribute_map = allocate<AttrNumber>(descriptor->natts);
    plan.sources = allocate<ColumnSource>(descriptor->natts);
    plan.columns = allocate<value::Column>(descriptor->natts);
    plan.new_cells = allocate<value::Cell>(descriptor->natts);
    plan.old_cells = allocate<value::Cell>(descriptor->natts);
    plan.names = allocate<const char*>(descriptor->natts);
    plan.type_names = allocate<const char*>(descriptor->natts);
    plan.types = allocate<Oid>(descriptor->natts);
    for (int index = 0; index < descriptor->natts; ++index) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, index);
        if (attribute->attisdropped || is_virtual_generated(attribute)) {
            continue;
        }
        const AttrNumber from = stored_attribute(stored, attribute, same);
        plan.attribute_map[index] = from;
        if (from == 0 ||
            (!publishing.every_column && !bms_is_member(attribute->attnum, publishing.columns))) {
            continue;
        }
        const int column = plan.column_count++;
        ColumnSource& source = plan.sources[column];
        source.stored = from;
        source.identity = in_identity(plan, identity, from);
        describe_type(attribute->atttypid, plan.context, source.type);
        plan.needs_settings = plan.needs_settings || source.type.needs_settings;
        plan.names_objects = plan.names_objects || source.type.names_objects;
        plan.columns[column] = make_column(NameStr(attribute->attname), ascii_only);
        plan.names[column] = copy_utf8(NameStr(attribute->attname));
        plan.type_names[column] = type_name(source.type.type);
        plan.types[column] = attribute->atttypid;
        if (from == plan.tenant_column) {
            plan.tenant_index = column;
        }
    }
    plan.tenant_in_identity =
        plan.tenant_column != InvalidAttrNumber && in_identity(plan, identity, plan.tenant_column);
}

} // namespace

RelationPlan* plan_relation(Relation relation, const Options& options, const PublicationSet& set,
                            MemoryContext context) {
    MemoryContext previous = MemoryContextSwitchTo(context);
    auto* plan = static_cast<RelationPlan*>(palloc0(sizeof(RelationPlan)));
    plan->context = context;
    plan->relation = RelationGetRelid(relation);
    plan->replica_identity = relation->rd_rel->relreplident;
    plan_ancestors(*plan, relation);
    Publishing publishing = decide_publishing(set, relation);
    const bool memberships = options.memberships && is_membership_table(relation);
    const bool only_for_operators = memberships && !publishing.any();
    if (memberships) {
        publishing = publish_everything(relation);
    }
    plan->published_relation = publishing.published_relation;
    if (restrict_actions(*plan, options, publishing.actions)) {
        const bool same = plan->published_relation == plan->relation;
        Relation published = same ? relation : RelationIdGetRelation(plan->published_relation);
        if (!RelationIsValid(published)) {
            elog(ERROR, "could not open relation with OID %u", plan->published_relation);
        }
        plan->schema = get_namespace_name(RelationGetNamespace(published));
        plan->table = pstrdup(RelationGetRelationName(published));
        plan->streamed =
            memberships ||
            ((options.include_tables == NIL || matches(options.include_tables, plan->schema, plan->table)) &&
             !matches(options.exclude_tables, plan->schema, plan->table));
        if (plan->streamed) {
            plan_tenant(*plan, relation);
            if (only_for_operators) {
                plan->access = wire::Access::Unregistered;
            }
            plan_columns(*plan, relation, published, publishing,
                         options.format == Format::Json && !server_is_utf8());
            plan->filter = make_row_filter(publishing, published);
            plan_key(*plan, relation);
            plan->display = qualified_name(plan->relation);
            plan->schema = copy_utf8(plan->schema);
            plan->table = copy_utf8(plan->table);
        }
        if (!same) {
            RelationClose(published);
        }
    }
    MemoryContextSwitchTo(previous);
    return plan;
}

void write_relation_text(RelationText& text, const RelationPlan& plan, const Options& options,
                         wire::Charset charset) {
    constexpr std::size_t most = 1U << 30;
    wire::ByteBuffer columns(most);
    wire::JsonColumns list(columns, charset);
    for (int index = 0; index < plan.column_count; ++index) {
        list.add(plan.names[index], plan.type_names[index]);
    }
    list.finish();
    if (options.format == Format::Json) {
        text.json = std::make_unique<wire::JsonRelation>(
            plan.schema, plan.table, options.include_types ? columns.view() : std::string_view(), charset);
        return;
    }
    wire::Relation relation;
    relation.relation_id = plan.published_relation;
    relation.access = plan.access;
    relation.replica_identity = plan.replica_identity;
    if (plan.tenant_index >= 0) {
        relation.tenant_column = static_cast<std::uint16_t>(plan.tenant_index);
    }
    relation.schema = plan.schema;
    relation.table = plan.table;
    relation.columns_json = columns.view();
    for (int index = 0; index < plan.column_count; ++index) {
        wire::RelationColumn column;
        column.identity = plan.sources[index].key;
        column.type_id = plan.types[index];
        column.name = plan.names[index];
        column.type_name = plan.type_names[index];
        relation.columns.push_back(column);
    }
    wire::ByteBuffer frame(most);
    wire::write_relation(frame, relation);
    text.frame = frame.view();
}

} // namespace pg
