#include "gateway/read_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace gateway {

std::string read_file(const std::string& path, std::string& content) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file) {
        text << file.rdbuf();
    }
    // A folder can be opened; only reading fails, which the stream that takes the text tells. So does an empty file, without an error.
    if (!file || text.bad() || (text.fail() && errno != 0)) {
        return "file \"" + path + "\" cannot be read: " + std::strerror(errno);
    }
    content = text.str();
    return {};
}

} // namespace gateway
