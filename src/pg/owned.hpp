// C++ objects owned by a memory context: the one way a destructor runs when PostgreSQL unwinds with longjmp.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "pg/guard.hpp"
#include "pg/postgres.hpp"

namespace pg {

// Constructs a T whose destructor runs when `context` is reset or deleted, also after an ERROR. The object's own memory
// is ordinary C++ memory. The destructor must not call PostgreSQL.
template <class T, class... Arguments> T* make_owned(MemoryContext context, Arguments&&... arguments) {
    // Registered before the object exists, so that no failure in between can leak it.
    auto* callback =
        static_cast<MemoryContextCallback*>(MemoryContextAllocZero(context, sizeof(MemoryContextCallback)));
    callback->func = [](void* object) { delete static_cast<T*>(object); };
    MemoryContextRegisterResetCallback(context, callback);
    guarded([&] { callback->arg = new T(std::forward<Arguments>(arguments)...); });
    return static_cast<T*>(callback->arg);
}

} // namespace pg
