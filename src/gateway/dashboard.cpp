#include "gateway/dashboard.hpp"

#include <array>
#include <filesystem>

#include "gateway/gzip.hpp"
#include "gateway/read_file.hpp"

namespace gateway {

namespace {

std::string_view content_type_of(std::string_view name) {
    const auto ends = [&](std::string_view end) { return name.ends_with(end); };
    return ends(".html")   ? "text/html; charset=utf-8"
           : ends(".js")   ? "text/javascript; charset=utf-8"
           : ends(".css")  ? "text/css; charset=utf-8"
           : ends(".svg")  ? "image/svg+xml"
           : ends(".json") ? "application/json"
                           : "application/octet-stream";
}

bool is_hidden(const std::filesystem::path& path) {
    return path.filename().string().starts_with('.');
}

Dashboard::File file_of(const std::string& name, const std::string& content) {
    Dashboard::File file;
    file.content_type = content_type_of(name);
    file.plain = hub::Frame::raw({content});
    if (std::string packed;
        gzip(std::array{std::string_view(content)}, packed) && packed.size() < content.size()) {
        file.packed = hub::Frame::raw({packed});
    }
    return file;
}

} // namespace

std::string Dashboard::load(const std::string& folder) {
    namespace fs = std::filesystem;
    std::map<std::string, File> files;
    if (folder.empty()) {
        files_ = std::move(files);
        return {};
    }
    std::error_code error;
    const fs::path root = fs::canonical(folder, error);
    const auto fault = [&](const std::string& what) { return "dashboard folder \"" + folder + "\" " + what; };
    auto entry = error ? fs::recursive_directory_iterator() : fs::recursive_directory_iterator(root, error);
    std::size_t bytes = 0;
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
        if (is_hidden(entry->path())) {
            if (entry->is_directory(error)) {
                entry.disable_recursion_pending();
            }
            continue;
        }
        // Where it really is, behind all links.
        std::error_code broken;
        const fs::path real = fs::canonical(entry->path(), broken);
        if (broken || !real.string().starts_with(root.string() + '/') || !fs::is_regular_file(real, broken)) {
            continue;
        }
        std::string content;
        if (std::string unread = read_file(real.string(), content); !unread.empty()) {
            return unread;
        }
        const std::string name = entry->path().lexically_relative(root).string();
        bytes += content.size();
        if (files.size() == most_files || bytes > most_bytes) {
            return fault("has more than " + std::to_string(most_files) + " files or " +
                         std::to_string(most_bytes >> 20) + " MB");
        }
        files.emplace(name, file_of(name, content));
    }
    if (error) {
        return fault("cannot be read: " + error.message());
    }
    if (files.count("index.html") == 0) {
        return fault("has no index.html");
    }
    files_ = std::move(files);
    return {};
}

const Dashboard::File* Dashboard::find(const std::vector<std::string>& path) const {
    std::string name;
    for (std::size_t index = 1; index < path.size(); ++index) {
        name += (name.empty() ? "" : "/") + path[index];
    }
    if (path.size() == 1 || path.back().find('.') == std::string::npos) {
        name = "index.html";
    }
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : &found->second;
}

} // namespace gateway
