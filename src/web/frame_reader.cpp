#include "web/frame_reader.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include <wslay/wslay.h>

#include "web/deflate.hpp"
#include "web/frame_writer.hpp"
#include "web/utf8_stream.hpp"
#include "wire/json_text.hpp"

namespace web {

namespace {

using Kind = Event::Kind;

// What wslay is told to read from: it takes up to 4 kB at a time, also beyond the frame it is at.
struct Source {
    std::string_view rest;
    std::uint64_t taken = 0; // since a frame began
};

extern "C" ssize_t give_bytes(std::uint8_t* to, std::size_t room, int, void* source) {
    auto& from = *static_cast<Source*>(source);
    const std::size_t size = from.rest.copy(reinterpret_cast<char*>(to), room);
    from.rest.remove_prefix(size);
    from.taken += size;
    return size == 0 ? -1 : static_cast<ssize_t>(size);
}

// Owns wslay's context, which points to its source.
class Frames {
  public:
    Frames() {
        const wslay_frame_callbacks callbacks = {nullptr, give_bytes, nullptr};
        if (wslay_frame_context_init(&context_, &callbacks, &source) != 0) {
            throw std::bad_alloc();
        }
    }
    ~Frames() { wslay_frame_context_free(context_); }
    Frames(const Frames&) = delete;
    Frames& operator=(const Frames&) = delete;

    // The next part of a frame's payload. wslay's answer: negative when there is none.
    ssize_t receive(wslay_frame_iocb& part) { return wslay_frame_recv(context_, &part); }

    Source source;

  private:
    wslay_frame_context_ptr context_ = nullptr;
};

// Bytes of a masked frame's header. wslay insists on the shortest form of a length.
std::uint64_t header_size(std::uint64_t payload_size) {
    constexpr std::uint64_t mask = 4;
    return mask + (payload_size < 126 ? 2 : payload_size < 65536 ? 4 : 10);
}

bool is_known(std::uint8_t opcode) {
    return opcode <= WSLAY_BINARY_FRAME || (opcode >= WSLAY_CONNECTION_CLOSE && opcode <= WSLAY_PONG);
}

Event failed(std::uint16_t code, std::string_view reason) {
    return {Kind::Failed, code, reason};
}

Event protocol_error(std::string_view reason) {
    return failed(close_code::protocol_error, reason);
}

Event too_big() {
    return failed(close_code::too_big, "message too big");
}

Event close_event(std::string_view payload) {
    if (payload.empty()) {
        return {Kind::Close, close_code::none, {}};
    }
    if (payload.size() == 1) {
        return protocol_error("close frame with half a code");
    }
    const auto code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                                 static_cast<unsigned char>(payload[1]));
    if (!is_sendable_close_code(code)) {
        return protocol_error("close frame with a code that is not allowed");
    }
    const std::string_view reason = payload.substr(2);
    if (wire::valid_utf8_prefix(reason) != reason.size()) {
        return failed(close_code::not_utf8, "reason of the close frame is not UTF-8");
    }
    return {Kind::Close, code, reason};
}

} // namespace

struct FrameReader::State {
    // Lives while a frame is incomplete.
    std::unique_ptr<Frames> frames;
    std::uint64_t left = 0; // bytes of the frame's payload that are still to come
    bool inside_frame = false;
    std::string control; // a control frame's payload; it may come between the fragments of a message

    // The message, while not all of its fragments have come.
    bool inside_message = false;
    bool is_text = false;
    bool is_compressed = false;
    std::string message;
    Utf8Stream utf8;        // complete again behind each text
    bool given_out = false; // by the last event; to be dropped by the next call

    bool drop_what_is_done();
    Event read(std::string_view& bytes, const FrameLimits& limits, bool compression);
    Event begin_frame(const wslay_frame_iocb& part, bool compression);
    Event take_control(const wslay_frame_iocb& part, std::string_view piece);
    Event take_data(const wslay_frame_iocb& part, std::string_view piece, const FrameLimits& limits);
    Event end_message(std::string_view piece, const FrameLimits& limits);
};

// What an idle connection costs; nothing is behind the pointer then.
static_assert(sizeof(FrameReader) <= 24 || sizeof(void*) != 8);

FrameReader::FrameReader(const FrameLimits& limits, bool compression)
    : limits_(&limits), compression_(compression) {}
FrameReader::~FrameReader() = default;
FrameReader::FrameReader(FrameReader&&) noexcept = default;
FrameReader& FrameReader::operator=(FrameReader&&) noexcept = default;

Event FrameReader::next(std::string_view& bytes) {
    if (finished_) {
        // What the last event pointed to is not needed any more.
        state_.reset();
        bytes = {};
        return {};
    }
    if (!state_) {
        if (bytes.empty()) {
            return {};
        }
        state_ = std::make_unique<State>();
    }
    const Event event = state_->read(bytes, *limits_, compression_);
    if (event.kind == Kind::None && state_->drop_what_is_done()) {
        state_.reset();
    }
    if (event.kind == Kind::Close || event.kind == Kind::Failed) {
        finished_ = true;
        bytes = {};
    }
    return event;
}

// Whether nothing is left to remember.
bool FrameReader::State::drop_what_is_done() {
    if (frames && frames->source.taken == 0 && !inside_frame) {
        frames.reset();
    }
    return !frames && !inside_message;
}

Event FrameReader::State::read(std::string_view& bytes, const FrameLimits& limits, bool compression) {
    if (given_out) {
        given_out = false;
        if (!inside_message) {
            std::string().swap(message);
        }
        control.clear();
    }
    if (!frames) {
        frames = std::make_unique<Frames>();
    }
    frames->source.rest = bytes;
    for (;;) {
        wslay_frame_iocb part{};
        const ssize_t size = frames->receive(part);
        bytes = frames->source.rest;
        if (size < 0) {
            if (size != WSLAY_ERR_WANT_READ) {
                return protocol_error("frame header that the protocol does not allow");
            }
            return {};
        }
        if (!inside_frame) {
            const Event event = begin_frame(part, compression);
            if (event.kind != Kind::None) {
                return event;
            }
        }
        const std::string_view piece(reinterpret_cast<const char*>(part.data), part.data_length);
        left -= piece.size();
        if (left == 0) {
            inside_frame = false;
            frames->source.taken -= header_size(part.payload_length) + part.payload_length;
        }
        const Event event =
            wslay_is_ctrl_frame(part.opcode) ? take_control(part, piece) : take_data(part, piece, limits);
        if (event.kind != Kind::None) {
            given_out = true;
            return event;
        }
    }
}

// What can be said of a frame from its header. wslay has refused control frames that are fragmented or too
// long, and lengths that are not in their shortest form.
Event FrameReader::State::begin_frame(const wslay_frame_iocb& part, bool compression) {
    if (part.mask == 0) {
        return protocol_error("frame of a client without a mask");
    }
    if (!is_known(part.opcode)) {
        return protocol_error("frame with a reserved opcode");
    }
    const bool is_first_of_data = part.opcode == WSLAY_TEXT_FRAME || part.opcode == WSLAY_BINARY_FRAME;
    const bool compressed = compression && is_first_of_data && part.rsv == WSLAY_RSV1_BIT;
    if (part.rsv != WSLAY_RSV_NONE && !compressed) {
        return protocol_error("frame with a reserved bit");
    }
    if (is_first_of_data) {
        if (inside_message) {
            return protocol_error("new message inside a fragmented one");
        }
        inside_message = true;
        is_text = part.opcode == WSLAY_TEXT_FRAME;
        is_compressed = compressed;
    } else if (part.opcode == WSLAY_CONTINUATION_FRAME && !inside_message) {
        return protocol_error("continuation of no message");
    }
    inside_frame = true;
    left = part.payload_length;
    return {};
}

Event FrameReader::State::take_control(const wslay_frame_iocb& part, std::string_view piece) {
    if (left != 0 || !control.empty()) {
        control += piece;
        piece = control;
    }
    if (left != 0) {
        return {};
    }
    switch (part.opcode) {
    case WSLAY_PING:
        return {Kind::Ping, 0, piece};
    case WSLAY_PONG:
        return {Kind::Pong, 0, piece};
    default:
        return close_event(piece);
    }
}

Event FrameReader::State::take_data(const wslay_frame_iocb& part, std::string_view piece,
                                    const FrameLimits& limits) {
    // Also when nothing of it has come yet: what is left of this frame will not fit.
    if (part.payload_length > limits.message_bytes ||
        message.size() + piece.size() + left > limits.message_bytes) {
        return too_big();
    }
    if (is_text && !is_compressed && !utf8.feed(piece)) {
        return failed(close_code::not_utf8, "text is not UTF-8");
    }
    if (left == 0 && part.fin != 0) {
        return end_message(piece, limits);
    }
    message += piece;
    return {};
}

Event FrameReader::State::end_message(std::string_view piece, const FrameLimits& limits) {
    inside_message = false;
    // A message in one piece is not copied.
    if (!message.empty()) {
        message += piece;
        piece = message;
    }
    if (is_compressed) {
        std::string inflated;
        const Inflated result = inflate_message(piece, limits.inflated_bytes, inflated);
        if (result == Inflated::TooLong) {
            return too_big();
        }
        if (result == Inflated::Malformed || (is_text && !utf8.feed(inflated))) {
            return failed(close_code::not_utf8, result == Inflated::Malformed
                                                    ? "compressed message is malformed"
                                                    : "text is not UTF-8");
        }
        message.swap(inflated);
        piece = message;
    }
    if (is_text && !utf8.complete()) {
        return failed(close_code::not_utf8, "text is not UTF-8");
    }
    return {is_text ? Kind::Text : Kind::Binary, 0, piece};
}

} // namespace web
