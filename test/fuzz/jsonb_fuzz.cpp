// Stored jsonb against any bytes: a document, wire::Error, or the limit of the output; nothing else, and no read elsewhere.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "value/jsonb.hpp"
#include "wire/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A copy, because a stored value is aligned to four bytes and the fuzzer's need not be.
    const std::unique_ptr<char[]> bytes(new char[size]);
    if (size > 0) {
        std::memcpy(bytes.get(), data, size);
    }
    for (const wire::Charset charset : {wire::Charset::Utf8, wire::Charset::Ascii}) {
        wire::ByteBuffer out(64 * 1024);
        try {
            value::write_jsonb(out, bytes.get(), size, charset);
            for (const char byte : out.view()) {
                // No document of any kind breaks the line it stands on, or leaves ASCII when asked not to.
                const auto code = static_cast<unsigned char>(byte);
                if (code < 0x20 || (charset == wire::Charset::Ascii && code >= 0x80)) {
                    std::abort();
                }
            }
        } catch (const wire::Error&) {         // NOLINT(bugprone-empty-catch)
        } catch (const wire::LimitExceeded&) { // NOLINT(bugprone-empty-catch)
        }
    }
    return 0;
}
