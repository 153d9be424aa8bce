// One client that means no good: what bench/hostile measures the others beside. It connects again when it is thrown out.
//
// usage: hostile_client --port P --kind KIND --token TOKEN [--table NAME]
//
// deaf       subscribes to every change and takes nothing
// flood      sends heartbeats as fast as the gateway takes them
// garbage    sends random bytes as HTTP, as WebSocket frames, as messages and as joins
// patterns   ten sockets with 475 bindings each, whose filters match a pattern against a column of table NAME
// presence   two sockets on one topic, one of which tracks 30 kB again and again
// dashboard  asks for /dashboard/script.js again and again, over twenty connections
// snapshots  sixty connections ask for the snapshot of table NAME and take nothing
// calls      twenty connections call process_batch with one batch id, which bench/hostile holds locked
//
// TOKEN is the one that a client of the kind would have. Ends with a signal, after a line with what it did.
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
#include <deque>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client_frame.hpp"

namespace {

volatile std::sig_atomic_t ends = 0;

class Attacker {
  public:
    Attacker(int port, std::string token) : port_(port), token_(std::move(token)) {}
    ~Attacker() { close(socket_); }
    Attacker(const Attacker&) = delete;
    Attacker& operator=(const Attacker&) = delete;

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

// False when the gateway is away.
bool connect_all(std::deque<Attacker>& attackers) {
    for (Attacker& attacker : attackers) {
        if (!attacker.connect()) {
            return false;
        }
    }
    return true;
}

// Takes what comes until a socket is closed or the process ends.
void read_all(std::deque<Attacker>& attackers) {
    while (ends == 0) {
        for (Attacker& attacker : attackers) {
            if (!attacker.drain()) {
                return;
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

// RE2 needs time in proportion to the text for such a pattern, and each is another one.
void match_patterns(std::deque<Attacker>& attackers, const std::string& table) {
    constexpr int bindings = 475;
    int number = 0;
    for (Attacker& attacker : attackers) {
        std::string join = R"(["1","1","realtime:patterns","phx_join",{"config":{"postgres_changes":[)";
        for (int binding = 0; binding < bindings; ++binding) {
            join += (binding == 0 ? "" : ",") + std::string(R"({"event":"*","schema":"public","table":")") +
                    table + R"(","filter":"text=match.(x.*){3}y)" + std::to_string(++number) + "\"}";
        }
        join += "]}}]";
        if (!attacker.send(attacker.upgrade() + client_frame(0x81, join), true)) {
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    read_all(attackers);
}

void track_presence(std::deque<Attacker>& attackers) {
    for (Attacker& attacker : attackers) {
        attacker.send(
            attacker.upgrade() +
                client_frame(
                    0x81,
                    R"(["1","1","realtime:presence","phx_join",{"config":{"presence":{"enabled":true}}}])"),
            true);
    }
    const std::string track =
        R"(["1","2","realtime:presence","presence",{"type":"presence","event":"track","payload":{"a":")";
    for (int round = 0; ends == 0; ++round) {
        const std::string text(30000, static_cast<char>('a' + round % 26));
        for (Attacker& attacker : attackers) {
            if (!attacker.drain() || (&attacker == &attackers.front() &&
                                      !attacker.send(client_frame(0x81, track + text + "\"}}]"), true))) {
                return;
            }
        }
    }
}

std::string request(const std::string& line, const std::string& token, const std::string& body = "") {
    return line +
           " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nContent-Type: "
           "application/json\r\nAuthorization: Bearer " +
           token + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Sends one request over each connection, and again when `again`; with `read` it takes the answers.
void ask(std::deque<Attacker>& attackers, const std::string& bytes, bool again, bool read) {
    for (Attacker& attacker : attackers) {
        attacker.send(bytes, read);
    }
    while (ends == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        for (Attacker& attacker : attackers) {
            if ((read && !attacker.drain()) || (!read && attacker.closed()) ||
                (again && !attacker.send(bytes, read))) {
                attacker.connect();
                attacker.send(bytes, read);
            }
        }
    }
}

bool run(std::string_view kind, std::deque<Attacker>& attackers, const std::string& token,
         const std::string& table, std::mt19937& random) {
    if (kind == "deaf") {
        be_deaf(attackers.front());
    } else if (kind == "flood") {
        flood(attackers.front());
    } else if (kind == "garbage") {
        send_garbage(attackers.front(), random);
    } else if (kind == "patterns") {
        match_patterns(attackers, table);
    } else if (kind == "presence") {
        track_presence(attackers);
    } else if (kind == "dashboard") {
        ask(attackers, request("GET /dashboard/script.js", token), true, true);
    } else if (kind == "snapshots") {
        ask(attackers, request("GET /realtime/v1/snapshot?table=" + table, token), false, false);
    } else if (kind == "calls") {
        const std::string body =
            R"({"tenantId":"00000000-0000-4000-8000-000000000000","batchId":"held","items":[{"type":"sync","data":{}}]})";
        ask(attackers,
            request("POST /functions/v1/widget-realtime-enhanced?action=process_batch", token, body), false,
            true);
    } else {
        return false;
    }
    return true;
}

std::size_t sockets_of(std::string_view kind) {
    return kind == "patterns"                       ? 10
           : kind == "presence"                     ? 2
           : kind == "snapshots"                    ? 60
           : kind == "dashboard" || kind == "calls" ? 20
                                                    : 1;
}

} // namespace

int main(int argc, char** argv) {
    int port = 0;
    std::string kind, token, table = "events";
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view name = argv[at];
        if (name == "--port") {
            port = std::atoi(argv[at + 1]);
        } else if (name == "--kind") {
            kind = argv[at + 1];
        } else if (name == "--token") {
            token = argv[at + 1];
        } else if (name == "--table") {
            table = argv[at + 1];
        }
    }
    for (const int number : {SIGTERM, SIGINT}) {
        std::signal(number, [](int) { ends = 1; });
    }
    std::deque<Attacker> attackers;
    for (std::size_t count = 0; count < sockets_of(kind); ++count) {
        attackers.emplace_back(port, token);
    }
    std::mt19937 random(1);
    while (ends == 0) {
        if (!connect_all(attackers)) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            continue;
        }
        // A network away: without it the kernel's work for both ends of a connection would be what is measured.
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (!run(kind, attackers, token, table, random)) {
            std::cerr << "hostile_client: see the head of its source\n";
            return 2;
        }
    }
    std::uint64_t connects = 0, sent = 0;
    for (const Attacker& attacker : attackers) {
        connects += attacker.connects_;
        sent += attacker.sent_;
    }
    std::cout << connects << " connections, " << sent << " bytes sent\n";
    return 0;
}
