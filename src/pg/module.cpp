// What PostgreSQL looks for when it loads the library.

#include "pg/postgres.hpp"
#include "pg/registration.hpp"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
void _PG_init(void) {
    pg::register_labels();
}
}
