// A whole session: whatever a client sends, on any number of channels, while changes go by. Lines of the input are frames;
// the first letter says of which kind.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../unit/hub_world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    static const auto orders = made::relation(7, "orders");
    made::World world;
    made::Wire wire;
    hub::Hub& hub = world.hub;
    hub.on_stream_start(10, 10, false);
    hub.on_progress(10);
    world.go_on();
    const auto version =
        !input.empty() && input.front() == '1' ? protocol::Version::One : protocol::Version::Two;
    std::uint64_t lsn = 100;
    {
        hub::Session session(hub, wire, version, "user");
        while (!input.empty() && !wire.closed) {
            const std::size_t end = std::min(input.find('\n'), input.size());
            const std::string_view line = input.substr(0, end);
            input.remove_prefix(std::min(end + 1, input.size()));
            switch (line.empty() ? '.' : line.front()) {
            case 'b':
                session.on_binary(line.substr(1));
                break;
            case 'c':
                world.insert(++lsn, orders, "t", R"({"id":1,"status":"new"})");
                lsn += 8;
                break;
            case 't':
                world.time += 400;
                hub.tick();
                break;
            case 'e':
                hub.end_turn();
                break;
            case 'g':
                world.go_on();
                hub.continue_replays();
                break;
            default:
                session.on_text(line.empty() ? line : line.substr(1));
            }
        }
        world.go_on();
        hub.tick();
    }
    for (int later = 0; later < 2; ++later) {
        world.go_on();
        world.time += 100; // people are remembered for a while
        hub.tick();
    }
    if (hub.router.shape_count() != 0 || hub.topics.size() != 0 || hub.people.size() != 0) {
        __builtin_trap(); // a session that is gone leaves nothing behind
    }
    return 0;
}
