// libwebsockets on a libuv loop: sends what one client sends to all. A message is kept once; each socket has its place among
// the kept ones, and writes as many as its kernel takes whenever the library says that it may.
#include <libwebsockets.h>
#include <uv.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kept = 4096;

struct Place {
    std::uint64_t next;
};

std::array<std::string, kept> messages; // each behind the room that the library wants for its header
std::uint64_t head = 0;
std::string incoming;

int on_event(lws* socket, lws_callback_reasons reason, void* user, void* bytes, std::size_t size) {
    auto* place = static_cast<Place*>(user);
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        place->next = head;
        return 0;
    case LWS_CALLBACK_RECEIVE:
        incoming.append(static_cast<const char*>(bytes), size);
        if (lws_is_final_fragment(socket) != 0) {
            messages[head % kept] = std::string(LWS_PRE, '\0') + incoming;
            incoming.clear();
            ++head;
            lws_callback_on_writable_all_protocol(lws_get_context(socket), lws_get_protocol(socket));
        }
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (head - place->next > kept) {
            return -1; // too slow
        }
        while (place->next < head && lws_send_pipe_choked(socket) == 0) {
            std::string& message = messages[place->next % kept];
            ++place->next;
            if (lws_write(socket, reinterpret_cast<unsigned char*>(message.data()) + LWS_PRE,
                          message.size() - LWS_PRE, LWS_WRITE_TEXT) < 0) {
                return -1;
            }
        }
        if (place->next < head) {
            lws_callback_on_writable(socket);
        }
        return 0;
    default:
        return 0;
    }
}

} // namespace

int main(int, char** arguments) {
    lws_set_log_level(LLL_ERR, nullptr);
    const lws_protocols protocols[] = {{"all", on_event, sizeof(Place), 64 * 1024, 0, nullptr, 0},
                                       {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
    lws_context_creation_info info{};
    info.port = std::atoi(arguments[1]);
    info.iface = "lo";
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_LIBUV;
    void* loop = uv_default_loop();
    info.foreign_loops = &loop;
    info.fd_limit_per_thread = 60000;
    info.pt_serv_buf_size = 64 * 1024;
    lws_context* context = lws_create_context(&info);
    if (context == nullptr) {
        return 1;
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return 0;
}
