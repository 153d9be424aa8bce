// What the publications say about one relation: the same rules as PostgreSQL's own pgoutput.
#pragma once

#include <cstdint>

#include "pg/options.hpp"
#include "pg/postgres.hpp"

namespace pg {

// The publication that realtime_add_table() maintains.
constexpr const char* default_publication = "pg_realtime";

enum class FilterAction : std::uint8_t { Insert, Update, Delete };
constexpr int filter_action_count = 3;

// Plain data in the memory context it was made in.
struct Publishing {
    PublicationActions actions = {false, false, false, false};
    Oid published_relation = InvalidOid; // itself, or the ancestor it is published as
    bool every_column = true;
    Bitmapset* columns = nullptr; // attribute numbers of the published relation, when not every column
    // Row filters of each action, to be combined with OR; ignored where an action is unfiltered.
    List* filters[filter_action_count] = {NIL, NIL, NIL}; // of Node*
    bool unfiltered[filter_action_count] = {true, true, true};

    bool any() const {
        return actions.pubinsert || actions.pubupdate || actions.pubdelete || actions.pubtruncate;
    }
};

// The publications of a decoding session under the current (historic) snapshot.
struct PublicationSet {
    bool every_table = false; // nobody has registered anything yet: stream all user tables
    List* publications = NIL; // of Publication*
    List* missing = NIL;      // of char*: names that no publication has now
};

// Publications that do not exist are left out: they may be created later or have been dropped.
PublicationSet load_publications(const Options& options);

// A WARNING for each publication that is missing now and was not missing in `before`.
void warn_missing(const PublicationSet& set, const PublicationSet& before);

Publishing decide_publishing(const PublicationSet& set, Relation relation);

// Whether it is the extension's table of who belongs to which tenant (option memberships).
bool is_membership_table(Relation relation);
// A table as a whole, whatever the publications say.
Publishing publish_everything(Relation relation);

} // namespace pg
