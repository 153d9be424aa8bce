// The tenants of those who are connected: asked of the database once, then kept true by the stream.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/identity.hpp"
#include "stream/change.hpp"
#include "stream/snapshot.hpp"

namespace hub {

// What the database says about somebody, and as of when.
struct TenantsAnswer {
    std::vector<std::string> tenants;
    stream::Snapshot snapshot;
};

class Directory {
  public:
    // Calls `done` later, never at once; empty when the database cannot be asked now.
    virtual void look_up_tenants(const Identity& identity,
                                 std::function<void(std::optional<TenantsAnswer>)> done) = 0;

  protected:
    ~Directory() = default;
};

// Somebody who is told when the tenants of a person change.
class Viewer {
  public:
    // The person's tenants are known now, or (false) could not be learned.
    virtual void on_tenants_known(bool known) = 0;
    // They are not known any more: nothing may be shown until on_tenants_known(true).
    virtual void on_tenants_unknown() = 0;
    virtual void on_tenant_added(const std::string& tenant) = 0;
    virtual void on_tenant_removed(const std::string& tenant) = 0;

  protected:
    ~Viewer() = default;
};

// Where memberships of a person began: what a tenant's rows did before is not for who was no member then.
struct Beginnings {
    protocol::Cursor others; // of tenants that are not named: up to there it is not remembered
    // The changes that made the person a member, the last of each tenant.
    std::map<std::string, protocol::Cursor> tenants;

    bool empty() const { return others == protocol::Cursor() && tenants.empty(); }
    // Whether a change of the tenant stands behind the beginning.
    bool are_before(std::string_view tenant, const protocol::Cursor& change) const {
        const auto known = tenants.find(std::string(tenant));
        return change > (known == tenants.end() ? others : known->second);
    }
};

// Memberships change in the stream, in order with all other changes; a look-up sees them as of its own snapshot. What it
// did not see is applied on top, so that whoever was removed never gets a change that was committed later.
class People {
  public:
    explicit People(Directory& directory) : directory_(directory) {}

    // `viewer` watches the person with these claims until leave(). Calls on_tenants_known(true) at once when they are known.
    void watch(const IdentityPointer& identity, Viewer& viewer);
    void leave(const std::string& subject, Viewer& viewer);
    // Null while they are not known. Sorted.
    const std::vector<std::string>* tenants_of(const std::string& subject) const;

    // A row of tenant_memberships in the stream, at `now` seconds.
    void on_membership(const stream::Change& change, double now);
    // The stream has lost changes: everybody has to be asked for again, until there is an answer.
    void forget();
    // Which memberships of the person began behind this place in the stream, or may have: where that is not remembered.
    Beginnings beginnings_behind(const std::string& subject, protocol::Cursor cursor) const;
    // Asks again what could not be answered or is old, and forgets who has not been here for a while; call it from time to time.
    // Answers become old soon while the stream is away or behind for longer.
    void refresh(double now, bool stream_is_behind);
    // How long memberships are remembered for beginnings_behind(); those that are forgotten count as everybody's.
    void set_memory(double seconds) { memory_seconds_ = seconds; }

    std::size_t size() const { return people_.size(); }

  private:
    struct Person {
        IdentityPointer identity;
        std::optional<stream::Snapshot> snapshot; // of the answer; empty: not known yet
        std::vector<std::string> tenants;
        std::vector<Viewer*> viewers;
        std::uint64_t question = 0; // which answer is waited for; 0: none
        bool was_known = false;     // then it is asked for until there is an answer
        bool unanswered = false;    // it could not be asked for again
        double asked = 0,
               left = 0; // when; left: the last viewer, 0 while there are some. As of the last refresh()
    };
    struct Event {
        double time = 0;
        std::uint32_t xid = 0;
        protocol::Cursor cursor;
        bool joined = false;
        std::string subject, tenant; // both empty: everybody left every tenant
    };
    void ask(Person& person);
    void ask_everybody();
    std::vector<std::string> subjects() const;
    template <class What> void tell(const std::string& subject, What what);
    void tell_difference(const std::string& subject, const std::vector<std::string>& before,
                         const std::vector<std::string>& after);
    void on_answer(const std::string& subject, std::uint64_t question, std::optional<TenantsAnswer> answer);
    void apply(const Event& event);
    static bool change_tenants(std::vector<std::string>& tenants, const Event& event);

    Directory& directory_;
    std::unordered_map<std::string, Person> people_; // by subject
    std::deque<Event> events_;                       // of the last minutes
    std::uint64_t last_question_ = 0;
    double now_ = 0, stream_was_there_ = 0, memory_seconds_ = 0;
    protocol::Cursor forgotten_; // of the last membership that began and is not among the events any more
    std::shared_ptr<People*> self_ = std::make_shared<People*>(this); // answers may come after our end
};

} // namespace hub
