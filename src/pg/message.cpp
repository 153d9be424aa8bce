#include "pg/change.hpp"
#include "pg/decoder.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

void send_broadcast(LogicalDecodingContext* context, Decoder& decoder, const wire::Broadcast& broadcast) {
    make_room(context, decoder, broadcast.payload.size() * 2 + 4096);
    guarded([&] {
        start_item(decoder);
        if (decoder.options.format == Format::Json) {
            wire::write_json_broadcast(decoder.out, broadcast.transactional ? &decoder.transaction : nullptr,
                                       broadcast, decoder.charset);
        } else {
            wire::write_broadcast(decoder.out, broadcast);
        }
    });
    decoder.counters.sent += 1;
}

void send_message(LogicalDecodingContext* context, Decoder& decoder, const wire::Message& message) {
    make_room(context, decoder, message.content.size() * 2 + 4096);
    guarded([&] {
        start_item(decoder);
        if (decoder.options.format == Format::Json) {
            wire::write_json_message(decoder.out, message.transactional ? &decoder.transaction : nullptr,
                                     message, decoder.charset);
        } else {
            wire::write_message(decoder.out, message);
        }
    });
    decoder.counters.sent += 1;
}

// Anybody may write logical messages with our prefix, so the content is read as foreign bytes: it is a broadcast only
// if realtime_broadcast() could have written it.
bool read_broadcast(std::string_view content, wire::Broadcast& broadcast) {
    bool read = false;
    guarded([&] {
        wire::Frame frame;
        const wire::ReadResult result = wire::read_frame(content, frame);
        if (result.error == wire::ReadError::None && result.consumed == content.size() &&
            std::holds_alternative<wire::Broadcast>(frame)) {
            broadcast = std::get<wire::Broadcast>(frame);
            char uuid[UUID_LEN];
            read = parse_uuid(broadcast.tenant, uuid) && wire::is_valid(broadcast);
        }
    });
    return read;
}

bool tenant_wanted(const Decoder& decoder, std::string_view tenant) {
    if (!decoder.options.tenants_given) {
        return true;
    }
    Tenant text;
    text.type = TenantType::Text;
    text.bytes = tenant.data();
    text.length = tenant.size();
    char uuid[UUID_LEN];
    return decoder.tenants.passes(text) || (parse_uuid(tenant, uuid) && decoder.tenants.passes_uuid(uuid));
}

// Fills `broadcast` from a message of our prefix; false when it is malformed or for somebody else. Warns once: whoever
// writes malformed ones must not be able to fill the log.
bool wanted_broadcast(Decoder& decoder, std::string_view content, std::uint64_t lsn,
                      wire::Broadcast& broadcast) {
    if (read_broadcast(content, broadcast)) {
        return tenant_wanted(decoder, broadcast.tenant);
    }
    decoder.counters.not_broadcasts += 1;
    if (decoder.counters.not_broadcasts == 1) {
        ereport(WARNING, (errcode(ERRCODE_DATA_EXCEPTION),
                          errmsg("logical message with prefix \"%s\" at WAL address %X/%X is not a broadcast",
                                 wire::broadcast_message_prefix.data(), LSN_FORMAT_ARGS(lsn)),
                          errdetail("It is left out, and so are further ones, without a message."),
                          errhint("Only realtime_broadcast() should write messages with this prefix.")));
    }
    return false;
}

// realtime_broadcast() wrote down its own subtransaction; it matters to a consumer only while streaming, where that part
// may still be rolled back.
std::uint32_t streamed_subtransaction(const Decoder& decoder, ReorderBufferTXN* txn, std::uint32_t written) {
    if (decoder.phase != Phase::Streamed || txn == nullptr) {
        return 0;
    }
    return written == top_transaction(txn)->xid ? 0 : written;
}

void handle(LogicalDecodingContext* context, Decoder& decoder, ReorderBufferTXN* txn, std::uint64_t lsn,
            bool transactional, std::string_view prefix, std::string_view content) {
    const std::uint64_t position = transactional ? decoder.progress->next_position(lsn) : lsn;
    wire::Broadcast broadcast;
    const bool own = prefix == wire::broadcast_message_prefix;
    const bool wanted = own ? wanted_broadcast(decoder, content, lsn, broadcast) : decoder.options.messages;
    if (!wanted) {
        tick(context, decoder);
        return;
    }
    if (transactional) {
        open_transaction(context, decoder, txn);
        lsn = decoder.phase == Phase::Plain ? top_transaction(txn)->final_lsn : 0;
    }
    if (own) {
        broadcast.lsn = lsn;
        broadcast.position = position;
        broadcast.subtransaction = streamed_subtransaction(decoder, txn, broadcast.subtransaction);
        broadcast.transactional = transactional;
        send_broadcast(context, decoder, broadcast);
    } else {
        wire::Message message;
        message.lsn = lsn;
        message.position = position;
        message.transactional = transactional;
        message.prefix = IsTransactionState() ? to_utf8(prefix.data(), prefix.size())
                                              : to_utf8_without_catalogs(prefix.data(), prefix.size());
        message.content = content;
        send_message(context, decoder, message);
    }
    if (transactional) {
        change_done(context, decoder);
    } else {
        flush(context, decoder);
    }
}

} // namespace

void on_message(LogicalDecodingContext* context, ReorderBufferTXN* txn, XLogRecPtr message_lsn,
                bool transactional, const char* prefix, Size message_size, const char* message) {
    Decoder& decoder = decoder_of(context);
    MemoryContext previous = MemoryContextSwitchTo(decoder.change_context);
    // The server says where the message's record ends, which is where the next one starts. The byte before it belongs to
    // no other record, so that no other change can have the same address.
    handle(context, decoder, txn, message_lsn - 1, transactional, prefix, {message, message_size});
    MemoryContextSwitchTo(previous);
    MemoryContextReset(decoder.change_context);
}

} // namespace pg
