#include "gateway/send_batch.hpp"

#include <liburing.h>

#include <cerrno>
#include <cstring>

namespace gateway {

namespace {

constexpr unsigned most_sends = 128;
constexpr std::size_t most_buffers = 1024; // of all sends
constexpr int send_flags = MSG_DONTWAIT | MSG_NOSIGNAL;

} // namespace

struct SendBatch::Ring {
    io_uring ring{};
    bool made = false;

    ~Ring() {
        if (made) {
            io_uring_queue_exit(&ring);
        }
    }

    // 0 or a negative errno.
    int make() {
        const int status = io_uring_queue_init(most_sends, &ring, 0);
        made = status == 0;
        if (!made) {
            return status;
        }
        const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(io_uring_get_probe_ring(&ring),
                                                                               io_uring_free_probe);
        const bool can = probe != nullptr && io_uring_opcode_supported(probe.get(), IORING_OP_SEND) != 0 &&
                         io_uring_opcode_supported(probe.get(), IORING_OP_SENDMSG) != 0;
        return can ? 0 : -EOPNOTSUPP;
    }
};

SendBatch::SendBatch(bool use_ring) {
    sends_.reserve(most_sends);
    buffers_.reserve(most_buffers);
    if (!use_ring) {
        return;
    }
    ring_ = std::make_unique<Ring>();
    if (const int status = ring_->make(); status < 0) {
        give_up(-status);
    }
}

SendBatch::~SendBatch() = default;

void SendBatch::give_up(int error) {
    fault_ = std::strerror(error);
    ring_.reset();
}

bool SendBatch::has_room() const {
    return sends_.size() < most_sends && buffers_.size() + most_parts <= most_buffers;
}

void SendBatch::add(int descriptor, std::span<const std::string_view> parts) {
    Send& send = sends_.emplace_back();
    send.descriptor = descriptor;
    send.message.msg_iov = buffers_.data() + buffers_.size();
    send.message.msg_iovlen = parts.size();
    for (const std::string_view part : parts) {
        buffers_.push_back({const_cast<char*>(part.data()), part.size()});
    }
}

void SendBatch::clear() {
    sends_.clear();
    buffers_.clear();
}

void SendBatch::send() {
    calls_ = 0;
    // A ring of one is no faster.
    std::size_t done = ring_ != nullptr && sends_.size() > 1 ? send_by_ring() : 0;
    for (; done < sends_.size(); ++done) {
        Send& send = sends_[done];
        const ssize_t taken = ::sendmsg(send.descriptor, &send.message, send_flags);
        send.result = taken < 0 ? -errno : taken;
        ++calls_;
    }
}

std::size_t SendBatch::send_by_ring() {
    io_uring* const ring = &ring_->ring;
    for (Send& send : sends_) {
        io_uring_sqe* const entry = io_uring_get_sqe(ring); // there are as many as sends
        if (send.message.msg_iovlen == 1) {
            const iovec& only = send.message.msg_iov[0];
            io_uring_prep_send(entry, send.descriptor, only.iov_base, only.iov_len, send_flags);
        } else {
            io_uring_prep_sendmsg(entry, send.descriptor, &send.message, send_flags);
        }
        io_uring_sqe_set_data(entry, &send);
        // Whether it was sent is not known unless the kernel says so.
        send.result = -EIO;
    }
    int error = 0;
    std::size_t submitted = 0;
    while (submitted < sends_.size() && error == 0) {
        const int status = io_uring_submit_and_wait(ring, static_cast<unsigned>(sends_.size() - submitted));
        ++calls_;
        if (status >= 0) {
            submitted += static_cast<std::size_t>(status);
        }
        error = status == 0 ? EIO : status < 0 && status != -EINTR ? -status : 0;
    }
    for (std::size_t completed = 0; completed < submitted; ++completed) {
        io_uring_cqe* entry = nullptr;
        int status = 0;
        while ((status = io_uring_wait_cqe(ring, &entry)) == -EINTR) {
        }
        if (status < 0) {
            error = -status;
            break;
        }
        static_cast<Send*>(io_uring_cqe_get_data(entry))->result = entry->res;
        io_uring_cqe_seen(ring, entry);
    }
    if (error != 0) {
        give_up(error); // what is left in the ring must never be sent
    }
    return submitted;
}

} // namespace gateway
