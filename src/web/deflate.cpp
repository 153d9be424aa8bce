#include "web/deflate.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include <zlib.h>

namespace web {

namespace {

constexpr int raw_window = -15;

// An empty stored block. Each compressed message ends with it, and it is left out on the wire.
constexpr std::string_view tail = {"\x00\x00\xff\xff", 4};

// zlib counts in 32 bits.
constexpr std::size_t longest_piece = std::size_t{1} << 30;

void give_input(z_stream& stream, std::string_view piece) {
    // zlib does not write there; its interface is older than const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(piece.size());
}

void give_room(z_stream& stream, std::array<char, 16384>& room, std::size_t size) {
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(size);
}

} // namespace

struct Compressor::Stream {
    z_stream zlib{};
    bool ready = false;
    ~Stream() {
        if (ready) {
            deflateEnd(&zlib);
        }
    }
};

Compressor::Compressor(int level) : stream_(std::make_unique<Stream>()), level_(std::clamp(level, 1, 9)) {}

Compressor::~Compressor() = default;

bool Compressor::compress(std::string_view message, std::string& out) {
    z_stream& zlib = stream_->zlib;
    if (!stream_->ready) {
        constexpr int memory_level = 8;
        stream_->ready =
            deflateInit2(&zlib, level_, Z_DEFLATED, raw_window, memory_level, Z_DEFAULT_STRATEGY) == Z_OK;
    } else {
        deflateReset(&zlib);
    }
    if (!stream_->ready) {
        return false;
    }
    const std::size_t before = out.size();
    std::array<char, 16384> room;
    do {
        const std::string_view piece = message.substr(0, longest_piece);
        message.remove_prefix(piece.size());
        give_input(zlib, piece);
        do {
            give_room(zlib, room, room.size());
            deflate(&zlib, message.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH);
            out.append(room.data(), room.size() - zlib.avail_out);
        } while (zlib.avail_out == 0);
    } while (!message.empty());
    const std::string_view written = std::string_view(out).substr(before);
    if (written.size() > tail.size() && written.substr(written.size() - tail.size()) == tail) {
        out.resize(out.size() - tail.size());
        return true;
    }
    out.resize(before);
    return false;
}

namespace {

// The states of one inflate_message().
class Inflation {
  public:
    Inflation(std::size_t most, std::string& out) : left_(most), out_(out) {
        if (inflateInit2(&zlib_, raw_window) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    ~Inflation() { inflateEnd(&zlib_); }
    Inflation(const Inflation&) = delete;
    Inflation& operator=(const Inflation&) = delete;

    // Complete: all of `piece` has been read.
    Inflated read(std::string_view piece) {
        give_input(zlib_, piece);
        for (;;) {
            // One byte more than is allowed tells a message that fits from one that does not.
            give_room(zlib_, room_, std::min(room_.size(), left_ + 1));
            const uInt room = zlib_.avail_out;
            const int code = inflate(&zlib_, Z_SYNC_FLUSH);
            const std::size_t made = room - zlib_.avail_out;
            if (made > left_) {
                return Inflated::TooLong;
            }
            out_.append(room_.data(), made);
            left_ -= made;
            if (code == Z_STREAM_END) {
                // A sender may end its stream and begin another (RFC 7692 section 7.2.3.5).
                ended_ = true;
                if (zlib_.avail_in == 0) {
                    return Inflated::Complete;
                }
                inflateReset(&zlib_);
                ended_ = false;
            } else if (code != Z_OK && code != Z_BUF_ERROR) {
                return Inflated::Malformed;
            } else if (zlib_.avail_in == 0 && zlib_.avail_out != 0) {
                return Inflated::Complete;
            }
        }
    }

    bool ended() const { return ended_; }
    void reset() {
        inflateReset(&zlib_);
        ended_ = false;
    }
    // Nothing of a block is missing. (Bit 7 of data_type: between two blocks.)
    bool between_blocks() const { return (zlib_.data_type & 128) != 0; }

  private:
    z_stream zlib_{};
    std::array<char, 16384> room_;
    std::size_t left_;
    std::string& out_;
    bool ended_ = false;
};

} // namespace

Inflated inflate_message(std::string_view compressed, std::size_t most, std::string& out) {
    // So that "one byte more" can be counted.
    most = std::min(most, std::numeric_limits<std::size_t>::max() - 1);
    Inflation inflation(most, out);
    while (!compressed.empty()) {
        if (inflation.ended()) {
            inflation.reset();
        }
        const std::string_view piece = compressed.substr(0, longest_piece);
        compressed.remove_prefix(piece.size());
        const Inflated result = inflation.read(piece);
        if (result != Inflated::Complete) {
            return result;
        }
    }
    if (inflation.ended()) {
        return Inflated::Complete; // the stream ended by itself and needs no tail
    }
    const Inflated result = inflation.read(tail);
    if (result != Inflated::Complete) {
        return result;
    }
    return inflation.between_blocks() ? Inflated::Complete : Inflated::Malformed;
}

} // namespace web
