// Is it JSON? For documents of strangers that are passed on as they are.
#pragma once

#include <string_view>

namespace wire {

// Deeper documents are refused, so that no reader behind us has to recurse further than this.
constexpr int deepest_json = 512;

// Whether `text` is exactly one JSON document (RFC 8259) in valid UTF-8, with white space around it allowed. Needs no
// memory that grows with the input and never recurses.
bool is_json(std::string_view text);

} // namespace wire
