#pragma once

#include <string>

namespace gateway {

// The whole file into `content`. Empty, or what is wrong.
std::string read_file(const std::string& path, std::string& content);

} // namespace gateway
