// The engine of this process and how it is filled from the tables.
#pragma once

#include "monitor/engine.hpp"
#include "monitor/outgoing.hpp"
#include "pg/monitor/pass.hpp"
#include "pg/monitor/row.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

// One for each process that runs passes. It agrees with the tables as long as `generation` is the one in
// realtime_worker_state: every pass that writes raises it, so one that was rolled back, or another process's, is noticed.
struct Model {
    MemoryContext context;
    core::Engine* engine;
    core::Outgoing* outgoing;
    int64 generation;
    Oid extension; // of which the tables are
    bool reloaded; // rules were read anew since memory was last given back
};

// What realtime_worker_state says.
struct ModelState {
    int64 generation;
    metric::Time clock_offset;
    metric::Time largest_clock_offset; // under which any row was written
};

// The model at the time of the clocks, loaded anew when the generation is not its own. `fresh` says whether it was.
Model& current_model(const ModelState& state, metric::Clocks clocks, bool* fresh);

// What it takes from the settings.
metric::Limits limits_from_settings();

// Reads the rules, silences and alert states of one tenant anew (null: of all), because somebody changed them.
void reload_configuration(Model& model, const core::Uuid* tenant);

// A (tenant, subscription) whose reports are to be read.
struct KeyReference {
    core::Uuid tenant;
    const char* subscription;
    Size length;
};

// Grows in the memory context that is current when the first one is added.
struct KeyList {
    KeyReference* keys = nullptr;
    int count = 0, room = 0;
    int full_tenants = 0; // that may have more subscriptions than are judged
};

// Adds the keys of the model, and with `discover` those of recent reports that the model does not know: of each tenant no
// more than pg_realtime.max_subscription_types.
void list_keys(Model& model, bool discover, KeyList& list);
// The same of one tenant.
void list_keys_of(Model& model, const core::Uuid& tenant, KeyList& list);
void add_key(const DirtyKey& key, KeyList& list);

// Tells writers which tenants have as many subscriptions as are judged, so that reports about others of theirs cost nothing.
void remember_full_tenants(Model& model);

// Brings reports, samples and reported health of these keys into the model, as of the active snapshot. A key may be named
// more than once; its reports count once.
struct Ingested {
    int64 reports;
    int64 samples;
    int64 judged_together; // of them, those behind which this pass read a later one of the same subscription
    int64 ignored;         // reports, samples and subscriptions beyond the limits of the settings
    bool full;             // a tenant has more subscriptions than are judged
};
Ingested ingest(Model& model, const KeyReference* keys, int count);

void say_once_that_something_is_ignored();

} // namespace pg::monitor
