// Changes as a walsender would send them, for tests of the gateway's rooms.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "stream/assembler.hpp"
#include "stream/history.hpp"
#include "wire/byte_buffer.hpp"

namespace made {

inline std::shared_ptr<const stream::Block> block(std::string_view bytes) {
    auto* memory = static_cast<char*>(std::malloc(bytes.size() + 1));
    if (!bytes.empty()) {
        std::memcpy(memory, bytes.data(), bytes.size());
    }
    return std::make_shared<stream::Block>(memory, std::string_view(memory, bytes.size()), std::free);
}

inline std::shared_ptr<const stream::Relation> relation(std::uint32_t id, const std::string& table,
                                                        wire::Access access = wire::Access::Tenant) {
    auto made = std::make_shared<stream::Relation>();
    made->id = id;
    made->access = access;
    made->schema = "public";
    made->table = table;
    made->columns = {{"id", "int8", true}, {"status", "text", false}, {"number", "int4", false}};
    made->columns_json = "[]";
    return made;
}

// A change whose texts live in its own block.
inline stream::Change insert(std::shared_ptr<const stream::Relation> relation, protocol::Cursor cursor,
                             const std::string& tenant, const std::string& record) {
    stream::Change change;
    change.block = block(tenant + record);
    change.cursor = cursor;
    change.relation = std::move(relation);
    const std::string_view view = change.block->view();
    change.tenant = view.substr(0, tenant.size());
    change.record = view.substr(tenant.size());
    return change;
}

} // namespace made
