#include "value/jsonb.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "value/numeric.hpp"
#include "wire/error.hpp"

namespace value {

namespace {

using L = JsonbLayout;

[[noreturn]] void corrupt(const char* what) {
    throw wire::Error("XX001", "stored jsonb value is not valid", what,
                      "Read the row with SELECT; if that fails too, the table is damaged.");
}

std::uint32_t read_word(const char* at) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, 4);
    return word;
}

// A container being written: where its entries and its data are and how far we got. Offsets count from `data`.
struct Open {
    const char* entries;
    const char* data;
    std::size_t data_length;
    std::uint32_t count; // pairs of an object, elements of an array
    std::uint32_t next;
    std::uint32_t key_offset;
    std::uint32_t value_offset;
    char close; // ']', '}' or 0 for the scalar pseudo array
};

std::uint32_t entry_end(std::uint32_t entry, std::uint32_t start) {
    const std::uint32_t stored = entry & L::entry_length_mask;
    return (entry & L::entry_has_offset) != 0 ? stored : start + stored;
}

std::size_t aligned(std::uint32_t offset) {
    return (static_cast<std::size_t>(offset) + 3) & ~static_cast<std::size_t>(3);
}

Open open_container(const char* container, std::size_t length) {
    if (length < 4) {
        corrupt("A container is shorter than its header.");
    }
    const std::uint32_t header = read_word(container);
    Open open{};
    open.count = header & L::count_mask;
    const bool object = (header & L::is_object) != 0;
    if (!object && (header & L::is_array) == 0) {
        corrupt("A container is neither object nor array.");
    }
    const std::size_t entry_count = static_cast<std::size_t>(open.count) * (object ? 2 : 1);
    if (entry_count > (length - 4) / 4) {
        corrupt("A container has more entries than bytes.");
    }
    open.entries = container + 4;
    open.data = open.entries + entry_count * 4;
    open.data_length = length - 4 - entry_count * 4;
    if ((header & L::is_scalar) != 0 && (object || open.count != 1)) {
        corrupt("A scalar does not have exactly one entry.");
    }
    open.close = object ? '}' : (header & L::is_scalar) != 0 ? '\0' : ']';
    if (object) {
        // The values start where the last key ends; some entries store that offset, the others a length.
        std::uint32_t end = 0;
        for (std::uint32_t index = 0; index < open.count; ++index) {
            end = entry_end(read_word(open.entries + 4 * static_cast<std::size_t>(index)), end);
        }
        open.value_offset = end;
    }
    return open;
}

class Walker {
  public:
    Walker(wire::ByteBuffer& out, wire::Charset charset) : out_(out), utf8_(charset == wire::Charset::Utf8) {}

    void write(const char* container, std::size_t length) {
        enter(container, length);
        for (;;) {
            const Nested nested = write_entries(top());
            if (nested.container != nullptr) {
                ++depth_;
                enter(nested.container, nested.length);
                continue;
            }
            append_if(top().close != '\0', top().close);
            if (depth_ == 0) {
                return;
            }
            --depth_;
        }
    }

  private:
    struct Nested {
        const char* container;
        std::size_t length;
    };

    void append_if(bool wanted, char byte) {
        if (wanted) {
            out_.append(byte);
        }
    }

    Open& top() { return depth_ < near_depth ? near_[depth_] : far_[depth_ - near_depth]; }

    void enter(const char* container, std::size_t length) {
        if (depth_ >= near_depth && far_.size() <= depth_ - near_depth) {
            far_.emplace_back();
        }
        Open& open = top();
        open = open_container(container, length);
        append_if(open.close != '\0', open.close == '}' ? '{' : '[');
    }

    // Writes entries until the container ends or one of them is a container itself. Everything it works with lives in
    // local variables, because every byte written might otherwise alias the fields of an object.
    Nested write_entries(Open& outer) {
        Open open = outer;
        char* to = out_.reserve(small_room);
        char* end = out_.end_of_room();
        const auto room = [&](std::size_t count) __attribute__((always_inline)) {
            if (static_cast<std::size_t>(end - to) < count) {
                out_.advance_to(to);
                to = out_.reserve(count);
                end = out_.end_of_room();
            }
        };
        const bool utf8 = utf8_;
        const auto string = [&](std::uint32_t start, std::uint32_t stop) __attribute__((always_inline)) {
            if (stop > open.data_length || start > stop) {
                corrupt("A string lies outside of its container.");
            }
            const std::size_t length = stop - start;
            room(length + small_room + wire::padded_length);
            const char* const from = open.data + start;
            char* written = nullptr;
            if (utf8 && length <= wire::padded_length && start + wire::padded_length <= open.data_length) {
                written = wire::copy_plain_padded(to + 1, from, length);
            } else if (utf8) {
                written = wire::copy_plain(to + 1, from, length);
            }
            if (written != nullptr) {
                *to = '"';
                *written = '"';
                to = written + 1;
                return;
            }
            out_.advance_to(to);
            wire::write_json_string_slowly(out_, {from, length},
                                           utf8 ? wire::Charset::Utf8 : wire::Charset::Ascii);
            to = out_.reserve(small_room);
            end = out_.end_of_room();
        };
        const bool object = open.close == '}';
        while (open.next < open.count) {
            const std::uint32_t index = open.next++;
            room(small_room);
            *to = ',';
            to += index > 0 ? 1 : 0;
            std::size_t value_index = index;
            if (object) {
                const std::uint32_t key = read_word(open.entries + 4 * static_cast<std::size_t>(index));
                const std::uint32_t stop = entry_end(key, open.key_offset);
                string(open.key_offset, stop);
                *to++ = ':';
                open.key_offset = stop;
                value_index += open.count;
            }
            const std::uint32_t entry = read_word(open.entries + 4 * value_index);
            const std::uint32_t start = open.value_offset;
            const std::uint32_t stop = entry_end(entry, start);
            open.value_offset = stop;
            switch (entry & L::entry_type_mask) {
            case L::entry_string:
                string(start, stop);
                break;
            case L::entry_numeric: {
                // Inside jsonb a numeric is aligned and keeps its full 4-byte varlena header.
                const std::size_t from = aligned(start) + 4;
                if (stop > open.data_length || from > stop) {
                    corrupt("A number lies outside of its container.");
                }
                room(numeric_room(open.data + from, stop - from));
                to = format_numeric(to, open.data + from, stop - from);
                break;
            }
            case L::entry_false:
                room(small_room);
                to += std::string_view("false").copy(to, 5);
                break;
            case L::entry_true:
                room(small_room);
                to += std::string_view("true").copy(to, 4);
                break;
            case L::entry_null:
                room(small_room);
                to += std::string_view("null").copy(to, 4);
                break;
            case L::entry_container: {
                const std::size_t from = aligned(start);
                if (stop > open.data_length || from > stop) {
                    corrupt("A nested container lies outside of its parent.");
                }
                out_.advance_to(to);
                outer.next = open.next;
                outer.key_offset = open.key_offset;
                outer.value_offset = open.value_offset;
                return {open.data + from, stop - from};
            }
            default:
                corrupt("An entry has an unknown type.");
            }
        }
        out_.advance_to(to);
        return {nullptr, 0};
    }

    static constexpr std::size_t small_room = 16; // for punctuation and words
    static constexpr std::size_t near_depth = 16;

    wire::ByteBuffer& out_;
    const bool utf8_;
    std::size_t depth_ = 0;
    Open near_[near_depth]; // nesting that documents have, without an allocation
    std::vector<Open> far_;
};

} // namespace

void write_jsonb(wire::ByteBuffer& out, const char* container, std::size_t length, wire::Charset charset) {
    Walker(out, charset).write(container, length);
}

} // namespace value
