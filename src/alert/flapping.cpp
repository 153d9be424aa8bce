#include "alert/flapping.hpp"

#include <algorithm>

namespace alert {

Time flaps_until(const Instance& instance, Time now) {
    // Walks through the changes as they happened: whether it flapped is not stored, so nothing can disagree with them.
    const std::size_t count = std::min<std::size_t>(instance.flap_count, flap_memory);
    if (count < flap_start) {
        return metric::never;
    }
    const auto& changes = instance.flaps;
    bool flapping = false;
    for (std::size_t at = flap_start - 1; at < count; ++at) {
        if (flapping && changes[at] >= changes[at - flap_calm] + flap_window) {
            flapping = false; // it had calmed down before this change
        }
        if (changes[at] < changes[at + 1 - flap_start] + flap_window) {
            flapping = true;
        }
    }
    const Time calm_at = changes[count - flap_calm] + flap_window;
    return flapping && now < calm_at ? calm_at : metric::never;
}

bool flaps_are_over(const Instance& instance, Time now) {
    const std::size_t count = std::min<std::size_t>(instance.flap_count, flap_memory);
    return count == 0 || now >= instance.flaps[count - 1] + flap_window;
}

void remember_change(Instance& instance, Time now) {
    if (flaps_are_over(instance, now)) {
        instance.flap_count = 0;
        instance.flaps.fill(0); // equal memories have equal bytes
    }
    if (instance.flap_count >= flap_memory) {
        std::copy(instance.flaps.begin() + 1, instance.flaps.end(), instance.flaps.begin());
        instance.flap_count = flap_memory - 1;
    }
    instance.flaps[instance.flap_count++] = now;
}

} // namespace alert
