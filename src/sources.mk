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
	src/pg/broadcast.cpp
