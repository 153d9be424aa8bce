#include "gateway/exchange.hpp"

#include <uv.h>

#include "gateway/gzip.hpp"
#include "gateway/server.hpp"
#include "gateway/socket.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace gateway {

namespace {

constexpr std::size_t worth_compressing = 1024;         // bytes of an answer
constexpr std::size_t worth_another_thread = 64 * 1024; // compressing less does not hold anybody up

void take_compressed(Reply& reply, AnswerCharge& charge, std::string&& packed) {
    charge.shrink_to(packed.size());
    reply.body = std::move(packed);
    reply.headers.emplace_back("Content-Encoding", "gzip");
    reply.headers.emplace_back("Vary", "Accept-Encoding");
}

} // namespace

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
    if (socket_ == nullptr) {
        return;
    }
    if (!socket_->server().may_answer(account_, reply.body.size())) {
        reply = error_reply(503, "unavailable", "too many bytes of answers wait to be taken",
                            "The settings answer-bytes and user-answer-bytes are the limits.", id_);
        reply.headers.emplace_back("Retry-After", "1");
    } else {
        charge_ = AnswerCharge(socket_->server().answers(), account_, reply.body.size());
    }
    reply.headers.emplace_back("X-Request-Id", id_);
    if (reply.shared_body || reply.body.size() < worth_compressing ||
        !head_.header_has("accept-encoding", "gzip")) {
        send(reply);
        return;
    }
    if (reply.body.size() < worth_another_thread) {
        if (std::string packed; gzip(reply.body, packed)) {
            take_compressed(reply, charge_, std::move(packed));
        }
        send(reply);
        return;
    }
    struct Job {
        uv_work_t work{};
        std::shared_ptr<Exchange> exchange;
        Reply reply;
        std::string packed;
        bool done = false;
    };
    auto job = std::make_unique<Job>();
    job->work.data = job.get();
    job->exchange = shared_from_this();
    job->reply = std::move(reply);
    uv_queue_work(
        socket_->server().loop(), &job.release()->work,
        [](uv_work_t* work) {
            auto* mine = static_cast<Job*>(work->data);
            try {
                mine->done = gzip(mine->reply.body, mine->packed);
            } catch (const std::bad_alloc&) {
                mine->done = false; // it is sent as it is
            }
        },
        [](uv_work_t* work, int) {
            const std::unique_ptr<Job> mine(static_cast<Job*>(work->data));
            if (mine->done) {
                take_compressed(mine->reply, mine->exchange->charge_, std::move(mine->packed));
            }
            mine->exchange->send(mine->reply);
        });
}

void Exchange::send(const Reply& reply) {
    if (socket_ != nullptr) {
        socket_->answer(head_, reply, std::move(charge_));
    }
    charge_.shrink_to(0);
}

void Exchange::fail(int status, std::string_view code, std::string_view message, std::string_view hint) {
    reply(error_reply(status, code, message, hint, id_));
}

} // namespace gateway
