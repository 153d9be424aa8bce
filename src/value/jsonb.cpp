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
    open.close = object ? '}' : (header & L::is_scalar) != 0 ? '\0' : ']';
    if (object) {
        // The values start where the last key ends; only entries since the last stored offset need adding up.
        std::uint32_t first = open.count;
        while (first > 0 && (read_word(open.entries + 4 * (static_cast<std::size_t>(first) - 1)) &
                             L::entry_has_offset) == 0) {
            --first;
        }
        std::uint32_t end = first == 0 ? 0
                                       : read_word(open.entries + 4 * (static_cast<std::size_t>(first) - 1)) &
                                             L::entry_length_mask;
        for (; first < open.count; ++first) {
            end += read_word(open.entries + 4 * static_cast<std::size_t>(first)) & L::entry_length_mask;
        }
        open.value_offset = end;
    }
    return open;
}

class Walker {
  public:
    Walker(wire::ByteBuffer& out, wire::Charset charset) : out_(out), charset_(charset) {}

    void write(const char* container, std::size_t length) {
        enter(container, length);
        for (;;) {
            if (top_.next == top_.count) {
                if (top_.close != '\0') {
                    out_.append(top_.close);
                }
                if (outer_.empty()) {
                    return;
                }
                top_ = outer_.back();
                outer_.pop_back();
                continue;
            }
            write_next();
        }
    }

  private:
    void enter(const char* container, std::size_t length) {
        top_ = open_container(container, length);
        if (top_.close != '\0') {
            out_.append(top_.close == '}' ? '{' : '[');
        }
    }

    void write_next() {
        const std::uint32_t index = top_.next++;
        if (index > 0) {
            out_.append(',');
        }
        std::uint32_t value_index = index;
        if (top_.close == '}') {
            const std::uint32_t key = read_word(top_.entries + 4 * static_cast<std::size_t>(index));
            const std::uint32_t end = entry_end(key, top_.key_offset);
            write_string(top_.key_offset, end);
            out_.append(':');
            top_.key_offset = end;
            value_index += top_.count;
        }
        const std::uint32_t entry = read_word(top_.entries + 4 * static_cast<std::size_t>(value_index));
        const std::uint32_t start = top_.value_offset;
        const std::uint32_t end = entry_end(entry, start);
        top_.value_offset = end;
        switch (entry & L::entry_type_mask) {
        case L::entry_string:
            write_string(start, end);
            return;
        case L::entry_numeric:
            write_number(start, end);
            return;
        case L::entry_false:
            out_.append("false", 5);
            return;
        case L::entry_true:
            out_.append("true", 4);
            return;
        case L::entry_null:
            out_.append("null", 4);
            return;
        case L::entry_container: {
            const std::size_t from = aligned(start);
            if (end > top_.data_length || from > end) {
                corrupt("A nested container lies outside of its parent.");
            }
            const char* nested = top_.data + from;
            outer_.push_back(top_);
            enter(nested, end - from);
            return;
        }
        default:
            corrupt("An entry has an unknown type.");
        }
    }

    void write_string(std::uint32_t start, std::uint32_t end) {
        if (end > top_.data_length || start > end) {
            corrupt("A string lies outside of its container.");
        }
        wire::write_json_string(out_, {top_.data + start, end - start}, charset_);
    }

    void write_number(std::uint32_t start, std::uint32_t end) {
        const std::size_t from = aligned(start);
        if (end > top_.data_length || from + 4 > end) {
            corrupt("A number lies outside of its container.");
        }
        // Inside jsonb a numeric keeps its full 4-byte varlena header.
        write_numeric(out_, top_.data + from + 4, end - from - 4);
    }

    wire::ByteBuffer& out_;
    wire::Charset charset_;
    Open top_{};
    std::vector<Open> outer_;
};

} // namespace

void write_jsonb(wire::ByteBuffer& out, const char* container, std::size_t length, wire::Charset charset) {
    Walker(out, charset).write(container, length);
}

} // namespace value
