#include "hub/feed.hpp"

#include <algorithm>
#include <utility>

namespace hub {

namespace {

// What one replay may do in one turn: a change costs one, and a filter one more for each 512 bytes of the row that it looks
// through. The first turn is taken while the client's join is read, so it is a short one.
constexpr std::size_t work_at_once = 4000, first_work = 500, bytes_of_work = 512;

// With more tenants than these it is cheaper to look at each change than to look for the next one of each tenant.
constexpr std::size_t most_looked_for = 16;

bool concerns(const stream::Change& change, const std::vector<std::string>& tenants) {
    const auto scope = stream::scope_of(change);
    return scope && (scope->kind == stream::Scope::Kind::Everybody ||
                     std::binary_search(tenants.begin(), tenants.end(), scope->tenant));
}

} // namespace

Feed::Feed(Hub& hub, Encoding encoding, std::string topic) : hub_(hub), subscription_(*this) {
    subscription_.encoding = encoding;
    subscription_.topic = std::move(topic);
}

Feed::~Feed() {
    close();
}

void Feed::find_accounts() {
    subscription_.accounts.clear();
    if (!sender().empty()) {
        subscription_.accounts.push_back(hub_.router.account("address " + std::string(sender())));
    }
    if (!identity_->subject.empty()) {
        subscription_.accounts.push_back(hub_.router.account("user " + identity_->subject));
    }
    if (subscription_.accounts.empty()) {
        subscription_.accounts.push_back(hub_.router.account("nobody known")); // one for all of them
    }
}

void Feed::open(IdentityPointer identity, std::vector<protocol::Binding> bindings,
                std::optional<protocol::Cursor> since, bool needs_tenants) {
    identity_ = std::move(identity);
    find_accounts();
    bindings_ = std::move(bindings);
    needs_tenants_ = needs_tenants;
    state_ = State::Preparing;
    for (std::size_t index = 0; index < bindings_.size(); ++index) {
        const protocol::Binding& binding = bindings_[index];
        auto kind = hub_.kinds.find(binding);
        if (const auto* fault = std::get_if<std::string>(&kind)) {
            unreadable_.push_back(
                {"MalformedFilter", "postgres_changes[" + std::to_string(index) + "]" + *fault});
            ids_.push_back(hub_.kinds.unused_id());
            continue;
        }
        subscription_.kinds.push_back(std::get<std::shared_ptr<BindingKind>>(kind));
        places_.push_back(index);
        ids_.push_back(subscription_.kinds.back()->id);
        since_.push_back(std::max(binding.since, since)); // none is the least
    }
    hub_.add(*this);
    if ((needs_tenants || !bindings_.empty()) && !identity_->subject.empty() && !identity_->every_tenant) {
        watching_ = true;
        hub_.people.watch(identity_, *this); // advances when the tenants are known already
    }
    advance();
}

void Feed::close() {
    if (state_ == State::Closed && !watching_) {
        return;
    }
    state_ = State::Closed;
    hub_.remove(*this);
    hub_.router.unsubscribe(subscription_);
    if (watching_) {
        watching_ = false;
        hub_.people.leave(identity_->subject, *this);
    }
}

void Feed::refuse(const std::string& code, const std::string& message) {
    close();
    on_refused(code, message);
}

Sight Feed::sight() const {
    Sight sight;
    sight.every_tenant = identity_->every_tenant;
    if (watching_) {
        if (const auto* tenants = hub_.people.tenants_of(identity_->subject)) {
            sight.tenants = *tenants;
        }
    }
    sight.tenants.insert(sight.tenants.end(), identity_->claimed_tenants.begin(),
                         identity_->claimed_tenants.end());
    std::sort(sight.tenants.begin(), sight.tenants.end());
    sight.tenants.erase(std::unique(sight.tenants.begin(), sight.tenants.end()), sight.tenants.end());
    return sight;
}

void Feed::on_tenants_known(bool known) {
    if (!known) {
        refuse("UnableToConnectToProject", "the database cannot be asked for the tenants of the caller now");
        return;
    }
    tenants_known_ = true;
    advance();
}

void Feed::show(const Sight& sight) {
    shown_ = sight.tenants;
    meter_.see(sight.tenants, sight.every_tenant);
}

void Feed::deliver_row(const FramePointer& frame, std::string_view tenant) {
    if (!tenant.empty()) {
        meter_.count_row(frame->size(), tenant);
    }
    deliver(frame);
}

void Feed::advance() {
    if (state_ != State::Preparing) {
        return;
    }
    if (watching_ && !tenants_known_) {
        return; // on_tenants_known() follows
    }
    if (!opened_ && !knows_enough()) {
        return;
    }
    faults_ = unreadable_;
    if (!subscription_.kinds.empty()) {
        if (!hub_.ready()) {
            hub_.wait(*this);
            return;
        }
        if (!tables_are_known() || !may_see_something()) {
            return;
        }
    }
    if (!faults_.empty() && !opened_ && !goes_on_with_part()) {
        const Fault first = faults_.front();
        refuse(first.code, first.message);
        return;
    }
    state_ = State::Opening;
    if (!opened_) {
        opened_ = true;
        show(sight());
        if (!on_open()) {
            return;
        }
    } else {
        on_reopened();
    }
    if (state_ != State::Opening) {
        return;
    }
    serves_all_ = faults_.empty();
    for (const Fault& fault : faults_) {
        hub_.note_refused_binding(subscription_.topic, fault.text());
        on_notice(false, fault.text(), std::nullopt);
    }
    faults_.clear();
    if (!subscription_.kinds.empty()) {
        start();
    }
}

std::string Feed::place_of(std::size_t kind) const {
    return "postgres_changes[" + std::to_string(places_[kind]) + "]";
}

// Notes what keeps the changes of a kind from coming. The kind is served all the same: when the table is registered, or gets the
// column, its changes come.
void Feed::look_at_table(std::size_t index) {
    const BindingKind& kind = *subscription_.kinds[index];
    const auto not_streamed = [&](const std::string& what) {
        faults_.push_back({"RealtimeDisabledForConfiguration",
                           what + " not streamed; register it with realtime_add_table()"});
    };
    if (kind.schema == "*" || kind.table == "*") {
        if (std::none_of(hub_.tables().begin(), hub_.tables().end(),
                         [&](const auto& one) { return kind.covers(one.first.first, one.first.second); })) {
            not_streamed("tables of " + kind.schema + "." + kind.table + " are");
        }
        return;
    }
    const TableDescription* table = hub_.table(kind.schema, kind.table);
    if (table == nullptr) {
        not_streamed("table " + kind.schema + "." + kind.table + " is");
        return;
    }
    for (const std::string& column : kind.selection->columns) {
        if (std::none_of(table->columns.begin(), table->columns.end(),
                         [&](const stream::Column& one) { return one.name == column; })) {
            faults_.push_back(
                {"MalformedFilter", place_of(index) + ".select: column \"" + column + "\" does not exist"});
            break; // one answer for a binding, however many it names
        }
    }
    if (kind.filter != nullptr) {
        if (const std::string fault = fault_of(kind.filter->filter(), table->columns); !fault.empty()) {
            faults_.push_back({"MalformedFilter", place_of(index) + ".filter: " + fault});
        }
    }
}

// False when it has to wait.
bool Feed::tables_are_known() {
    for (std::size_t index = 0; index < subscription_.kinds.size(); ++index) {
        look_at_table(index);
    }
    if (faults_.size() == unreadable_.size()) {
        return true;
    }
    // What we know of the tables may be older than the table.
    const bool first = tables_asked_ == 0;
    if (first) {
        tables_asked_ = hub_.refresh_tables();
    }
    if (hub_.tables_version() < tables_asked_) {
        hub_.wait(*this);
        return false;
    }
    if (first) { // answered at once
        faults_ = unreadable_;
        return tables_are_known();
    }
    return true;
}

// Silence is the worst answer to somebody who joined before the page knew its user. A refusal makes the stock client join
// again, by then with the token.
bool Feed::may_see_something() {
    const Sight all = sight();
    if (all.every_tenant || !all.tenants.empty()) {
        return true;
    }
    const bool anonymous = identity_->subject.empty();
    std::optional<bool> goes_on;
    for (const auto& kind : subscription_.kinds) {
        bool for_members = false;
        for (const auto& [name, table] : hub_.tables()) {
            for_members = for_members ||
                          (table.access == wire::Access::Tenant && kind->covers(name.first, name.second));
        }
        if (!for_members) {
            continue;
        }
        const std::string name = kind->schema == "*" || kind->table == "*"
                                     ? "tables of " + kind->schema + "." + kind->table + " are"
                                     : "table " + kind->schema + "." + kind->table + " is";
        if (!anonymous) {
            faults_.push_back(
                {"Unauthorized", name + " for members of a tenant, and the user is member of none"});
            continue;
        }
        const std::string why =
            name + " for members of a tenant, and the token of this channel names no user";
        if (!goes_on) {
            goes_on = opened_ || goes_on_without_user();
        }
        if (!*goes_on) {
            refuse("Unauthorized", why);
            return false;
        }
        faults_.push_back({"Unauthorized", why});
    }
    return true;
}

void Feed::start() {
    std::optional<protocol::Cursor> first;
    bool gone = false;
    const protocol::Cursor head = hub_.head();
    for (auto& since : since_) {
        if (!since) {
            continue;
        }
        // Too old, or of another server's history: that one may be ahead of us, too.
        if (!hub_.reaches(*since)) {
            gone = true;
            since.reset();
        } else if (!first || *since < *first) {
            first = since;
        }
    }
    if (gone) {
        refetch("the changes behind the given cursor are not kept any more", first.value_or(head));
    }
    if (!first) {
        go_live();
        return;
    }
    // While some are replayed, the others begin here.
    for (auto& since : since_) {
        since = since.value_or(head);
    }
    if (watching_) {
        beginnings_ = hub_.people.beginnings_behind(identity_->subject, *first);
        if (!beginnings_.empty()) {
            on_notice(true, "Refetch: the user became a member of a tenant behind the given cursor", first);
        }
    }
    ++hub_.counters.resumes;
    position_ = hub_.history.first_behind(*first);
    replayed_ = *first;
    state_ = State::Replaying;
    if (replay(first_work)) {
        hub_.begin_replay(*this);
    }
}

bool Feed::continue_replay() {
    return replay(work_at_once);
}

// Whether there is more to do.
bool Feed::replay(std::size_t work) {
    if (state_ != State::Replaying) {
        return false;
    }
    const Sight all = sight();
    const auto filters =
        static_cast<std::size_t>(std::count_if(subscription_.kinds.begin(), subscription_.kinds.end(),
                                               [](const auto& kind) { return kind->filter != nullptr; }));
    for (std::size_t done = 0; done < work;) {
        if (position_ < hub_.history.begin()) {
            refetch("the changes behind the given cursor were forgotten before they could be sent",
                    hub_.head());
            go_live();
            return false;
        }
        if (queued_bytes() > hub_.limits.replay_queue_bytes) {
            return true;
        }
        const bool each = all.every_tenant || all.tenants.size() > most_looked_for;
        const std::uint64_t number = each ? position_ : hub_.history.next_of(position_, all.tenants);
        const stream::Change* change = hub_.history.at(number);
        if (change == nullptr) {
            go_live();
            return false;
        }
        position_ = number + 1;
        replayed_ = change->cursor;
        if (!all.every_tenant && each && !concerns(*change, all.tenants)) {
            ++done;
            continue;
        }
        const std::size_t size = change->record.value_or("").size() + change->old_record.value_or("").size();
        done += 1 + filters * (1 + size / bytes_of_work) + (each ? 0 : all.tenants.size());
        if (change->kind == stream::Kind::Broadcast || !is_of_its_time(*change)) {
            continue;
        }
        const bool delivered = hub_.router.replay(*change, subscription_, [&](std::size_t index) {
            return since_[index] && change->cursor > *since_[index];
        });
        if (delivered) {
            ++hub_.counters.deliveries;
            ++hub_.counters.replayed;
        }
    }
    return true;
}

// Whether a change is none of a tenant's from before the user became its member: the client is told to read those rows, and would
// get old ones behind newer ones.
bool Feed::is_of_its_time(const stream::Change& change) const {
    if (beginnings_.empty() || !change.tenant || change.relation->access != wire::Access::Tenant) {
        return true;
    }
    const auto& claimed = identity_->claimed_tenants;
    return beginnings_.are_before(*change.tenant, change.cursor) ||
           std::find(claimed.begin(), claimed.end(), *change.tenant) != claimed.end();
}

void Feed::look_at_queue() {
    if (state_ == State::Live && !lags_ && queued_bytes() > hub_.limits.replay_queue_bytes) {
        lags_ = true;
        hub_.note_lagging(*this);
    }
}

void Feed::fall_behind(protocol::Cursor last) {
    if (state_ != State::Live) {
        return;
    }
    hub_.router.unsubscribe(subscription_);
    since_.assign(subscription_.kinds.size(), last);
    position_ = hub_.history.first_behind(last);
    replayed_ = last;
    state_ = State::Replaying;
    hub_.begin_replay(*this);
}

void Feed::go_live() {
    const bool again = lags_;
    lags_ = false;
    state_ = State::Live;
    since_.clear();
    beginnings_ = {};
    const Sight all = sight();
    hub_.router.subscribe(subscription_, all);
    if (!again) {
        on_live(serves_all_);
    }
    const auto before = shown_;
    show(all);
    for (const std::string& tenant : all.tenants) {
        if (!std::binary_search(before.begin(), before.end(), tenant)) {
            tell_of_tenant(tenant);
        }
    }
}

void Feed::send_cursor() {
    if (state_ == State::Live) {
        hub_.router.send_cursor(subscription_, hub_.head());
    }
}

void Feed::refetch(const std::string& why, protocol::Cursor goes_on_behind) {
    ++hub_.counters.refetches;
    on_notice(false, "Refetch: " + why, goes_on_behind);
}

void Feed::tell_of_tenant(const std::string& tenant) {
    on_notice(true, "Refetch: the user is a member of tenant " + tenant + " now", hub_.head());
}

void Feed::on_gap(protocol::Cursor head) {
    if (!opened_ || subscription_.kinds.empty() || state_ == State::Closed) {
        return; // who was not live yet is told when it starts
    }
    if (state_ == State::Replaying) {
        go_live();
    }
    if (state_ == State::Preparing) {
        since_.assign(subscription_.kinds.size(), head);
    }
    refetch("the replication slot was lost and made anew; changes may be missing", head);
}

void Feed::on_tenant_added(const std::string& tenant) {
    if (state_ == State::Replaying) {
        beginnings_.tenants[tenant] = hub_.head();
    }
    if (state_ != State::Live) {
        return; // go_live() tells of it
    }
    hub_.router.allow(subscription_, tenant);
    show(sight());
    tell_of_tenant(tenant);
}

void Feed::on_tenant_removed(const std::string& tenant) {
    const auto& claimed = identity_->claimed_tenants;
    if (identity_->every_tenant || std::find(claimed.begin(), claimed.end(), tenant) != claimed.end()) {
        return;
    }
    hub_.router.forbid(subscription_, tenant);
    std::erase(shown_, tenant);
    if (opened_ && state_ != State::Closed) {
        ++hub_.counters.memberships_revoked;
        if (!bindings_.empty()) {
            on_notice(false, "Unauthorized: the user is no member of tenant " + tenant + " any more",
                      std::nullopt);
        }
        on_tenant_lost(tenant);
    }
}

void Feed::change_identity(IdentityPointer identity) {
    const bool same = identity->subject == identity_->subject &&
                      identity->every_tenant == identity_->every_tenant &&
                      identity->claimed_tenants == identity_->claimed_tenants;
    if (same) {
        identity_ = std::move(identity);
        return;
    }
    // Somebody else sees other rows. Nothing is delivered until it is known which.
    suspend();
    if (watching_) {
        hub_.people.leave(identity_->subject, *this);
    }
    identity_ = std::move(identity);
    find_accounts();
    watching_ = tenants_known_ = false;
    if ((needs_tenants_ || !bindings_.empty()) && !identity_->subject.empty() && !identity_->every_tenant) {
        watching_ = true;
        hub_.people.watch(identity_, *this); // advances when the tenants are known already
    }
    advance();
}

void Feed::on_tenants_unknown() {
    tenants_known_ = false;
    suspend();
}

// Stops where it is, to go on from there behind advance().
void Feed::suspend() {
    if (state_ == State::Closed || !opened_) {
        return;
    }
    hub_.router.unsubscribe(subscription_);
    if (state_ == State::Live) {
        since_.assign(subscription_.kinds.size(), hub_.head());
    } else if (state_ == State::Replaying) {
        for (auto& since : since_) {
            since = std::max(since.value_or(replayed_), replayed_);
        }
    }
    lags_ = false;
    state_ = State::Preparing;
    on_suspended();
}

} // namespace hub
