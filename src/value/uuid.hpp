// A uuid as text.
#pragma once

namespace value {

// 16 bytes to the 36 characters of RFC 9562 section 4, lower case, without quotes or terminator; returns the end.
char* format_uuid(char* to, const char* bytes);

} // namespace value
