#include "pg/tenant.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "pg/encoding.hpp"
#include "pg/tuple.hpp"
#include "value/uuid.hpp"
#include "wire/json_text.hpp"

namespace pg {

TenantType tenant_type_of(Oid type) {
    switch (getBaseType(type)) {
    case UUIDOID:
        return TenantType::Uuid;
    case INT2OID:
        return TenantType::Int16;
    case INT4OID:
        return TenantType::Int32;
    case INT8OID:
        return TenantType::Int64;
    case TEXTOID:
    case VARCHAROID:
        return TenantType::Text;
    default:
        return TenantType::None;
    }
}

bool Tenant::operator==(const Tenant& other) const {
    if (type != other.type || integer != other.integer || length != other.length) {
        return false;
    }
    return length == 0 || std::memcmp(bytes, other.bytes, length) == 0;
}

Tenant read_tenant(HeapTuple tuple, TupleDesc descriptor, AttrNumber attnum, TenantType type) {
    bool is_null = false;
    const Datum datum = read_attribute(tuple, descriptor, attnum, &is_null);
    Tenant tenant;
    if (is_null) {
        return tenant;
    }
    tenant.type = type;
    switch (type) {
    case TenantType::Uuid:
        tenant.bytes = DatumGetPointer(datum);
        tenant.length = UUID_LEN;
        break;
    case TenantType::Int16:
        tenant.integer = DatumGetInt16(datum);
        break;
    case TenantType::Int32:
        tenant.integer = DatumGetInt32(datum);
        break;
    case TenantType::Int64:
        tenant.integer = DatumGetInt64(datum);
        break;
    case TenantType::Text: {
        if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(datum))) {
            tenant.type = TenantType::None;
            tenant.stored_elsewhere = true;
            break;
        }
        const varlena* text = PG_DETOAST_DATUM_PACKED(datum);
        tenant.bytes = VARDATA_ANY(text);
        tenant.length = VARSIZE_ANY_EXHDR(text);
        // What is lost in the conversion would make one tenant of two.
        if (tenant.length > longest_tenant || !converts_to_utf8(tenant.bytes, tenant.length)) {
            tenant = Tenant{};
        }
        break;
    }
    case TenantType::None:
        break;
    }
    return tenant;
}

Size format_tenant(const Tenant& tenant, char* to) {
    switch (tenant.type) {
    case TenantType::Uuid:
        return static_cast<Size>(value::format_uuid(to, tenant.bytes) - to);
    case TenantType::Text:
        std::memcpy(to, tenant.bytes, tenant.length);
        return tenant.length;
    default:
        return static_cast<Size>(wire::format_int64(to, tenant.integer) - to);
    }
}

bool parse_uuid(std::string_view text, char* bytes) {
    int digits = 0;
    unsigned byte = 0;
    for (const char letter : text) {
        if (letter == '-') {
            if (digits % 2 != 0) {
                return false;
            }
            continue;
        }
        unsigned nibble = 0;
        if (letter >= '0' && letter <= '9') {
            nibble = static_cast<unsigned>(letter - '0');
        } else if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f') {
            nibble = static_cast<unsigned>((letter | 0x20) - 'a' + 10);
        } else {
            return false;
        }
        if (digits == 32) {
            return false;
        }
        byte = byte << 4 | nibble;
        if (++digits % 2 == 0) {
            bytes[digits / 2 - 1] = static_cast<char>(byte);
            byte = 0;
        }
    }
    return digits == 32;
}

void TenantFilter::add(std::string_view item) {
    texts_.emplace_back(item);
    std::int64_t integer = 0;
    const auto parsed = std::from_chars(item.data(), item.data() + item.size(), integer);
    if (parsed.ec == std::errc() && parsed.ptr == item.data() + item.size()) {
        integers_.insert(integer);
    }
    char bytes[UUID_LEN];
    if (parse_uuid(item, bytes)) {
        Uuid uuid{};
        std::memcpy(&uuid, bytes, sizeof uuid);
        insert_uuid(uuid);
    } else if (first_not_uuid_.empty()) {
        first_not_uuid_ = item;
    }
}

void TenantFilter::finish() {
    std::sort(texts_.begin(), texts_.end());
}

void TenantFilter::insert_uuid(Uuid uuid) {
    if ((uuid_count_ + 1) * 2 > uuid_slots_.size()) {
        const std::vector<Uuid> slots = std::move(uuid_slots_);
        const std::vector<bool> used = std::move(uuid_used_);
        uuid_slots_.assign(slots.empty() ? 16 : slots.size() * 2, Uuid{});
        uuid_used_.assign(uuid_slots_.size(), false);
        uuid_count_ = 0;
        for (std::size_t index = 0; index < slots.size(); ++index) {
            if (used[index]) {
                insert_uuid(slots[index]);
            }
        }
    }
    const std::size_t mask = uuid_slots_.size() - 1;
    for (std::size_t slot = hash(uuid) & mask;; slot = (slot + 1) & mask) {
        if (!uuid_used_[slot]) {
            uuid_slots_[slot] = uuid;
            uuid_used_[slot] = true;
            uuid_count_ += 1;
            return;
        }
        if (uuid_slots_[slot].high == uuid.high && uuid_slots_[slot].low == uuid.low) {
            return;
        }
    }
}

bool TenantFilter::passes_uuid(const char* bytes) const {
    if (uuid_count_ == 0) {
        return false;
    }
    Uuid uuid{};
    std::memcpy(&uuid, bytes, sizeof uuid);
    const std::size_t mask = uuid_slots_.size() - 1;
    for (std::size_t slot = hash(uuid) & mask; uuid_used_[slot]; slot = (slot + 1) & mask) {
        if (uuid_slots_[slot].high == uuid.high && uuid_slots_[slot].low == uuid.low) {
            return true;
        }
    }
    return false;
}

bool TenantFilter::passes(const Tenant& tenant) const {
    switch (tenant.type) {
    case TenantType::Uuid:
        return passes_uuid(tenant.bytes);
    case TenantType::Text:
        return std::binary_search(texts_.begin(), texts_.end(), std::string_view(tenant.bytes, tenant.length),
                                  std::less<>());
    case TenantType::None:
        return false;
    default:
        return integers_.find(tenant.integer) != integers_.end();
    }
}

} // namespace pg
