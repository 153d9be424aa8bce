// How long others wait while bench/hostile misbehaves: asks for /healthz and reports a connection, fifty times a second each.
//
// usage: probe_client --port P --token TOKEN --tenant UUID --seconds S --name NAME
//
// Each report is the first one of a subscription of its own ("NAME 1", "NAME 2" ...) and breaks a rule, so that bench/hostile finds
// in the database how long its alert took. Prints one line: median and p99 of /healthz, of the reports (milliseconds), and how many
// reports the gateway answered with 200.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
    std::cerr << "probe_client: " << what << ": " << std::strerror(errno) << '\n';
    std::exit(1);
}

// A connection that asks one thing after the other. It connects again when the gateway has closed it.
class Connection {
  public:
    explicit Connection(int port) : port_(port) { connect(); }
    ~Connection() { close(socket_); }

    // Milliseconds until the whole answer is there; `status` is its status.
    double ask(const std::string& request, int& status) {
        const auto begin = Clock::now();
        if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) !=
                static_cast<ssize_t>(request.size()) ||
            !receive(status)) {
            connect();
            status = 0;
        }
        return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    }

  private:
    void connect() {
        if (socket_ >= 0) {
            close(socket_);
        }
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port_));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
            fail("connect");
        }
        const int on = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        const timeval longest{30, 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
    }

    // Answers of the gateway to these requests carry a Content-Length.
    bool receive(int& status) {
        std::string answer;
        std::size_t needed = std::string::npos;
        while (needed == std::string::npos || answer.size() < needed) {
            char buffer[4096];
            const ssize_t size = recv(socket_, buffer, sizeof(buffer), 0);
            if (size <= 0) {
                return false;
            }
            answer.append(buffer, static_cast<std::size_t>(size));
            const std::size_t head = answer.find("\r\n\r\n");
            if (needed == std::string::npos && head != std::string::npos) {
                const char* length = strcasestr(answer.c_str(), "\r\ncontent-length:");
                needed = head + 4 + (length == nullptr ? 0 : std::strtoul(length + 17, nullptr, 10));
            }
        }
        status = std::atoi(answer.c_str() + sizeof("HTTP/1.1"));
        return true;
    }

    int port_, socket_ = -1;
};

double quantile(std::vector<double>& values, double share) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

// Calls `once` at a steady rate from a thread of its own, with the number of the call.
template <class Once> std::thread fifty_times_a_second(double seconds, Once once) {
    return std::thread([seconds, once] {
        const auto begin = Clock::now();
        for (int number = 1; number <= static_cast<int>(seconds * 50); ++number) {
            once(number);
            std::this_thread::sleep_until(begin + std::chrono::milliseconds(20) * number);
        }
    });
}

} // namespace

int main(int argc, char** argv) {
    int port = 0;
    double seconds = 3;
    std::string token, tenant, name;
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view option = argv[at];
        const char* value = argv[at + 1];
        if (option == "--port") {
            port = std::atoi(value);
        } else if (option == "--token") {
            token = value;
        } else if (option == "--tenant") {
            tenant = value;
        } else if (option == "--seconds") {
            seconds = std::atof(value);
        } else if (option == "--name") {
            name = value;
        }
    }
    std::vector<double> health, reports;
    int stored = 0;
    Connection first(port), second(port);
    std::thread asking = fifty_times_a_second(seconds, [&](int) {
        int status = 0;
        health.push_back(first.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", status));
    });
    std::thread reporting = fifty_times_a_second(seconds, [&](int number) {
        const std::string body =
            R"({"tenantId":")" + tenant + R"(","connectionId":"probe","subscriptionType":")" + name + " " +
            std::to_string(number) + R"(","metrics":{"messagesReceived":100,"errorCount":90}})";
        int status = 0;
        reports.push_back(second.ask(
            "POST /functions/v1/realtime-metrics-collection?action=collect_metrics HTTP/1.1\r\nHost: x\r\n"
            "Content-Type: application/json\r\nAuthorization: Bearer " +
                token + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
            status));
        stored += status == 200;
    });
    asking.join();
    reporting.join();
    std::printf("%.3f %.3f %.3f %.3f %d\n", quantile(health, 0.5), quantile(health, 0.99),
                quantile(reports, 0.5), quantile(reports, 0.99), stored);
    return 0;
}
