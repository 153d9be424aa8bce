#include "gateway/exchange.hpp"

#include "gateway/socket.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace gateway {

Reply error_reply(int status, std::string_view code, std::string_view message, std::string_view hint,
                  std::string_view request_id) {
    constexpr std::size_t most = 1U << 24;
    wire::ByteBuffer out(most);
    const auto member = [&out](std::string_view name, std::string_view text) {
        out.append(name);
        wire::write_json_string(out, text);
    };
    member("{\"error\":", code);
    member(",\"message\":", message);
    if (hint.empty()) {
        out.append(",\"hint\":null");
    } else {
        member(",\"hint\":", hint);
    }
    member(",\"requestId\":", request_id);
    out.append("}");
    Reply reply;
    reply.status = status;
    reply.body = out.view();
    return reply;
}

Exchange::Exchange(Socket& socket, web::RequestHead head, std::string body, std::string id)
    : socket_(&socket), head_(std::move(head)), body_(std::move(body)), id_(std::move(id)),
      peer_(socket.peer()) {}

void Exchange::reply(Reply reply) {
    if (answered_) {
        return;
    }
    answered_ = true;
    if (socket_ != nullptr) {
        reply.headers.emplace_back("X-Request-Id", id_);
        socket_->answer(head_, reply);
    }
}

void Exchange::fail(int status, std::string_view code, std::string_view message, std::string_view hint) {
    reply(error_reply(status, code, message, hint, id_));
}

} // namespace gateway
