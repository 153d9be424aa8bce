// What a hostile or unlucky database does to an output plugin: types whose output functions fail in every way, jsonb that is
// damaged, and C++ code that throws behind the wall of src/pg/guard.hpp.

#include <stdexcept>

#include "pg/guard.hpp"

extern "C" {

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(wall_throw);
PG_FUNCTION_INFO_V1(wall_in);
PG_FUNCTION_INFO_V1(wall_out);
PG_FUNCTION_INFO_V1(wall_damage);

// Throws one of the things that can be thrown, inside guarded().
PGDLLEXPORT Datum wall_throw(PG_FUNCTION_ARGS) {
    const char* kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
    pg::guarded([&] {
        if (strcmp(kind, "wire::Error") == 0) {
            throw wire::Error("22P02", "what happened", "Why it happened.", "What to do.");
        }
        if (strcmp(kind, "without detail") == 0) {
            throw wire::Error("XX001", "only this");
        }
        if (strcmp(kind, "long") == 0) {
            std::string text;
            for (int index = 0; index < 1000; ++index) {
                text += "\xC3\xA4";
            }
            throw wire::Error("22000", "x" + text, text, text);
        }
        if (strcmp(kind, "bad_alloc") == 0) {
            throw std::bad_alloc();
        }
        if (strcmp(kind, "length_error") == 0) {
            std::string().reserve(static_cast<std::size_t>(-1));
        }
        if (strcmp(kind, "limit") == 0) {
            wire::ByteBuffer(16).append("seventeen letters", 17);
        }
        if (strcmp(kind, "runtime_error") == 0) {
            throw std::runtime_error("100 %s of a percent sign");
        }
        if (strcmp(kind, "int") == 0) {
            throw 42;
        }
    });
    PG_RETURN_TEXT_P(cstring_to_text("nothing was thrown"));
}

PGDLLEXPORT Datum wall_in(PG_FUNCTION_ARGS) {
    PG_RETURN_TEXT_P(cstring_to_text(PG_GETARG_CSTRING(0)));
}

// The value says how its output fails, unless the session has switched that off (pg_realtime_wall.off).
PGDLLEXPORT Datum wall_out(PG_FUNCTION_ARGS) {
    char* value = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char* off = GetConfigOption("pg_realtime_wall.off", true, false);
    if (off != nullptr && strcmp(off, "on") == 0) {
        PG_RETURN_CSTRING(value);
    }
    if (strcmp(value, "error") == 0) {
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("output function fails"),
                        errdetail("On purpose."), errhint("Do not look at it.")));
    }
    if (strcmp(value, "endless") == 0) {
        for (;;) {
            CHECK_FOR_INTERRUPTS();
            pg_usleep(1000);
        }
    }
    if (strcmp(value, "memory") == 0) {
        // Some that succeeds, then one that cannot.
        for (int index = 0; index < 8; ++index) {
            (void)palloc(1024 * 1024);
        }
        (void)MemoryContextAllocHuge(CurrentMemoryContext, MaxAllocHugeSize);
    }
    PG_RETURN_CSTRING(value);
}

// A jsonb object whose string claims more bytes than there are.
PGDLLEXPORT Datum wall_damage(PG_FUNCTION_ARGS) {
    auto* document = reinterpret_cast<varlena*>(PG_GETARG_JSONB_P_COPY(0));
    auto* words = reinterpret_cast<uint32*>(VARDATA(document));
    words[2] = (words[2] & ~JENTRY_OFFLENMASK) | 0x00FFFFFF; // the first value of an object with one key
    PG_RETURN_POINTER(document);
}
}
