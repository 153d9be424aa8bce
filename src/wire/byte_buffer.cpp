#include "wire/byte_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace wire {

ByteBuffer::~ByteBuffer() {
    std::free(data_);
}

void ByteBuffer::grow(std::size_t count) {
    if (size_ > limit_ || count > limit_ - size_) {
        throw LimitExceeded{limit_};
    }
    std::size_t needed = size_ + count;
    std::size_t target = std::max<std::size_t>({needed, capacity_ * 2, 1024});
    // Asking for a little more than the limit lets reserve() hand out slack for the last small value.
    target = std::max(needed, std::min(target, limit_));
    void* grown = std::realloc(data_, target);
    if (grown == nullptr) {
        throw std::bad_alloc();
    }
    data_ = static_cast<char*>(grown);
    capacity_ = target;
}

void ByteBuffer::release_above(std::size_t keep) {
    if (capacity_ <= keep || size_ > keep) {
        return;
    }
    if (void* shrunk = std::realloc(data_, keep)) {
        data_ = static_cast<char*>(shrunk);
        capacity_ = keep;
    }
}

} // namespace wire
