#include "hub/router.hpp"

#include <algorithm>
#include <utility>

namespace hub {

namespace {

constexpr double cursor_seconds = 1; // between two messages about the cursor of a subscription

// Scopes as texts: one letter, and the tenant.
const std::string every_tenant = "a";

std::string scope_of_tenant(std::string_view tenant) {
    std::string scope = "t";
    scope += tenant;
    return scope;
}

bool has_wildcard(const BindingKind& kind) {
    return kind.schema == "*" || kind.table == "*";
}

bool wants(const BindingKind& kind, stream::Kind change) {
    switch (kind.event) {
    case protocol::Event::All:
        return true;
    case protocol::Event::Insert:
        return change == stream::Kind::Insert;
    case protocol::Event::Update:
        return change == stream::Kind::Update;
    case protocol::Event::Delete:
        return change == stream::Kind::Delete;
    }
    return false;
}

} // namespace

const std::string Router::everybody = "e";

std::string Router::table_key(std::string_view schema, std::string_view table) {
    std::string key(schema);
    key += '\0'; // cannot stand in a name
    key += table;
    return key;
}

bool Router::ScopeIndex::empty() const {
    return entries.empty() && by_equality.empty();
}

void Router::subscribe(Subscription& subscription, const Sight& sight) {
    std::string key(1, static_cast<char>('0' + static_cast<int>(subscription.encoding)));
    std::vector<std::shared_ptr<BindingKind>> kinds;
    for (const auto& kind : subscription.kinds) {
        if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
            kinds.push_back(kind);
            key += std::to_string(kind->id);
            key += ',';
        }
    }
    key += subscription.topic;
    auto& known = shapes_[key];
    subscription.shape = known.lock();
    if (subscription.shape == nullptr) {
        subscription.shape = std::make_shared<Shape>();
        subscription.shape->encoding = subscription.encoding;
        subscription.shape->topic = subscription.topic;
        subscription.shape->kinds = std::move(kinds);
        subscription.shape->key = std::move(key);
        known = subscription.shape;
    }
    subscription.cursor_time = time_;
    // The golden ratio spreads any number of them evenly.
    spread_ += 0.618;
    spread_ -= spread_ >= 1 ? 1 : 0;
    subscription.cursor_spread = spread_ * cursor_seconds;
    join_scope(subscription, everybody);
    if (sight.every_tenant) {
        join_scope(subscription, every_tenant);
        return;
    }
    for (const std::string& tenant : sight.tenants) {
        allow(subscription, tenant);
    }
}

void Router::unsubscribe(Subscription& subscription) {
    if (subscription.shape == nullptr) {
        return;
    }
    while (!subscription.places.empty()) {
        leave_place(subscription, subscription.places.size() - 1);
    }
    subscription.cursor_due = false;
    unlist_cursor(subscription);
    if (subscription.shape.use_count() == 1) {
        shapes_.erase(subscription.shape->key);
    }
    subscription.shape.reset();
}

void Router::allow(Subscription& subscription, const std::string& tenant) {
    const auto sees_all = [](const Subscription::Place& place) {
        return place.audience->scope == every_tenant;
    };
    if (subscription.shape != nullptr &&
        std::none_of(subscription.places.begin(), subscription.places.end(), sees_all)) {
        join_scope(subscription, scope_of_tenant(tenant));
    }
}

void Router::forbid(Subscription& subscription, const std::string& tenant) {
    const std::string scope = scope_of_tenant(tenant);
    for (std::size_t place = 0; place < subscription.places.size(); ++place) {
        if (subscription.places[place].audience->scope == scope) {
            leave_place(subscription, place);
            return;
        }
    }
}

void Router::join_scope(Subscription& subscription, const std::string& scope) {
    Shape& shape = *subscription.shape;
    auto& audience = shape.audiences[scope];
    if (audience == nullptr) {
        audience = std::make_unique<Audience>();
        audience->shape = &shape;
        audience->scope = scope;
        for (const auto& kind : shape.kinds) {
            wildcards_ += has_wildcard(*kind) ? 1 : 0;
            add_entry(tables_[table_key(kind->schema, kind->table)], scope, {kind.get(), audience.get()});
        }
    }
    for (const Subscription::Place& place : subscription.places) {
        if (place.audience == audience.get()) {
            return;
        }
    }
    subscription.places.push_back({audience.get(), static_cast<std::uint32_t>(audience->members.size())});
    audience->members.push_back(&subscription);
}

void Router::leave_place(Subscription& subscription, std::size_t place) {
    const auto [audience, index] = subscription.places[place];
    subscription.places.erase(subscription.places.begin() + static_cast<std::ptrdiff_t>(place));
    // The last one takes the place.
    Subscription* last = audience->members.back();
    audience->members[index] = last;
    audience->members.pop_back();
    if (last != &subscription) {
        for (Subscription::Place& other : last->places) {
            if (other.audience == audience) {
                other.index = index;
            }
        }
    }
    if (audience->members.empty()) {
        remove_entries(*audience);
        audience->shape->audiences.erase(std::string(audience->scope));
    }
}

void Router::add_entry(Table& table, const std::string& scope, Entry entry) {
    ScopeIndex& index = table.scopes[scope];
    // A row that leaves a filter has another value than the filter demands.
    if (table.relation != nullptr && entry.kind->filter != nullptr && !entry.kind->leaving &&
        !has_wildcard(*entry.kind)) {
        if (auto equality = entry.kind->filter->equality(table.relation)) {
            auto by_column =
                std::find_if(index.by_equality.begin(), index.by_equality.end(),
                             [&](const EqualityIndex& one) { return one.column == equality->column; });
            if (by_column == index.by_equality.end()) {
                const auto& columns = table.relation->columns;
                const auto column =
                    std::find_if(columns.begin(), columns.end(),
                                 [&](const stream::Column& one) { return one.name == equality->column; });
                by_column = index.by_equality.insert(index.by_equality.end(),
                                                     {equality->column, column->type_name, {}});
            }
            by_column->entries[equality->key].push_back(entry);
            return;
        }
    }
    index.entries.push_back(entry);
}

void Router::remove_entries(Audience& audience) {
    const auto of_audience = [&](const Entry& entry) { return entry.audience == &audience; };
    for (const auto& kind : audience.shape->kinds) {
        wildcards_ -= has_wildcard(*kind) ? 1 : 0;
        const auto table = tables_.find(table_key(kind->schema, kind->table));
        if (table == tables_.end()) {
            continue; // another binding to the same table was the last one
        }
        const auto scope = table->second.scopes.find(audience.scope);
        if (scope == table->second.scopes.end()) {
            continue;
        }
        ScopeIndex& index = scope->second;
        std::erase_if(index.entries, of_audience);
        for (EqualityIndex& by_column : index.by_equality) {
            // Only where it can be: these maps may be large.
            const auto equality =
                kind->filter != nullptr ? kind->filter->equality(table->second.relation) : std::nullopt;
            if (equality && equality->column == by_column.column) {
                const auto entries = by_column.entries.find(equality->key);
                if (entries != by_column.entries.end()) {
                    std::erase_if(entries->second, of_audience);
                    if (entries->second.empty()) {
                        by_column.entries.erase(entries);
                    }
                }
            }
        }
        std::erase_if(index.by_equality, [](const EqualityIndex& one) { return one.entries.empty(); });
        if (index.empty()) {
            table->second.scopes.erase(scope);
            if (table->second.scopes.empty()) {
                tables_.erase(table);
            }
        }
    }
}

void Router::rebuild(Table& table, const std::shared_ptr<const stream::Relation>& relation) {
    auto scopes = std::move(table.scopes);
    table.scopes.clear();
    table.relation = relation;
    for (auto& [scope, index] : scopes) {
        for (const Entry& entry : index.entries) {
            add_entry(table, scope, entry);
        }
        for (const EqualityIndex& by_column : index.by_equality) {
            for (const auto& [key, entries] : by_column.entries) {
                for (const Entry& entry : entries) {
                    add_entry(table, scope, entry);
                }
            }
        }
    }
}

void Router::begin(const stream::Change& change) {
    cursor_ = change.cursor;
    ++stamp_;
    writer_.begin(change);
}

void Router::match(const stream::Change& change, BindingKind& kind, std::vector<Match>& matches) {
    if (!wants(kind, change.kind) || !kind.is_for(*change.relation)) {
        return;
    }
    if (kind.filter == nullptr) {
        matches.push_back({&kind, false});
        return;
    }
    if (change.kind == stream::Kind::Delete ? kind.filter->passes_old(change, stamp_)
                                            : kind.filter->passes_new(change, stamp_)) {
        matches.push_back({&kind, false});
    } else if (kind.leaving && change.kind == stream::Kind::Update &&
               kind.filter->passes_old(change, stamp_)) {
        matches.push_back({&kind, true});
    }
}

void Router::measure_with(const Clock& clock, const Limits& limits, Counters& counters) {
    clock_ = &clock;
    limits_ = &limits;
    counters_ = &counters;
}

PatternBudget::Account Router::account(const std::string& name) {
    return patterns_.account(name, clock_ == nullptr ? 0 : clock_->now());
}

bool Router::is_work(const stream::Change& change, const BindingKind& kind) const {
    return clock_ != nullptr && kind.filter != nullptr && wants(kind, change.kind) &&
           kind.is_for(*change.relation) && kind.filter->is_work(change, kind.leaving, stamp_);
}

// The members get the same, so the first of them that has time left pays. Within a change nobody's time grows.
const Subscription* Router::payer_of(Audience& audience) {
    if (audience.broke == stamp_) {
        return nullptr;
    }
    const double now = clock_->now();
    if (patterns_.change_has_room(now)) {
        for (const Subscription* member : audience.members) {
            if (patterns_.has_room(member->accounts, now)) {
                return member;
            }
        }
    }
    audience.broke = stamp_;
    return nullptr;
}

bool Router::match_within(const stream::Change& change, BindingKind& kind, std::vector<Match>& matches,
                          double& spent) {
    if (!is_work(change, kind)) {
        match(change, kind, matches);
        return kind.filter == nullptr || !kind.filter->is_undecided(stamp_);
    }
    if (spent * 1000 >= static_cast<double>(limits_->pattern_time)) {
        return false;
    }
    const double began = clock_->now();
    match(change, kind, matches);
    spent += clock_->now() - began;
    return !kind.filter->is_undecided(stamp_);
}

void Router::note_undecided(Audience& audience) {
    if (audience.undecided != stamp_) {
        audience.undecided = stamp_;
        undecided_.push_back(&audience);
    }
}

void Router::tell_undecided(const stream::Change& change, Subscription& subscription) {
    if (subscription.stamp == stamp_) {
        return;
    }
    subscription.stamp = stamp_;
    ++counters_->patterns_undecided;
    const std::string text =
        "PatternTimeExceeded: the patterns of filters of table " + change.relation->schema + "." +
        change.relation->table +
        " take too long for a row (setting pattern-time: " + std::to_string(limits_->pattern_time) +
        " ms of one address and of one user); whether it passes them is not known";
    protocol::SystemMessage message;
    message.extension = "postgres_changes";
    message.ok = false;
    message.message = text;
    message.cursor = change.cursor;
    message.refetch = true;
    subscription.subscriber.deliver(system_frame(subscription.encoding, subscription.topic, message));
}

void Router::consider(const stream::Change& change, const Entry& entry) {
    Audience& audience = *entry.audience;
    if (audience.stamp != stamp_) {
        audience.stamp = stamp_;
        audience.matches.clear();
    }
    const bool first = audience.matches.empty();
    if (is_work(change, *entry.kind)) {
        const Subscription* const payer = payer_of(audience);
        if (payer == nullptr) {
            note_undecided(audience);
            return;
        }
        const double began = clock_->now();
        match(change, *entry.kind, audience.matches);
        patterns_.spend(payer->accounts, clock_->now() - began);
    } else {
        match(change, *entry.kind, audience.matches);
    }
    if (entry.kind->filter != nullptr && entry.kind->filter->is_undecided(stamp_)) {
        note_undecided(audience);
    }
    if (first && !audience.matches.empty()) {
        touched_.push_back(&audience);
    }
}

void Router::look_into(const stream::Change& change, Table& table, const std::string& scope) {
    const auto found = table.scopes.find(scope);
    if (found == table.scopes.end()) {
        return;
    }
    for (const Entry& entry : found->second.entries) {
        consider(change, entry);
    }
    for (const EqualityIndex& by_column : found->second.by_equality) {
        if (change.omitted) {
            for (const auto& [key, entries] : by_column.entries) {
                for (const Entry& entry : entries) {
                    consider(change, entry);
                }
            }
            continue;
        }
        const auto& row = change.kind == stream::Kind::Delete ? change.old_record : change.record;
        const auto key =
            row ? protocol::RowFilter::key_of(by_column.column, by_column.type_name, *row) : std::nullopt;
        const auto entries = key ? by_column.entries.find(*key) : by_column.entries.end();
        if (entries != by_column.entries.end()) {
            for (const Entry& entry : entries->second) {
                consider(change, entry);
            }
        }
    }
}

std::size_t Router::route(const stream::Change& change, const stream::Scope& scope) {
    if (change.kind == stream::Kind::Broadcast) {
        return 0;
    }
    if (change.kind == stream::Kind::Truncate) {
        return route_truncate(change);
    }
    note_relation(change);
    begin(change);
    touched_.clear();
    undecided_.clear();
    if (clock_ != nullptr) {
        patterns_.begin(change.relation->id,
                        scope.kind == stream::Scope::Kind::Tenant ? std::string_view(scope.tenant)
                                                                  : std::string_view(),
                        static_cast<double>(limits_->pattern_time) / 1000);
    }
    const stream::Relation& relation = *change.relation;
    const bool of_tenant = scope.kind == stream::Scope::Kind::Tenant;
    const std::string own = of_tenant ? scope_of_tenant(scope.tenant) : everybody;
    const auto look = [&](Table& table) {
        look_into(change, table, own);
        if (of_tenant) {
            look_into(change, table, every_tenant);
        }
    };
    if (const auto table = tables_.find(table_key(relation.schema, relation.table)); table != tables_.end()) {
        if (table->second.relation != change.relation) {
            rebuild(table->second, change.relation);
        }
        look(table->second);
    }
    if (wildcards_ > 0) {
        for (const std::string& key :
             {table_key(relation.schema, "*"), table_key("*", relation.table), table_key("*", "*")}) {
            if (const auto table = tables_.find(key); table != tables_.end()) {
                look(table->second);
            }
        }
    }
    std::size_t delivered = 0;
    for (Audience* audience : touched_) {
        delivered += deliver_to_audience(*audience);
    }
    for (Audience* audience : undecided_) {
        for (Subscription* member : audience->members) {
            tell_undecided(change, *member);
        }
    }
    return delivered;
}

namespace {

// Sorts matches of one payload together and calls use(span) for each group.
template <class Use> void for_each_payload(std::vector<Match>& matches, Use&& use) {
    auto from = matches.begin();
    while (from != matches.end()) {
        const Match first = *from;
        const auto end = std::stable_partition(from, matches.end(),
                                               [&](const Match& match) { return alike(first, match); });
        use(std::span<const Match>(from, end));
        from = end;
    }
}

} // namespace

std::size_t Router::deliver_to_audience(Audience& audience) {
    for_each_payload(audience.matches, [&](std::span<const Match> matches) {
        const FramePointer frame = writer_.frame(audience.shape->encoding, audience.shape->topic, matches);
        for (Subscription* member : audience.members) {
            member->subscriber.deliver_row(frame, writer_.tenant());
        }
    });
    // Behind the change, in the same write: a message of its own to everybody once a second would hold up the changes that
    // come meanwhile.
    FramePointer cursor;
    for (Subscription* member : audience.members) {
        member->cursor_due = time_ - member->cursor_time < cursor_seconds;
        if (!member->cursor_due) {
            if (!cursor) {
                cursor = cursor_frame(audience.shape->encoding, audience.shape->topic, cursor_);
            }
            member->cursor_time = time_;
            member->subscriber.deliver(cursor);
        } else if (member->cursor_place == Subscription::unlisted) {
            member->cursor_place = cursors_.size();
            cursors_.push_back({cursor_end(*member), member});
        }
    }
    return audience.members.size();
}

bool Router::deliver(std::vector<Match>& matches, Subscription& subscription) {
    for_each_payload(matches, [&](std::span<const Match> group) {
        subscription.subscriber.deliver_row(writer_.frame(subscription.encoding, subscription.topic, group),
                                            writer_.tenant());
    });
    return !matches.empty();
}

void Router::send_cursor(Subscription& subscription, protocol::Cursor head) {
    subscription.subscriber.deliver(cursor_frame(subscription.encoding, subscription.topic, head));
}

double Router::cursor_end(const Subscription& subscription) {
    return subscription.cursor_time + cursor_seconds + subscription.cursor_spread;
}

void Router::unlist_cursor(Subscription& subscription) {
    if (subscription.cursor_place == Subscription::unlisted) {
        return;
    }
    CursorDue& place = cursors_[std::exchange(subscription.cursor_place, Subscription::unlisted)];
    if (&place != &cursors_.back()) {
        place = cursors_.back();
        place.subscription->cursor_place = static_cast<std::size_t>(&place - cursors_.data());
    }
    cursors_.pop_back();
}

void Router::send_cursors(protocol::Cursor head, double now) {
    time_ = now;
    const Shape* shape = nullptr;
    FramePointer frame;
    for (std::size_t index = 0; index < cursors_.size();) {
        CursorDue& place = cursors_[index];
        Subscription& subscription = *place.subscription;
        // Looked at first, because it lies here.
        if (now < place.time) {
            ++index;
            continue;
        }
        if (subscription.cursor_due && now < cursor_end(subscription)) {
            place.time = cursor_end(subscription); // meanwhile it got one behind a change
            ++index;
            continue;
        }
        if (std::exchange(subscription.cursor_due, false)) {
            if (subscription.shape.get() != shape) {
                shape = subscription.shape.get();
                frame = cursor_frame(subscription.encoding, subscription.topic, head);
            }
            subscription.cursor_time = now;
            subscription.subscriber.deliver(frame);
        }
        unlist_cursor(subscription);
    }
}

} // namespace hub
