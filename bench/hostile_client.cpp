// One client that means no good: what bench/hostile measures the others beside. It begins again whenever it is thrown out.
//
// usage: hostile_client --port P --kind deaf|flood|garbage --token TOKEN
//
// deaf: subscribes to every change and takes nothing. flood: sends heartbeats as fast as they are taken. garbage: random bytes
// as HTTP, as WebSocket frames, as messages and as joins. Ends with a signal, after a line with what it did.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "client_frame.hpp"

namespace {

volatile std::sig_atomic_t ends = 0;

class Attacker {
  public:
    Attacker(int port, std::string token) : port_(port), token_(std::move(token)) {}
    ~Attacker() { close(socket_); }

    // False when the server is not there any more.
    bool connect() {
        close(socket_);
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port_));
        // Not from where the others come: the gateway may tell them apart.
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
        bind(socket_, reinterpret_cast<sockaddr*>(&own), sizeof(own));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
            return false;
        }
        fcntl(socket_, F_SETFL, O_NONBLOCK);
        ++connects_;
        return true;
    }

    // False when the server has closed.
    bool send(std::string_view bytes, bool read_answers) {
        while (!bytes.empty() && ends == 0) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                bytes.remove_prefix(static_cast<std::size_t>(sent));
                sent_ += static_cast<std::uint64_t>(sent);
                continue;
            }
            if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                return false;
            }
            pollfd ready{socket_, static_cast<short>(POLLOUT | (read_answers ? POLLIN : 0)), 0};
            poll(&ready, 1, 100);
            if (read_answers && !drain()) {
                return false;
            }
        }
        return !read_answers || drain();
    }

    // Takes what has come; false when the server has closed.
    bool drain() {
        static char buffer[1 << 16];
        for (;;) {
            const ssize_t size = recv(socket_, buffer, sizeof(buffer), 0);
            if (size > 0) {
                continue;
            }
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        }
    }

    // Until the server has closed, or for a while.
    void wait_for_close(int milliseconds) {
        pollfd ready{socket_, POLLIN, 0};
        if (poll(&ready, 1, milliseconds) > 0) {
            drain();
        }
    }

    std::string upgrade() const {
        return "GET /realtime/v1/websocket?vsn=2.0.0&apikey=" + token_ +
               " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    }

    // Whether the other side has closed, without taking anything.
    bool closed() const {
        pollfd ready{socket_, 0, 0};
        return poll(&ready, 1, 0) > 0 && (ready.revents & (POLLHUP | POLLERR)) != 0;
    }

    std::uint64_t connects_ = 0, sent_ = 0;

  private:
    int port_, socket_ = -1;
    std::string token_;
};

void be_deaf(Attacker& attacker) {
    attacker.send(attacker.upgrade() +
                      client_frame(0x81,
                                   R"(["1","1","realtime:deaf","phx_join",{"config":{"postgres_changes":)"
                                   R"([{"event":"*","schema":"public","table":"events"}]}}])"),
                  false);
    while (ends == 0 && !attacker.closed()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        attacker.send(client_frame(0x81, R"([null,"9","phoenix","heartbeat",{}])"), false);
    }
}

void flood(Attacker& attacker) {
    std::string many;
    for (int count = 0; count < 500; ++count) {
        many += client_frame(0x81, R"([null,"9","phoenix","heartbeat",{}])");
    }
    attacker.send(attacker.upgrade(), true);
    while (ends == 0 && attacker.send(many, true)) {
    }
}

void send_garbage(Attacker& attacker, std::mt19937& random) {
    std::string bytes(random() % 4000, '\0');
    for (char& letter : bytes) {
        letter = static_cast<char>(random());
    }
    switch (random() % 5) {
    case 0:
        attacker.send(bytes, true);
        break;
    case 1:
        attacker.send("GET /" + bytes + " HTTP/1.1\r\n\r\n", true);
        break;
    case 2:
        attacker.send(attacker.upgrade() + bytes, true);
        break;
    case 3:
        attacker.send(attacker.upgrade(), true);
        for (int count = 0; count < 100; ++count) {
            if (!attacker.send(client_frame(0x81, "[\"1\",\"1\",\"realtime:x\",\"phx_join\",{\"config\":" +
                                                      std::string(count % 50, '[') + "}]"),
                               true)) {
                return;
            }
        }
        break;
    default:
        attacker.send(attacker.upgrade(), true);
        for (int count = 0; count < 100; ++count) {
            if (!attacker.send(client_frame(0x82, bytes.substr(0, 200)), true)) {
                return;
            }
        }
    }
    attacker.wait_for_close(50);
}

} // namespace

int main(int argc, char** argv) {
    int port = 0;
    std::string kind, token;
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view name = argv[at];
        if (name == "--port") {
            port = std::atoi(argv[at + 1]);
        } else if (name == "--kind") {
            kind = argv[at + 1];
        } else if (name == "--token") {
            token = argv[at + 1];
        }
    }
    if (port == 0 || (kind != "deaf" && kind != "flood" && kind != "garbage")) {
        std::cerr << "hostile_client: see the head of its source\n";
        return 2;
    }
    for (const int number : {SIGTERM, SIGINT}) {
        std::signal(number, [](int) { ends = 1; });
    }
    Attacker attacker(port, token);
    std::mt19937 random(1);
    while (ends == 0) {
        if (!attacker.connect()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        // A network away: without it the kernel's work for both ends of a connection would be what is measured.
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (kind == "deaf") {
            be_deaf(attacker);
        } else if (kind == "flood") {
            flood(attacker);
        } else {
            send_garbage(attacker, random);
        }
    }
    std::cout << attacker.connects_ << " connections, " << attacker.sent_ << " bytes sent\n";
    return 0;
}
