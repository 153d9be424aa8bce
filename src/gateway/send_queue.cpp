#include "gateway/send_queue.hpp"

#include <algorithm>

namespace gateway {

void SendQueue::push(const hub::FramePointer& frame) {
    bytes_ += frame->size();
    if (!front_) {
        front_ = frame;
    } else {
        rest_.push_back(frame);
    }
}

unsigned SendQueue::next(std::string_view* parts, unsigned most) const {
    if (!front_ || most == 0) {
        return 0;
    }
    parts[0] = front_->bytes().substr(skip_);
    const auto count = static_cast<unsigned>(std::min<std::size_t>(rest_.size() - first_, most - 1));
    for (unsigned index = 0; index < count; ++index) {
        parts[index + 1] = rest_[first_ + index]->bytes();
    }
    return count + 1;
}

void SendQueue::take(std::size_t bytes) {
    bytes_ -= bytes;
    bytes += skip_;
    while (front_ && bytes >= front_->size()) {
        bytes -= front_->size();
        front_ = first_ < rest_.size() ? std::move(rest_[first_++]) : hub::FramePointer();
    }
    skip_ = bytes;
    if (rest_.empty()) {
        return;
    }
    if (first_ == rest_.size()) {
        // An idle socket keeps no memory for it.
        std::vector<hub::FramePointer>().swap(rest_);
        first_ = 0;
    } else if (first_ > rest_.size() / 2) {
        rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void SendQueue::shorten(unsigned frames) {
    const std::size_t kept = std::max(frames, skip_ > 0 ? 1U : 0U);
    if (kept == 0) {
        front_ = {};
    }
    const std::size_t kept_behind = kept > 0 ? kept - 1 : 0;
    rest_.resize(std::min(rest_.size(), first_ + kept_behind));
    bytes_ = front_ ? front_->size() - skip_ : 0;
    for (std::size_t index = first_; index < rest_.size(); ++index) {
        bytes_ += rest_[index]->size();
    }
}

} // namespace gateway
