// Storing what came of a pass so that no row of anybody keeps others' from being stored.
//
// Everything is written in one subtransaction. When an error of some row undoes it, halves are tried, and halves of these, until the
// subscriptions are found whose results cannot be stored. They are quarantined: their error is shown in realtime_quarantine, and
// they are neither judged nor stored before the next regular check, which tries each of them by itself.
#pragma once

#include "pg/monitor/model.hpp"

namespace pg::monitor {

// What the engine decided and what is collected in the model's Outgoing, in the current transaction.
void store_results(Model& model);

// Whether some subscription is to be tried again.
bool waits_to_be_tried(const Model& model);

} // namespace pg::monitor
