// Frames that wait for a socket to take them, in order. Shared frames are not copied.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "hub/frame.hpp"

namespace gateway {

class SendQueue {
  public:
    void push(const hub::FramePointer& frame);

    bool empty() const { return !front_; }
    // Bytes that were not taken yet.
    std::size_t bytes() const { return bytes_; }
    // What they cost: many small frames are more than their bytes.
    std::size_t cost() const { return bytes_ + (1 + rest_.size() - first_) * cost_of_frame; }
    static std::size_t cost_of(const hub::Frame& frame) { return frame.size() + cost_of_frame; }

    // The next bytes, at most `most` parts; valid until they are taken or forgotten. Returns their number.
    unsigned next(std::string_view* parts, unsigned most) const;
    // So many bytes from the front were taken.
    void take(std::size_t bytes);
    // Forgets everything but the first `frames` frames, and the first one when a part of it was taken: a frame that was begun
    // has to be finished.
    void shorten(unsigned frames);

  private:
    static constexpr std::size_t cost_of_frame = 64;

    hub::FramePointer front_;             // the usual case is one frame, which needs no memory of its own
    std::vector<hub::FramePointer> rest_; // behind it; those before first_ were taken
    std::size_t first_ = 0;
    std::size_t skip_ = 0; // bytes of the front frame that were taken
    std::size_t bytes_ = 0;
};

} // namespace gateway
