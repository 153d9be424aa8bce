// What goes out of a socket: queued, written once a turn of the loop, and given up when the client does not take it.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "gateway/log.hpp"
#include "gateway/server.hpp"
#include "gateway/socket.hpp"

namespace gateway {

namespace {

constexpr double close_seconds = 3; // for a client to take what is left and to close

} // namespace

void Socket::mark_dirty() {
    if (!dirty_) {
        dirty_ = true;
        server_.mark_dirty(*this);
    }
}

void Socket::queue(const hub::FramePointer& frame) {
    if (queue_.empty()) {
        last_output_ = server_.loop_now(); // the time for taking it begins
        answers_pace_.begin(last_output_);
    }
    queue_.push(frame);
    mark_dirty();
}

void Socket::send(const hub::FramePointer& frame) {
    if (state_ == State::Closed || state_ == State::Closing) {
        return;
    }
    const hub::FramePointer& form = compressed_ ? hub::Frame::compressed(frame, server_.compressor()) : frame;
    ++server_.counters.frames_out;
    queue(form);
    const auto overflows = [&] {
        return queue_.cost() > server_.config().send_queue_bytes + SendQueue::cost_of(*form);
    };
    if (overflows() && writing_ == 0 && !write()) {
        doomed_ = true;
        state_ = State::Closing;
        return;
    }
    // It was not only that much came in one turn.
    if (overflows()) {
        end_slow("more than " + std::to_string(server_.config().send_queue_bytes) + " bytes waited");
    }
}

// Dropping some messages would lose them silently: the client is told to come back and resume.
void Socket::end_slow(const std::string& why) {
    ++server_.counters.slow_consumers;
    spdlog::info("client {} ({}) is too slow: {}; it is closed", id_, peer_, why);
    queue_.shorten(writing_);
    if (state_ == State::WebSocket) {
        close(web::close_code::try_later, "slow consumer: " + why + "; resume with the last cursor");
    } else {
        doomed_ = true;
        close_after_writing();
    }
}

bool Socket::stalls() {
    const unsigned most = server_.config().stall_timeout;
    // A slow client may take parts of one large write all the time.
    const std::size_t left = writing_ > 0 ? uv_stream_get_write_queue_size(&handle_.stream) : 0;
    if (left < write_left_) {
        last_output_ = server_.hub().now();
        write_left_ = left;
    }
    if (queue_.empty()) {
        return false;
    }
    const std::size_t least = server_.config().answer_bytes_per_second;
    const std::size_t waiting = queue_.bytes() - (writing_ > 0 ? write_bytes_ - left : 0);
    if (answers() &&
        answers_pace_.is_too_slow(server_.hub().now(), answers_bytes_ - std::min(answers_bytes_, waiting),
                                  most, least)) {
        end_slow("an answer was taken at less than " + std::to_string(least) + " bytes per second");
        return true;
    }
    if (server_.hub().now() - last_output_ < most) {
        return false;
    }
    end_slow("nothing was taken for " + std::to_string(most) + " seconds");
    return true;
}

void Socket::close(std::uint16_t code, std::string_view reason) {
    if (code == web::close_code::policy && state_ == State::WebSocket) {
        server_.penalise(peer_);
    }
    end_with(code, reason);
}

void Socket::end_with(std::uint16_t code, std::string_view reason) {
    if (state_ == State::Closing || state_ == State::Closed) {
        return;
    }
    if (state_ == State::WebSocket) {
        std::string bytes;
        web::write_close(bytes, code, reason);
        queue(hub::Frame::raw({bytes}));
    }
    close_after_writing();
}

void Socket::close_after_writing() {
    if (state_ == State::Closed) {
        return;
    }
    state_ = State::Closing;
    if (!pending_.empty()) {
        pending_.clear();
        read(); // it may have been stopped, and the client's close is to be seen
    }
    schedule(close_seconds);
    mark_dirty();
}

// Writes as much as the kernel takes at once. False when the connection is broken.
bool Socket::write() {
    while (!queue_.empty()) {
        std::string_view parts[SendBatch::most_parts];
        const unsigned count = queue_.next(parts, SendBatch::most_parts);
        std::size_t wanted = 0;
        iovec buffers[SendBatch::most_parts];
        for (unsigned index = 0; index < count; ++index) {
            buffers[index] = {const_cast<char*>(parts[index].data()), parts[index].size()};
            wanted += parts[index].size();
        }
        ++server_.counters.writes;
        msghdr message{};
        message.msg_iov = buffers;
        message.msg_iovlen = count;
        // Past the loop, whose way to the same system call costs a tenth of it.
        const ssize_t written =
            count == 1 ? ::send(descriptor_, parts[0].data(), wanted, MSG_NOSIGNAL | MSG_DONTWAIT)
                       : ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (!take(written < 0 ? -errno : written)) {
            return false;
        }
        if (written < 0 || static_cast<std::size_t>(written) < wanted) {
            return true;
        }
    }
    return true;
}

// What the kernel says about a write. False when the connection is broken.
bool Socket::take(ssize_t result) {
    if (result < 0) {
        return result == -EAGAIN || result == -EWOULDBLOCK || result == -EINTR || result == -ENOBUFS;
    }
    server_.counters.bytes_out += static_cast<std::uint64_t>(result);
    last_output_ = server_.loop_now();
    queue_.take(static_cast<std::size_t>(result));
    if (queue_.empty() && !charges_.empty()) {
        std::vector<AnswerCharge>().swap(charges_); // a socket at rest holds no buffers
    }
    return true;
}

bool Socket::flush(SendBatch& batch) {
    dirty_ = false;
    if (state_ == State::Closed) {
        return false;
    }
    if (doomed_) {
        destroy();
        return false;
    }
    if (writing_ == 0 && !queue_.empty()) {
        std::string_view parts[SendBatch::most_parts];
        writing_ = queue_.next(parts, SendBatch::most_parts);
        batch.add(descriptor_, {parts, writing_});
        return true;
    }
    after_write();
    return false;
}

void Socket::on_sent(ssize_t result) {
    writing_ = 0;
    if (state_ == State::Closed) {
        return;
    }
    if (!take(result)) {
        destroy();
        return;
    }
    if (result > 0 && !queue_.empty()) {
        // More than one send holds, or the kernel has no more room: the next one will tell.
        mark_dirty();
        return;
    }
    after_write();
}

void Socket::after_write() {
    if (writing_ == 0 && !queue_.empty()) {
        start_write();
        return;
    }
    if (state_ == State::Closing && queue_.empty()) {
        // The end of our side; the client's close, or the timer, ends the rest.
        if (::shutdown(descriptor_, SHUT_WR) != 0) {
            destroy();
        }
    }
}

// The kernel's buffer is full: the loop writes what is queued now when there is room again. The frames stay in the queue, which
// lives until the handle is closed.
void Socket::start_write() {
    struct Write {
        uv_write_t request{};
        Socket* socket = nullptr;
        std::size_t bytes = 0;
    };
    auto* write = new Write();
    write->request.data = write;
    write->socket = this;
    std::string_view parts[SendBatch::most_parts];
    uv_buf_t buffers[SendBatch::most_parts];
    writing_ = queue_.next(parts, SendBatch::most_parts);
    for (unsigned index = 0; index < writing_; ++index) {
        buffers[index] =
            uv_buf_init(const_cast<char*>(parts[index].data()), static_cast<unsigned>(parts[index].size()));
        write->bytes += parts[index].size();
    }
    const int status =
        uv_write(&write->request, &handle_.stream, buffers, writing_, [](uv_write_t* request, int result) {
            const std::unique_ptr<Write> done(static_cast<Write*>(request->data));
            Socket& socket = *done->socket;
            socket.writing_ = 0;
            if (socket.state_ == State::Closed) {
                return;
            }
            if (result < 0) {
                socket.destroy();
                return;
            }
            socket.take(static_cast<ssize_t>(done->bytes));
            socket.mark_dirty(); // what has come meanwhile goes out with the others
        });
    if (status != 0) {
        writing_ = 0;
        delete write;
        destroy();
        return;
    }
    write_bytes_ = write->bytes;
    write_left_ = uv_stream_get_write_queue_size(&handle_.stream);
}

} // namespace gateway
