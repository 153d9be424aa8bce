#include "pg/decoder.hpp"
#include "pg/guard.hpp"
#include "wire/frame.hpp"

namespace pg {

namespace {

// Large enough that the cost of a message disappears, small enough to stay in the cache and to be sent at once.
constexpr Size message_bytes = 64 * 1024;

// A filtered change costs no time at the consumer, so the server has to hear from us now and then.
constexpr int ticks_between_reports = 100;

// What a rare huge row may leave allocated.
constexpr Size kept_buffer = 4 * 1024 * 1024;

} // namespace

void start_item(Decoder& decoder) {
    if (decoder.options.format == Format::Json) {
        if (!decoder.out.empty()) {
            decoder.out.append('\n');
        }
        return;
    }
    if (!decoder.said_hello) {
        wire::Hello hello;
        hello.server_version = PG_VERSION_NUM;
        hello.plugin_version = PG_REALTIME_VERSION;
        wire::write_hello(decoder.out, hello);
        decoder.said_hello = true;
    }
}

void announce(Decoder& decoder, RelationEntry& entry) {
    if (entry.announced == decoder.announcements) {
        return;
    }
    std::string& sent = decoder.sent_relations[entry.plan->published_relation];
    if (sent != entry.text.frame) {
        start_item(decoder);
        decoder.out.append(entry.text.frame);
        sent = entry.text.frame;
        decoder.announcements += 1;
    }
    entry.announced = decoder.announcements;
}

void flush(LogicalDecodingContext* context, Decoder& decoder) {
    if (decoder.out.empty()) {
        return;
    }
    OutputPluginPrepareWrite(context, true);
    appendBinaryStringInfo(context->out, decoder.out.data(), static_cast<int>(decoder.out.size()));
    decoder.out.clear();
    OutputPluginWrite(context, true);
    decoder.ticks = 0;
    decoder.out.release_above(kept_buffer);
}

void make_room(LogicalDecodingContext* context, Decoder& decoder, Size size) {
    if (decoder.out.size() + size > message_bytes) {
        flush(context, decoder);
    }
}

void change_done(LogicalDecodingContext* context, Decoder& decoder) {
    decoder.row.release_above(kept_buffer);
    if (!decoder.batching) {
        flush(context, decoder);
    }
}

void tick(LogicalDecodingContext* context, Decoder& decoder) {
    decoder.counters.filtered += 1;
    if (++decoder.ticks < ticks_between_reports) {
        return;
    }
    decoder.ticks = 0;
    CHECK_FOR_INTERRUPTS();
    if (!server_reports_progress) {
        OutputPluginUpdateProgress(context, false);
    }
}

} // namespace pg
