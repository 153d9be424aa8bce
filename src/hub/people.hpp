// The tenants of those who are connected: asked of the database once, then kept true by the stream.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
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
    virtual void look_up_tenants(const std::string& claims,
                                 std::function<void(std::optional<TenantsAnswer>)> done) = 0;

  protected:
    ~Directory() = default;
};

// Somebody who is told when the tenants of a person change.
class Viewer {
  public:
    // The person's tenants are known now, or (false) could not be learned.
    virtual void on_tenants_known(bool known) = 0;
    virtual void on_tenant_added(const std::string& tenant) = 0;
    virtual void on_tenant_removed(const std::string& tenant) = 0;

  protected:
    ~Viewer() = default;
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
    // The stream has lost changes: everybody has to be asked for again.
    void forget();
    // Asks again what could not be answered; call it from time to time.
    void retry();

    std::size_t size() const { return people_.size(); }

  private:
    struct Person {
        IdentityPointer identity;
        std::optional<stream::Snapshot> snapshot; // of the answer; empty: not known yet
        std::vector<std::string> tenants;
        std::vector<Viewer*> viewers;
        std::uint64_t question = 0; // which answer is waited for; 0: none
        bool unanswered = false;    // it could not be asked for again, after forget()
    };
    struct Event {
        double time = 0;
        std::uint32_t xid = 0;
        bool joined = false;
        std::string subject, tenant;
    };
    void ask(Person& person);
    void on_answer(const std::string& subject, std::uint64_t question, std::optional<TenantsAnswer> answer);
    void apply(const Event& event);
    static bool change_tenants(std::vector<std::string>& tenants, const Event& event);

    Directory& directory_;
    std::unordered_map<std::string, Person> people_; // by subject
    std::deque<Event> events_;                       // of the last minutes
    std::uint64_t last_question_ = 0;
    std::shared_ptr<People*> self_ = std::make_shared<People*>(this); // answers may come after our end
};

} // namespace hub
