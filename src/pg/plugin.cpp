// The output plugin's table of contents: what PostgreSQL calls, and the start and end of a decoding session.

#include "pg/change.hpp"
#include "pg/decoder.hpp"
#include "pg/guard.hpp"
#include "pg/owned.hpp"
#include "pg/transaction.hpp"

namespace pg {

extern "C" {
static void on_startup(LogicalDecodingContext* context, OutputPluginOptions* output, bool is_init);
static void on_shutdown(LogicalDecodingContext* context);
static bool on_filter_by_origin(LogicalDecodingContext* context, RepOriginId origin);

PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks* callbacks) {
    callbacks->startup_cb = on_startup;
    callbacks->begin_cb = on_begin;
    callbacks->change_cb = on_change;
    callbacks->truncate_cb = on_truncate;
    callbacks->commit_cb = on_commit;
    callbacks->message_cb = on_message;
    callbacks->filter_by_origin_cb = on_filter_by_origin;
    callbacks->shutdown_cb = on_shutdown;

    callbacks->begin_prepare_cb = on_begin_prepare;
    callbacks->prepare_cb = on_prepare;
    callbacks->commit_prepared_cb = on_commit_prepared;
    callbacks->rollback_prepared_cb = on_rollback_prepared;

    callbacks->stream_start_cb = on_stream_start;
    callbacks->stream_stop_cb = on_stream_stop;
    callbacks->stream_abort_cb = on_stream_abort;
    callbacks->stream_prepare_cb = on_stream_prepare;
    callbacks->stream_commit_cb = on_stream_commit;
    callbacks->stream_change_cb = on_change;
    callbacks->stream_message_cb = on_message;
    callbacks->stream_truncate_cb = on_truncate;
}
}

namespace {

void add_tenants(Decoder& decoder) {
    ListCell* cell = nullptr;
    foreach (cell, decoder.options.tenants) {
        const char* item = static_cast<const char*>(lfirst(cell));
        guarded([&] { decoder.tenants.add(item); });
    }
    guarded([&] { decoder.tenants.finish(); });
}

} // namespace

static void on_startup(LogicalDecodingContext* context, OutputPluginOptions* output, bool is_init) {
    // START_REPLICATION runs outside of any transaction, the SQL functions inside of one.
    const bool walsender = am_walsender && !IsTransactionState();
    MemoryContext previous = MemoryContextSwitchTo(context->context);
    const Options options = parse_options(context->output_plugin_options);
    auto* decoder = make_owned<Decoder>(context->context, options, walsender);
    decoder->relations_context =
        AllocSetContextCreate(context->context, "pg_realtime relations", ALLOCSET_DEFAULT_SIZES);
    decoder->change_context =
        AllocSetContextCreate(context->context, "pg_realtime change", ALLOCSET_DEFAULT_SIZES);
    add_tenants(*decoder);
    MemoryContextSwitchTo(previous);

    context->output_plugin_private = decoder;
    output->output_type =
        options.format == Format::Json ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT : OUTPUT_PLUGIN_BINARY_OUTPUT;
    output->receive_rewrites = false;
    if (is_init) {
        context->streaming = false;
        context->twophase = false;
        return;
    }
    context->streaming = context->streaming && options.streaming;
    context->twophase_opt_given = options.two_phase;
    watch_catalogs(decoder);
}

static void on_shutdown(LogicalDecodingContext* context) {
    if (context->output_plugin_private == nullptr) {
        return;
    }
    const Counters& counters = decoder_of(context).counters;
    if (counters.without_tenant + counters.omitted + counters.without_identity + counters.not_broadcasts ==
        0) {
        return;
    }
    ereport(LOG,
            (errmsg("pg_realtime left out or shortened changes in this session"),
             errdetail(
                 "%llu rows of no tenant did not reach the consumer, %llu rows larger than "
                 "max_change_bytes were sent without values, %llu changes had no old row, %llu messages were "
                 "not broadcasts; %llu changes were sent and %llu filtered out.",
                 static_cast<unsigned long long>(counters.without_tenant),
                 static_cast<unsigned long long>(counters.omitted),
                 static_cast<unsigned long long>(counters.without_identity),
                 static_cast<unsigned long long>(counters.not_broadcasts),
                 static_cast<unsigned long long>(counters.sent),
                 static_cast<unsigned long long>(counters.filtered))));
}

static bool on_filter_by_origin(LogicalDecodingContext* context, RepOriginId origin) {
    return decoder_of(context).options.origin_none && origin != InvalidRepOriginId;
}

} // namespace pg
