// Many WebSocket clients in one process: what bench/fanout and bench/changes measure with. One thread that receives by io_uring,
// so that it costs little beside the server that it looks at.
//
// usage: websocket_client --port P --sockets N --seconds S --mode fanout|changes|idle [--window W] [--protocol P] [--tokens FILE] [--windows]
//
// fanout: socket 0 sends messages of 512 bytes to all, W at once; the next one when all have come everywhere.
// changes: each socket joins a channel with postgres_changes on table events under its token (a line of FILE); rows carry the
//          time at which they were written. idle: sockets join a channel and wait; a line is read from standard input to end.
// --protocol: phoenix (ours), plain (WebSocket messages without a protocol of their own, for the peers) or nats (the TCP
//          protocol of nats-server).
// --windows: measures again for each line that is read from standard input, over the same sockets.
// Prints one line: deliveries, seconds, p50, p99 and longest latency in milliseconds.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "client_frame.hpp"
#include "receiver.hpp"

namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

[[noreturn]] void fail(const std::string& what) {
    std::cerr << "websocket_client: " << what << ": " << std::strerror(errno) << '\n';
    std::exit(1);
}

constexpr std::size_t shortest_delivery = 300; // bytes

struct Client {
    int socket = -1;
    std::string in;
    bool open = false, live = false;
    bool samples = true; // looks at the time of what it gets
};

struct Options {
    int port = 0, sockets = 1, window = 1;
    double seconds = 4;
    bool windows = false;
    std::string mode = "fanout", tokens, protocol = "phoenix";
};

void send_all(int socket, std::string_view bytes) {
    if (send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
        fail("send");
    }
}

class Run {
  public:
    explicit Run(const Options& options) : options_(options) {
        if (!options.tokens.empty()) {
            std::ifstream file(options.tokens);
            for (std::string line; std::getline(file, line);) {
                tokens_.push_back(line);
            }
        }
        if (tokens_.empty()) {
            tokens_.emplace_back();
        }
        clients_.resize(static_cast<std::size_t>(options.sockets));
        for (std::size_t index = 0; index < clients_.size(); ++index) {
            connect_one(index);
            wait(0);
        }
        while (live_ < clients_.size()) {
            wait(100);
        }
    }

    void idle() {
        std::cout << "idle " << clients_.size() << std::endl;
        std::string line;
        std::getline(std::cin, line);
    }

    void measure_windows() {
        for (std::string line; std::getline(std::cin, line);) {
            for (const Client& client : clients_) {
                send_all(client.socket, client_frame(0x81, R"([null,"9","phoenix","heartbeat",{}])"));
            }
            deliveries_ = 0;
            latencies_.clear();
            measure();
            measuring_ = false;
        }
    }

    void measure() {
        if (options_.mode == "fanout") {
            next_round();
        }
        for (const double warm_until = now() + 1; now() < warm_until;) {
            wait(100);
        }
        measuring_ = true;
        for (const double end = now() + options_.seconds; now() < end;) {
            wait(100);
        }
        std::sort(latencies_.begin(), latencies_.end());
        const auto at = [&](double share) {
            return latencies_.empty() ? 0.0
                                      : latencies_[static_cast<std::size_t>(
                                            share * static_cast<double>(latencies_.size() - 1))] *
                                            1000;
        };
        std::printf("%zu %.3f %.3f %.3f %.3f\n", deliveries_, options_.seconds, at(0.5), at(0.99), at(1));
        std::fflush(stdout);
    }

  private:
    void connect_one(std::size_t index) {
        Client& client = clients_[index];
        client.samples = options_.mode != "fanout" || index % 16 == 0;
        client.socket = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
        // The ports of one address are not enough for many sockets.
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (client.socket < 0 ||
            connect(client.socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
            fail("connect");
        }
        const int on = 1;
        setsockopt(client.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (options_.protocol == "nats") {
            client.open = true;
            send_all(client.socket, "CONNECT {\"verbose\":false}\r\nSUB bench 1\r\nPING\r\n");
        } else {
            send_all(client.socket,
                     "GET /realtime/v1/websocket?vsn=2.0.0&apikey=" + tokens_[index % tokens_.size()] +
                         " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        }
        receiver_.add(index, client.socket);
    }

    void wait(int milliseconds) {
        receiver_.wait(milliseconds,
                       [&](std::size_t index, std::string_view bytes) { read(clients_[index], bytes); });
    }

    void read(Client& client, std::string_view bytes) {
        // What is complete is looked at where it came; only what is not is kept.
        const bool kept = !client.in.empty();
        if (kept) {
            client.in.append(bytes);
        }
        std::string_view rest = kept ? std::string_view(client.in) : bytes;
        if (!client.open) {
            const std::size_t end = rest.find("\r\n\r\n");
            if (end == std::string_view::npos) {
                client.in = std::string(rest);
                return;
            }
            if (!rest.starts_with("HTTP/1.1 101")) {
                fail("no WebSocket: " + std::string(rest.substr(0, 200)));
            }
            rest.remove_prefix(end + 4);
            client.open = true;
            join(client);
        }
        if (options_.protocol == "nats") {
            read_nats(client, rest);
        } else {
            read_frames(client, rest);
        }
        if (kept || !rest.empty()) {
            client.in = std::string(rest);
        }
    }

    void read_frames(Client& client, std::string_view& rest) {
        while (rest.size() >= 2) {
            std::size_t length = static_cast<unsigned char>(rest[1]), head = 2;
            if (length == 126 && rest.size() >= 4) {
                length = static_cast<std::size_t>(static_cast<unsigned char>(rest[2])) << 8 |
                         static_cast<unsigned char>(rest[3]);
                head = 4;
            } else if (length == 126 || length == 127) {
                if (rest.size() < 10 || length == 126) {
                    break;
                }
                length = 0;
                for (int byte = 2; byte < 10; ++byte) {
                    length = length << 8 | static_cast<unsigned char>(rest[static_cast<std::size_t>(byte)]);
                }
                head = 10;
            }
            if (rest.size() < head + length) {
                break;
            }
            constexpr unsigned char pong = 0x8a;
            if (static_cast<unsigned char>(rest[0]) == pong) {
                client.live = true;
                ++live_;
            } else {
                on_message(client, rest.substr(head, length));
            }
            rest.remove_prefix(head + length);
        }
    }

    // MSG subject sid size, PING and PONG; INFO comes first.
    void read_nats(Client& client, std::string_view& rest) {
        for (std::size_t end; (end = rest.find("\r\n")) != std::string_view::npos;) {
            const std::string_view line = rest.substr(0, end);
            if (line.starts_with("MSG ")) {
                const auto size = static_cast<std::size_t>(std::atol(line.data() + line.rfind(' ')));
                if (rest.size() < end + 2 + size + 2) {
                    return;
                }
                on_message(client, rest.substr(end + 2, size));
                rest.remove_prefix(end + 2 + size + 2);
                continue;
            }
            if (line == "PING") {
                send_all(client.socket, "PONG\r\n");
            } else if (line == "PONG") {
                client.live = true;
                ++live_;
            } else if (line.starts_with("-ERR")) {
                fail(std::string(line));
            }
            rest.remove_prefix(end + 2);
        }
    }

    void join(Client& client) {
        if (options_.protocol == "plain") {
            // One exchange as with the others: the kernel acknowledges differently where nothing was said before.
            send_all(client.socket, client_frame(0x89, {})); // a ping
            return;
        }
        const std::string config =
            options_.mode == "changes"
                ? R"({"config":{"postgres_changes":[{"event":"INSERT","schema":"public","table":"events"}]}})"
                : R"({"config":{"broadcast":{"self":true}}})";
        send_all(client.socket,
                 client_frame(0x81, R"(["1","1","realtime:bench","phx_join",)" + config + "]"));
    }

    void on_message(Client& client, std::string_view message) {
        if (!client.live) {
            const bool done = options_.mode == "changes"
                                  ? message.find("Subscribed to PostgreSQL") != std::string_view::npos
                                  : message.find("phx_reply") != std::string_view::npos;
            if (message.find(R"("status":"error")") != std::string_view::npos) {
                fail("refused: " + std::string(message.substr(0, 300)));
            }
            client.live = done;
            live_ += done ? 1 : 0;
            return;
        }
        // Nothing else is as long as a message. Its time is looked at by some, or the client would be what is measured.
        if (message.size() < shortest_delivery) {
            return;
        }
        deliveries_ += measuring_ ? 1 : 0;
        if (measuring_ && client.samples) {
            const std::size_t place = message.find("\"sent\":");
            if (place != std::string_view::npos) {
                latencies_.push_back(
                    static_cast<float>(now() - std::strtod(message.data() + place + 7, nullptr)));
            }
        }
        if (options_.mode == "fanout" &&
            ++received_ == clients_.size() * static_cast<std::size_t>(options_.window)) {
            next_round();
        }
    }

    void next_round() {
        received_ = 0;
        static const std::string padding(400, 'x');
        for (int index = 0; index < options_.window; ++index) {
            char text[640];
            std::snprintf(
                text, sizeof(text),
                R"(["1","2","realtime:bench","broadcast",{"type":"broadcast","event":"e","payload":{"sent":%.6f,"pad":"%s"}}])",
                now(), padding.c_str());
            send_all(clients_[0].socket,
                     options_.protocol == "nats"
                         ? "PUB bench " + std::to_string(std::strlen(text)) + "\r\n" + text + "\r\n"
                         : client_frame(0x81, text));
        }
    }

    Options options_;
    Receiver receiver_;
    std::vector<Client> clients_;
    std::vector<std::string> tokens_;
    std::size_t live_ = 0, received_ = 0, deliveries_ = 0;
    bool measuring_ = false;
    std::vector<float> latencies_;
};

} // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at < argc; ++at) {
        const std::string_view name = argv[at];
        if (name == "--windows") {
            options.windows = true;
            continue;
        }
        const char* value = at + 1 < argc ? argv[++at] : "";
        if (name == "--port") {
            options.port = std::atoi(value);
        } else if (name == "--sockets") {
            options.sockets = std::atoi(value);
        } else if (name == "--window") {
            options.window = std::atoi(value);
        } else if (name == "--seconds") {
            options.seconds = std::atof(value);
        } else if (name == "--mode") {
            options.mode = value;
        } else if (name == "--tokens") {
            options.tokens = value;
        } else if (name == "--protocol") {
            options.protocol = value;
        } else {
            std::cerr << "websocket_client: unknown option " << name << '\n';
            return 2;
        }
    }
    rlimit limit{65536, 65536};
    setrlimit(RLIMIT_NOFILE, &limit);
    try {
        Run run(options);
        if (options.mode == "idle") {
            run.idle();
        } else if (options.windows) {
            run.measure_windows();
        } else {
            run.measure();
        }
    } catch (const std::exception& error) {
        std::cerr << "websocket_client: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
