#include "gateway/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>

namespace gateway {

std::string address_of(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof(text));
    } else if (address->sa_family == AF_INET6) {
        const in6_addr& bytes = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
            constexpr std::size_t prefix_bytes = 12;
            inet_ntop(AF_INET, bytes.s6_addr + prefix_bytes, text, sizeof(text));
        } else {
            inet_ntop(AF_INET6, &bytes, text, sizeof(text));
        }
    }
    return text;
}

std::string address_in(const std::string& text) {
    sockaddr_storage storage{};
    auto* const four = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const six = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
        storage.ss_family = AF_INET6;
    } else {
        return {};
    }
    return address_of(reinterpret_cast<const sockaddr*>(&storage));
}

std::string network_of(const std::string& address) {
    constexpr std::size_t network_bytes = 8;
    in6_addr bytes{};
    if (inet_pton(AF_INET6, address.c_str(), &bytes) != 1 || IN6_IS_ADDR_V4MAPPED(&bytes)) {
        return address;
    }
    std::fill(std::begin(bytes.s6_addr) + network_bytes, std::end(bytes.s6_addr), std::uint8_t{0});
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(AF_INET6, &bytes, text, sizeof(text));
    return std::string(text) + "/64";
}

} // namespace gateway
