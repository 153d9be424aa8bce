#include "hub/hub.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace hub {

namespace {

constexpr double people_seconds = 1;        // between two looks at who has to be asked for again
constexpr double refresh_seconds = 1;       // between two questions about the tables
constexpr std::size_t replays_at_once = 16; // watchers that get a slice in one turn
constexpr double replay_seconds = 0.005;    // after which others get their turn

// The words are ours, so there are only so many.
std::string word_of(std::string_view reason) {
    const std::size_t colon = reason.find(':');
    return std::string(colon == std::string_view::npos ? "UnmatchedTopic" : reason.substr(0, colon));
}

} // namespace

Hub::Hub(const Clock& clock, Directory& directory, Catalog& catalog, Gatekeeper& gatekeeper_,
         const stream::HistoryLimits& history_limits)
    : people(directory), history(history_limits), gatekeeper(gatekeeper_),
      timers(static_cast<web::Milliseconds>(clock.now() * 1000)), clock_(clock), catalog_(catalog) {
    people.set_memory(history_limits.seconds);
    router.measure_with(clock_, limits, counters);
}

void Hub::on_stream_start(std::uint64_t confirmed, std::uint64_t target, bool lost,
                          stream::Timelines timelines) {
    timelines_ = std::move(timelines);
    head_.timeline = complete_head_.timeline = timelines_.current;
    const bool first = head_ == protocol::Cursor{};
    // A slot that begins behind what was seen has skipped something.
    const bool gap = !first && (lost || confirmed > std::max(history.confirmed(), head_.lsn));
    if (first || gap) {
        // Behind a failover the old history may have gone further than the new one begins: its cursors mean nothing here.
        const std::uint64_t behind =
            gap && head_.lsn >= confirmed ? std::numeric_limits<std::uint64_t>::max() : 0;
        history.restart({std::max(confirmed, head_.lsn), behind}, confirmed);
        head_ = complete_head_ = {confirmed, 0, timelines_.current};
    }
    if (first) {
        first_target_ = target;
    }
    streaming_ = true;
    target_ = target;
    caught_up_ = head_.lsn >= target;
    if (first || gap) {
        people.forget(); // what became of memberships before the stream begins it does not tell
    }
    if (gap) {
        const auto watchers = watchers_;
        for (Watcher* watcher : watchers) {
            if (watchers_.count(watcher) != 0) {
                watcher->on_gap(head_);
            }
        }
    }
    tables_time_ = -1e9;
    refresh_tables();
    if (caught_up_) {
        advance_waiting();
    }
}

void Hub::on_stream_end() {
    streaming_ = false;
}

void Hub::note_refused_join(std::string_view topic, std::string_view reason) {
    ++counters.joins_refused[word_of(reason)];
    if (on_refused) {
        on_refused("join", topic, reason);
    }
}

void Hub::note_refused_binding(std::string_view topic, std::string_view reason) {
    ++counters.bindings_refused[word_of(reason)];
    if (on_refused) {
        on_refused("postgres_changes", topic, reason);
    }
}

void Hub::note_head(protocol::Cursor cursor) {
    head_ = std::max(head_, cursor);
    // Not head_: behind a reconnect that stands within a transaction, of which the rest is still to come.
    complete_head_ = std::max(complete_head_, cursor);
    if (!caught_up_ && head_.lsn >= target_) {
        caught_up_ = true;
        advance_waiting();
    }
}

bool Hub::note_membership_table(const std::shared_ptr<const stream::Relation>& table) {
    const auto before = std::exchange(membership_table_, table);
    return before != nullptr && before != table &&
           (before->id != table->id || before->columns_json != table->columns_json);
}

void Hub::on_change(const stream::Change& change) {
    ++counters.changes;
    if (change.relation != nullptr && change.relation->table == "tenant_memberships" &&
        change.relation->schema == extension_schema) {
        if (note_membership_table(change.relation)) {
            people.forget(); // what was known was said by another table
        }
        people.on_membership(change, now());
    }
    const std::optional<stream::Scope> scope = stream::scope_of(change);
    if (!scope) {
        ++counters.changes_for_nobody;
        head_ = std::max(head_, change.cursor);
        return;
    }
    counters.changes_too_large += change.omitted ? 1 : 0;
    history.add(change, *scope);
    head_ = std::max(head_, change.cursor);
    if (change.kind == stream::Kind::Broadcast) {
        const std::string metadata = "{\"id\":\"" + protocol::text_of(change.cursor) + "\"}";
        const Broadcast broadcast{change.event, change.payload, metadata, true};
        if (change.cursor.lsn < first_target_) {
            return; // of the time before this process: whoever has joined since never heard of it
        }
        ++counters.broadcasts;
        topics.broadcast(
            Topics::name_of("realtime:" + std::string(change.topic), std::string(*change.tenant)), broadcast,
            nullptr);
        topics.send_broadcasts(); // before the rows behind it
        return;
    }
    counters.deliveries += router.route(change, *scope);
    for (Watcher* watcher : std::exchange(lagging_, {})) {
        ++counters.fallen_behind;
        watcher->fall_behind(change.cursor);
    }
    if (change.commit_time != 0) {
        age_ = unix_now() - static_cast<double>(change.commit_time) / 1e6;
        age_noted_ = now();
        if (caught_up_) {
            counters.commit_to_send.add(age_);
        }
    }
}

void Hub::on_commit(std::uint32_t xid, protocol::Cursor commit, std::uint64_t end_lsn) {
    history.complete(xid, commit, end_lsn, now());
    note_head({end_lsn, 0, timelines_.current});
}

double Hub::age_of_changes() const {
    constexpr double lately = 5; // s
    return age_noted_ > 0 && now() - age_noted_ < lately ? age_ : 0;
}

void Hub::on_progress(std::uint64_t lsn) {
    history.complete(0, {lsn, 0}, lsn, now());
    note_head({lsn, 0, timelines_.current});
}

void Hub::advance_waiting() {
    const auto waiting = std::move(waiting_);
    waiting_.clear();
    for (Watcher* watcher : waiting) {
        if (watchers_.count(watcher) != 0) {
            watcher->advance();
        }
    }
}

void Hub::tick() {
    timers.advance(static_cast<web::Milliseconds>(now() * 1000),
                   [](web::TimingWheel::Timer& timer) { static_cast<Alarm&>(timer).on_time(); });
    history.trim(now());
    topics.send_presence_changes();
    begin_refresh();
    router.send_cursors(head_, now());
    if (now() - last_people_ >= people_seconds) {
        last_people_ = now();
        people.refresh(now(), !ready());
    }
}

void Hub::begin_replay(Watcher& watcher) {
    if (std::find(replaying_.begin(), replaying_.end(), &watcher) == replaying_.end()) {
        replaying_.push_back(&watcher);
    }
}

bool Hub::continue_replays() {
    const double until = now() + replay_seconds;
    for (std::size_t turn = 0; turn < replays_at_once && !replaying_.empty() && now() < until; ++turn) {
        Watcher* watcher = replaying_.front();
        replaying_.pop_front();
        if (watcher->continue_replay()) {
            replaying_.push_back(watcher);
        }
    }
    return !replaying_.empty();
}

void Hub::remove(Watcher& watcher) {
    watchers_.erase(&watcher);
    waiting_.erase(&watcher);
    lagging_.erase(std::remove(lagging_.begin(), lagging_.end(), &watcher), lagging_.end());
    replaying_.erase(std::remove(replaying_.begin(), replaying_.end(), &watcher), replaying_.end());
}

const TableDescription* Hub::table(const std::string& schema, const std::string& name) const {
    const auto found = tables_.find({schema, name});
    return found == tables_.end() ? nullptr : &found->second;
}

std::uint64_t Hub::refresh_tables() {
    refresh_wanted_ = true;
    const std::uint64_t next = refreshes_ + 1; // what is under way may have been asked too early
    begin_refresh();
    return next;
}

void Hub::after_refresh(std::function<void()> then) {
    if (const std::uint64_t version = refresh_tables(); version > tables_version_) {
        after_refresh_.emplace_back(version, std::move(then));
    } else {
        then();
    }
}

void Hub::begin_refresh() {
    if (!refresh_wanted_ || tables_version_ != refreshes_ || now() - tables_time_ < refresh_seconds) {
        return; // tick() tries again
    }
    refresh_wanted_ = false;
    ++refreshes_;
    tables_time_ = now();
    catalog_.describe_tables([alive = std::weak_ptr<Hub*>(self_)](std::optional<Tables> tables) {
        if (const auto self = alive.lock()) {
            (**self).end_refresh(std::move(tables));
        }
    });
}

void Hub::end_refresh(std::optional<Tables> tables) {
    tables_version_ = refreshes_;
    if (tables) {
        tables_ = std::move(*tables);
        tables_known_ = true;
    } else {
        refresh_wanted_ = true; // nobody can be served before they are known
    }
    for (auto& [version, then] : std::exchange(after_refresh_, {})) {
        if (version <= tables_version_) {
            then();
        } else {
            after_refresh_.emplace_back(version, std::move(then));
        }
    }
    advance_waiting();
}

} // namespace hub
