// Writing what the model knows into the tables, in the pass's transaction.
#pragma once

#include "monitor/announcement.hpp"
#include "pg/monitor/model.hpp"

namespace pg::monitor {

// Times of the model are those of its timeline; what is stored are times of the wall clock, beside the offset between the two.

// The rows of an Outgoing; the caller marks them as stored.
void write_outgoing(const core::Outgoing& outgoing, const metric::Timeline& timeline);

// The engine's actions: alerts that open, escalate and end, states of instances, and the notifications that are owed. Building
// it gives ids to the alerts that open.
void build_announcement(Model& model, core::Announcement& announcement);
void write_announcement(const core::Announcement& announcement, const metric::Timeline& timeline);

} // namespace pg::monitor
