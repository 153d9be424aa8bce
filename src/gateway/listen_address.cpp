#include "gateway/listen_address.hpp"

#include <sys/un.h>
#include <uv.h>

#include <charconv>

namespace gateway {

std::string read_listen_address(const std::string& text, ListenAddress& address) {
    const std::string fault = "cannot listen on \"" + text + "\": ";
    if (text.starts_with("unix:")) {
        address.path = text.substr(5);
        if (address.path.empty() || address.path.size() >= sizeof(sockaddr_un::sun_path)) {
            return fault + "a path has 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes";
        }
        return {};
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) {
        return fault + "it is neither HOST:PORT nor unix:PATH";
    }
    std::string host = text.substr(0, colon);
    if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    unsigned port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || rest != end || port > 65535) {
        return fault + "\"" + text.substr(colon + 1) + "\" is no port; one is a number from 0 to 65535";
    }
    if (host.empty() || host == "localhost") {
        host = host.empty() ? "0.0.0.0" : "127.0.0.1";
    }
    const int number = static_cast<int>(port);
    if (uv_ip4_addr(host.c_str(), number, reinterpret_cast<sockaddr_in*>(&address.name)) != 0 &&
        uv_ip6_addr(host.c_str(), number, reinterpret_cast<sockaddr_in6*>(&address.name)) != 0) {
        return fault + "\"" + host + "\" is neither a numeric address nor localhost; names are not looked up";
    }
    return {};
}

} // namespace gateway
