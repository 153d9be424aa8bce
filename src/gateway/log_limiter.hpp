// Lines of the log that say the same of many clients, counted instead of written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gateway {

// Lines are similar when they differ in words with digits and in quoted texts only. Times are seconds of a clock that does not run
// backwards. One thread.
class LogLimiter {
  public:
    static constexpr std::size_t most_similar = 20; // lines in one period
    static constexpr double period = 10;            // s, from the first of them
    static constexpr std::size_t most_kinds = 1000; // of lines; those beyond are written

    // Whether a line is to be written.
    bool take(std::string_view line, double now);

    struct Summary {
        std::string line; // the last one of them
        std::uint64_t count = 0;
    };
    // What was not written in periods that are over, to be said once.
    std::vector<Summary> take_summaries(double now);
    // Lines that were not written, since the beginning.
    std::uint64_t suppressed() const { return suppressed_; }

    // What similar lines have in common.
    static std::string kind_of(std::string_view line);

  private:
    struct Kind {
        double began = 0;
        std::size_t written = 0;
        Summary left_out;
    };
    std::unordered_map<std::string, Kind> kinds_;
    std::uint64_t suppressed_ = 0;
};

} // namespace gateway
