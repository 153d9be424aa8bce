// Which name was meant by one that does not exist.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace protocol {

// The name that differs least from `text`, in letters of either case that are missing, too many, others or in the wrong order;
// empty when none is near: then a name shares too little with the text to be what was meant. The first one of several.
std::string_view nearest(std::string_view text, std::span<const std::string_view> names);

// For the end of a message: `; did you mean "INSERT"?`, or which names there are when none is near: `; there are INSERT, UPDATE`.
std::string suggestion(std::string_view text, std::span<const std::string_view> names);

} // namespace protocol
