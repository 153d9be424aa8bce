// Which subscriptions have something new, in a fixed piece of memory that processes may share. Nothing here allocates or throws,
// so that it can be used at a commit and under a lock.
//
// Room is shared fairly: a tenant of which more names wait than are its share is marked as a tenant, and so is one whose name
// finds no room. Others keep theirs. Only when there is no room for another tenant, anything counts as new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "monitor/identity.hpp"

namespace monitor {

class Marks {
  public:
    struct Room {
        std::uint32_t keys;           // names of all tenants together
        std::uint32_t keys_of_tenant; // names of one tenant
        std::uint32_t tenants;        // of which something waits
        std::uint32_t arena;          // bytes of all names, each with `key_head` before it

        std::size_t bytes() const; // of memory
    };
    static constexpr std::size_t key_head = sizeof(Uuid) + sizeof(std::uint16_t);
    static constexpr std::size_t longest_name = 255; // bytes

    // Memory of Room::bytes(), aligned for 8 bytes. Filled with zeros it holds no marks.
    Marks(void* memory, const Room& room);

    // `hash` is that of (tenant, name), the same for the same. An empty or too long name marks the tenant.
    void add(const Uuid& tenant, std::string_view name, std::uint64_t hash);
    void add_tenant(const Uuid& tenant);
    void add_everything();
    void clear(); // takes as long as there are marks

    bool empty() const;
    bool everything() const;
    std::uint32_t waiting() const; // names and whole tenants
    std::uint64_t
    spilled() const; // how often a name or a tenant found no room, since the memory was filled with zeros
    bool is_whole(const Uuid& tenant) const;
    std::uint32_t tenants() const;
    const Uuid* whole_tenant(std::uint32_t index) const; // null: of this one the names are known

    // The names, to be read with next_key().
    const char* keys() const { return arena_; }
    std::size_t keys_size() const;
    struct Key {
        Uuid tenant;
        std::string_view name;
    };
    static Key next_key(const char*& at);

  private:
    struct Head;
    struct Place;
    struct Tenant;

    Tenant& tenant_of(const Uuid& id, bool* found) const;
    Tenant* tenant_for(const Uuid& id); // null: there is no room
    bool holds(const Place& place, const Uuid& tenant, std::string_view name, std::uint64_t hash) const;

    Room room_;
    Head* head_;
    Place* places_;
    std::uint32_t* used_places_;
    Tenant* tenants_;
    std::uint32_t* used_tenants_;
    char* arena_;
};

// Tenants that have as many subscriptions as are judged, and which these are: of all others nothing needs to be marked. Plain
// memory for processes to share; filled with zeros it knows none.
class FullTenants {
  public:
    static constexpr std::size_t most_tenants = 16;
    static constexpr std::size_t most_names = 1024;

    // False when there is no room for it: then all its names are worth a mark. `hashes` are those of Marks::add(), in order.
    bool remember(const Uuid& tenant, const std::uint64_t* hashes, std::size_t count);
    void clear() { count_ = 0; }
    bool empty() const { return count_ == 0; }
    // Whether somebody looks at that subscription, or may.
    bool is_judged(const Uuid& tenant, std::uint64_t hash) const;

  private:
    struct Full {
        Uuid tenant;
        std::uint32_t count;
        std::uint64_t hashes[most_names];
    };
    std::uint32_t count_;
    Full full_[most_tenants];
};

} // namespace monitor
