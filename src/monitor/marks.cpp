#include "monitor/marks.hpp"

#include <algorithm>
#include <cstring>

namespace monitor {

// Behind it in memory: places of names, those of them that are used, places of tenants, those that are used, the names.
struct Marks::Head {
    std::uint64_t spilled;
    std::uint32_t key_count, tenant_count, arena_used, whole_count;
    bool everything;
};

struct Marks::Place {
    std::uint32_t hash;
    std::uint32_t at; // in the arena, counted from 1; 0: empty
};

struct Marks::Tenant {
    Uuid id;
    std::uint32_t keys;
    bool used, whole;
};

namespace {

constexpr std::size_t aligned(std::size_t size) {
    return (size + 7) / 8 * 8;
}

} // namespace

std::size_t Marks::Room::bytes() const {
    return aligned(sizeof(Head)) + sizeof(Place) * keys * 2 + aligned(sizeof(std::uint32_t) * keys) +
           aligned(sizeof(Tenant) * tenants * 2) + aligned(sizeof(std::uint32_t) * tenants) + aligned(arena);
}

Marks::Marks(void* memory, const Room& room) : room_(room) {
    auto* at = static_cast<char*>(memory);
    const auto take = [&at](std::size_t size) {
        char* const taken = at;
        at += aligned(size);
        return static_cast<void*>(taken);
    };
    head_ = static_cast<Head*>(take(sizeof(Head)));
    places_ = static_cast<Place*>(take(sizeof(Place) * room.keys * 2));
    used_places_ = static_cast<std::uint32_t*>(take(sizeof(std::uint32_t) * room.keys));
    tenants_ = static_cast<Tenant*>(take(sizeof(Tenant) * room.tenants * 2));
    used_tenants_ = static_cast<std::uint32_t*>(take(sizeof(std::uint32_t) * room.tenants));
    arena_ = static_cast<char*>(take(room.arena));
}

// Its place, or the empty one where it would be: half of the places are always empty.
Marks::Tenant& Marks::tenant_of(const Uuid& id, bool* found) const {
    const std::size_t count = std::size_t{room_.tenants} * 2;
    std::size_t at = UuidHash{}(id) % count;
    while (tenants_[at].used && !(tenants_[at].id == id)) {
        at = (at + 1) % count;
    }
    *found = tenants_[at].used;
    return tenants_[at];
}

Marks::Tenant* Marks::tenant_for(const Uuid& id) {
    bool found = false;
    Tenant& tenant = tenant_of(id, &found);
    if (found) {
        return &tenant;
    }
    if (head_->tenant_count == room_.tenants) {
        add_everything();
        head_->spilled += 1;
        return nullptr;
    }
    used_tenants_[head_->tenant_count++] = static_cast<std::uint32_t>(&tenant - tenants_);
    tenant = {id, 0, true, false};
    return &tenant;
}

// The hash only saves most comparisons: a name that has the hash of another one must not hide it.
bool Marks::holds(const Place& place, const Uuid& tenant, std::string_view name, std::uint64_t hash) const {
    if (place.hash != static_cast<std::uint32_t>(hash >> 32)) {
        return false;
    }
    const char* at = arena_ + place.at - 1;
    const Key key = next_key(at);
    return key.tenant == tenant && key.name == name;
}

void Marks::add(const Uuid& tenant, std::string_view name, std::uint64_t hash) {
    if (head_->everything) {
        return;
    }
    if (name.empty() || name.size() > longest_name) {
        add_tenant(tenant);
        return;
    }
    Tenant* const owner = tenant_for(tenant);
    if (owner == nullptr || owner->whole) {
        return;
    }
    const std::size_t count = std::size_t{room_.keys} * 2;
    std::size_t at = hash % count;
    while (places_[at].at != 0 && !holds(places_[at], tenant, name, hash)) {
        at = (at + 1) % count;
    }
    if (places_[at].at != 0) {
        return;
    }
    const std::size_t size = key_head + name.size();
    if (owner->keys == room_.keys_of_tenant || head_->key_count == room_.keys ||
        size > room_.arena - head_->arena_used) {
        owner->whole = true;
        head_->whole_count += 1;
        head_->spilled += 1;
        return;
    }
    char* const to = arena_ + head_->arena_used;
    const auto length = static_cast<std::uint16_t>(name.size());
    std::memcpy(to, tenant.bytes.data(), sizeof(Uuid));
    std::memcpy(to + sizeof(Uuid), &length, sizeof(length));
    std::memcpy(to + key_head, name.data(), name.size());
    places_[at] = {static_cast<std::uint32_t>(hash >> 32), head_->arena_used + 1};
    used_places_[head_->key_count++] = static_cast<std::uint32_t>(at);
    head_->arena_used += static_cast<std::uint32_t>(size);
    owner->keys += 1;
}

void Marks::add_tenant(const Uuid& tenant) {
    if (head_->everything) {
        return;
    }
    if (Tenant* const owner = tenant_for(tenant); owner != nullptr && !owner->whole) {
        owner->whole = true;
        head_->whole_count += 1;
    }
}

void Marks::add_everything() {
    head_->everything = true;
}

void Marks::clear() {
    for (std::uint32_t index = 0; index < head_->key_count; ++index) {
        places_[used_places_[index]] = {0, 0};
    }
    for (std::uint32_t index = 0; index < head_->tenant_count; ++index) {
        tenants_[used_tenants_[index]] = {};
    }
    const std::uint64_t spilled = head_->spilled;
    *head_ = {};
    head_->spilled = spilled;
}

bool Marks::empty() const {
    return head_->tenant_count == 0 && !head_->everything;
}

bool Marks::everything() const {
    return head_->everything;
}

std::uint32_t Marks::waiting() const {
    return head_->key_count + head_->whole_count;
}

std::uint64_t Marks::spilled() const {
    return head_->spilled;
}

bool Marks::is_whole(const Uuid& id) const {
    bool found = false;
    const Tenant& tenant = tenant_of(id, &found);
    return found && tenant.whole;
}

std::uint32_t Marks::tenants() const {
    return head_->tenant_count;
}

const Uuid* Marks::whole_tenant(std::uint32_t index) const {
    const Tenant& tenant = tenants_[used_tenants_[index]];
    return tenant.whole ? &tenant.id : nullptr;
}

std::size_t Marks::keys_size() const {
    return head_->arena_used;
}

Marks::Key Marks::next_key(const char*& at) {
    Key key;
    std::uint16_t length = 0;
    std::memcpy(key.tenant.bytes.data(), at, sizeof(Uuid));
    std::memcpy(&length, at + sizeof(Uuid), sizeof(length));
    key.name = {at + key_head, length};
    at += key_head + length;
    return key;
}

bool FullTenants::remember(const Uuid& tenant, const std::uint64_t* hashes, std::size_t count) {
    if (count_ == most_tenants || count > most_names) {
        return false;
    }
    Full& full = full_[count_++];
    full.tenant = tenant;
    full.count = static_cast<std::uint32_t>(count);
    std::copy(hashes, hashes + count, full.hashes);
    return true;
}

bool FullTenants::is_judged(const Uuid& tenant, std::uint64_t hash) const {
    for (std::uint32_t index = 0; index < count_; ++index) {
        const Full& full = full_[index];
        if (full.tenant == tenant) {
            return std::binary_search(full.hashes, full.hashes + full.count, hash);
        }
    }
    return true;
}

} // namespace monitor
