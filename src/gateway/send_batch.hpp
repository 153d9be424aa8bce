// Sends to many sockets with one system call (io_uring) where the kernel lets us, else with one call for each.
//
// Fan-out is system calls: where the processor has to be shielded from Meltdown, entering the kernel is a third of a small send.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

// Made and used by one thread.
class SendBatch {
  public:
    static constexpr unsigned most_parts = 64; // of one send

    explicit SendBatch(bool use_ring);
    ~SendBatch();
    SendBatch(const SendBatch&) = delete;
    SendBatch& operator=(const SendBatch&) = delete;

    bool has_ring() const { return ring_ != nullptr; }
    // Why there is none although it was wanted: the kernel is too old, or whoever runs it forbids io_uring.
    const std::string& fault() const { return fault_; }

    bool has_room() const;
    std::size_t size() const { return sends_.size(); }
    // Only with room, and at most most_parts parts. The bytes have to stay where they are until send() has returned.
    void add(int descriptor, std::span<const std::string_view> parts);
    // Sends what was added since clear(), without waiting for room in the kernel's buffers.
    void send();
    // Bytes that were taken, or the negative errno of sendmsg(2): -EAGAIN when there was no room.
    ssize_t result(std::size_t index) const { return sends_[index].result; }
    void clear();
    // System calls of the last send().
    std::size_t calls() const { return calls_; }

  private:
    struct Ring;
    struct Send {
        int descriptor = -1;
        ssize_t result = 0;
        msghdr message{};
    };
    // Returns how many of the first sends have their result.
    std::size_t send_by_ring();
    void give_up(int error);

    std::unique_ptr<Ring> ring_;
    std::string fault_;
    std::vector<Send>
        sends_; // neither of both grows beyond what is reserved: the kernel is given addresses in them
    std::vector<iovec> buffers_;
    std::size_t calls_ = 0;
};

} // namespace gateway
