// One pass: new reports are read, health and rules are judged, and what came of it is stored, in the current transaction.
#pragma once

#include "monitor/identity.hpp"
#include "pg/monitor/row.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

// A (tenant, subscription) of which something was written. A hint: what it forgets is found by the next regular check.
struct DirtyKey {
    pg_uuid_t tenant;
    const char* subscription;
    Size length;
};

struct DirtyKeys {
    DirtyKey* keys;
    int count;
    core::Uuid* unknown; // tenants of which more waits than is known by name; no key is theirs
    int unknown_count;
    pg_uuid_t* tenants; // whose rules, silences or alerts were changed
    int tenant_count;
    bool rules_changed; // of all tenants
    bool everything;    // the keys are not known
};

struct PassOrder {
    bool check;      // the regular check of everything, also of what nobody reported about
    bool flush;      // store what is not stored yet
    bool everything; // look for keys that are not known
    DirtyKeys keys;
};

struct PassResult {
    static constexpr int64 never = PG_INT64_MAX;
    int64 steady;  // the steady clock as the pass read it (clock.hpp)
    int64 wake_in; // microseconds from then until something may change by itself; never: nothing can
    int64 keys, reports, judged_together, ignored, rules_evaluated, transitions;
    bool must_be_durable; // alerts changed: the commit must not be lost
    bool unstored;        // something waits for a pass with `flush`
    bool more_to_flush;   // and has waited for this one already
    double gather_ms, evaluate_ms, store_ms;
};

// Reads as of one snapshot, which it takes after it has got the lock that makes it the only evaluator of the database. Needs
// a transaction at READ COMMITTED. Whatever it raises leaves the model to be loaded anew.
PassResult run_pass(const PassOrder& order);

} // namespace pg::monitor
