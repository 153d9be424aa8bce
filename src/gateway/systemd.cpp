#include "gateway/systemd.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace gateway {

void notify_systemd(const char* state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path) ||
        (path[0] != '/' && path[0] != '@')) {
        return;
    }
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket >= 0) {
        sendto(socket, state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path)));
        ::close(socket);
    }
}

Watchdog::Watchdog() {
    constexpr double microseconds = 1e6;
    const char* limit = std::getenv("WATCHDOG_USEC");
    const char* process = std::getenv("WATCHDOG_PID");
    if (limit != nullptr && (process == nullptr || std::atol(process) == getpid())) {
        interval_ = std::strtod(limit, nullptr) / microseconds / 2; // as the manual recommends
    }
}

void Watchdog::tick(double now) {
    if (interval_ > 0 && now - last_ >= interval_) {
        last_ = now;
        notify_systemd("WATCHDOG=1");
    }
}

} // namespace gateway
