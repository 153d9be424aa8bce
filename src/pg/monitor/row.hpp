// Reading the columns of a result row as plain C++ values. What it returns points into the row.
#pragma once

#include <optional>
#include <string_view>

#include "monitor/identity.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

namespace core = ::monitor; // the room without PostgreSQL

class Row {
  public:
    Row(SPITupleTable* table, uint64 index) : tuple_(table->vals[index]), descriptor_(table->tupdesc) {}

    Datum get(int column, bool* null) const { return SPI_getbinval(tuple_, descriptor_, column, null); }
    bool is_null(int column) const {
        bool null = false;
        (void)get(column, &null);
        return null;
    }
    std::int64_t bigint(int column) const { return DatumGetInt64(present(column)); }
    std::int32_t integer(int column) const { return DatumGetInt32(present(column)); }
    bool boolean(int column) const { return DatumGetBool(present(column)); }
    TimestampTz time(int column) const { return DatumGetTimestampTz(present(column)); }
    TimestampTz time_or(int column, TimestampTz otherwise) const {
        bool null = false;
        const Datum datum = get(column, &null);
        return null ? otherwise : DatumGetTimestampTz(datum);
    }
    std::optional<double> number(int column) const {
        bool null = false;
        const Datum datum = get(column, &null);
        return null ? std::nullopt : std::optional<double>(DatumGetFloat8(datum));
    }
    // Empty for NULL. Detoasted in the current memory context where that is needed.
    std::string_view text(int column) const {
        bool null = false;
        const Datum datum = get(column, &null);
        if (null) {
            return {};
        }
        const varlena* value = PG_DETOAST_DATUM_PACKED(datum);
        return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
    }
    core::Uuid uuid(int column) const {
        core::Uuid uuid;
        bool null = false;
        const Datum datum = get(column, &null);
        if (!null) {
            memcpy(uuid.bytes.data(), DatumGetUUIDP(datum)->data, UUID_LEN);
        }
        return uuid;
    }

  private:
    Datum present(int column) const {
        bool null = false;
        const Datum datum = get(column, &null);
        if (null) {
            elog(ERROR, "column %d of a statement of the pass is null", column);
        }
        return datum;
    }

    HeapTuple tuple_;
    TupleDesc descriptor_;
};

} // namespace pg::monitor
