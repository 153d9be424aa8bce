// Writing what the model knows into the tables, in the pass's transaction.
#pragma once

#include "pg/monitor/model.hpp"

namespace pg::monitor {

// Stores what is collected in the model's Outgoing and marks it as stored.
void store(Model& model, TimestampTz now);

// Stores the engine's actions: alerts that open, escalate and end, states of instances, and the notifications that are owed.
void announce(Model& model, TimestampTz now);

} // namespace pg::monitor
