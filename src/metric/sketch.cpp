#include "metric/sketch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "metric/range.hpp"

namespace metric {

namespace {

// A bin holds the values in (gamma^(index-1), gamma^index]; its middle is within relative_error of each of them.
constexpr double gamma_minus_one = 2 * Sketch::relative_error / (1 - Sketch::relative_error);
const double log_gamma = std::log1p(gamma_minus_one);

constexpr double smallest = 1e-9; // below this a value counts as zero

// 1e-9 to 1e308 take 36,000 bins; no real distribution does. Beyond this many the lowest are put together, so that
// the high quantiles, which people ask for, stay right.
constexpr std::size_t most_bins = 4096;

std::int32_t index_of(double magnitude) {
    return static_cast<std::int32_t>(std::ceil(std::log(magnitude) / log_gamma));
}

double value_at(std::int32_t index) {
    return 2 * std::exp(static_cast<double>(index) * log_gamma) / (2 + gamma_minus_one);
}

// Weights stop here, so that SQL can show them as bigint. The sum of the saturated weights of the bins, saturated, is the
// saturated count, whatever was added in whatever order.
constexpr std::uint64_t most_weight = INT64_MAX;

std::uint64_t add_weights(std::uint64_t left, std::uint64_t right) {
    return left >= most_weight || right >= most_weight - left ? most_weight : left + right;
}

constexpr char version = 1;

void write_varint(std::string& to, std::uint64_t number) {
    while (number >= 0x80) {
        to.push_back(static_cast<char>((number & 0x7f) | 0x80));
        number >>= 7;
    }
    to.push_back(static_cast<char>(number));
}

void write_double(std::string& to, double number) {
    const auto bits = std::bit_cast<std::uint64_t>(number);
    for (int shift = 0; shift < 64; shift += 8) {
        to.push_back(static_cast<char>((bits >> shift) & 0xff));
    }
}

// Every read fails for good once there are too few bytes.
struct Reader {
    std::string_view left;
    bool failed = false;

    std::uint64_t varint() {
        std::uint64_t number = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (left.empty()) {
                failed = true;
                return 0;
            }
            const auto byte = static_cast<unsigned char>(left.front());
            left.remove_prefix(1);
            const std::uint64_t bits = byte & 0x7f;
            // One spelling for each number: no bits that are lost, no zero at the end.
            if ((shift == 63 && bits > 1) || (byte == 0 && shift > 0)) {
                failed = true;
                return 0;
            }
            number |= bits << shift;
            if ((byte & 0x80) == 0) {
                return number;
            }
        }
        failed = true;
        return 0;
    }

    double number() {
        if (left.size() < 8) {
            failed = true;
            return 0;
        }
        std::uint64_t bits = 0;
        for (int index = 0; index < 8; ++index) {
            bits |=
                static_cast<std::uint64_t>(static_cast<unsigned char>(left[static_cast<std::size_t>(index)]))
                << (8 * index);
        }
        left.remove_prefix(8);
        return std::bit_cast<double>(bits);
    }

    double finite_number() {
        const double result = number();
        failed = failed || !std::isfinite(result);
        return result;
    }
};

std::uint64_t zigzag(std::int32_t number) {
    return (static_cast<std::uint32_t>(number) << 1) ^ static_cast<std::uint32_t>(number >> 31);
}

std::int32_t unzigzag(std::uint64_t number) {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(number) >> 1) ^
                                     (0U - (static_cast<std::uint32_t>(number) & 1U)));
}

constexpr std::int32_t farthest_index = 40000; // of any finite double

} // namespace

void Sketch::add_to(std::vector<Bin>& bins, std::int32_t index, std::uint64_t weight) {
    auto at = bins.end();
    // Values of one connection lie close together, and the last bin is often the right one.
    if (!bins.empty() && bins.back().index >= index) {
        at = std::lower_bound(bins.begin(), bins.end(), index,
                              [](const Bin& bin, std::int32_t wanted) { return bin.index < wanted; });
    }
    if (at != bins.end() && at->index == index) {
        at->weight = add_weights(at->weight, weight);
        return;
    }
    bins.insert(at, Bin{index, weight});
    if (bins.size() > most_bins) {
        bins[1].weight = add_weights(bins[1].weight, bins[0].weight);
        bins.erase(bins.begin());
    }
}

void Sketch::add(double value, std::uint64_t weight) {
    if (weight == 0) {
        return;
    }
    weight = std::min(weight, most_weight);
    if (value > smallest) {
        add_to(positive_, index_of(value), weight);
    } else if (value < -smallest) {
        add_to(negative_, index_of(-value), weight);
    } else {
        zero_ = add_weights(zero_, weight);
    }
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = count_ == 0 ? value : std::max(max_, value);
    count_ = add_weights(count_, weight);
    sum_ = add_numbers(sum_, clamp_finite(value * static_cast<double>(weight)));
}

void Sketch::merge(const Sketch& other) {
    if (other.count_ == 0) {
        return;
    }
    if (count_ == 0) {
        *this = other;
        return;
    }
    const auto merge_bins = [](std::vector<Bin>& into, const std::vector<Bin>& from) {
        if (from.empty()) {
            return;
        }
        std::vector<Bin> merged;
        merged.reserve(into.size() + from.size());
        auto left = into.begin();
        auto right = from.begin();
        while (left != into.end() || right != from.end()) {
            if (right == from.end() || (left != into.end() && left->index < right->index)) {
                merged.push_back(*left++);
            } else if (left == into.end() || right->index < left->index) {
                merged.push_back(*right++);
            } else {
                merged.push_back({left->index, add_weights(left->weight, right->weight)});
                ++left;
                ++right;
            }
        }
        if (merged.size() > most_bins) {
            const std::size_t surplus = merged.size() - most_bins;
            for (std::size_t index = 0; index < surplus; ++index) {
                merged[surplus].weight = add_weights(merged[surplus].weight, merged[index].weight);
            }
            merged.erase(merged.begin(), merged.begin() + static_cast<std::ptrdiff_t>(surplus));
        }
        into = std::move(merged);
    };
    merge_bins(positive_, other.positive_);
    merge_bins(negative_, other.negative_);
    zero_ = add_weights(zero_, other.zero_);
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    count_ = add_weights(count_, other.count_);
    sum_ = add_numbers(sum_, other.sum_);
}

std::optional<double> Sketch::quantile(double fraction) const {
    if (count_ == 0) {
        return std::nullopt;
    }
    const double rank = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_ - 1);
    double before = 0;
    const auto within = [&](double value) { return std::clamp(value, min_, max_); };
    for (auto bin = negative_.rbegin(); bin != negative_.rend(); ++bin) {
        before += static_cast<double>(bin->weight);
        if (before > rank) {
            return within(-value_at(bin->index));
        }
    }
    before += static_cast<double>(zero_);
    if (before > rank) {
        return within(0);
    }
    for (const Bin& bin : positive_) {
        before += static_cast<double>(bin.weight);
        if (before > rank) {
            return within(value_at(bin.index));
        }
    }
    return max_;
}

// version, zero, sum, min, max, then twice: number of bins, and of each the distance to the bin before and the weight.
std::string Sketch::write() const {
    std::string bytes;
    bytes.reserve(32 + (positive_.size() + negative_.size()) * 4);
    bytes.push_back(version);
    write_varint(bytes, zero_);
    write_double(bytes, sum_);
    write_double(bytes, min_);
    write_double(bytes, max_);
    for (const std::vector<Bin>* bins : {&positive_, &negative_}) {
        write_varint(bytes, bins->size());
        std::int32_t previous = 0;
        for (const Bin& bin : *bins) {
            write_varint(bytes, zigzag(bin.index - previous));
            write_varint(bytes, bin.weight);
            previous = bin.index;
        }
    }
    return bytes;
}

// What earlier versions wrote after an overflow is read, too: weights that had wrapped around, and a sum that was not finite.
std::optional<Sketch> Sketch::read(std::string_view bytes) {
    if (bytes.empty() || bytes.front() != version) {
        return std::nullopt;
    }
    Reader reader{bytes.substr(1)};
    Sketch sketch;
    sketch.zero_ = std::min(reader.varint(), most_weight);
    sketch.sum_ = reader.number();
    sketch.min_ = reader.finite_number();
    sketch.max_ = reader.finite_number();
    sketch.count_ = sketch.zero_;
    for (std::vector<Bin>* bins : {&sketch.positive_, &sketch.negative_}) {
        const std::uint64_t count = reader.varint();
        if (reader.failed || count > most_bins || count > reader.left.size() / 2) {
            return std::nullopt;
        }
        bins->reserve(count);
        std::int32_t previous = 0;
        for (std::uint64_t index = 0; index < count; ++index) {
            const std::uint64_t distance = reader.varint();
            const std::uint64_t weight = std::min(reader.varint(), most_weight);
            if (reader.failed || distance > 4ULL * farthest_index) {
                return std::nullopt;
            }
            const std::int32_t bin = previous + unzigzag(distance);
            if ((index > 0 && bin <= previous) || bin > farthest_index || bin < -farthest_index) {
                return std::nullopt;
            }
            if (weight > 0) {
                bins->push_back({bin, weight});
                sketch.count_ = add_weights(sketch.count_, weight);
            }
            previous = bin;
        }
    }
    if (reader.failed || !reader.left.empty() || sketch.min_ > sketch.max_) {
        return std::nullopt;
    }
    if (sketch.count_ == 0) {
        return Sketch{};
    }
    sketch.sum_ = std::isnan(sketch.sum_) ? sketch.estimated_sum() : clamp_finite(sketch.sum_);
    return sketch;
}

double Sketch::estimated_sum() const {
    double sum = 0;
    const auto add_bin = [&](const Bin& bin, double sign) {
        const double middle = std::clamp(sign * value_at(bin.index), min_, max_);
        sum = add_numbers(sum, clamp_finite(middle * static_cast<double>(bin.weight)));
    };
    for (const Bin& bin : positive_) {
        add_bin(bin, 1);
    }
    for (const Bin& bin : negative_) {
        add_bin(bin, -1);
    }
    return sum;
}

} // namespace metric
