// How long patterns of filters may be looked for in the texts of changes, so that nobody waits for somebody else's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hub {

// Seconds of work: so many at once, and so many a second. What was spent beyond that has to be waited for.
class WorkBucket {
  public:
    bool has_room(double now, double rate, double burst) {
        left_ = std::min(burst, left_ + (began_ ? (now - last_) * rate : burst));
        began_ = true;
        last_ = now;
        return left_ > 0;
    }
    void spend(double seconds) { left_ -= seconds; }
    bool is_full(double now, double rate, double burst) {
        return has_room(now, rate, burst) && left_ >= burst;
    }

  private:
    double left_ = 0, last_ = 0;
    bool began_ = false;
};

// One measure decides about everything: what one address, and one user, may use for one change. In a second each may use five
// times that, all clients for one change four times, and all clients in a second twenty times for the changes of a public table, or
// of one tenant in a table, and forty times for all changes. One thread.
class PatternBudget {
  public:
    static constexpr double in_a_second = 5, of_all = 4, of_everything = 8;
    using Account = std::shared_ptr<WorkBucket>;
    using Accounts = std::vector<Account>;

    // The account of an address or a user, which is remembered as long as somebody has it or it is not full.
    Account account(const std::string& name, double now) {
        if (accounts_.size() >= sweep_at_) {
            std::erase_if(accounts_, [&](auto& one) {
                return one.second.use_count() == 1 &&
                       one.second->is_full(now, seconds_ * in_a_second, seconds_);
            });
            sweep_at_ = std::max<std::size_t>(1024, accounts_.size() * 2);
        }
        auto& account = accounts_[name];
        if (account == nullptr) {
            account = std::make_shared<WorkBucket>();
        }
        return account;
    }

    // A change of a table begins; `tenant` is empty when the table is public, and is read until the next change. `seconds` is the
    // measure.
    void begin(std::uint32_t table, std::string_view tenant, double seconds) {
        seconds_ = seconds;
        table_ = table;
        tenant_ = tenant;
        bucket_ = nullptr; // most changes need none
        spent_ = 0;
    }
    // Whether all clients together may go on with the change that has begun.
    bool change_has_room(double now) {
        return spent_ < seconds_ * of_all &&
               everything_.has_room(now, seconds_ * in_a_second * of_everything, seconds_ * of_everything) &&
               bucket(now).has_room(now, seconds_ * in_a_second * of_all, seconds_ * of_all);
    }
    bool has_room(const Accounts& accounts, double now) const {
        return std::all_of(accounts.begin(), accounts.end(), [&](const Account& account) {
            return account->has_room(now, seconds_ * in_a_second, seconds_);
        });
    }
    // One pattern cannot be interrupted. What it takes beyond the measure is charged to its accounts alone, or a single one
    // would use up what all others have for the change, for which there was room.
    void spend(const Accounts& accounts, double seconds) {
        const double shared = std::min(seconds, seconds_);
        spent_ += shared;
        everything_.spend(shared);
        if (bucket_ != nullptr) {
            bucket_->spend(shared);
        }
        for (const Account& account : accounts) {
            account->spend(seconds);
        }
    }

  private:
    static constexpr std::size_t most_buckets = 10'000;

    // Of the table and the tenant of the change.
    WorkBucket& bucket(double now) {
        if (bucket_ == nullptr) {
            std::string key = std::to_string(table_) + ' ';
            key += tenant_;
            if (buckets_.size() >= most_buckets && !buckets_.contains(key)) {
                for (auto one = buckets_.begin(); one != buckets_.end();) {
                    const bool full =
                        one->second.is_full(now, seconds_ * in_a_second * of_all, seconds_ * of_all);
                    one = full ? buckets_.erase(one) : std::next(one);
                }
                if (buckets_.size() >= most_buckets) {
                    buckets_.clear();
                }
            }
            bucket_ = &buckets_[key];
        }
        return *bucket_;
    }

    std::unordered_map<std::string, Account> accounts_;
    std::size_t sweep_at_ = 1024;
    WorkBucket everything_;
    std::unordered_map<std::string, WorkBucket> buckets_; // by table and tenant
    std::uint32_t table_ = 0;
    std::string_view tenant_;
    WorkBucket* bucket_ = nullptr;   // once it is asked for
    double seconds_ = 0, spent_ = 0; // spent_: for this change
};

} // namespace hub
