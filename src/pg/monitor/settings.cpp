#include "pg/monitor/settings.hpp"

#include <climits>

#include "pg/postgres.hpp"

namespace pg::monitor::settings {

bool enabled = true;
int check_interval = 30;
int flush_interval = 1000;
int pass_interval = 0;
int stale_after = 60;
int offline_after = 300;
int health_window = 60;
double memory_limit = 1000;
int maintenance_interval = 3600;
int discovery_interval = 60;
int max_subscription_types = 1000;
int max_connections = 100000;
int max_metrics = 1000;
int max_databases = 8;
int dirty_keys = 16384;
char* tenant_claim = nullptr;

namespace {

void define_of_worker() {
    DefineCustomBoolVariable(
        "pg_realtime.enabled", "Whether the workers run passes.",
        "Switched off, reports and changes are still taken; health and alerts stay as they are until it "
        "is switched on again, and then everything that came in is judged.",
        &enabled, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_realtime.check_interval", "Time between two regular checks of everything.",
        "A check finds connections whose heartbeats stopped, judges every rule of every tenant, and brings "
        "realtime_health_status up to date. What is reported in between is judged at once.",
        &check_interval, 30, 1, 3600, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_realtime.flush_interval", "How long counters may stay only in memory.",
        "Health, rollups and the state of connections are written at most so late after a report. Alerts are "
        "written at once. Nothing is lost in a crash: what was not written is computed again from the "
        "reports.",
        &flush_interval, 1000, 0, 60000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_realtime.pass_interval", "Least time between the beginnings of two passes.",
        "0 judges every report as soon as its commit wakes the worker. A few milliseconds let more reports "
        "share a pass, which costs less and delays alerts by as much.",
        &pass_interval, 0, 0, 10000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_realtime.maintenance_interval", "Time between two rounds of maintenance.",
                            "In a round partitions are made ahead and expired data is deleted.",
                            &maintenance_interval, 3600, 60, 86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable(
        "pg_realtime.discovery_interval", "Time between two looks for new databases.",
        "CREATE EXTENSION starts a worker at once; this finds databases that were copied from a template "
        "which has the extension.",
        &discovery_interval, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
}

void define_of_health() {
    DefineCustomIntVariable(
        "pg_realtime.stale_after", "A connection without heartbeat for so long is stale.",
        "By default two regular checks of 30 s. A subscription whose connections are all stale is unknown.",
        &stale_after, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_realtime.offline_after",
                            "A connection without heartbeat for so long is gone.",
                            "It counts neither as active nor as stale any more.", &offline_after, 300, 1,
                            86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_realtime.health_window", "The time over which health is computed.",
        "Error rate, latency and the other values of realtime_health_status are those of this last while, in "
        "steps of 10 s.",
        &health_window, 60, 10, 900, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomRealVariable("pg_realtime.memory_limit", "Memory a client may use, in megabytes.",
                             "Clients report their memory in megabytes; the health score looks at it as a "
                             "percentage of this limit.",
                             &memory_limit, 1000, 1, 1e9, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

void define_of_callers() {
    DefineCustomStringVariable("pg_realtime.tenant_claim",
                               "Path of the claim of a token that names tenants of its owner.",
                               "Members of request.jwt.claims with a dot between them, for example "
                               "app_metadata.tenant_ids; empty: only "
                               "tenant_memberships says who belongs to a tenant. Name a claim that only the "
                               "issuer of tokens can write. The "
                               "gateway sets it for its questions as its own setting tenant-claim says.",
                               &tenant_claim, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

void define_limits() {
    DefineCustomIntVariable(
        "pg_realtime.max_subscription_types", "Subscription types of one tenant that are judged.",
        "Reports about further ones are stored and not judged, so that no tenant can fill the worker's "
        "memory. Column ignored of realtime_worker_status counts them.",
        &max_subscription_types, 1000, 1, 1000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_realtime.max_connections", "Connections of one subscription that are judged.",
                            "Reports of further ones are stored and not judged. A connection is remembered "
                            "for a day after its last "
                            "heartbeat.",
                            &max_connections, 100000, 1, 10000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_realtime.max_metrics",
                            "User-defined metrics of one subscription that are judged.",
                            "Values of further ones are stored and not judged.", &max_metrics, 1000, 1,
                            1000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

void define_of_shared_memory() {
    DefineCustomIntVariable("pg_realtime.max_databases", "Databases that may have a worker of their own.",
                            "Each takes one of max_worker_processes, and the launcher one more.",
                            &max_databases, 8, 1, 256, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_realtime.dirty_keys",
                            "Subscriptions of a database that may wait for a pass by name.",
                            "A tenant may have a sixteenth of them. When more were reported about since the "
                            "last pass, the pass looks for all subscriptions of that tenant, which takes "
                            "longer and loses nothing. Each takes about 100 bytes of shared memory.",
                            &dirty_keys, 16384, 64, 1048576, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
}

} // namespace

void define() {
    define_of_worker();
    define_of_health();
    define_of_callers();
    define_limits();
    // Only the postmaster can make room for them.
    if (process_shared_preload_libraries_in_progress) {
        define_of_shared_memory();
    }
    MarkGUCPrefixReserved("pg_realtime");
}

} // namespace pg::monitor::settings
