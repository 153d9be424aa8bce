// One of the addresses of the setting `listen`.
#pragma once

#include <sys/socket.h>

#include <string>

namespace gateway {

struct ListenAddress {
    std::string path; // of a socket in the file system; empty: an address of the network
    sockaddr_storage name{};
};

// Names are not looked up: HOST is a numeric address, localhost, or empty for all of IPv4. Empty, or what is wrong.
std::string read_listen_address(const std::string& text, ListenAddress& address);

} // namespace gateway
