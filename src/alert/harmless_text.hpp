// Text of strangers, fit to be shown in a terminal, a mail header, a chat message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alert {

enum class LineBreaks { Kept, Blank };

// Appends as many whole characters of a text as fit into `limit` bytes of `to`, which stays valid UTF-8. Control characters
// and those that turn the direction of writing become blanks (line feeds and tabs only when told so), and what is no UTF-8
// becomes U+FFFD. False when something did not fit.
bool append_harmless(std::string& to, std::string_view text, LineBreaks line_breaks, std::size_t limit);

} // namespace alert
