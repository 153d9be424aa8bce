#include "pg/monitor/words.hpp"

#include <cstddef>

namespace pg::monitor {

namespace {

// In the order of the enumerators.
constexpr const char* qualities[] = {"excellent", "good", "poor", "critical"};
constexpr const char* statuses[] = {"healthy", "degraded", "unhealthy", "unknown", "offline"};

template <class Enum, std::size_t count>
std::optional<Enum> find(const char* const (&words)[count], std::string_view word) {
    for (std::size_t index = 0; index < count; ++index) {
        if (word == words[index]) {
            return static_cast<Enum>(index);
        }
    }
    return std::nullopt;
}

} // namespace

const char* word_of(metric::Quality quality) {
    return qualities[static_cast<std::size_t>(quality)];
}

const char* word_of(metric::Status status) {
    return statuses[static_cast<std::size_t>(status)];
}

std::optional<metric::Quality> quality_named(std::string_view word) {
    return find<metric::Quality>(qualities, word);
}

std::optional<metric::Status> status_named(std::string_view word) {
    return find<metric::Status>(statuses, word);
}

} // namespace pg::monitor
