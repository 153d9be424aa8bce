// What PostgreSQL looks for when it loads the library.

#include "pg/monitor/dirty.hpp"
#include "pg/monitor/settings.hpp"
#include "pg/monitor/worker.hpp"
#include "pg/postgres.hpp"
#include "pg/registration.hpp"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
void _PG_init(void) {
    pg::register_labels();
    pg::monitor::settings::define();
    if (process_shared_preload_libraries_in_progress) {
        pg::monitor::request_shared_memory();
        pg::monitor::register_launcher();
    }
}

// Calling any C function loads the library, and with it the label provider, in a session where nothing preloaded it.
PG_FUNCTION_INFO_V1(pg_realtime_version);
PGDLLEXPORT Datum pg_realtime_version(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(PG_REALTIME_VERSION));
}
}
