// Bytes that come as a realtime_sketch from a stranger: what is read at all is written as it was, and can be used. Only what an
// overflow in an earlier version left behind is put right, once.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "metric/sketch.hpp"

namespace {

// The sum stands behind the version and the weight of zero, which is a varint.
bool sum_is_finite(std::string_view bytes) {
    std::size_t at = 1;
    while ((static_cast<unsigned char>(bytes[at]) & 0x80) != 0) {
        ++at;
    }
    ++at;
    std::uint64_t bits = 0;
    for (std::size_t index = 0; index < 8; ++index) {
        bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + index])) << (8 * index);
    }
    return std::isfinite(std::bit_cast<double>(bits));
}

// A sum that is not finite, weights at the limit, none at all, or bins without weight, which are left out.
bool overflowed(std::string_view bytes, const metric::Sketch& sketch, const std::string& written) {
    return !sum_is_finite(bytes) || sketch.empty() || sketch.count() == INT64_MAX ||
           written.size() < bytes.size();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto sketch = metric::Sketch::read(bytes);
    if (!sketch) {
        return 0;
    }
    const std::string written = sketch->write();
    if (written != bytes) {
        const auto again = metric::Sketch::read(written);
        if (!overflowed(bytes, *sketch, written) || !again || again->write() != written) {
            std::abort();
        }
    }
    if (!std::isfinite(sketch->sum())) {
        std::abort();
    }
    metric::Sketch twice = *sketch;
    twice.merge(*sketch);
    const auto middle = twice.quantile(0.5);
    if (middle.has_value() == twice.empty()) {
        std::abort();
    }
    const auto stored = metric::Sketch::read(twice.write());
    if (!stored || stored->write() != twice.write()) {
        std::abort();
    }
    return 0;
}
