// A whole session: whatever a client sends, on any number of channels, while changes go by. Lines of the input are frames;
// the first letter says of which kind.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

#include "hub/session.hpp"
#include "protocol/message.hpp"

namespace {

class World final : public hub::Directory,
                    public hub::Catalog,
                    public hub::Gatekeeper,
                    public hub::Clock,
                    public hub::Connection {
  public:
    double time = 1000;
    std::deque<std::function<void()>> later;
    bool closed = false;

    double now() const override { return time; }
    double unix_now() const override { return time; }
    void look_up_tenants(const std::string&,
                         std::function<void(std::optional<hub::TenantsAnswer>)> done) override {
        later.push_back([done = std::move(done)] {
            done(hub::TenantsAnswer{{"t"}, *stream::Snapshot::read("1:1:")});
        });
    }
    void describe_tables(std::function<void(std::optional<hub::Tables>)> done) override {
        later.push_back([done = std::move(done)] {
            hub::Tables tables;
            tables[{"public", "orders"}] = {wire::Access::Tenant,
                                            {{"id", "int8", true}, {"status", "text", false}}};
            done(std::move(tables));
        });
    }
    std::variant<hub::IdentityPointer, hub::Denial> identify(std::string_view token) override {
        if (token == "bad") {
            return hub::Denial{"MalformedJWT", "no token"};
        }
        auto identity = std::make_shared<hub::Identity>();
        identity->subject = token.substr(0, 4);
        identity->expires_at = 2000;
        return identity;
    }
    void send(const hub::FramePointer&) override {}
    void close(std::uint16_t, std::string_view) override { closed = true; }
    std::size_t queued_bytes() const override { return 0; }

    void go_on() {
        while (!later.empty()) {
            auto next = std::move(later.front());
            later.pop_front();
            next();
        }
    }
};

stream::Change change_at(std::uint64_t lsn) {
    static const std::string row = R"({"id":1,"status":"new"})";
    static const auto relation = [] {
        auto made = std::make_shared<stream::Relation>();
        made->id = 7;
        made->access = wire::Access::Tenant;
        made->schema = "public";
        made->table = "orders";
        made->columns = {{"id", "int8", true}, {"status", "text", false}};
        made->columns_json = "[]";
        return made;
    }();
    static const auto block = std::make_shared<stream::Block>(nullptr, row, [](void*) {});
    stream::Change change;
    change.cursor = {lsn, 1};
    change.relation = relation;
    change.tenant = "t";
    change.record = block->view();
    change.block = block;
    return change;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    World world;
    hub::Hub hub(world, world, world, world, {300, 1 << 20});
    hub.on_stream_start(10, 10, false);
    hub.on_progress(10);
    world.go_on();
    const auto version =
        !input.empty() && input.front() == '1' ? protocol::Version::One : protocol::Version::Two;
    std::uint64_t lsn = 100;
    {
        hub::Session session(hub, world, version, "user");
        while (!input.empty() && !world.closed) {
            const std::size_t end = std::min(input.find('\n'), input.size());
            const std::string_view line = input.substr(0, end);
            input.remove_prefix(std::min(end + 1, input.size()));
            switch (line.empty() ? '.' : line.front()) {
            case 'b':
                session.on_binary(line.substr(1));
                break;
            case 'c':
                hub.on_change(change_at(++lsn));
                hub.on_commit(1, {lsn, 0}, lsn + 1);
                lsn += 8;
                break;
            case 't':
                world.time += 400;
                hub.tick();
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
    if (hub.router.shape_count() != 0 || hub.topics.size() != 0 || hub.people.size() != 0) {
        __builtin_trap(); // a session that is gone leaves nothing behind
    }
    return 0;
}
