// Bytes that come as a realtime_sketch from a stranger: what is read at all is written as it was, and can be used.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "metric/sketch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto sketch = metric::Sketch::read(bytes);
    if (!sketch) {
        return 0;
    }
    if (sketch->write() != bytes) {
        std::abort();
    }
    metric::Sketch twice = *sketch;
    twice.merge(*sketch);
    const auto middle = twice.quantile(0.5);
    if (middle.has_value() == twice.empty()) {
        std::abort();
    }
    return 0;
}
