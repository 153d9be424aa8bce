#include "pg/monitor/pass.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/monitor/clock.hpp"
#include "pg/monitor/extension.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/pass_state.hpp"
#include "pg/monitor/results.hpp"
#include "pg/monitor/statement.hpp"

#ifdef __GLIBC__
extern "C" int malloc_trim(size_t pad) noexcept; // as malloc.h has it
#endif

namespace pg::monitor {

namespace {

constexpr int64 no_generation = -1;

Statement read_generation{
    "SELECT generation, clock_offset, largest_clock_offset FROM @extschema@.realtime_worker_state", {}};

Statement raise_generation{
    "UPDATE @extschema@.realtime_worker_state SET generation = generation + 1, last_pass_at = $1,"
    "       last_check_at = CASE WHEN $2 THEN $1 ELSE last_check_at END, clock_offset = $3,"
    "       largest_clock_offset = greatest(largest_clock_offset, $3)",
    {"timestamptz", "bool", "int8"}};

Statement read_lag{
    "SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn))::float8"
    "  FROM pg_replication_slots WHERE plugin = 'pg_realtime' AND database = current_database()",
    {}};

// Held by whoever runs a pass, so that there is one evaluator in a database. A lock on the extension, with a sub-object that
// nothing else has: everybody could take an advisory lock, and no pass would run.
void lock_evaluation() {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, get_extension_oid("pg_realtime", false), 1);
    (void)LockAcquire(&tag, ExclusiveLock, false, false);
}

// Settings under which the statements mean what they say and are planned as they are meant: by the index of each key.
void enter_pass_settings() {
    const auto set = [](const char* name, const char* value) {
        (void)set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    };
    set("search_path", "pg_catalog, pg_temp");
    set("TimeZone", "UTC");
    set("enable_hashjoin", "off");
    set("enable_mergejoin", "off");
    set("enable_seqscan", "off");
    set("enable_bitmapscan", "off");
    set("jit", "off");
    set("plan_cache_mode", "force_generic_plan");
}

// What rules held that are gone or changed lies between what is still needed, and the allocator keeps it.
void give_back_memory(Model& model) {
    if (model.reloaded) {
#ifdef __GLIBC__
        (void)malloc_trim(0);
#endif
        model.reloaded = false;
    }
}

double milliseconds_since(instr_time start) {
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, start);
    return INSTR_TIME_GET_MILLISEC(now);
}

// How far the slots of this database are behind, for rules about it. Seconds are known only to the gateway.
void read_replication_lag(core::Engine& engine) {
    metric::Value lag;
    if (run(read_lag, nullptr, nullptr, true) == 1) {
        const std::optional<double> bytes = Row(SPI_tuptable, 0).number(1);
        if (bytes) {
            lag = {metric::Value::Kind::Number, *bytes};
        }
    }
    engine.set_replication_lag(lag, {});
}

// Tenants whose rules, silences or alerts were changed, read anew.
void take_configuration(Model& model, const PassOrder& order) {
    if (order.keys.rules_changed) {
        reload_configuration(model, nullptr);
        return;
    }
    for (int index = 0; index < order.keys.tenant_count; ++index) {
        core::Uuid tenant;
        memcpy(tenant.bytes.data(), order.keys.tenants[index].data, UUID_LEN);
        reload_configuration(model, &tenant);
    }
}

void keys_to_read(Model& model, const PassOrder& order, bool fresh, KeyList& list) {
    const bool discover = fresh || order.everything || order.keys.everything;
    if (discover || order.check) {
        list_keys(model, discover, list);
    }
    // Marks too: what a regular check lists are keys that are known, and a mark may be of a new one. Twice does no harm.
    for (int index = 0; index < order.keys.count; ++index) {
        add_key(order.keys.keys[index], list);
    }
    for (int index = 0; !discover && index < order.keys.unknown_count; ++index) {
        list_keys_of(model, order.keys.unknown[index], list);
    }
    if (list.full_tenants > 0) {
        say_once_that_something_is_ignored();
    }
}

void say_once_that_alerts_are_ignored(const core::Uuid& tenant) {
    static bool said = false;
    if (!said) {
        said = true;
        pg_uuid_t id;
        memcpy(id.data, tenant.bytes.data(), UUID_LEN);
        ereport(LOG,
                (errmsg("pg_realtime does not track all alerts of tenant %s because it has %d",
                        DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&id))),
                        static_cast<int>(core::Bounds{}.instances)),
                 errdetail("Further alerts that are not tracked, of any tenant, are only counted, in column "
                           "ignored of realtime_worker_status."),
                 errhint("Check its rules: they breach in very many subscriptions at the same time.")));
    }
}

struct Evaluated {
    core::Totals totals;
    std::int64_t transitions;
    bool has_actions;
    bool has_rows;
    std::int64_t wake_in;
};

Evaluated evaluate(Model& model, const PassOrder& order) {
    Evaluated evaluated{};
    guarded([&] {
        core::Engine& engine = *model.engine;
        const metric::Time now = engine.timeline().now();
        if (order.check) {
            engine.release_quarantined();
        }
        evaluated.totals = engine.evaluate(now, order.check);
        for (const core::Action& action : engine.actions()) {
            evaluated.transitions += action.decision.event != alert::Event::None ? 1 : 0;
        }
        evaluated.has_actions = !engine.actions().empty();
        const metric::Time wake_at = engine.wake_at();
        evaluated.wake_in =
            wake_at == metric::forever ? PassResult::never : std::max<std::int64_t>(wake_at - now, 0);
        if (order.flush || order.check) {
            model.outgoing->collect(engine, now, order.check);
        } else {
            model.outgoing->collect_urgent(engine, now);
        }
        // Other processes and the next start have to know the offset, whatever else there is to store.
        evaluated.has_rows = !model.outgoing->empty() || engine.clock_was_set();
    });
    return evaluated;
}

} // namespace

PassResult run_pass(const PassOrder& order) {
    PassResult result{};
    instr_time start;
    INSTR_TIME_SET_CURRENT(start);
    lock_evaluation();
    SPI_connect();
    const Identity before = act_as_extension_owner();
    const int nest_level = NewGUCNestLevel();
    enter_pass_settings();

    // One snapshot for all that is read: the stored position says exactly what was seen.
    PushActiveSnapshot(GetTransactionSnapshot());
    const metric::Clocks clocks = read_clocks();
    result.steady = clocks.steady;
    if (run(read_generation, nullptr, nullptr, true) != 1) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("table realtime_worker_state is empty"),
                        errhint("INSERT INTO realtime_worker_state DEFAULT VALUES;")));
    }
    const ModelState state{Row(SPI_tuptable, 0).bigint(1), Row(SPI_tuptable, 0).bigint(2),
                           Row(SPI_tuptable, 0).bigint(3)};
    bool fresh = false;
    Model& model = current_model(state, clocks, &fresh);
    // Until the end of this pass the model is between two states; after an error it is not believed any more.
    model.generation = no_generation;
    if (!fresh) {
        take_configuration(model, order);
    }
    if (order.check || fresh) {
        read_replication_lag(*model.engine);
    }
    KeyList keys;
    keys_to_read(model, order, fresh, keys);
    const Ingested ingested = ingest(model, keys.keys, keys.count);
    PopActiveSnapshot();
    result.keys = keys.count;
    result.reports = ingested.reports + ingested.samples;
    result.ignored = ingested.ignored + keys.full_tenants;
    result.judged_together = ingested.judged_together;
    result.gather_ms = milliseconds_since(start);

    instr_time evaluation;
    INSTR_TIME_SET_CURRENT(evaluation);
    const Evaluated evaluated = evaluate(model, order);
    result.rules_evaluated = evaluated.totals.rules;
    if (evaluated.totals.ignored > 0) {
        result.ignored += evaluated.totals.ignored;
        say_once_that_alerts_are_ignored(evaluated.totals.full_tenant);
    }
    result.transitions = evaluated.transitions;
    result.evaluate_ms = milliseconds_since(evaluation);

    instr_time storing;
    INSTR_TIME_SET_CURRENT(storing);
    const bool writes = evaluated.has_actions || evaluated.has_rows || waits_to_be_tried(model);
    if (writes) {
        PushActiveSnapshot(GetTransactionSnapshot());
        pass_is_writing = true;
        PG_TRY();
        {
            store_results(model);
            Datum arguments[3] = {TimestampTzGetDatum(clocks.wall), BoolGetDatum(order.check),
                                  Int64GetDatum(model.engine->timeline().offset())};
            run(raise_generation, arguments, nullptr, false);
        }
        PG_FINALLY();
        { pass_is_writing = false; }
        PG_END_TRY();
        PopActiveSnapshot();
        result.must_be_durable = evaluated.has_actions || model.engine->clock_was_set();
    } else {
        // What waits to be stored and has nothing that can be is not waited for any more.
        guarded([&] { model.outgoing->finish(*model.engine); });
    }
    if (order.check) {
        guarded([&] { model.engine->forget_idle(model.engine->timeline().now()); });
        give_back_memory(model);
    }
    if (order.check || ingested.full || keys.full_tenants > 0 || order.keys.rules_changed ||
        order.keys.tenant_count > 0) {
        remember_full_tenants(model);
    }
    // Should this transaction be rolled back, the table keeps the old number.
    model.generation = state.generation + (writes ? 1 : 0);
    result.store_ms = milliseconds_since(storing);
    result.wake_in = evaluated.wake_in;
    result.unstored = !model.engine->unstored().empty();
    result.more_to_flush = order.flush && result.unstored;
    AtEOXact_GUC(true, nest_level);
    act_as(before);
    SPI_finish();
    return result;
}

} // namespace pg::monitor
