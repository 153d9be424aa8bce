// The request line and headers of one request, and the rules about them that go beyond grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "web/error.hpp"

namespace web {

enum class Method : std::uint8_t { Get, Head, Post, Put, Patch, Delete, Options };

struct Field {
    std::string_view name;
    std::string_view value; // without spaces and tabs at its ends; bytes of 0x80 and above are possible
};

// Owns its text; what its functions return points into it.
class RequestHead {
  public:
    Method method() const { return method_; }
    // HTTP/1.`minor_version()`, 0 or 1.
    int minor_version() const { return minor_version_; }
    // Both as they were sent, still percent-encoded: "/realtime/v1/stream" and "a=1&b=2". A target without
    // "?" has an empty query. The path begins with "/", but for "OPTIONS *", whose path is "*".
    std::string_view path() const { return view(path_); }
    std::string_view query() const { return view(query_); }

    std::size_t field_count() const { return fields_.size(); }
    Field field(std::size_t index) const { return {view(fields_[index].name), view(fields_[index].value)}; }
    // The first field of this name, whatever its case.
    std::optional<std::string_view> header(std::string_view name) const;
    std::optional<std::string_view> last_header(std::string_view name) const;
    std::size_t count(std::string_view name) const;
    // Whether a comma-separated header, taken over all fields of that name, has this element.
    bool header_has(std::string_view name, std::string_view token) const;

    // Whether the client lets the connection live behind this request (RFC 9112 section 9.3).
    bool keep_alive() const;
    // The client waits for "100 Continue" before it sends the body.
    bool expects_continue() const { return expects_continue_; }
    bool chunked() const { return chunked_; }
    // 0 without a Content-Length header and for chunked bodies.
    std::uint64_t content_length() const { return content_length_; }
    bool has_body() const { return chunked_ || content_length_ != 0; }

  private:
    friend class RequestParser;
    friend class MessageParser;

    // Offsets instead of views, so that a head may be moved.
    struct Piece {
        std::uint32_t at = 0;
        std::uint32_t size = 0;
    };
    struct FieldPieces {
        Piece name;
        Piece value;
    };

    std::string_view view(Piece piece) const { return std::string_view(text_).substr(piece.at, piece.size); }
    Piece piece_of(std::string_view part) const {
        return {static_cast<std::uint32_t>(part.data() - text_.data()),
                static_cast<std::uint32_t>(part.size())};
    }

    // Each takes what the grammar has found, as views into text_, and returns what is wrong with it.
    std::optional<Error> accept_request_line(std::string_view method, std::string_view target, int version);
    // After the last field.
    std::optional<Error> accept_fields();
    std::optional<Error> accept_body_length();

    std::string text_;
    std::vector<FieldPieces> fields_;
    Piece path_;
    Piece query_;
    std::uint64_t content_length_ = 0;
    Method method_ = Method::Get;
    std::uint8_t minor_version_ = 1;
    bool chunked_ = false;
    bool expects_continue_ = false;
};

} // namespace web
