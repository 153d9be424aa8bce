// Rows as JSON text, taken apart without building anything: one pass over the bytes.
//
// The rows come from our own output plugin. Bytes that are no row never lead outside of them; they only find nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wire/byte_buffer.hpp"

namespace protocol {

// The values of the wanted members of an object, as they stand in its text; the views of those it does not have stay as they
// are. Names are JSON strings with their quotes, as the row writes them.
void find_members(std::string_view object, std::span<const std::string> names,
                  std::span<std::string_view> values);

// Appends the object with only the wanted members, in the order of the object.
void write_members(wire::ByteBuffer& out, std::string_view object, std::span<const std::string> names);

// Appends an array of strings with only the wanted ones, in the order of the array; nothing when there are none.
void write_elements(wire::ByteBuffer& out, std::string_view array, std::span<const std::string> names);

// A name as find_members() takes it.
std::string member_name(std::string_view name);

// The text of a JSON string; empty when it is none.
std::optional<std::string> string_content(std::string_view json);

} // namespace protocol
