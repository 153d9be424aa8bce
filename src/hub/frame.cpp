#include "hub/frame.hpp"

#include <array>
#include <cstring>
#include <new>
#include <string>

#include "web/deflate.hpp"

namespace hub {

namespace {

// Below this, headers and the compressor's overhead eat what is won.
constexpr std::size_t worth_compressing = 256;

} // namespace

FramePointer::FramePointer(const FramePointer& other) : frame_(other.frame_) {
    if (frame_ != nullptr) {
        frame_->references_.fetch_add(1, std::memory_order_relaxed);
    }
}

FramePointer::~FramePointer() {
    if (frame_ != nullptr && frame_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        frame_->~Frame();
        ::operator delete(frame_);
    }
}

Frame* Frame::allocate(std::size_t size) {
    auto* frame = new (::operator new(sizeof(Frame) + size)) Frame();
    frame->size_ = size;
    return frame;
}

FramePointer Frame::make(std::string_view header, std::span<const std::string_view> parts) {
    std::size_t size = header.size();
    for (const std::string_view part : parts) {
        size += part.size();
    }
    Frame* frame = allocate(size);
    frame->header_size_ = static_cast<std::uint32_t>(header.size());
    char* to = frame->data();
    const auto append = [&to](std::string_view part) {
        if (!part.empty()) {
            std::memcpy(to, part.data(), part.size());
            to += part.size();
        }
    };
    append(header);
    for (const std::string_view part : parts) {
        append(part);
    }
    return FramePointer(frame);
}

FramePointer Frame::message(web::Opcode opcode, std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size();
    }
    char header[web::longest_frame_header];
    const char* end = web::write_frame_header(header, opcode, size);
    return make({header, static_cast<std::size_t>(end - header)}, parts);
}

FramePointer Frame::raw(std::span<const std::string_view> parts) {
    return make({}, parts);
}

FramePointer Frame::compressed(const FramePointer& frame, web::Compressor& compressor) {
    if (frame->header_size_ == 0 || frame->size_ < worth_compressing) {
        return frame;
    }
    if (frame->incompressible_) {
        return frame;
    }
    if (!frame->compressed_) {
        std::string packed;
        const std::string_view payload = frame->bytes().substr(frame->header_size_);
        // A control frame is never compressed, and never as large as this.
        const auto opcode = static_cast<web::Opcode>(frame->bytes().front() & 0x0f);
        if (!compressor.compress(payload, packed) || packed.size() >= payload.size()) {
            frame->incompressible_ = true; // for all other sockets, too
            return frame;
        }
        char header[web::longest_frame_header];
        const char* end = web::write_frame_header(header, opcode, packed.size(), true);
        frame->compressed_ =
            make({header, static_cast<std::size_t>(end - header)}, std::array{std::string_view(packed)});
    }
    return frame->compressed_;
}

} // namespace hub
