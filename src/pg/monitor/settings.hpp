// The settings of monitoring and of its worker. What each means is said where it is defined.
#pragma once

namespace pg::monitor::settings {

extern bool enabled;
extern int check_interval;       // s
extern int flush_interval;       // ms
extern int pass_interval;        // ms
extern int stale_after;          // s
extern int offline_after;        // s
extern int health_window;        // s
extern double memory_limit;      // MB
extern int maintenance_interval; // s
extern int discovery_interval;   // s
extern int max_subscription_types;
extern int max_connections;
extern int max_metrics;
extern int max_databases;
extern int dirty_keys;
extern char* tenant_claim; // a path, with a dot between members

// Called once by _PG_init.
void define();

} // namespace pg::monitor::settings
