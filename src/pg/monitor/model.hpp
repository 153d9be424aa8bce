// The engine of this process and how it is filled from the tables.
#pragma once

#include "monitor/engine.hpp"
#include "monitor/outgoing.hpp"
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
};

// The model, loaded anew when `generation` is not its own. `fresh` says whether it was.
Model& current_model(int64 generation, TimestampTz now, bool* fresh);

// What it takes from the settings.
metric::Limits limits_from_settings();

// Reads the rules, silences and alert states of one tenant anew (null: of all), because somebody changed them.
void reload_configuration(Model& model, const core::Uuid* tenant, TimestampTz now);

// A (tenant, subscription) whose reports are to be read.
struct KeyReference {
    core::Uuid tenant;
    const char* subscription;
    Size length;
};

// Keys of the model, and with `discover` those of recent reports that the model does not know, in the current context.
int list_keys(Model& model, bool discover, KeyReference** keys);

// Brings reports, samples and reported health of these keys into the model, as of the active snapshot.
struct Ingested {
    int64 reports;
    int64 samples;
    int64 ignored; // reports, samples and subscriptions beyond the limits of the settings
};
Ingested ingest(Model& model, const KeyReference* keys, int count, TimestampTz now);

} // namespace pg::monitor
