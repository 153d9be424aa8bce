// The heart of the gateway, without sockets and clock: what comes from the slot goes into the history and to whom it
// concerns; channels come, resume, and go.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "hub/clock.hpp"
#include "hub/limits.hpp"
#include "hub/people.hpp"
#include "hub/router.hpp"
#include "hub/topics.hpp"
#include "stream/assembler.hpp"
#include "stream/history.hpp"
#include "stream/timelines.hpp"
#include "web/timing_wheel.hpp"

namespace hub {

// A table that may be subscribed to, as the database describes it.
struct TableDescription {
    wire::Access access = wire::Access::Unregistered;
    std::vector<stream::Column> columns;
};
using Tables = std::map<std::pair<std::string, std::string>, TableDescription>; // by schema and table

// What the hub needs of the database beside the stream.
class Catalog {
  public:
    // Calls `done` later, never at once; empty when the database cannot be asked now.
    virtual void describe_tables(std::function<void(std::optional<Tables>)> done) = 0;
    // The one tenant that has members; empty when there are several or none, or the database cannot be asked. Likewise later.
    virtual void find_only_tenant(std::function<void(std::optional<std::string>)> done) = 0;

  protected:
    ~Catalog() = default;
};

// Something that is due at a time; see Hub::timers, whose times are milliseconds of Hub::now().
class Alarm : public web::TimingWheel::Timer {
  public:
    virtual void on_time() = 0;

  protected:
    ~Alarm() = default;
};

// A change subscription that may have to wait, to resume, and to end: what a channel and an event stream have in common.
class Watcher : public Subscriber, public Viewer {
  public:
    virtual ~Watcher() = default;
    // Something that it may be waiting for has happened.
    virtual void advance() = 0;
    // The stream has lost changes: whatever it has may be wrong.
    virtual void on_gap(protocol::Cursor head) = 0;
    // Goes on with a replay; whether it has to be called again.
    virtual bool continue_replay() = 0;
    // Its socket takes less than comes: from `last` on it reads the history at the socket's pace.
    virtual void fall_behind(protocol::Cursor last) = 0;
};

// One thread.
class Hub final : public stream::Sink {
  public:
    Hub(const Clock& clock, Directory& directory, Catalog& catalog, Gatekeeper& gatekeeper,
        const stream::HistoryLimits& history);

    virtual ~Hub() = default;

    // The stream begins (again): everything behind `confirmed` will come. `target` is how far the server had written: until
    // the stream is there, what comes may be older than those who wait. When `lost` the slot is another one than before.
    // `timelines` are those of the server, for cursors of clients.
    void on_stream_start(std::uint64_t confirmed, std::uint64_t target, bool lost,
                         stream::Timelines timelines = {});
    void on_stream_end();
    // Whether subscriptions can become live.
    bool ready() const { return streaming_ && caught_up_ && tables_known_; }
    bool streaming() const { return streaming_; }

    void on_change(const stream::Change& change) override;
    void on_commit(std::uint32_t xid, protocol::Cursor commit, std::uint64_t end_lsn) override;
    void on_progress(std::uint64_t lsn) override;

    double now() const { return clock_.now(); }
    double unix_now() const { return clock_.unix_now(); }

    // What clients have said in this turn goes to the connections of the others.
    void end_turn() { topics.send_broadcasts(); }
    // Everything that is done from time to time; call it some ten times a second.
    void tick();
    // Goes on with replays for a while; whether there is more to do at once.
    bool continue_replays();
    bool has_replays() const { return !replaying_.empty(); }

    // How far the stream has come: everything up to there has been routed.
    protocol::Cursor head() const { return head_; }
    // The same, never in the middle of a transaction.
    protocol::Cursor complete_head() const { return complete_head_; }
    // Seconds from the commit of the last change until it was routed; 0 when none has come lately.
    double age_of_changes() const;

    // Whether a cursor is one of this server's history, and whether all changes behind it are still there.
    bool reaches(const protocol::Cursor& cursor) const {
        return timelines_.have(cursor) && history.reaches(cursor) && cursor <= head_;
    }

    // Table descriptions; null when nothing is known of a table. They may be some time old: ask for new ones when
    // something is missing.
    const TableDescription* table(const std::string& schema, const std::string& name) const;
    const Tables& tables() const { return tables_; }
    bool tables_known() const { return tables_known_; }
    // Asks for descriptions that are no older than this call, at most once a second however many ask. They have come, or could
    // not be had, when tables_version() is what this returns; then watchers are advanced.
    std::uint64_t refresh_tables();
    std::uint64_t tables_version() const { return tables_version_; }
    // Calls `then` when that is so.
    void after_refresh(std::function<void()> then);

    void add(Watcher& watcher) { watchers_.insert(&watcher); }
    void remove(Watcher& watcher);
    void wait(Watcher& watcher) { waiting_.insert(&watcher); }
    void begin_replay(Watcher& watcher);
    void note_lagging(Watcher& watcher) { lagging_.push_back(&watcher); }

    void find_only_tenant(std::function<void(std::optional<std::string>)> done) {
        catalog_.find_only_tenant(std::move(done));
    }
    // A join, or a binding of one, is refused: counts it by the word that `reason` begins with, and tells `on_refused`.
    void note_refused_join(std::string_view topic, std::string_view reason);
    void note_refused_binding(std::string_view topic, std::string_view reason);
    // May be empty. `what` is "join" or "postgres_changes".
    std::function<void(std::string_view what, std::string_view topic, std::string_view reason)> on_refused;

    Router router;
    Topics topics{counters};
    People people;
    BindingKinds kinds;
    stream::History history;
    Gatekeeper& gatekeeper;
    Limits limits;
    Counters counters;
    web::TimingWheel timers;
    std::string extension_schema; // where tenant_memberships is

  private:
    void note_head(protocol::Cursor cursor);
    // Whether it is another table, or has other columns, than before.
    bool note_membership_table(const std::shared_ptr<const stream::Relation>& table);
    void advance_waiting();
    void begin_refresh();
    void end_refresh(std::optional<Tables> tables);

    const Clock& clock_;
    Catalog& catalog_;
    Tables tables_;
    bool tables_known_ = false, refresh_wanted_ = false;
    std::uint64_t refreshes_ = 0, tables_version_ = 0; // questions asked, and answered: one at a time
    std::vector<std::pair<std::uint64_t, std::function<void()>>> after_refresh_;
    double tables_time_ = -1e9;
    bool streaming_ = false, caught_up_ = false;
    double age_ = 0, age_noted_ = 0;
    std::uint64_t target_ = 0, first_target_ = 0; // first_target_: when this process began
    protocol::Cursor head_, complete_head_;
    stream::Timelines timelines_;
    std::shared_ptr<const stream::Relation> membership_table_; // of the last change of memberships
    double last_people_ = 0;
    std::unordered_set<Watcher*> watchers_, waiting_;
    std::deque<Watcher*> replaying_; // each once
    std::vector<Watcher*> lagging_;
    std::shared_ptr<Hub*> self_ = std::make_shared<Hub*>(this);
};

} // namespace hub
