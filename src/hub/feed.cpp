#include "hub/feed.hpp"

#include <algorithm>

namespace hub {

namespace {

constexpr int changes_at_once = 2000; // of one replay in one turn

} // namespace

Feed::Feed(Hub& hub, Encoding encoding, std::string topic) : hub_(hub), subscription_(*this) {
    subscription_.encoding = encoding;
    subscription_.topic = std::move(topic);
}

Feed::~Feed() {
    close();
}

void Feed::open(IdentityPointer identity, std::vector<protocol::Binding> bindings,
                std::optional<protocol::Cursor> since, bool needs_tenants) {
    identity_ = std::move(identity);
    bindings_ = std::move(bindings);
    state_ = State::Preparing;
    for (const protocol::Binding& binding : bindings_) {
        auto kind = hub_.kinds.find(binding);
        if (const auto* fault = std::get_if<std::string>(&kind)) {
            refuse("MalformedFilter", *fault);
            return;
        }
        subscription_.kinds.push_back(std::get<std::shared_ptr<BindingKind>>(kind));
        ids_.push_back(subscription_.kinds.back()->id);
        since_.push_back(binding.since ? binding.since : since);
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

void Feed::advance() {
    if (state_ != State::Preparing) {
        return;
    }
    if (watching_ && !tenants_known_) {
        return; // on_tenants_known() follows
    }
    if (!bindings_.empty()) {
        if (!hub_.ready()) {
            hub_.wait(*this);
            return;
        }
        if (!tables_fit() || !may_see_something()) {
            return;
        }
    }
    state_ = State::Opening;
    if (!opened_) {
        opened_ = true;
        if (!on_open()) {
            return;
        }
    }
    if (bindings_.empty()) {
        return;
    }
    for (const std::string& notice : notices_) {
        on_notice(false, notice, false);
    }
    notices_.clear();
    start();
}

// False when it has to wait or was refused.
bool Feed::tables_fit() {
    notices_.clear();
    std::string fault;
    for (std::size_t index = 0; index < bindings_.size(); ++index) {
        const BindingKind& kind = *subscription_.kinds[index];
        if (kind.schema == "*" || kind.table == "*") {
            continue;
        }
        const TableDescription* table = hub_.table(kind.schema, kind.table);
        if (table == nullptr) {
            notices_.push_back("table " + kind.schema + "." + kind.table +
                               " is not streamed; register it with realtime_add_table()");
            continue;
        }
        for (const std::string& column : kind.select) {
            if (std::none_of(table->columns.begin(), table->columns.end(),
                             [&](const stream::Column& one) { return one.name == column; })) {
                fault = "postgres_changes[" + std::to_string(index) + "].select: column \"" + column +
                        "\" does not exist";
            }
        }
        if (kind.filter != nullptr) {
            const std::string of_filter = fault_of(kind.filter->filter(), table->columns);
            if (!of_filter.empty()) {
                fault = "postgres_changes[" + std::to_string(index) + "].filter: " + of_filter;
            }
        }
    }
    if ((!fault.empty() || !notices_.empty() || !hub_.tables_known()) && !asked_again_) {
        // What we know of the tables may be older than the table.
        asked_again_ = true;
        if (hub_.refresh_tables()) {
            hub_.wait(*this);
            return false;
        }
    }
    if (!fault.empty()) {
        refuse("MalformedFilter", fault);
        return false;
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
    for (const auto& kind : subscription_.kinds) {
        const TableDescription* table = hub_.table(kind->schema, kind->table);
        if (table == nullptr || table->access != wire::Access::Tenant) {
            continue;
        }
        const std::string name = "table " + kind->schema + "." + kind->table;
        if (identity_->subject.empty()) {
            refuse("Unauthorized",
                   name + " is for members of a tenant, and the token of this channel names no user");
            return false;
        }
        notices_.push_back(name + " is for members of a tenant, and the user is member of none");
    }
    return true;
}

void Feed::start() {
    std::optional<protocol::Cursor> first;
    bool gone = false;
    for (auto& since : since_) {
        if (!since) {
            continue;
        }
        // A cursor ahead of us is one of another server's history.
        if (!hub_.history.reaches(*since) || *since > hub_.head()) {
            gone = true;
            since.reset();
        } else if (!first || *since < *first) {
            first = since;
        }
    }
    if (gone) {
        refetch("the changes behind the given cursor are not kept any more");
    }
    if (!first) {
        go_live();
        return;
    }
    ++hub_.counters.resumes;
    position_ = hub_.history.first_behind(*first);
    state_ = State::Replaying;
    if (continue_replay()) {
        hub_.begin_replay(*this);
    }
}

bool Feed::continue_replay() {
    if (state_ != State::Replaying) {
        return false;
    }
    const Sight all = sight();
    for (int count = 0; count < changes_at_once; ++count) {
        if (position_ < hub_.history.begin()) {
            refetch("the changes behind the given cursor were forgotten before they could be sent");
            go_live();
            return false;
        }
        if (queued_bytes() > hub_.limits.replay_queue_bytes) {
            return true;
        }
        const std::uint64_t number =
            all.every_tenant ? position_ : hub_.history.next_of(position_, all.tenants);
        const stream::Change* change = hub_.history.at(number);
        if (change == nullptr) {
            go_live();
            return false;
        }
        position_ = number + 1;
        if (change->kind == stream::Kind::Broadcast) {
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
    since_.assign(bindings_.size(), last);
    position_ = hub_.history.first_behind(last);
    state_ = State::Replaying;
    hub_.begin_replay(*this);
}

void Feed::go_live() {
    const bool again = lags_;
    lags_ = false;
    state_ = State::Live;
    since_.clear();
    hub_.router.subscribe(subscription_, sight());
    if (!again) {
        on_live();
    }
}

void Feed::send_cursor() {
    if (state_ == State::Live) {
        hub_.router.send_cursor(subscription_, hub_.head());
    }
}

void Feed::refetch(const std::string& why) {
    ++hub_.counters.refetches;
    on_notice(false, "Refetch: " + why, true);
}

void Feed::on_gap(protocol::Cursor) {
    if (state_ == State::Replaying) {
        go_live();
    }
    if (state_ == State::Live) {
        refetch("the replication slot was lost and made anew; changes may be missing");
    }
}

void Feed::on_tenant_added(const std::string& tenant) {
    if (state_ == State::Live) {
        hub_.router.allow(subscription_, tenant);
        on_notice(true, "Refetch: the user is a member of tenant " + tenant + " now", true);
    }
}

void Feed::on_tenant_removed(const std::string& tenant) {
    const auto& claimed = identity_->claimed_tenants;
    if (identity_->every_tenant || std::find(claimed.begin(), claimed.end(), tenant) != claimed.end()) {
        return;
    }
    hub_.router.forbid(subscription_, tenant);
    if (state_ == State::Live || state_ == State::Replaying || state_ == State::Opening) {
        ++hub_.counters.memberships_revoked;
        if (!bindings_.empty()) {
            on_notice(false, "Unauthorized: the user is no member of tenant " + tenant + " any more", false);
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
    const bool was_open = state_ == State::Live || state_ == State::Replaying;
    hub_.router.unsubscribe(subscription_);
    if (watching_) {
        hub_.people.leave(identity_->subject, *this);
    }
    identity_ = std::move(identity);
    watching_ = tenants_known_ = false;
    if (was_open) {
        since_.assign(bindings_.size(), hub_.head());
        state_ = State::Preparing;
    }
    if (!bindings_.empty() && !identity_->subject.empty() && !identity_->every_tenant) {
        watching_ = true;
        hub_.people.watch(identity_, *this);
    }
    advance();
}

} // namespace hub
