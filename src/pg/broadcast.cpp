// realtime_broadcast(): a message to one tenant's subscribers, in WAL order with the rows and without a table write.

#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/owned.hpp"
#include "pg/postgres.hpp"
#include "value/jsonb.hpp"
#include "value/uuid.hpp"
#include "wire/frame.hpp"
#include "wire/json_check.hpp"

namespace pg {

namespace {

std::string_view name_argument(FunctionCallInfo fcinfo, int number, const char* what) {
    if (PG_ARGISNULL(number)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("%s of a broadcast must not be null", what)));
    }
    const varlena* argument = PG_GETARG_TEXT_PP(number);
    const std::string_view name = to_utf8(VARDATA_ANY(argument), VARSIZE_ANY_EXHDR(argument));
    if (name.empty() || name.size() > wire::longest_broadcast_name) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s of a broadcast must have 1 to %zu bytes, not %zu", what,
                               wire::longest_broadcast_name, name.size())));
    }
    return name;
}

// The payload as JSON text in UTF-8, compact when the bytes can be read directly.
struct Payload {
    const char* container = nullptr; // jsonb
    Size length = 0;
    std::string_view text; // instead, for other server encodings
};

Payload payload_argument(FunctionCallInfo fcinfo, int number) {
    Payload payload;
    if (PG_ARGISNULL(number)) {
        payload.text = "null";
        return payload;
    }
    Jsonb* document = PG_GETARG_JSONB_P(number);
    if (server_is_utf8()) {
        payload.container = VARDATA(document);
        payload.length = VARSIZE(document) - VARHDRSZ;
    } else {
        const char* text = JsonbToCString(nullptr, &document->root, VARSIZE(document));
        payload.text = to_utf8(text, strlen(text));
    }
    return payload;
}

[[noreturn]] void refuse_size() {
    throw wire::Error("54000", "payload of a broadcast is too large",
                      "It may have at most " + std::to_string(wire::largest_broadcast_payload) +
                          " bytes as JSON text.",
                      "Write the data into a table and broadcast its key.");
}

void write_frame(wire::ByteBuffer& out, const char* tenant_bytes, wire::Broadcast& broadcast,
                 const Payload& payload) {
    char tenant[36];
    value::format_uuid(tenant, tenant_bytes);
    broadcast.tenant = {tenant, sizeof tenant};
    wire::ByteBuffer text(wire::largest_broadcast_payload +
                          1024); // writers ask for a little more than they need
    try {
        if (payload.container != nullptr) {
            value::write_jsonb(text, payload.container, payload.length, wire::Charset::Utf8);
        } else {
            wire::write_json_document(text, payload.text, wire::Charset::Utf8);
        }
    } catch (const wire::LimitExceeded&) {
        refuse_size();
    }
    if (text.size() > wire::largest_broadcast_payload) {
        refuse_size();
    }
    broadcast.payload = text.view();
    if (!wire::is_valid(broadcast)) { // sizes were checked, so it is the depth
        throw wire::Error("54000", "payload of a broadcast is nested too deeply",
                          "It may have at most " + std::to_string(wire::deepest_json) + " levels.");
    }
    wire::write_broadcast(out, broadcast);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_broadcast);
PGDLLEXPORT Datum pg_realtime_broadcast(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("tenant of a broadcast must not be null")));
    }
    wire::Broadcast broadcast;
    broadcast.topic = name_argument(fcinfo, 1, "topic");
    broadcast.event = name_argument(fcinfo, 2, "event");
    broadcast.transactional = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);
    // The reorder buffer does not tell which subtransaction a message of a streamed transaction belongs to.
    broadcast.subtransaction = broadcast.transactional ? GetCurrentTransactionId() : InvalidTransactionId;
    const Payload payload = payload_argument(fcinfo, 3);
    const char* tenant = reinterpret_cast<const char*>(PG_GETARG_UUID_P(0)->data);
    if (!XLogLogicalInfoActive()) {
        ereport(WARNING, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                          errmsg("nobody will receive this broadcast because wal_level is not logical"),
                          errhint("Set wal_level = logical and restart the server.")));
    }
    auto* frame = make_owned<wire::ByteBuffer>(CurrentMemoryContext, 2 * wire::largest_broadcast_payload);
    guarded([&] { write_frame(*frame, tenant, broadcast, payload); });
    PG_RETURN_LSN(log_message(wire::broadcast_message_prefix.data(), frame->data(), frame->size(),
                              broadcast.transactional));
}
}

} // namespace pg
