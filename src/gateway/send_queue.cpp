#include "gateway/send_queue.hpp"

#include <algorithm>

namespace gateway {

void SendQueue::push(const hub::FramePointer& frame) {
    frames_.push_back(frame);
    bytes_ += frame->size();
}

unsigned SendQueue::next(std::string_view* parts, unsigned most) const {
    const auto count = static_cast<unsigned>(std::min<std::size_t>(frames_.size() - first_, most));
    for (unsigned index = 0; index < count; ++index) {
        parts[index] = frames_[first_ + index]->bytes().substr(index == 0 ? skip_ : 0);
    }
    return count;
}

void SendQueue::take(std::size_t bytes) {
    bytes_ -= bytes;
    bytes += skip_;
    while (first_ < frames_.size() && bytes >= frames_[first_]->size()) {
        bytes -= frames_[first_]->size();
        frames_[first_++] = {};
    }
    skip_ = bytes;
    if (empty()) {
        // An idle socket keeps no queue.
        std::vector<hub::FramePointer>().swap(frames_);
        first_ = 0;
    } else if (first_ > frames_.size() / 2) {
        frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void SendQueue::shorten(unsigned frames) {
    const std::size_t kept =
        std::min<std::size_t>(frames_.size() - first_, std::max(frames, skip_ > 0 ? 1U : 0U));
    frames_.resize(first_ + kept);
    bytes_ = 0;
    for (std::size_t index = first_; index < frames_.size(); ++index) {
        bytes_ += frames_[index]->size();
    }
    bytes_ -= skip_;
}

} // namespace gateway
