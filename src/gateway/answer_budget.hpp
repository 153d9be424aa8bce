// How many bytes of answers may wait to be taken, in all and of one caller.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace gateway {

class AnswerBudget {
  public:
    // Whether so many bytes more may wait on somebody's account; they count then. One that is larger than the limits alone may when
    // nothing else waits: how large a single answer is other settings say.
    bool take(const std::string& account, std::size_t bytes, std::size_t most, std::size_t most_of_account) {
        const auto known = waiting_.find(account);
        const std::size_t own = known == waiting_.end() ? 0 : known->second;
        if ((own > 0 && own + bytes > most_of_account) || (all_ > 0 && all_ + bytes > most)) {
            return false;
        }
        if (bytes > 0) {
            waiting_[account] += bytes;
            all_ += bytes;
        }
        return true;
    }
    void give_back(const std::string& account, std::size_t bytes) {
        const auto known = waiting_.find(account);
        if (bytes == 0 || known == waiting_.end()) {
            return;
        }
        all_ -= std::min(bytes, known->second);
        known->second -= std::min(bytes, known->second);
        if (known->second == 0) {
            waiting_.erase(known);
        }
    }
    // Whether somebody may be given anything more.
    bool has_room(const std::string& account, std::size_t most, std::size_t most_of_account) const {
        const auto known = waiting_.find(account);
        return all_ < most && (known == waiting_.end() || known->second < most_of_account);
    }
    std::size_t bytes() const { return all_; }
    std::size_t accounts() const { return waiting_.size(); }

  private:
    std::unordered_map<std::string, std::size_t> waiting_; // bytes, by account
    std::size_t all_ = 0;
};

// Bytes that were taken, given back at the end.
class AnswerCharge {
  public:
    AnswerCharge() = default;
    AnswerCharge(std::shared_ptr<AnswerBudget> budget, std::string account, std::size_t bytes)
        : budget_(std::move(budget)), account_(std::move(account)), bytes_(bytes) {}
    AnswerCharge(AnswerCharge&& other) noexcept
        : budget_(std::move(other.budget_)), account_(std::move(other.account_)),
          bytes_(std::exchange(other.bytes_, 0)) {}
    AnswerCharge& operator=(AnswerCharge&& other) noexcept {
        std::swap(budget_, other.budget_);
        std::swap(account_, other.account_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    AnswerCharge(const AnswerCharge&) = delete;
    AnswerCharge& operator=(const AnswerCharge&) = delete;
    ~AnswerCharge() { shrink_to(0); }

    void shrink_to(std::size_t bytes) {
        if (budget_ != nullptr && bytes < bytes_) {
            budget_->give_back(account_, bytes_ - bytes);
            bytes_ = bytes;
        }
    }

  private:
    std::shared_ptr<AnswerBudget> budget_;
    std::string account_;
    std::size_t bytes_ = 0;
};

// Whether answers of so many bytes, the first of which has waited for so long, are taken more slowly than `least` bytes a second,
// behind `grace` seconds in which nobody has to take anything.
inline bool takes_too_slowly(double seconds, std::size_t bytes, double grace, std::size_t least) {
    return seconds > grace + static_cast<double>(bytes) / static_cast<double>(least);
}

} // namespace gateway
