// Whose row is it? The tenant column of a row, and the set of tenants that a consumer asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "pg/postgres.hpp"

namespace pg {

enum class TenantType : std::uint8_t { None, Uuid, Int16, Int32, Int64, Text };

// The types a tenant column may have (domains count as their base type); None for any other.
TenantType tenant_type_of(Oid type);

// A tenant longer than this is nobody's: it must fit every header that carries it.
constexpr Size longest_tenant = 1024;

// The tenant of one row. `bytes` points into the row (or the per-change memory context).
struct Tenant {
    TenantType type = TenantType::None; // None: NULL, or the row does not tell
    std::int64_t integer = 0;
    const char* bytes = nullptr;
    Size length = 0;
    bool stored_elsewhere = false; // unchanged and out of line, so this row does not tell

    bool known() const { return type != TenantType::None; }
    bool operator==(const Tenant& other) const;
};

// Reads the tenant column without deforming the row. `attnum` is 1-based. May detoast into the current memory context.
Tenant read_tenant(HeapTuple tuple, TupleDesc descriptor, AttrNumber attnum, TenantType type);

// The tenant as text into `to` (which has room for longest_tenant * 4 bytes of UTF-8); returns its length.
Size format_tenant(const Tenant& tenant, char* to);

// Hex digits in any case, hyphens anywhere between bytes: what uuid_in() accepts, without its braces.
bool parse_uuid(std::string_view text, char* bytes);

// The option `tenants`. Pure C++, owned by the decoding session. A uuid of the list matches uuid columns in any
// spelling that PostgreSQL accepts without braces; every item also matches as text.
class TenantFilter {
  public:
    void add(std::string_view item);
    void finish(); // after the last add()
    // Throws nothing and allocates nothing.
    bool passes(const Tenant& tenant) const;
    bool passes_uuid(const char* bytes) const;
    // The first item that is not a uuid, empty when all are: it can never match a uuid column.
    std::string_view first_not_uuid() const { return first_not_uuid_; }

  private:
    struct Uuid {
        std::uint64_t high;
        std::uint64_t low;
    };

    // Open addressing over 16-byte keys; `used` tells empty slots from the zero uuid.
    std::vector<Uuid> uuid_slots_;
    std::vector<bool> uuid_used_;
    std::size_t uuid_count_ = 0;
    std::unordered_set<std::int64_t> integers_;
    std::vector<std::string> texts_;
    std::string first_not_uuid_;

    void insert_uuid(Uuid uuid);
    static std::size_t hash(Uuid uuid) {
        return static_cast<std::size_t>(
            (uuid.high ^ (uuid.low * 0x9E3779B97F4A7C15ULL)) * 0xD6E8FEB86659FD93ULL >> 20);
    }
};

} // namespace pg
