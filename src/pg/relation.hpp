// Everything the hot path needs to know about one relation, looked up once and kept until something changes.
#pragma once

#include <memory>
#include <string>

#include "pg/options.hpp"
#include "pg/postgres.hpp"
#include "pg/publication.hpp"
#include "pg/registration.hpp"
#include "pg/row_filter.hpp"
#include "pg/tenant.hpp"
#include "pg/type_source.hpp"
#include "wire/json_change.hpp"

namespace pg {

// One column of the published relation and where it lies in the stored row.
struct ColumnSource {
    AttrNumber stored = 0; // attribute number in the row that was changed (a partition's may differ)
    bool identity = false; // part of the replica identity
    bool key = false; // tells the row: the identity, or the primary key where the identity is the whole row
    TypeSource type{};
};

// Plain data, in a memory context of its own; arrays have `column_count` or `stored_count` elements.
struct RelationPlan {
    MemoryContext context = nullptr;
    Oid relation = InvalidOid;
    Oid published_relation = InvalidOid;
    const char* schema = nullptr; // names of the published relation, in UTF-8
    const char* table = nullptr;
    const char* display = nullptr;    // the changed relation for messages, quoted, in the server's encoding
    const char* registered = nullptr; // likewise the relation that is or should be registered
    bool streamed = false;            // at least one action leaves
    PublicationActions actions = {false, false, false, false};
    wire::Access access = wire::Access::Unregistered;
    char replica_identity = 'd';
    AttrNumber tenant_column = InvalidAttrNumber; // in the stored row
    TenantType tenant_type = TenantType::None;
    bool tenant_in_identity = false;
    int tenant_index = -1;             // in `columns`
    const char* tenant_name = nullptr; // in the server's encoding
    bool needs_settings = false;
    bool names_objects = false;

    int stored_count = 0;
    Datum* new_values = nullptr; // scratch of one change
    bool* new_nulls = nullptr;
    Datum* old_values = nullptr;
    bool* old_nulls = nullptr;

    int column_count = 0;
    ColumnSource* sources = nullptr;
    value::Column* columns = nullptr;
    value::Cell* new_cells = nullptr; // scratch of one change
    value::Cell* old_cells = nullptr;
    const char** names = nullptr;      // UTF-8
    const char** type_names = nullptr; // UTF-8; of a domain that of its base type
    Oid* types = nullptr;

    int ancestor_count = 0; // of a partition
    Oid* ancestors = nullptr;

    RowFilter* filter = nullptr;
    int published_count = 0;
    AttrNumber* attribute_map = nullptr; // published attribute -> stored attribute, for the filter
};

// What a relation becomes under `set`: reads catalogs, allocates everything in `context`.
// Raises only what catalog access raises.
RelationPlan* plan_relation(Relation relation, const Options& options, const PublicationSet& set,
                            MemoryContext context);

// The finished bytes of a relation; pure C++.
struct RelationText {
    std::unique_ptr<wire::JsonRelation> json;
    std::string frame; // the relation frame
};

void write_relation_text(RelationText& text, const RelationPlan& plan, const Options& options,
                         wire::Charset charset);

} // namespace pg
