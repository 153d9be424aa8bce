#include "wire/byte_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace wire {

ByteBuffer::~ByteBuffer() {
    std::free(data_);
}

void ByteBuffer::grow(std::size_t count) {
    const std::size_t used = size();
    if (used > limit_ || count > limit_ - used) {
        throw LimitExceeded{limit_};
    }
    const std::size_t needed = used + count;
    const std::size_t doubled = std::max<std::size_t>(capacity() * 2, 1024);
    resize(std::max(needed, std::min(doubled, limit_)));
}

void ByteBuffer::release_above(std::size_t keep) {
    if (capacity() > keep && size() <= keep) {
        resize(keep);
    }
}

void ByteBuffer::resize(std::size_t capacity) {
    if (capacity == 0) { // realloc() would free and look like a failure
        std::free(data_);
        data_ = at_ = end_ = nullptr;
        return;
    }
    const std::size_t used = size();
    void* moved = std::realloc(data_, capacity);
    if (moved == nullptr) {
        throw std::bad_alloc();
    }
    data_ = static_cast<char*>(moved);
    at_ = data_ + used;
    end_ = data_ + capacity;
}

} // namespace wire
