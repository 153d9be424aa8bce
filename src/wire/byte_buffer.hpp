// An append-only byte buffer with a limit: the one place that the pure rooms write into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace wire {

// Thrown when an append would make a ByteBuffer larger than its limit. The buffer keeps what it held.
struct LimitExceeded {
    std::size_t limit;
};

// Grows by doubling up to `limit` bytes and keeps its memory when cleared, so that a stream of changes allocates
// only while its rows grow. Not thread-safe. Throws std::bad_alloc or LimitExceeded, never anything else.
class ByteBuffer {
  public:
    explicit ByteBuffer(std::size_t limit) : limit_(limit) {}
    ~ByteBuffer();
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;

    const char* data() const { return data_; }
    std::size_t size() const { return static_cast<std::size_t>(at_ - data_); }
    std::size_t capacity() const { return static_cast<std::size_t>(end_ - data_); }
    bool empty() const { return at_ == data_; }
    std::string_view view() const { return {data_, size()}; }
    std::string_view view(std::size_t from) const { return {data_ + from, size() - from}; }

    void clear() { at_ = data_; }
    void set_limit(std::size_t limit) { limit_ = limit; }
    // Forgets everything after the first `size` bytes; `size` must not exceed size().
    void truncate(std::size_t size) { at_ = data_ + size; }
    // Gives memory back when a rare huge row left more than `keep` bytes behind.
    void release_above(std::size_t keep);

    // Room for `count` more bytes; what is written there counts only after advance_to().
    char* reserve(std::size_t count) {
        if (static_cast<std::size_t>(end_ - at_) < count) {
            grow(count);
        }
        return at_;
    }
    // Where the room that reserve() gave ends; there may be more than was asked for.
    char* end_of_room() { return end_; }
    void advance_to(char* end) { at_ = end; }

    void append(const char* bytes, std::size_t count) {
        char* to = reserve(count);
        if (count != 0) {
            std::memcpy(to, bytes, count);
        }
        at_ = to + count;
    }
    void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }
    void append(char byte) {
        *reserve(1) = byte;
        at_ += 1;
    }
    // Changes one byte that is already there.
    void put(std::size_t at, char byte) { data_[at] = byte; }
    void overwrite(std::size_t at, const char* bytes, std::size_t count) {
        std::memcpy(data_ + at, bytes, count);
    }

  private:
    void grow(std::size_t count);
    void resize(std::size_t capacity);

    char* data_ = nullptr;
    char* at_ = nullptr;
    char* end_ = nullptr;
    std::size_t limit_;
};

} // namespace wire
