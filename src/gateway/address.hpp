// Addresses of clients as texts.
#pragma once

#include <string>

struct sockaddr;

namespace gateway {

// The numeric address; of an IPv4 client at a socket of IPv6 (::ffff:192.0.2.1) that of IPv4. Empty when there is none.
std::string address_of(const sockaddr* address);

// The same address as address_of() writes it; empty when the text is none.
std::string address_in(const std::string& text);

// Whom an address belongs to: who has one of IPv6 has a /64 of them, more than anybody can count.
std::string network_of(const std::string& address);

} // namespace gateway
