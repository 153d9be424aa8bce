#include "pg/monitor/statement.hpp"

#include "pg/monitor/extension.hpp"

namespace pg::monitor {

namespace {

void prepare(Statement& statement) {
    const Oid extension = get_extension_oid("pg_realtime", false);
    if (statement.plan != nullptr && statement.extension == extension) {
        return;
    }
    if (statement.plan != nullptr) {
        SPI_freeplan(statement.plan);
        statement.plan = nullptr;
    }
    Oid types[lengthof(statement.argument_types)];
    int count = 0;
    while (count < static_cast<int>(lengthof(statement.argument_types)) &&
           statement.argument_types[count] != nullptr) {
        types[count] = type_named(statement.argument_types[count]);
        ++count;
    }
    SPIPlanPtr plan = SPI_prepare(with_extension_schema(statement.text), count, types);
    if (plan == nullptr || SPI_keepplan(plan) != 0) {
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not prepare a statement of the pass: %s",
                                                         SPI_result_code_string(SPI_result))));
    }
    statement.plan = plan;
    statement.extension = extension;
}

} // namespace

Oid type_named(const char* name) {
    Oid type = InvalidOid;
    int32 modifier = -1;
    pg::parse_type_name(with_extension_schema(name), &type, &modifier);
    return type;
}

uint64 run(Statement& statement, Datum* arguments, const char* nulls, bool read_only) {
    prepare(statement);
    const int result = SPI_execute_plan(statement.plan, arguments, nulls, read_only, 0);
    if (result < 0) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                        errmsg("could not run a statement of the pass: %s", SPI_result_code_string(result))));
    }
    return SPI_processed;
}

Portal open(Statement& statement, Datum* arguments, const char* nulls) {
    prepare(statement);
    Portal portal = SPI_cursor_open(nullptr, statement.plan, arguments, nulls, true);
    if (portal == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not open a cursor of the pass: %s",
                                                                SPI_result_code_string(SPI_result))));
    }
    return portal;
}

Column make_column_of(Oid type, Size room) {
    Column column{};
    column.type = type;
    get_typlenbyvalalign(type, &column.length, &column.by_value, &column.align);
    column.room = static_cast<int>(room);
    column.values = static_cast<Datum*>(palloc(sizeof(Datum) * (room + 1)));
    column.nulls = static_cast<bool*>(palloc0(sizeof(bool) * (room + 1)));
    return column;
}

void push(Column& column, Datum value) {
    Assert(column.count < column.room);
    column.values[column.count++] = value;
}

void push_null(Column& column) {
    Assert(column.count < column.room);
    column.nulls[column.count] = true;
    column.values[column.count++] = 0;
}

void push_text(Column& column, const char* text, Size length) {
    push(column, PointerGetDatum(cstring_to_text_with_len(text, static_cast<int>(length))));
}

void push_bytes(Column& column, const char* bytes, Size length) {
    push_text(column, bytes, length);
}

void push_uuid(Column& column, const unsigned char* bytes) {
    auto* uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    memcpy(uuid->data, bytes, UUID_LEN);
    push(column, UUIDPGetDatum(uuid));
}

Datum array_of(const Column& column) {
    int dimensions[1] = {column.count};
    int lower_bounds[1] = {1};
    return PointerGetDatum(construct_md_array(column.values, column.nulls, 1, dimensions, lower_bounds,
                                              column.type, column.length, column.by_value, column.align));
}

} // namespace pg::monitor
