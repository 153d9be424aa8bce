// What pg_current_snapshot() says: which transactions a query has seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace stream {

class Snapshot {
  public:
    // "xmin:xmax:xip_list", as PostgreSQL writes it; empty for anything else.
    static std::optional<Snapshot> read(std::string_view text);

    // Whether the changes of a committed transaction are visible. `xid` is one of the stream, without its epoch: it is
    // taken for the one next to the snapshot, as the stream is never two billion transactions away from it.
    bool sees(std::uint32_t xid) const;

  private:
    std::uint64_t lowest_ = 0;           // everything below it has ended
    std::uint64_t highest_ = 0;          // everything from it on had not begun to end
    std::vector<std::uint64_t> running_; // sorted
};

} // namespace stream
