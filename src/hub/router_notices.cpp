// What Router tells those who watch a table that has changed as a whole: it was renamed, emptied, or a filter fits it no more.
#include "hub/router.hpp"

#include <algorithm>
#include <utility>

namespace hub {

namespace {

FramePointer notice_frame(std::string_view text, bool ok, protocol::Cursor cursor, Encoding encoding,
                          std::string_view topic) {
    protocol::SystemMessage message;
    message.extension = "postgres_changes";
    message.ok = ok;
    message.message = text;
    message.cursor = cursor;
    message.refetch = true;
    return system_frame(encoding, topic, message);
}

std::string truncate_text(const stream::Relation& relation) {
    return "table " + relation.schema + "." + relation.table + " was truncated";
}

} // namespace

// A message to all whom a change of the table itself concerns, written once for each topic and encoding.
struct Router::Notice {
    std::string text;
    bool ok = false;
    protocol::Cursor cursor;
    std::uint64_t stamp = 0; // of those who have it
    std::map<std::pair<Encoding, std::string_view>, FramePointer> frames;

    const FramePointer& frame(const Shape& shape) {
        FramePointer& known = frames[{shape.encoding, shape.topic}];
        if (!known) {
            known = notice_frame(text, ok, cursor, shape.encoding, shape.topic);
        }
        return known;
    }
};

// Every subscription is in the scope of everybody, so all entries of a table are met there once.
template <class Use> void Router::for_each_entry(const std::string& key, Use&& use) {
    const auto table = tables_.find(key);
    if (table == tables_.end()) {
        return;
    }
    const auto scope = table->second.scopes.find(everybody);
    if (scope == table->second.scopes.end()) {
        return;
    }
    std::for_each(scope->second.entries.begin(), scope->second.entries.end(), use);
    for (const EqualityIndex& by_column : scope->second.by_equality) {
        for (const auto& [value, entries] : by_column.entries) {
            std::for_each(entries.begin(), entries.end(), use);
        }
    }
}

// Each subscription once, however many of its bindings are concerned. Returns how many were told now.
std::size_t Router::tell(const Entry& entry, Notice& notice) {
    std::size_t told = 0;
    for (Subscription* member : entry.audience->members) {
        if (std::exchange(member->stamp, notice.stamp) != notice.stamp) {
            member->subscriber.deliver(notice.frame(*entry.audience->shape));
            ++told;
        }
    }
    return told;
}

// Who watches a table that has another name or shape now would hear nothing more of it, and not know.
void Router::note_relation(const stream::Change& change) {
    auto& known = relations_[change.relation->id];
    if (known == change.relation) {
        return;
    }
    const auto before = std::exchange(known, change.relation);
    if (before != nullptr) {
        note_rename(*before, change);
        note_filters(*before, change);
    }
}

void Router::note_rename(const stream::Relation& before, const stream::Change& change) {
    const stream::Relation& now = *change.relation;
    if (before.schema == now.schema && before.table == now.table) {
        return;
    }
    // Not to which name: whoever may know it knows it.
    Notice notice;
    notice.text = "table " + before.schema + "." + before.table +
                  " was renamed; join again, with its new name, for its changes";
    notice.cursor = change.cursor;
    notice.stamp = ++stamp_;
    const auto tell_all = [&](const std::string& key) {
        for_each_entry(key, [&](const Entry& entry) { tell(entry, notice); });
    };
    tell_all(table_key(before.schema, before.table));
    if (before.schema != now.schema) {
        tell_all(table_key(before.schema, "*"));
    }
    if (before.table != now.table) {
        tell_all(table_key("*", before.table));
    }
}

void Router::note_filters(const stream::Relation& before, const stream::Change& change) {
    const stream::Relation& now = *change.relation;
    std::unordered_map<const SharedFilter*, std::string> faults; // empty: none, or none that is new
    std::map<std::string, std::vector<Entry>> concerned;         // by what they are told
    for_each_entry(table_key(now.schema, now.table), [&](const Entry& entry) {
        SharedFilter* filter = entry.kind->filter.get();
        if (filter == nullptr) {
            return;
        }
        const auto [fault, first] = faults.try_emplace(filter);
        if (first && fault_of(filter->filter(), before.columns).empty()) {
            fault->second = fault_of(filter->filter(), now.columns);
        }
        if (!fault->second.empty()) {
            concerned[fault->second].push_back(entry);
        }
    });
    for (const auto& [fault, entries] : concerned) {
        Notice notice;
        notice.text = "nothing passes the filter any more: " + fault;
        notice.cursor = change.cursor;
        notice.stamp = ++stamp_;
        for (const Entry& entry : entries) {
            tell(entry, notice);
        }
    }
}

// The stock client knows no event for it. All rows of all tenants are gone, so whoever watches the table has to look again.
std::size_t Router::route_truncate(const stream::Change& change) {
    const stream::Relation& relation = *change.relation;
    Notice notice;
    notice.text = truncate_text(relation);
    notice.ok = true;
    notice.cursor = change.cursor;
    notice.stamp = ++stamp_;
    std::size_t delivered = 0;
    for (const std::string& key :
         {table_key(relation.schema, relation.table), table_key(relation.schema, "*"),
          table_key("*", relation.table), table_key("*", "*")}) {
        for_each_entry(key, [&](const Entry& entry) { delivered += tell(entry, notice); });
    }
    return delivered;
}

bool Router::replay_truncate(const stream::Change& change, Subscription& subscription) {
    const bool watches = std::any_of(subscription.kinds.begin(), subscription.kinds.end(),
                                     [&](const auto& kind) { return kind->is_for(*change.relation); });
    if (watches) {
        subscription.subscriber.deliver(notice_frame(truncate_text(*change.relation), true, change.cursor,
                                                     subscription.encoding, subscription.topic));
    }
    return watches;
}

} // namespace hub
