# The one list of sources, read by Makefile (the extension) and CMakeLists.txt (the pure rooms and their tests). Each room
# may use the rooms above it; within a room the order is that of reading.

WIRE_SOURCES = \
	src/wire/byte_buffer.cpp \
	src/wire/json_text.cpp \
	src/wire/json_check.cpp \
	src/wire/datetime.cpp \
	src/wire/json_change.cpp \
	src/wire/frame_bytes.cpp \
	src/wire/frame.cpp

VALUE_SOURCES = \
	src/value/uuid.cpp \
	src/value/numeric.cpp \
	src/value/jsonb.cpp \
	src/value/record.cpp

METRIC_SOURCES = \
	src/metric/timeline.cpp \
	src/metric/health.cpp \
	src/metric/sketch.cpp \
	src/metric/signal.cpp \
	src/metric/subscription.cpp \
	src/metric/value.cpp

ALERT_SOURCES = \
	src/alert/rule.cpp \
	src/alert/verdict.cpp \
	src/alert/compile.cpp \
	src/alert/flapping.cpp \
	src/alert/state.cpp \
	src/alert/number_text.cpp \
	src/alert/harmless_text.cpp \
	src/alert/message.cpp

MONITOR_SOURCES = \
	src/monitor/marks.cpp \
	src/monitor/rule_list.cpp \
	src/monitor/engine.cpp \
	src/monitor/outgoing.cpp \
	src/monitor/announcement.cpp \
	src/monitor/rehearsal.cpp

JSON_SOURCES = \
	src/json/reader.cpp

TOKEN_SOURCES = \
	src/token/base64url.cpp \
	src/token/keys.cpp \
	src/token/token.cpp

PROTOCOL_SOURCES = \
	src/protocol/cursor.cpp \
	src/protocol/message.cpp \
	src/protocol/nearest.cpp \
	src/protocol/join.cpp \
	src/protocol/reply.cpp \
	src/protocol/filter.cpp \
	src/protocol/row_text.cpp \
	src/protocol/column_value.cpp \
	src/protocol/row_filter.cpp

WEB_SOURCES = \
	src/web/error.cpp \
	src/web/header_text.cpp \
	src/web/request_head.cpp \
	src/web/message_parser.cpp \
	src/web/request_parser.cpp \
	src/web/query.cpp \
	src/web/response.cpp \
	src/web/cors.cpp \
	src/web/upgrade.cpp \
	src/web/deflate.cpp \
	src/web/utf8_stream.cpp \
	src/web/frame_writer.cpp \
	src/web/frame_reader.cpp

STREAM_SOURCES = \
	src/stream/timelines.cpp \
	src/stream/assembler.cpp \
	src/stream/history.cpp \
	src/stream/snapshot.cpp

HUB_SOURCES = \
	src/hub/frame.cpp \
	src/hub/binding.cpp \
	src/hub/writer.cpp \
	src/hub/router.cpp \
	src/hub/router_notices.cpp \
	src/hub/topics.cpp \
	src/hub/meter.cpp \
	src/hub/people.cpp \
	src/hub/hub.cpp \
	src/hub/feed.cpp \
	src/hub/channel.cpp \
	src/hub/session.cpp

# What of the gateway knows neither sockets nor clock, so that it can be tested like the other rooms.
GATEWAY_PURE_SOURCES = \
	src/gateway/database_hosts.cpp \
	src/gateway/log_limiter.cpp

GATEWAY_SOURCES = \
	src/gateway/read_file.cpp \
	src/gateway/config_file.cpp \
	src/gateway/listen_address.cpp \
	src/gateway/config.cpp \
	src/gateway/log.cpp \
	src/gateway/address.cpp \
	src/gateway/resolver.cpp \
	src/gateway/link.cpp \
	src/gateway/replication.cpp \
	src/gateway/pool.cpp \
	src/gateway/questions.cpp \
	src/gateway/membership_watch.cpp \
	src/gateway/gatekeeper.cpp \
	src/gateway/check.cpp \
	src/gateway/gzip.cpp \
	src/gateway/dashboard.cpp \
	src/gateway/exchange.cpp \
	src/gateway/request_rates.cpp \
	src/gateway/send_queue.cpp \
	src/gateway/send_batch.cpp \
	src/gateway/event_stream.cpp \
	src/gateway/socket.cpp \
	src/gateway/socket_output.cpp \
	src/gateway/server.cpp \
	src/gateway/figures.cpp \
	src/gateway/api.cpp \
	src/gateway/endpoints.cpp \
	src/gateway/functions.cpp \
	src/gateway/reporter.cpp \
	src/gateway/systemd.cpp \
	src/gateway/main.cpp

PG_SOURCES = \
	src/pg/module.cpp \
	src/pg/plugin.cpp \
	src/pg/guard.cpp \
	src/pg/encoding.cpp \
	src/pg/options.cpp \
	src/pg/registration.cpp \
	src/pg/publication.cpp \
	src/pg/row_filter.cpp \
	src/pg/tenant.cpp \
	src/pg/type_source.cpp \
	src/pg/gather.cpp \
	src/pg/relation.cpp \
	src/pg/relation_cache.cpp \
	src/pg/output.cpp \
	src/pg/transaction.cpp \
	src/pg/change_rows.cpp \
	src/pg/change.cpp \
	src/pg/truncate.cpp \
	src/pg/message.cpp \
	src/pg/broadcast.cpp \
	src/pg/monitor/extension.cpp \
	src/pg/monitor/settings.cpp \
	src/pg/monitor/words.cpp \
	src/pg/monitor/sketch.cpp \
	src/pg/monitor/health.cpp \
	src/pg/monitor/statement.cpp \
	src/pg/monitor/load.cpp \
	src/pg/monitor/rule_row.cpp \
	src/pg/monitor/configuration.cpp \
	src/pg/monitor/keys.cpp \
	src/pg/monitor/scan.cpp \
	src/pg/monitor/ingest.cpp \
	src/pg/monitor/store.cpp \
	src/pg/monitor/announce.cpp \
	src/pg/monitor/pass.cpp \
	src/pg/monitor/run_pass.cpp \
	src/pg/monitor/dirty.cpp \
	src/pg/monitor/marking.cpp \
	src/pg/monitor/triggers.cpp \
	src/pg/monitor/track.cpp \
	src/pg/monitor/nearest.cpp \
	src/pg/monitor/payload.cpp \
	src/pg/monitor/caller.cpp \
	src/pg/monitor/memberships.cpp \
	src/pg/monitor/operations.cpp \
	src/pg/monitor/collect.cpp \
	src/pg/monitor/events.cpp \
	src/pg/monitor/health_sync.cpp \
	src/pg/monitor/batch.cpp \
	src/pg/monitor/inspect.cpp \
	src/pg/monitor/rehearse.cpp \
	src/pg/monitor/results.cpp \
	src/pg/monitor/worker.cpp \
	src/pg/monitor/launcher.cpp \
	src/pg/monitor/status.cpp
