// Writing what the model knows into the tables, in the pass's transaction.
#pragma once

#include "pg/monitor/model.hpp"

namespace pg::monitor {

// Times of the model are those of its timeline; what is stored are times of the wall clock, beside the offset between the two.

// Stores what is collected in the model's Outgoing and marks it as stored.
void store(Model& model);

// Stores the engine's actions: alerts that open, escalate and end, states of instances, and the notifications that are owed.
void announce(Model& model);

} // namespace pg::monitor
