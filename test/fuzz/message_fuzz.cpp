// Templates and values that tenants write: a message is bounded, whatever they are.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "alert/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    alert::MessageContext context;
    context.rule_name = text.substr(0, size / 2);
    context.metric = "error_rate";
    context.has_value = true;
    context.value = static_cast<double>(size) / 100;
    if (alert::render(text, context).size() > alert::longest_message ||
        alert::default_message(context).size() > alert::longest_message) {
        std::abort();
    }
    (void)alert::template_error(text);
    return 0;
}
