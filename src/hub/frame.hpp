// Finished bytes for sockets, made once and shared by all who get them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

#include "web/frame_writer.hpp"

namespace web {
class Compressor;
}

namespace hub {

class Frame;

// Counts the references inside the frame: a queue holds 8 bytes for each.
class FramePointer {
  public:
    FramePointer() = default;
    explicit FramePointer(Frame* frame) : frame_(frame) {} // takes the reference
    FramePointer(const FramePointer& other);
    FramePointer(FramePointer&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    FramePointer& operator=(FramePointer other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~FramePointer();

    const Frame* operator->() const { return frame_; }
    const Frame& operator*() const { return *frame_; }
    explicit operator bool() const { return frame_ != nullptr; }

  private:
    Frame* frame_ = nullptr;
};

// Immutable but for the compressed form, which is made when the first socket asks for it. Frames may be shared by threads;
// compressed() may not be called by two at once.
class Frame {
  public:
    // A WebSocket message out of parts.
    static FramePointer message(web::Opcode opcode, std::initializer_list<std::string_view> parts);
    // Bytes that go out as they are.
    static FramePointer raw(std::span<const std::string_view> parts);
    static FramePointer raw(std::initializer_list<std::string_view> parts) {
        return raw(std::span(parts.begin(), parts.size()));
    }

    std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size_}; }
    std::size_t size() const { return size_; }

    // The same message for sockets that agreed on permessage-deflate; itself when compressing would not pay.
    static FramePointer compressed(const FramePointer& frame, web::Compressor& compressor);

    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

  private:
    friend class FramePointer;
    Frame() = default;
    ~Frame() = default;
    static Frame* allocate(std::size_t size);
    static FramePointer make(std::string_view header, std::span<const std::string_view> parts);
    char* data() { return reinterpret_cast<char*>(this + 1); }

    mutable std::atomic<std::uint32_t> references_{1};
    std::uint32_t header_size_ = 0; // 0: no WebSocket message
    std::size_t size_ = 0;
    mutable FramePointer compressed_;
    mutable bool incompressible_ = false;
};

} // namespace hub
