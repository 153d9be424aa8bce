// What a RequestParser makes of bytes, as text: two ways to cut the same bytes must give the same text.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "web/request_parser.hpp"

namespace request_transcript {

inline std::string of_head(const web::RequestHead& head) {
    std::string text = "head " + std::to_string(static_cast<int>(head.method())) + " 1." +
                       std::to_string(head.minor_version()) + " " + std::string(head.path()) + " ? " +
                       std::string(head.query()) + (head.keep_alive() ? " keep" : " close") +
                       (head.chunked() ? " chunked" : "") + (head.expects_continue() ? " expect" : "") + "\n";
    for (std::size_t index = 0; index < head.field_count(); ++index) {
        const web::Field field = head.field(index);
        text += std::string(field.name) + "=" + std::string(field.value) + "\n";
    }
    return text;
}

// Feeds `bytes` in pieces of the sizes that `next_size` says (at least 1); each piece lies in memory of its
// exact size.
inline std::string of(std::string_view bytes, const std::function<std::size_t()>& next_size,
                      const web::RequestLimits& limits = {}) {
    std::string text;
    web::RequestParser parser(limits);
    using Step = web::RequestParser::Step;
    while (!bytes.empty()) {
        const std::size_t size = std::min(std::max<std::size_t>(next_size(), 1), bytes.size());
        const std::unique_ptr<char[]> exact(new char[size]);
        bytes.copy(exact.get(), size);
        bytes.remove_prefix(size);
        std::string_view rest(exact.get(), size);
        for (bool more = true; more;) {
            const auto fed = parser.feed(rest);
            if (fed.consumed > rest.size()) {
                return text + "consumed more than there was\n";
            }
            rest.remove_prefix(fed.consumed);
            switch (fed.step) {
            case Step::NeedMore:
                if (!rest.empty()) {
                    return text + "wants more with bytes left over\n";
                }
                more = false;
                break;
            case Step::HeadComplete:
                text += of_head(parser.head());
                break;
            case Step::BodyComplete:
                text += "body " + std::string(parser.body()) + "\n";
                parser.reset();
                break;
            case Step::Failed:
                return text + "failed " + std::to_string(parser.error().status) + " " +
                       parser.error().message + "\n";
            }
        }
    }
    return text + (parser.idle() ? "idle\n" : "inside a request\n");
}

inline std::string whole(std::string_view bytes, const web::RequestLimits& limits = {}) {
    return of(
        bytes, [&] { return bytes.size(); }, limits);
}

inline std::string byte_by_byte(std::string_view bytes, const web::RequestLimits& limits = {}) {
    return of(
        bytes, [] { return 1; }, limits);
}

} // namespace request_transcript
