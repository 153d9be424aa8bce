// From the frames of a connection to changes with their cursors, each exactly once, whatever is sent again after a reconnect.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "stream/change.hpp"

namespace stream {

// What comes out, in the order of cursors. The references live until the function returns; a Change may be copied.
class Sink {
  public:
    virtual void on_change(const Change& change) = 0;
    // The transaction with the changes since the last call is complete. end_lsn may be confirmed once they are stored.
    virtual void on_commit(std::uint32_t xid, protocol::Cursor commit, std::uint64_t end_lsn) = 0;
    // Nothing that ended before `lsn` is still to come.
    virtual void on_progress(std::uint64_t lsn) = 0;

  protected:
    ~Sink() = default;
};

// Reads format=frame without streaming and two_phase, so that a transaction comes when it is committed. One thread.
class Assembler {
  public:
    explicit Assembler(Sink& sink) : sink_(sink) {}

    // Forgets the connection: relations and the unfinished transaction. Changes that were given out are remembered by
    // their cursor.
    void reset();
    // The timeline of the server, for the cursors of all that comes.
    void set_timeline(std::uint32_t timeline) { timeline_ = timeline; }
    // Begins behind this cursor; what stands before it is dropped as a repetition.
    void start_after(protocol::Cursor cursor) { last_ = cursor; }
    protocol::Cursor last() const { return last_; }

    // One message. Empty, or what is wrong with it; then the connection has to be given up.
    std::string feed(const std::shared_ptr<const Block>& block);

    // Version of the extension's library in the server; empty before its hello.
    const std::string& plugin_version() const { return plugin_version_; }
    std::uint64_t repeated() const { return repeated_; }
    bool in_transaction() const { return open_; }

  private:
    std::string read(const wire::Frame& frame, const std::shared_ptr<const Block>& block);
    std::string read_relation(const wire::Relation& relation);
    std::string read_change(const wire::RowChange& change, const std::shared_ptr<const Block>& block);
    std::string read_truncate(const wire::TruncateFrame& truncate, const std::shared_ptr<const Block>& block);
    std::string read_broadcast(const wire::Broadcast& broadcast, const std::shared_ptr<const Block>& block);
    std::string read_boundary(const wire::Boundary& boundary);
    void give(Change& change);

    Sink& sink_;
    std::unordered_map<std::uint32_t, std::shared_ptr<const Relation>> relations_;
    wire::Boundary transaction_; // the one that is open, or was the last
    bool open_ = false;
    protocol::Cursor last_;
    std::uint32_t timeline_ = 0;
    std::uint64_t repeated_ = 0;
    std::string plugin_version_;
    bool greeted_ = false;
};

} // namespace stream
