// The wall between C++ exceptions and PostgreSQL's longjmp.
//
// Every callback is a sandwich: gather (PostgreSQL calls, plain data, may jump) -> guarded core (C++, may throw) ->
// emit (PostgreSQL calls). guarded() is the only place where an exception becomes an ERROR. Inside it no PostgreSQL
// function that can raise an error may be called; outside it no C++ object with a destructor may live across one,
// unless a memory context owns it (owned.hpp).
#pragma once

#include <cstring>
#include <new>
#include <string_view>

#include "pg/postgres.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/error.hpp"

namespace pg {

// What an exception said, copied out of it so that ereport() runs after the handler has ended and freed it.
struct CaughtError {
    char sqlstate[6];
    char message[256];
    char detail[256];
    char hint[256];

    void set(const char* sqlstate_, std::string_view message_, std::string_view detail_ = {},
             std::string_view hint_ = {});
};

[[noreturn]] void raise(const CaughtError& error);

// Runs `core` and turns whatever it throws into an ERROR: wire::Error keeps its SQLSTATE, detail and hint;
// std::bad_alloc is 53200 (out_of_memory), an exceeded buffer limit 54000 (program_limit_exceeded), anything else
// XX000 (internal_error).
template <class Core> void guarded(Core&& core) {
    CaughtError caught;
    try {
        core();
        return;
    } catch (const wire::Error& error) {
        caught.set(error.sqlstate, error.what(), error.detail, error.hint);
    } catch (const wire::LimitExceeded&) {
        caught.set("54000", "out of room in an output buffer");
    } catch (const std::bad_alloc&) {
        caught.set("53200", "out of memory");
    } catch (const std::exception& error) {
        caught.set("XX000", error.what());
    } catch (...) {
        caught.set("XX000", "unknown C++ exception");
    }
    raise(caught);
}

} // namespace pg
