#include "web/request_parser.hpp"

#include <algorithm>
#include <utility>

#include "web/message_parser.hpp"

namespace web {

namespace {

enum class Phase : unsigned char { Head, Body, Complete, Failed };

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";

} // namespace

struct RequestParser::Request {
    explicit Request(const RequestLimits& limits)
        : message(limits.header_count), body_limit(limits.body_bytes) {}

    RequestHead head;
    MessageParser message;
    std::string body;
    std::string pending; // the begin of a chunk's header, until the rest of it comes
    std::size_t body_limit;
    Phase phase = Phase::Head;
    bool skipped_empty_line = false;
    bool has_head = false;
    Error error;
};

RequestParser::RequestParser(const RequestLimits& limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

RequestParser::Fed RequestParser::feed(std::string_view bytes) {
    if (!request_) {
        if (bytes.empty()) {
            return {};
        }
        request_ = std::make_unique<Request>(limits_);
    }
    switch (request_->phase) {
    case Phase::Head:
        return feed_head(bytes);
    case Phase::Body:
        return feed_body(bytes);
    case Phase::Complete:
        return {Step::BodyComplete, 0};
    case Phase::Failed:
        break;
    }
    return {Step::Failed, 0};
}

RequestParser::Fed RequestParser::fail(Error error) {
    request_->phase = Phase::Failed;
    request_->error = std::move(error);
    std::string().swap(request_->body);
    std::string().swap(request_->pending);
    return {Step::Failed, 0};
}

namespace {

// What may not stand in a head at all. A carriage return at the very end may still become a line end.
std::optional<Error> check_letters(std::string_view text, std::size_t from) {
    for (std::size_t at = from; at < text.size(); ++at) {
        const char letter = text[at];
        const char before = at == 0 ? '\0' : text[at - 1];
        if (before == '\r' && letter != '\n') {
            return Error{400, "a carriage return stands without a line feed"};
        }
        if (letter == '\n') {
            if (before != '\r') {
                return Error{400, "a line feed stands without a carriage return"};
            }
        } else if ((letter == ' ' || letter == '\t') && before == '\n') {
            return Error{400, "a line of the head begins with a space; headers cannot be folded"};
        } else if (letter != '\r' && letter != '\t' && ((letter >= 0 && letter < ' ') || letter == 0x7f)) {
            return Error{400, "the head holds the control byte " +
                                  std::to_string(static_cast<unsigned char>(letter))};
        }
    }
    return std::nullopt;
}

} // namespace

// The whole head is collected first: the grammar reads it in one piece, and nothing behind it is taken.
RequestParser::Fed RequestParser::feed_head(std::string_view bytes) {
    Request& request = *request_;
    std::string& text = request.head.text_;
    std::size_t skipped = 0;
    while (!request.skipped_empty_line && skipped < bytes.size()) {
        if (text.empty() && bytes[skipped] == '\r') {
            text += '\r';
        } else {
            request.skipped_empty_line = true;
            if (text.empty() || bytes[skipped] != '\n') {
                break;
            }
            text.clear();
        }
        ++skipped;
    }
    bytes.remove_prefix(skipped);

    const std::size_t before = text.size();
    text.append(bytes.substr(0, limits_.head_bytes - std::min(before, limits_.head_bytes)));
    const std::size_t search_from = before < end_of_head.size() ? 0 : before - (end_of_head.size() - 1);
    const std::size_t found = text.find(end_of_head, search_from);
    const bool complete = found != std::string::npos;
    if (complete) {
        text.resize(found + end_of_head.size());
    }
    if (auto error = check_letters(text, before)) {
        return fail(std::move(*error));
    }
    if (!complete) {
        if (text.size() < limits_.head_bytes) {
            return {Step::NeedMore, skipped + text.size() - before};
        }
        const std::string limit = std::to_string(limits_.head_bytes) + " bytes";
        return text.find(line_end) == std::string::npos
                   ? fail({414, "the request line has more than " + limit})
                   : fail({431, "the request line and headers have more than " + limit});
    }
    text.shrink_to_fit();
    if (auto error = request.message.read_head(request.head)) {
        return fail(std::move(*error));
    }
    request.has_head = true;
    request.phase = Phase::Body;
    return {Step::HeadComplete, skipped + text.size() - before};
}

RequestParser::Fed RequestParser::feed_body(std::string_view bytes) {
    Request& request = *request_;
    const RequestHead& head = request.head;
    if (!head.has_body()) {
        request.phase = Phase::Complete;
        return {Step::BodyComplete, 0};
    }
    if (head.content_length() > request.body_limit) {
        return fail({413, "the body has " + std::to_string(head.content_length()) + " bytes; the limit is " +
                              std::to_string(request.body_limit)});
    }
    if (bytes.empty()) {
        return {};
    }
    if (head.chunked()) {
        return feed_chunks(bytes);
    }
    MessageParser::BodyStep step = request.message.read_body(bytes, request.body, request.body_limit);
    if (step.error) {
        return fail(std::move(*step.error));
    }
    if (step.complete) {
        request.phase = Phase::Complete;
    }
    return {step.complete ? Step::BodyComplete : Step::NeedMore, step.consumed};
}

// The grammar wants a chunk's header in one piece. It is shown a window of at most longest_chunk_header bytes
// that begins with what it has not consumed; when a full window does not move it, the header is too long.
RequestParser::Fed RequestParser::feed_chunks(std::string_view bytes) {
    Request& request = *request_;
    std::size_t taken = 0; // of `bytes`: consumed, or moved to pending
    for (;;) {
        std::string_view window = bytes.substr(taken, longest_chunk_header);
        const std::size_t kept = request.pending.size();
        if (kept != 0) {
            request.pending.append(window.substr(0, longest_chunk_header - kept));
            window = request.pending;
        }
        MessageParser::BodyStep step;
        if (window.size() >= MessageParser::fewest_chunk_bytes) {
            step = request.message.read_body(window, request.body, request.body_limit);
        }
        if (step.error) {
            return fail(std::move(*step.error));
        }
        if (step.complete) {
            request.phase = Phase::Complete;
            std::string().swap(request.pending);
            return {Step::BodyComplete, taken + step.consumed - kept};
        }
        if (step.consumed == 0 && window.size() == longest_chunk_header) {
            return fail({400, "the header of a chunk has more than " + std::to_string(longest_chunk_header) +
                                  " bytes"});
        }
        if (step.consumed >= kept) {
            taken += step.consumed - kept;
            request.pending.clear();
            if (step.consumed != 0 && taken < bytes.size()) {
                continue;
            }
        } else {
            // Part of what was pending has been used: the window's new bytes stay where they came from.
            request.pending.resize(kept);
            request.pending.erase(0, step.consumed);
            if (step.consumed != 0) {
                continue;
            }
        }
        request.pending.append(bytes.substr(taken));
        return {Step::NeedMore, bytes.size()};
    }
}

bool RequestParser::has_head() const {
    return request_ && request_->has_head;
}

const RequestHead& RequestParser::head() const {
    return request_->head;
}

void RequestParser::set_body_limit(std::size_t bytes) {
    request_->body_limit = bytes;
}

std::string_view RequestParser::body() const {
    return request_->body;
}

std::string RequestParser::take_body() {
    return std::move(request_->body);
}

const Error& RequestParser::error() const {
    return request_->error;
}

void RequestParser::reset() {
    request_.reset();
}

} // namespace web
