// Reading the rows of one subscription by their index, past the executor: a busy pass reads few rows from many partitions, and
// setting up a plan for that costs several times what reading them does.
#pragma once

#include <compare>
#include <string_view>

#include "monitor/identity.hpp"
#include "pg/monitor/row.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

constexpr int most_columns = 16;

// A table of the extension whose index begins with (tenant_id, subscription_type). To be defined static.
struct Source {
    const char* table;
    const char* index;
    const char* columns[most_columns]; // those that are wanted, up to the first null

    // What is known of it until the catalogs change: the partitions, or the table itself.
    struct Part {
        Oid table, index;
        TimestampTz until; // all its rows are older than this
        AttrNumber tenant, subscription, transaction, places[most_columns];
    };
    Part* parts = nullptr;
    int part_count = 0;
    uint64 generation = 0;
};

// By which transaction and command a row was written, and where it lies: the order of rows of one time.
struct WrittenBy {
    uint64 transaction; // 0: the table does not say
    uint32 command, block;
    uint16 offset;

    auto operator<=>(const WrittenBy&) const = default;
};

// A row that was found; valid until the next one.
class Found {
  public:
    Found(const Datum* values, const bool* nulls, const WrittenBy& writer)
        : values_(values), nulls_(nulls), writer_(writer) {}

    const WrittenBy& writer() const { return writer_; }

    // By the place in Source::columns.
    bool is_null(int column) const { return nulls_[column]; }
    Datum datum(int column) const { return values_[column]; }
    std::int64_t bigint(int column) const { return DatumGetInt64(values_[column]); }
    std::int32_t integer(int column) const { return DatumGetInt32(values_[column]); }
    TimestampTz time(int column) const { return DatumGetTimestampTz(values_[column]); }
    std::optional<double> number(int column) const {
        return nulls_[column] ? std::nullopt : std::optional<double>(DatumGetFloat8(values_[column]));
    }
    // A copy in the current memory context.
    std::string_view text(int column) const;

  private:
    const Datum* values_;
    const bool* nulls_;
    WrittenBy writer_;
};

// How far a subscription was read: the stored form of a pg_snapshot, behind its varlena header. Empty: nothing was read.
using Position = std::string_view;

// What the active snapshot sees.
Position current_position();

// `row` is called for each row of the key, in no order. It may raise errors and must not throw. `user` is passed on.
using TakeRow = void (*)(const Found& row, void* user);

// Rows that the position does not see: those of transactions that began after it was taken, and of those that were in progress
// then. This is exact whatever the order of commits. The index has transaction_id for its third column; partitions all of
// whose rows are older than `since` are passed over.
void scan_new(Source& source, const core::Uuid& tenant, std::string_view subscription, Position seen,
              TimestampTz since, TakeRow row, void* user);

// All rows of the key.
void scan_all(Source& source, const core::Uuid& tenant, std::string_view subscription, TakeRow row,
              void* user);

} // namespace pg::monitor
