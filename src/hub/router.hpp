// Who gets a change. What nobody wants costs nothing: bindings are found by table, tenant and the value that their filter
// demands. What many want is written once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/clock.hpp"
#include "hub/limits.hpp"
#include "hub/pattern_budget.hpp"
#include "hub/subscription.hpp"
#include "hub/writer.hpp"
#include "stream/history.hpp"

namespace hub {

// Subscriptions of equal form: their clients get the same bytes.
struct Shape {
    Encoding encoding = Encoding::PhoenixTwo;
    std::string topic;
    std::vector<std::shared_ptr<BindingKind>> kinds;            // each once
    std::map<std::string, std::unique_ptr<Audience>> audiences; // by scope
    std::string key;
};

// Subscriptions of one shape that may see the rows of one scope.
struct Audience {
    Shape* shape = nullptr;
    std::string scope;
    std::vector<Subscription*> members;

    // About the change that is being routed.
    std::uint64_t stamp = 0;
    std::vector<Match> matches;
    std::uint64_t broke = 0;     // none of the members may use more time for patterns
    std::uint64_t undecided = 0; // it is not known whether the change passes its patterns
};

// Not thread-safe.
class Router {
  public:
    // From now on the time that patterns take is limited. The references live longer than the router.
    void measure_with(const Clock& clock, const Limits& limits, Counters& counters);
    // The account of an address or a user, for Subscription::accounts.
    PatternBudget::Account account(const std::string& name);

    // A subscription becomes live: it gets every change that is routed from now on, and that `sight` lets it see.
    void subscribe(Subscription& subscription, const Sight& sight);
    void unsubscribe(Subscription& subscription);
    // A tenant more or less for a subscription that is live.
    void allow(Subscription& subscription, const std::string& tenant);
    void forbid(Subscription& subscription, const std::string& tenant);

    // Delivers a change to all who are live. Returns how many.
    std::size_t route(const stream::Change& change, const stream::Scope& scope);

    // Delivers a change to one subscription that is not live, whoever else wants it; `wanted(index)` says whether binding
    // `index` wants it. The caller has looked whether the subscription may see it. Returns whether anything was delivered.
    template <class Wanted>
    bool replay(const stream::Change& change, Subscription& subscription, Wanted&& wanted) {
        if (change.kind == stream::Kind::Truncate) {
            return replay_truncate(change, subscription);
        }
        begin(change);
        std::vector<Match> matches;
        bool undecided = false;
        double spent = 0;
        for (std::size_t index = 0; index < subscription.kinds.size(); ++index) {
            if (wanted(index)) {
                undecided = !match_within(change, *subscription.kinds[index], matches, spent) || undecided;
            }
        }
        if (undecided) {
            tell_undecided(change, subscription);
        }
        return deliver(matches, subscription);
    }

    // Who gets changes is told how far they go, at most once a second, behind one of them. Who got none after such a second is told
    // here within another one, each at a time of its own: everybody at once would hold up the changes that come meanwhile. Call it
    // often, with seconds of a clock that does not run backwards.
    void send_cursors(protocol::Cursor head, double now);
    void send_cursor(Subscription& subscription, protocol::Cursor head);

    std::size_t shape_count() const { return shapes_.size(); }

  private:
    struct Entry {
        BindingKind* kind = nullptr;
        Audience* audience = nullptr;
    };
    struct EqualityIndex {
        std::string column, type_name;
        std::unordered_map<std::string, std::vector<Entry>> entries;
    };
    struct ScopeIndex {
        std::vector<Entry> entries; // those that have to be looked at for each change
        std::vector<EqualityIndex> by_equality;
        bool empty() const;
    };
    struct Table {
        std::shared_ptr<const stream::Relation> relation; // that the indexes are made for; null for wildcards
        std::unordered_map<std::string, ScopeIndex> scopes;
    };

    struct CursorDue {
        double time = 0; // or later
        Subscription* subscription = nullptr;
    };
    static double cursor_end(const Subscription& subscription);
    void unlist_cursor(Subscription& subscription);

    void join_scope(Subscription& subscription, const std::string& scope);
    void leave_place(Subscription& subscription, std::size_t place);
    void add_entry(Table& table, const std::string& scope, Entry entry);
    void remove_entries(Audience& audience);
    void rebuild(Table& table, const std::shared_ptr<const stream::Relation>& relation);

    static const std::string everybody; // the scope of public tables, in which every subscription is
    static std::string table_key(std::string_view schema, std::string_view table);

    template <class Use> void for_each_entry(const std::string& key, Use&& use);
    struct Notice;
    std::size_t tell(const Entry& entry, Notice& notice);
    void note_relation(const stream::Change& change);
    void note_rename(const stream::Relation& before, const stream::Change& change);
    void note_filters(const stream::Relation& before, const stream::Change& change);

    void begin(const stream::Change& change);
    void match(const stream::Change& change, BindingKind& kind, std::vector<Match>& matches);
    void consider(const stream::Change& change, const Entry& entry);
    bool is_work(const stream::Change& change, const BindingKind& kind) const;
    const Subscription* payer_of(Audience& audience);
    // As match(), for one subscription and `spent` seconds of its time for the change. False when it is not known.
    bool match_within(const stream::Change& change, BindingKind& kind, std::vector<Match>& matches,
                      double& spent);
    void note_undecided(Audience& audience);
    void tell_undecided(const stream::Change& change, Subscription& subscription);
    void look_into(const stream::Change& change, Table& table, const std::string& scope);
    std::size_t deliver_to_audience(Audience& audience);
    bool deliver(std::vector<Match>& matches, Subscription& subscription);
    std::size_t route_truncate(const stream::Change& change);
    static bool replay_truncate(const stream::Change& change, Subscription& subscription);

    std::unordered_map<std::string, std::weak_ptr<Shape>> shapes_;
    std::unordered_map<std::string, Table> tables_; // by schema and table, either of which may be *
    std::unordered_map<std::uint32_t, std::shared_ptr<const stream::Relation>> relations_; // seen last, by id
    std::size_t wildcards_ = 0; // entries in tables with a wildcard
    std::uint64_t stamp_ = 0;
    std::vector<Audience*> touched_, undecided_;
    PatternBudget patterns_;
    const Clock* clock_ = nullptr; // null: nothing is limited
    const Limits* limits_ = nullptr;
    Counters* counters_ = nullptr;
    std::vector<CursorDue> cursors_; // those that may be
    double spread_ = 0;
    protocol::Cursor cursor_; // of the change that is routed
    double time_ = 0;         // s, as of the last send_cursors()
    ChangeWriter writer_;
};

} // namespace hub
