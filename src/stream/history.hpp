// What was sent lately: who comes back gets what was missed, and the slot is told what nobody can ask for any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stream/change.hpp"

namespace stream {

// Whose changes they are. Every change is in exactly one scope.
struct Scope {
    enum class Kind : std::uint8_t {
        Tenant,   // for members of the tenant
        Everybody // rows of public tables, and TRUNCATE
    } kind = Kind::Everybody;
    std::string_view tenant;
};

// The scope of a change; empty when it is for nobody: the table is not registered, or the row has no tenant.
std::optional<Scope> scope_of(const Change& change);

struct HistoryLimits {
    double seconds = 300;                     // how long a change stays
    std::size_t bytes = 256ULL * 1024 * 1024; // of all changes together, with what is needed to keep them
};

// The interface that a history on other machines would have, too. Times are seconds of a clock that does not run
// backwards. Changes have numbers that grow by one, in the order of cursors; numbers mean nothing to other processes.
// Not thread-safe.
class History {
  public:
    explicit History(const HistoryLimits& limits) : limits_(limits) {}

    void set_limits(const HistoryLimits& limits) { limits_ = limits; }

    // Begins with nothing: all changes up to `floor` are gone. Numbers go on.
    void restart(protocol::Cursor floor, std::uint64_t confirmed);

    // Appends a change of a scope.
    void add(const Change& change, const Scope& scope);
    // Behind a transaction, and at places at which nothing is open.
    void complete(std::uint32_t xid, protocol::Cursor commit, std::uint64_t end_lsn, double now);
    // Forgets what is too old or too much.
    void trim(double now);

    // What may be confirmed to the slot: everything before it is forgotten here.
    std::uint64_t confirmed() const { return confirmed_; }

    // Whether every change behind the cursor is still here.
    bool reaches(protocol::Cursor cursor) const { return cursor >= floor_; }
    protocol::Cursor floor() const { return floor_; }
    // Number of the first change behind the cursor; end() when there is none.
    std::uint64_t first_behind(protocol::Cursor cursor) const;
    std::uint64_t begin() const { return first_number_; }
    std::uint64_t end() const { return first_number_ + changes_.size(); }
    // Null when it was forgotten or has not come yet.
    const Change* at(std::uint64_t number) const;

    // The next change of one of the tenants, or of everybody, whose number is not below `from`; end() when there is none.
    std::uint64_t next_of(std::uint64_t from, const std::vector<std::string>& tenants) const;

    // The commit cursor of the first transaction that `is_visible` does not hold for; empty when it holds for all.
    // Transactions that are forgotten are not asked about: has_forgotten_invisible() does.
    std::optional<protocol::Cursor>
    first_invisible(const std::function<bool(std::uint32_t xid)>& is_visible) const;

    // Whether `is_visible` does not hold for one of the last transactions that are forgotten.
    bool has_forgotten_invisible(const std::function<bool(std::uint32_t xid)>& is_visible) const;

    std::size_t bytes() const { return bytes_; }
    std::size_t size() const { return changes_.size(); }
    double oldest_age(double now) const { return marks_.empty() ? 0 : now - marks_.front().time; }

  private:
    struct Mark {
        double time = 0;
        std::uint32_t xid = 0; // 0: no transaction
        protocol::Cursor commit;
        std::uint64_t end_lsn = 0;
        std::uint64_t end_number = 0; // of the changes before it
    };
    struct Stored {
        Change change;
        std::deque<std::uint64_t>* numbers = nullptr; // of its scope
        std::size_t bytes = 0;
    };

    void forget_first();
    void forget_first_mark();
    std::deque<std::uint64_t>& numbers_of(const Scope& scope);

    HistoryLimits limits_;
    std::deque<Stored> changes_;
    std::deque<Mark> marks_;
    std::deque<std::uint32_t> forgotten_; // transactions of the last marks that were forgotten
    std::unordered_map<std::string, std::deque<std::uint64_t>> tenants_;
    std::deque<std::uint64_t> everybody_;
    std::uint64_t first_number_ = 1;
    std::size_t bytes_ = 0;
    protocol::Cursor floor_;
    std::uint64_t confirmed_ = 0;
    const Block* last_block_ = nullptr;
};

} // namespace stream
