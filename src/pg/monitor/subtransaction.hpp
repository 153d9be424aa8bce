// A piece of work whose errors the caller may get instead of having them raised.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Calls `work` in a subtransaction. Returns null when it succeeded. When it raised an error whose SQLSTATE `is_contained`
// accepts, all that it did is undone and the error is returned, in the caller's memory context. Any other error is raised
// again: it belongs to the whole transaction. An error leaves `work` by longjmp, so `work` keeps no object with a destructor.
template <class Work> ErrorData* in_subtransaction(bool (*is_contained)(int sqlstate), Work&& work) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    ErrorData* volatile error = nullptr;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        work();
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    if (error != nullptr && !is_contained(error->sqlerrcode)) {
        ReThrowError(error);
    }
    return error;
}

// Calls `work`; it waits for each lock at most so long. Within in_subtransaction(), which ends the setting when `work` raises an
// error.
template <class Work> void with_lock_timeout(const char* timeout, Work&& work) {
    const int nest_level = NewGUCNestLevel();
    (void)set_config_option("lock_timeout", timeout, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
    work();
    AtEOXact_GUC(true, nest_level);
}

// Whether an error is one of the rows, which triggers and CHECKs of users may raise with any code they like. Those of the
// server, and of the transaction that has to be repeated, are those of the pass.
inline bool is_error_of_rows(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
    case MAKE_SQLSTATE('4', '0', '0', '0', '0'): // rolled back: deadlock, serialization
    case MAKE_SQLSTATE('5', '3', '0', '0', '0'): // resources
    case MAKE_SQLSTATE('5', '7', '0', '0', '0'): // shut down, canceled
    case MAKE_SQLSTATE('5', '8', '0', '0', '0'): // system
    case MAKE_SQLSTATE('F', '0', '0', '0', '0'): // configuration file
    case MAKE_SQLSTATE('X', 'X', '0', '0', '0'): // internal
        return false;
    default:
        return sqlstate != ERRCODE_READ_ONLY_SQL_TRANSACTION;
    }
}

} // namespace pg::monitor
