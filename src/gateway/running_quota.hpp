// How many questions of one caller, and of one tenant, run at the same time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace gateway {

// A question counts for each of its accounts: a user or an address, and the tenants that it names.
class RunningQuota {
  public:
    // Whether one more may begin without any of the accounts having more than `most`.
    bool has_room(const std::vector<std::string>& accounts, std::size_t most) const {
        return std::all_of(accounts.begin(), accounts.end(), [&](const std::string& account) {
            const auto known = running_.find(account);
            return known == running_.end() || known->second < most;
        });
    }
    void begin(const std::vector<std::string>& accounts) {
        for (const std::string& account : accounts) {
            ++running_[account];
        }
    }
    // Of one that began with the same accounts.
    void end(const std::vector<std::string>& accounts) {
        for (const std::string& account : accounts) {
            if (const auto known = running_.find(account); --known->second == 0) {
                running_.erase(known);
            }
        }
    }
    std::size_t size() const { return running_.size(); }

    // What is left for others of a pool: one connection beside the one that is kept for look-ups, where there are so many.
    static std::size_t default_for(std::size_t connections) { return connections > 3 ? connections - 2 : 1; }

  private:
    std::unordered_map<std::string, std::size_t> running_;
};

} // namespace gateway
