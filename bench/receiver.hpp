// Receives from many sockets with few system calls (io_uring, Linux 6.1 and newer), so that the client is not what is measured.
#pragma once

#include <liburing.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

class Receiver {
  public:
    Receiver() {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        parameters.cq_entries = 1U << 16;
        check("io_uring (Linux 6.1 or newer is needed)",
              io_uring_queue_init_params(4096, &ring_, &parameters));
        memory_.resize(buffer_count * buffer_size);
        void* const place = mmap(nullptr, buffer_count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check("mmap", place == MAP_FAILED ? -errno : 0);
        buffers_ = static_cast<io_uring_buf_ring*>(place);
        io_uring_buf_ring_init(buffers_);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uint64_t>(place);
        registration.ring_entries = buffer_count;
        check("buffers", io_uring_register_buf_ring(&ring_, &registration, 0));
        for (unsigned buffer = 0; buffer < buffer_count; ++buffer) {
            give_back(buffer);
        }
    }

    void add(std::size_t index, int socket) {
        if (sockets_.size() <= index) {
            sockets_.resize(index + 1);
        }
        sockets_[index] = socket;
        arm(index);
    }

    // Calls use(index, bytes) for what has come, waiting up to `milliseconds` for something. Throws when a connection ends.
    template <class Use> void wait(int milliseconds, Use&& use) {
        __kernel_timespec time{milliseconds / 1000, milliseconds % 1000 * 1'000'000LL};
        io_uring_cqe* entry = nullptr;
        const int status = io_uring_submit_and_wait_timeout(&ring_, &entry, 1, &time, nullptr);
        if (status < 0 && status != -ETIME && status != -EINTR) {
            check("io_uring_enter", status);
        }
        while (io_uring_peek_cqe(&ring_, &entry) == 0) {
            const std::size_t index = io_uring_cqe_get_data64(entry);
            const int size = entry->res;
            const unsigned state = entry->flags;
            io_uring_cqe_seen(&ring_, entry);
            if (size <= 0 && size != -ENOBUFS) {
                throw std::runtime_error("socket " + std::to_string(index) + " was closed by the server");
            }
            if (size > 0) {
                const unsigned buffer = state >> IORING_CQE_BUFFER_SHIFT;
                use(index,
                    std::string_view(memory_.data() + buffer * buffer_size, static_cast<std::size_t>(size)));
                give_back(buffer);
            }
            if ((state & IORING_CQE_F_MORE) == 0) {
                arm(index);
            }
        }
    }

  private:
    static constexpr unsigned buffer_count = 4096;
    static constexpr std::size_t buffer_size = 16 * 1024;

    static void check(const char* what, int status) {
        if (status < 0) {
            throw std::system_error(-status, std::generic_category(), what);
        }
    }

    void arm(std::size_t index) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr) {
            io_uring_submit(&ring_);
            entry = io_uring_get_sqe(&ring_);
        }
        io_uring_prep_recv_multishot(entry, sockets_[index], nullptr, 0, 0);
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = 0;
        io_uring_sqe_set_data64(entry, index);
    }

    void give_back(unsigned buffer) {
        io_uring_buf_ring_add(buffers_, memory_.data() + buffer * buffer_size, buffer_size,
                              static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(buffer_count), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }

    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    std::vector<char> memory_;
    std::vector<int> sockets_;
};
