#include "stream/history.hpp"

#include <algorithm>

namespace stream {

namespace {

// A place without changes is noted at most this often: its address only serves to free WAL.
constexpr double mark_seconds = 1;
// A transaction that is in the stream becomes visible to queries moments later, or when a synchronous standby has it.
constexpr std::size_t most_forgotten = 16384;

} // namespace

std::optional<Scope> scope_of(const Change& change) {
    if (change.kind == Kind::Broadcast) {
        return Scope{Scope::Kind::Tenant, *change.tenant};
    }
    switch (change.relation->access) {
    case wire::Access::Public:
        return Scope{};
    case wire::Access::Tenant:
        if (change.kind == Kind::Truncate) {
            return Scope{};
        }
        if (change.tenant) {
            return Scope{Scope::Kind::Tenant, *change.tenant};
        }
        break;
    case wire::Access::Unregistered:
        break;
    }
    return std::nullopt;
}

void History::restart(protocol::Cursor floor, std::uint64_t confirmed) {
    first_number_ = end();
    changes_.clear();
    marks_.clear();
    forgotten_.clear();
    tenants_.clear();
    everybody_.clear();
    bytes_ = 0;
    floor_ = floor;
    confirmed_ = confirmed;
    last_block_ = nullptr;
}

std::deque<std::uint64_t>& History::numbers_of(const Scope& scope) {
    return scope.kind == Scope::Kind::Everybody ? everybody_ : tenants_[std::string(scope.tenant)];
}

void History::add(const Change& change, const Scope& scope) {
    Stored stored{change, &numbers_of(scope), sizeof(Stored) + sizeof(std::uint64_t)};
    if (change.block.get() != last_block_) {
        // The first change that looks into a block pays for it.
        stored.bytes += sizeof(Block) + change.block->view().size();
        last_block_ = change.block.get();
    }
    stored.numbers->push_back(end());
    bytes_ += stored.bytes;
    changes_.push_back(std::move(stored));
}

void History::complete(std::uint32_t xid, protocol::Cursor commit, std::uint64_t end_lsn, double now) {
    if (!marks_.empty() && marks_.back().end_number == end() && end_lsn <= marks_.back().end_lsn) {
        return; // a transaction that is known already, sent again after a reconnect
    }
    if (!marks_.empty() && xid == 0 && marks_.back().end_number == end() &&
        now - marks_.back().time < mark_seconds) {
        marks_.back().end_lsn = std::max(marks_.back().end_lsn, end_lsn);
        return;
    }
    marks_.push_back({now, xid, commit, end_lsn, end()});
    bytes_ += sizeof(Mark);
}

void History::forget_first() {
    Stored& first = changes_.front();
    first.numbers->pop_front();
    if (first.numbers->empty() && first.numbers != &everybody_) {
        const std::optional<Scope> scope = scope_of(first.change);
        tenants_.erase(std::string(scope->tenant));
    }
    if (first.change.block.get() == last_block_) {
        last_block_ = nullptr; // the address may serve for another one
    }
    floor_ = std::max(floor_, first.change.cursor);
    bytes_ -= first.bytes;
    changes_.pop_front();
    ++first_number_;
}

void History::forget_first_mark() {
    const Mark& mark = marks_.front();
    while (first_number_ < mark.end_number) {
        forget_first();
    }
    confirmed_ = std::max(confirmed_, mark.end_lsn);
    bytes_ -= sizeof(Mark);
    if (mark.xid != 0) {
        forgotten_.push_back(mark.xid);
        if (forgotten_.size() > most_forgotten) {
            forgotten_.pop_front();
        }
    }
    marks_.pop_front();
}

void History::trim(double now) {
    while (bytes_ > limits_.bytes) {
        if (marks_.size() > 1 && marks_.front().end_number <= first_number_) {
            forget_first_mark(); // nothing of it is left
        } else if (!changes_.empty()) {
            forget_first();
        } else {
            break;
        }
    }
    while (!marks_.empty() &&
           (marks_.front().end_number < first_number_ || now - marks_.front().time > limits_.seconds)) {
        forget_first_mark();
    }
}

std::uint64_t History::first_behind(protocol::Cursor cursor) const {
    const auto found = std::partition_point(changes_.begin(), changes_.end(), [&](const Stored& stored) {
        return stored.change.cursor <= cursor;
    });
    return first_number_ + static_cast<std::uint64_t>(found - changes_.begin());
}

const Change* History::at(std::uint64_t number) const {
    return number < first_number_ || number >= end() ? nullptr : &changes_[number - first_number_].change;
}

std::uint64_t History::next_of(std::uint64_t from, const std::vector<std::string>& tenants) const {
    std::uint64_t next = end();
    const auto look = [&](const std::deque<std::uint64_t>& numbers) {
        const auto found = std::lower_bound(numbers.begin(), numbers.end(), from);
        if (found != numbers.end()) {
            next = std::min(next, *found);
        }
    };
    look(everybody_);
    for (const std::string& tenant : tenants) {
        const auto scope = tenants_.find(tenant);
        if (scope != tenants_.end()) {
            look(scope->second);
        }
    }
    return next;
}

std::optional<protocol::Cursor>
History::first_invisible(const std::function<bool(std::uint32_t xid)>& is_visible) const {
    for (const Mark& mark : marks_) {
        if (mark.xid != 0 && !is_visible(mark.xid)) {
            return mark.commit;
        }
    }
    return std::nullopt;
}

bool History::has_forgotten_invisible(const std::function<bool(std::uint32_t xid)>& is_visible) const {
    return !std::all_of(forgotten_.begin(), forgotten_.end(), is_visible);
}

} // namespace stream
