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
    static constexpr std::size_t small = 64 * 1024; // bytes

    // Whether an answer of these bytes may wait; if so they count on the account. One that is larger than the limits alone may when
    // nothing else waits: how large a single answer is other settings say. A small one may when nothing else of the account waits,
    // however much waits on the accounts of others.
    bool take(const std::string& account, std::size_t bytes, std::size_t most, std::size_t most_of_account) {
        const std::size_t own = waiting_of(account);
        const bool fits = all_ == 0 || all_ + bytes <= most || (own == 0 && bytes <= small);
        if (!fits || (own > 0 && own + bytes > most_of_account)) {
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
    // Whether the account may get another answer: a small one, at least.
    bool has_room(const std::string& account, std::size_t most, std::size_t most_of_account) const {
        const std::size_t own = waiting_of(account);
        return own == 0 || (all_ < most && own < most_of_account);
    }
    std::size_t bytes() const { return all_; }
    std::size_t accounts() const { return waiting_.size(); }

  private:
    std::size_t waiting_of(const std::string& account) const {
        const auto known = waiting_.find(account);
        return known == waiting_.end() ? 0 : known->second;
    }

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

// How quickly answers are taken, in one period behind the other: who was quick at first may not be slow for the rest.
class AnswerPace {
  public:
    // Answers begin to wait.
    void begin(double now) {
        since_ = now;
        taken_ = 0;
    }
    // Whether the period is over, and fewer than `least` bytes a second were taken in it. `taken` counts from begin() on. Something
    // waits to be taken. The next period begins.
    bool is_too_slow(double now, std::size_t taken, double period, std::size_t least) {
        if (now - since_ < period) {
            return false;
        }
        const auto progress = static_cast<double>(taken - std::min(taken, taken_));
        const bool slow = progress < (now - since_) * static_cast<double>(least);
        begin(now);
        taken_ = taken;
        return slow;
    }

  private:
    double since_ = 0;
    std::size_t taken_ = 0;
};

} // namespace gateway
