// What a payload can ask for, one function each: called by the SQL function of the same name and by process_batch().
//
// They run inside an SPI connection and with the rights of the caller; row-level security decides. Each takes one object or an
// array of objects and adds its answer to `answer`: an object or an array.
#pragma once

#include "pg/monitor/answer.hpp"
#include "pg/monitor/payload.hpp"

namespace pg::monitor {

constexpr int most_items = 1000; // of one call

// What an object may leave out, because the batch around it says it.
struct Defaults {
    const pg_uuid_t* tenant; // null: every object names its own. An object must not name another one
    Text connection;
};

// The tenant of the object; 42501 when it is not that of the batch.
pg_uuid_t tenant_of(const Object& object, const Defaults& defaults);

void collect_metrics(const Items& items, const Defaults& defaults, Answer& answer);
void track_events(const Items& items, const Defaults& defaults, Answer& answer);
void subscribe(const Items& items, const Defaults& defaults, Answer& answer);
void unsubscribe(const Items& items, const Defaults& defaults, Answer& answer);
// Stores health that a client measured, and answers with what is known of the tenant.
void sync_health(const Items& items, const Defaults& defaults, Answer& answer);

// The body of the SQL functions: payload in, answer out.
using Operation = void(const Items& items, const Defaults& defaults, Answer& answer);
Datum run_operation(FunctionCallInfo fcinfo, Operation* operation);

} // namespace pg::monitor
