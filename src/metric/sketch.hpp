// DDSketch: a summary of a distribution whose quantiles are right within 1 % of their value, whatever the order in which
// sketches are merged. C. Masson, J. Rim, H. K. Lee, "DDSketch", VLDB 2019, arXiv 1908.10693.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace metric {

class Sketch {
  public:
    static constexpr double relative_error = 0.01;

    // Any finite value; those below the smallest that can be told apart count as zero, negative ones are mirrored.
    void add(double value, std::uint64_t weight = 1);
    void merge(const Sketch& other);

    bool empty() const { return count_ == 0; }
    std::uint64_t count() const { return count_; } // stops at 2^63 - 1
    double sum() const { return sum_; }            // finite: it stops at the greatest double
    double min() const { return min_; }            // exact; of an empty sketch 0
    double max() const { return max_; }
    // The value below which `fraction` (0..1) of the weight lies; empty for an empty sketch.
    std::optional<double> quantile(double fraction) const;

    // Stored form: versioned, little endian, independent of the machine. read() never trusts a length.
    std::string write() const;
    static std::optional<Sketch> read(std::string_view bytes);

    bool operator==(const Sketch&) const = default;

  private:
    struct Bin {
        std::int32_t index;
        std::uint64_t weight;
        bool operator==(const Bin&) const = default;
    };
    void add_to(std::vector<Bin>& bins, std::int32_t index, std::uint64_t weight);
    double estimated_sum() const;

    std::vector<Bin> positive_, negative_; // by index
    std::uint64_t zero_ = 0;
    std::uint64_t count_ = 0;
    double sum_ = 0, min_ = 0, max_ = 0;
};

} // namespace metric
