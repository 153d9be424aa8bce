#include "web/message_parser.hpp"

#include <algorithm>
#include <limits>

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes an empty boost::optional for one that is read.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <boost/beast/http/basic_parser.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace web {

namespace http = boost::beast::http;

// What Beast finds, it tells by calling the functions below. It sees heads as a whole and bounded pieces of
// bodies, so its own limits are switched off.
class MessageParser::Grammar : public http::basic_parser<true> {
  public:
    using Code = boost::beast::error_code;
    using View = boost::beast::string_view;

    explicit Grammar(std::size_t most_headers) : most_headers_(most_headers) {
        body_limit(boost::none);
        header_limit(std::numeric_limits<std::uint32_t>::max());
    }

    RequestHead* head = nullptr;  // while a head is read
    std::string* body = nullptr;  // while a body is read
    std::size_t most = 0;         // bytes of it
    std::optional<Error> refusal; // set when one of ours, not Beast, stopped the parser

  private:
    static std::string_view standard(View view) { return {view.data(), view.size()}; }

    void refuse(Error error, Code& code) {
        refusal = std::move(error);
        code = http::error::bad_value;
    }

    void on_request_impl(http::verb, View method, View target, int version, Code& code) override {
        if (auto error = head->accept_request_line(standard(method), standard(target), version)) {
            refuse(std::move(*error), code);
        }
    }

    void on_field_impl(http::field, View name, View value, Code& code) override {
        if (head == nullptr) {
            return; // a trailer behind a chunked body: read for its grammar, then forgotten
        }
        if (head->fields_.size() == most_headers_) {
            return refuse({431, "there are more than " + std::to_string(most_headers_) + " headers"}, code);
        }
        // An empty value may be a view of nothing.
        const RequestHead::Piece none;
        head->fields_.push_back(
            {head->piece_of(standard(name)), value.empty() ? none : head->piece_of(standard(value))});
    }

    std::size_t on_body_impl(View bytes, Code&) override {
        body->append(bytes.data(), bytes.size());
        return bytes.size();
    }
    std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Code&) override {
        body->append(bytes.data(), bytes.size());
        return bytes.size();
    }
    // A chunk says how long it is; a body of the other form did so in the head.
    void on_chunk_header_impl(std::uint64_t size, View, Code& code) override {
        if (size > most || body->size() > most - size) {
            refuse({413, "the body has more than " + std::to_string(most) + " bytes"}, code);
        }
    }

    void on_header_impl(Code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
    void on_finish_impl(Code&) override {}
    // Asked for by base classes of responses only.
    void on_response_impl(int, View, int, Code&) override {}

    std::size_t most_headers_;
};

namespace {

bool is_version(std::string_view text) {
    const auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
    return text.size() == 8 && text.substr(0, 5) == "HTTP/" && is_digit(text[5]) && text[6] == '.' &&
           is_digit(text[7]);
}

Error head_error(const boost::beast::error_code& code, std::string_view text) {
    const std::string_view line = text.substr(0, text.find("\r\n"));
    const auto is = [&](http::error error) { return code == error; };
    if (is(http::error::bad_version) && is_version(line.substr(line.rfind(' ') + 1)) &&
        std::count(line.begin(), line.end(), ' ') == 2) {
        return {505,
                "version " + shown(line.substr(line.rfind(' ') + 1)) + " is not spoken here; HTTP/1.1 is"};
    }
    if (is(http::error::bad_method) || is(http::error::bad_target) || is(http::error::bad_version)) {
        return {400, "request line " + shown(line) + " is not METHOD TARGET HTTP/1.1"};
    }
    if (is(http::error::bad_field)) {
        return {400, "the name of a header has a letter that is not allowed there"};
    }
    if (is(http::error::bad_content_length) || is(http::error::multiple_content_length) ||
        is(http::error::bad_transfer_encoding)) {
        return {400, "Content-Length and Transfer-Encoding are wrong or contradict each other"};
    }
    return {400, "the headers are malformed: " + code.message()};
}

} // namespace

MessageParser::MessageParser(std::size_t most_headers) : grammar_(std::make_unique<Grammar>(most_headers)) {}

MessageParser::~MessageParser() = default;

std::optional<Error> MessageParser::read_head(RequestHead& head) {
    boost::beast::error_code code;
    grammar_->head = &head;
    const std::string_view text = head.text_;
    const std::size_t used = grammar_->put({text.data(), text.size()}, code);
    grammar_->head = nullptr;
    if (grammar_->refusal) {
        return std::move(grammar_->refusal);
    }
    if (code) {
        return head_error(code, text);
    }
    if (used != text.size() || !grammar_->is_header_done()) {
        return Error{400, "the headers are malformed"};
    }
    return head.accept_fields();
}

MessageParser::BodyStep MessageParser::read_body(std::string_view bytes, std::string& body,
                                                 std::size_t most) {
    BodyStep step;
    boost::beast::error_code code;
    grammar_->body = &body;
    grammar_->most = most;
    step.consumed = grammar_->put({bytes.data(), bytes.size()}, code);
    grammar_->body = nullptr;
    step.complete = grammar_->is_done();
    if (grammar_->refusal) {
        step.error = std::move(grammar_->refusal);
    } else if (code && code != http::error::need_more) {
        step.error = Error{400, "the chunked body is malformed: " + code.message()};
    }
    return step;
}

} // namespace web
