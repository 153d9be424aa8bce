// A stored numeric against any bytes: a JSON number or string, wire::Error, or the limit of the output; nothing else.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "value/numeric.hpp"
#include "wire/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::unique_ptr<char[]> bytes(new char[size]);
    if (size > 0) {
        std::memcpy(bytes.get(), data, size);
    }
    wire::ByteBuffer out(16 * 1024); // most headers promise far more digits than are worth the time
    try {
        value::write_numeric(out, bytes.get(), size);
        const std::string_view text = out.view();
        const bool digits = !text.empty() && text.find_first_not_of("-.0123456789") == std::string_view::npos;
        if (!digits && text != "\"NaN\"" && text != "\"Infinity\"" && text != "\"-Infinity\"") {
            std::abort();
        }
    } catch (const wire::Error&) {         // NOLINT(bugprone-empty-catch)
    } catch (const wire::LimitExceeded&) { // NOLINT(bugprone-empty-catch)
    }
    return 0;
}
