// The files of /dashboard, read and compressed once and served from memory.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hub/frame.hpp"

namespace gateway {

class Dashboard {
  public:
    struct File {
        std::string content_type;
        hub::FramePointer plain;
        hub::FramePointer packed; // with gzip; null when that is not smaller
    };

    static constexpr std::size_t most_files = 1000;
    static constexpr std::size_t most_bytes = 64ULL * 1024 * 1024; // of all files

    // Reads the folder, or forgets everything when the name is empty. Left out are names that begin with a dot, folders that are
    // links, and links to what is outside. Empty, or what is wrong; then the files of before stay.
    std::string load(const std::string& folder);
    bool empty() const { return files_.empty(); }
    // The file of an address, whose first segment is that of the dashboard: without an ending it is a place within the page. Null
    // when there is none.
    const File* find(const std::vector<std::string>& path) const;

  private:
    std::map<std::string, File> files_; // by their path in the folder
};

} // namespace gateway
