// A piece of work whose errors may be undone and told instead of raised.
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

} // namespace pg::monitor
