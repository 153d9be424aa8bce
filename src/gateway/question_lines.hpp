// In which order questions get a connection: three lines, of which that of the callers is one line for each owner.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace gateway {

enum class QuestionLine : unsigned char {
    Caller, // in turns with other owners and with reports
    Report, // what the gateway stores about itself: may take long
    LookUp  // what others wait for before they can go on: before everything else
};

template <class Item> class QuestionLines {
  public:
    // `owner` counts in the line of the callers.
    void push(QuestionLine line, const std::string& owner, Item item) {
        if (line == QuestionLine::LookUp) {
            look_ups_.push_back(std::move(item));
            return;
        }
        if (line == QuestionLine::Report) {
            reports_.push_back(std::move(item));
            return;
        }
        auto& own = callers_[owner];
        if (own.empty()) {
            turns_.push_back(owner);
        }
        own.push_back(std::move(item));
        ++caller_count_;
    }

    // What is next, or nothing.
    std::optional<Item> pop(bool only_look_ups) {
        return pop(only_look_ups, [](const Item&) { return true; });
    }

    // The same. A caller's item for which `may` is false keeps its place; the items behind it pass it.
    template <class May> std::optional<Item> pop(bool only_look_ups, May may) {
        if (!look_ups_.empty()) {
            return first_of(look_ups_);
        }
        if (only_look_ups) {
            return std::nullopt;
        }
        if (reports_.empty() || report_before_) {
            if (std::optional<Item> item = next_of_callers(may)) {
                report_before_ = false;
                return item;
            }
        }
        report_before_ = !reports_.empty();
        return reports_.empty() ? std::nullopt : std::optional(first_of(reports_));
    }

    // One of those that have waited longest in their line and of which `what` is true, or nothing.
    template <class What> std::optional<Item> pop_if(What what) {
        for (auto* line : {&look_ups_, &reports_}) {
            if (!line->empty() && what(line->front())) {
                return first_of(*line);
            }
        }
        for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
            if (!what(callers_[*turn].front())) {
                continue;
            }
            Item item = first_of_owner(*turn);
            if (!callers_.contains(*turn)) {
                turns_.erase(turn);
            }
            return item;
        }
        return std::nullopt;
    }

    std::size_t size(QuestionLine line) const {
        return line == QuestionLine::LookUp   ? look_ups_.size()
               : line == QuestionLine::Report ? reports_.size()
                                              : caller_count_;
    }
    std::size_t size() const { return look_ups_.size() + reports_.size() + caller_count_; }

  private:
    static Item first_of(std::deque<Item>& line) {
        Item item = std::move(line.front());
        line.pop_front();
        return item;
    }

    template <class May> std::optional<Item> next_of_callers(May may) {
        for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
            std::deque<Item>& own = callers_[*turn];
            const auto found = std::find_if(own.begin(), own.end(), may);
            if (found == own.end()) {
                continue;
            }
            Item item = std::move(*found);
            own.erase(found);
            --caller_count_;
            std::string owner = std::move(*turn);
            turns_.erase(turn);
            if (own.empty()) {
                callers_.erase(owner);
            } else {
                turns_.push_back(std::move(owner));
            }
            return item;
        }
        return std::nullopt;
    }

    Item first_of_owner(const std::string& owner) {
        const auto own = callers_.find(owner);
        Item item = first_of(own->second);
        if (own->second.empty()) {
            callers_.erase(own);
        }
        --caller_count_;
        return item;
    }

    std::deque<Item> look_ups_, reports_;
    std::unordered_map<std::string, std::deque<Item>> callers_; // by owner; none is empty
    std::deque<std::string> turns_;                             // the owners, each once
    std::size_t caller_count_ = 0;
    bool report_before_ = false;
};

} // namespace gateway
