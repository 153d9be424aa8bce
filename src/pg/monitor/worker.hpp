// The background processes: a launcher, and one worker for each database that has the extension.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// To be called once by _PG_init while the library is preloaded: registers the launcher and the hooks.
void register_launcher();

} // namespace pg::monitor

extern "C" {
PGDLLEXPORT void pg_realtime_launcher_main(Datum argument);
PGDLLEXPORT void pg_realtime_worker_main(Datum argument); // argument: oid of the database
}
