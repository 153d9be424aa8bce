// Reading many rows: a portion at a time they become plain C++ rows, which are then handed to the core.
#pragma once

#include <type_traits>

#include "pg/guard.hpp"
#include "pg/monitor/row.hpp"
#include "pg/monitor/statement.hpp"

namespace pg::monitor {

constexpr int rows_in_portion = 2000;

// `make` turns a Row into a Plain and may raise errors; `take` gets each of them inside guarded() and may throw. Texts of
// a Plain live until the end of its portion. Returns the number of rows.
template <class Plain, class Make, class Take>
int64 for_each_row(Statement& statement, Datum* arguments, const char* nulls, Make make, Take take) {
    static_assert(std::is_trivially_destructible_v<Plain>, "an error must not jump over a destructor");
    Portal portal = open(statement, arguments, nulls);
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_realtime rows", ALLOCSET_DEFAULT_SIZES);
    int64 total = 0;
    for (;;) {
        SPI_cursor_fetch(portal, true, rows_in_portion);
        const uint64 count = SPI_processed;
        if (count == 0) {
            break;
        }
        MemoryContext before = MemoryContextSwitchTo(context);
        auto* rows = static_cast<Plain*>(palloc(sizeof(Plain) * count));
        for (uint64 index = 0; index < count; ++index) {
            rows[index] = make(Row(SPI_tuptable, index));
        }
        MemoryContextSwitchTo(before);
        guarded([&] {
            for (uint64 index = 0; index < count; ++index) {
                take(rows[index]);
            }
        });
        SPI_freetuptable(SPI_tuptable);
        MemoryContextReset(context);
        total += static_cast<int64>(count);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextDelete(context);
    SPI_cursor_close(portal);
    return total;
}

} // namespace pg::monitor
