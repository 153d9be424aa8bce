#include "wire/json_check.hpp"

#include <bitset>

#include "wire/json_text.hpp"

namespace wire {

namespace {

class Checker {
  public:
    explicit Checker(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    bool document() {
        for (;;) {
            skip_space();
            if (!value()) {
                return false;
            }
            if (opened_) {
                continue;
            }
            for (;;) {
                skip_space();
                if (depth_ == 0) {
                    return at_ == end_;
                }
                if (take(',')) {
                    skip_space();
                    if (in_object() && !key()) {
                        return false;
                    }
                    break;
                }
                if (!take(in_object() ? '}' : ']')) {
                    return false;
                }
                --depth_;
            }
        }
    }

  private:
    bool in_object() const { return objects_[static_cast<std::size_t>(depth_ - 1)]; }

    bool take(char wanted) {
        if (at_ == end_ || *at_ != wanted) {
            return false;
        }
        ++at_;
        return true;
    }

    void skip_space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) {
            ++at_;
        }
    }

    // A value, or the start of a container: then `opened_` says that its first element comes next.
    bool value() {
        opened_ = false;
        if (at_ == end_) {
            return false;
        }
        switch (*at_) {
        case '{':
            return open(true);
        case '[':
            return open(false);
        case '"':
            return string();
        case 't':
            return word("true");
        case 'f':
            return word("false");
        case 'n':
            return word("null");
        default:
            return number();
        }
    }

    bool open(bool object) {
        ++at_;
        skip_space();
        if (take(object ? '}' : ']')) {
            return true;
        }
        if (depth_ == deepest_json) {
            return false;
        }
        objects_[static_cast<std::size_t>(depth_)] = object;
        ++depth_;
        opened_ = true;
        return !object || key();
    }

    bool key() {
        if (at_ == end_ || *at_ != '"' || !string()) {
            return false;
        }
        skip_space();
        return take(':');
    }

    bool word(std::string_view wanted) {
        if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, wanted.size()) != wanted) {
            return false;
        }
        at_ += wanted.size();
        return true;
    }

    bool digits() {
        const char* const start = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') {
            ++at_;
        }
        return at_ != start;
    }

    bool number() {
        take('-');
        if (!take('0') && !digits()) {
            return false;
        }
        if (take('.') && !digits()) {
            return false;
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            return digits();
        }
        return true;
    }

    bool hex_digit() {
        if (at_ == end_) {
            return false;
        }
        const char letter = *at_++;
        return (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f');
    }

    bool escape() {
        if (at_ == end_) {
            return false;
        }
        const char letter = *at_++;
        if (letter == 'u') {
            return hex_digit() && hex_digit() && hex_digit() && hex_digit();
        }
        return std::string_view("\"\\/bfnrt").find(letter) != std::string_view::npos;
    }

    bool string() {
        ++at_;
        while (at_ != end_) {
            const auto byte = static_cast<unsigned char>(*at_++);
            if (byte == '"') {
                return true;
            }
            if (byte < 0x20 || (byte == '\\' && !escape())) {
                return false;
            }
        }
        return false;
    }

    const char* at_;
    const char* const end_;
    int depth_ = 0;
    bool opened_ = false;
    std::bitset<deepest_json> objects_;
};

} // namespace

bool is_json(std::string_view text) {
    return valid_utf8_prefix(text) == text.size() && Checker(text).document();
}

} // namespace wire
