// Text and binary frames of strangers: nothing crashes, and what is passed on to others is JSON.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "protocol/join.hpp"
#include "protocol/message.hpp"
#include "protocol/reply.hpp"
#include "wire/json_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view frame(reinterpret_cast<const char*>(data), size);
    static protocol::Decoder decoder;
    for (const protocol::Version version : {protocol::Version::One, protocol::Version::Two}) {
        protocol::ClientMessage message;
        if (!decoder.decode(version, frame, message)) {
            continue;
        }
        if (!wire::is_json(message.payload)) {
            std::abort();
        }
        wire::ByteBuffer out(1 << 26);
        protocol::write_reply(out, version, message.join_ref, message.ref, message.topic, true);
        if (!wire::is_json(out.view())) {
            std::abort();
        }
        std::string error;
        const auto join = protocol::read_join(message.payload, error);
        if (join) {
            const std::vector<std::uint32_t> ids(join->bindings.size(), 7);
            out.clear();
            protocol::write_join_reply(out, version, message.join_ref, message.ref, message.topic,
                                       join->bindings, ids);
            if (!wire::is_json(out.view())) {
                std::abort();
            }
        } else if (error.empty()) {
            std::abort();
        }
    }
    protocol::BroadcastPush push;
    std::string error;
    if (protocol::decode_broadcast_push(frame, push, error) && push.is_json && !wire::is_json(push.payload)) {
        std::abort();
    }
    return 0;
}
