#include "gateway/exchange.hpp"

#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <new>

#include "gateway/gzip.hpp"
#include "gateway/server.hpp"
#include "gateway/socket.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace gateway {

namespace {

constexpr std::size_t worth_compressing = 1024;         // bytes of an answer
constexpr std::size_t worth_another_thread = 64 * 1024; // compressing less does not hold anybody up

std::size_t size_of(const Reply& reply) {
    std::size_t size = reply.body.size();
    for (const std::string& part : reply.parts) {
        size += part.size();
    }
    return size;
}

void join_parts(Reply& reply) {
    for (const std::string& part : reply.parts) {
        reply.body += part;
    }
    reply.parts.clear();
}

void note_compressed(Reply& reply) {
    reply.headers.emplace_back("Content-Encoding", "gzip");
    reply.headers.emplace_back("Vary", "Accept-Encoding");
}

// From now on, in a thread beside the loop: where processors are few, what compresses a large answer leaves the others' changes the
// processor. There is no way back for a thread, and what else these do (look-ups of hosts, fetches of keys) hardly needs it.
void give_way() {
    constexpr int niceness = 10;
    thread_local const int given = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
    static_cast<void>(given); // without it, it is as quick as the loop
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
    const std::size_t size = size_of(reply);
    if (!socket_->server().may_answer(account_, size, is_probe_)) {
        reply = error_reply(503, "unavailable", "too many bytes of answers wait to be taken",
                            "The settings answer-bytes and user-answer-bytes are the limits.", id_);
        reply.headers.emplace_back("Retry-After", "1");
    } else {
        charge_ = AnswerCharge(socket_->server().answers(), account_, size);
    }
    reply.headers.emplace_back("X-Request-Id", id_);
    const bool packs = !reply.shared_body && size_of(reply) >= worth_compressing &&
                       head_.header_has("accept-encoding", "gzip");
    if (size_of(reply) >= worth_another_thread) {
        pack(std::move(reply), packs);
        return;
    }
    join_parts(reply);
    if (std::string packed; packs && gzip(std::array{std::string_view(reply.body)}, packed)) {
        charge_.shrink_to(packed.size());
        reply.body = std::move(packed);
        note_compressed(reply);
    }
    send(reply);
}

// A large answer in the form in which it goes out, made in another thread.
struct Exchange::Packing {
    uv_work_t work{};
    std::shared_ptr<Exchange> exchange;
    Reply reply;
    bool packs = false, packed = false;

    void run() {
        give_way();
        std::vector<std::string_view> parts{reply.body};
        parts.insert(parts.end(), reply.parts.begin(), reply.parts.end());
        try {
            std::string bytes;
            packed = packs && gzip(parts, bytes);
            reply.shared_body = packed ? hub::Frame::raw({bytes}) : hub::Frame::raw(parts);
        } catch (const std::bad_alloc&) {
            packed = false; // without a body it is refused
        }
        std::string().swap(reply.body);
        std::vector<std::string>().swap(reply.parts);
    }
};

void Exchange::pack(Reply reply, bool packs) {
    auto packing = std::make_unique<Packing>();
    packing->work.data = packing.get();
    packing->exchange = shared_from_this();
    packing->reply = std::move(reply);
    packing->packs = packs;
    uv_queue_work(
        socket_->server().loop(), &packing.release()->work,
        [](uv_work_t* work) { static_cast<Packing*>(work->data)->run(); },
        [](uv_work_t* work, int) {
            const std::unique_ptr<Packing> mine(static_cast<Packing*>(work->data));
            Exchange& exchange = *mine->exchange;
            if (!mine->reply.shared_body) {
                mine->reply =
                    error_reply(503, "unavailable", "there is no memory for the answer", {}, exchange.id_);
                mine->reply.headers.emplace_back("X-Request-Id", exchange.id_);
            } else if (mine->packed) {
                exchange.charge_.shrink_to(mine->reply.shared_body->size());
                note_compressed(mine->reply);
            }
            exchange.send(mine->reply);
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
