// Whose a thing is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace monitor {

struct Uuid {
    std::array<unsigned char, 16> bytes{};

    bool operator==(const Uuid& other) const { return bytes == other.bytes; }
    bool operator<(const Uuid& other) const { return bytes < other.bytes; }
    bool empty() const { return *this == Uuid{}; }
};

struct UuidHash {
    // Uuids are random or made by an adversary; either way the map only gets slower, never wrong.
    std::size_t operator()(const Uuid& uuid) const {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, uuid.bytes.data(), 8);
        std::memcpy(&low, uuid.bytes.data() + 8, 8);
        return static_cast<std::size_t>((high ^ (low * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL);
    }
};

// The tenant as a whole, in the place of a subscription type.
inline constexpr const char* whole_tenant = "*";

} // namespace monitor
