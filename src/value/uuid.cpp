#include "value/uuid.hpp"

namespace value {

char* format_uuid(char* to, const char* bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    for (int index = 0; index < 16; ++index) {
        if (index == 4 || index == 6 || index == 8 || index == 10) {
            *to++ = '-';
        }
        const auto byte = static_cast<unsigned char>(bytes[index]);
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 0xf];
    }
    return to;
}

} // namespace value
