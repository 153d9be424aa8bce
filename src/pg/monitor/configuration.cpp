// Rules, silences and the states of alerts: read when the model is loaded, and again for a tenant whose were changed.

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "alert/compile.hpp"
#include "pg/guard.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/pass_state.hpp"
#include "pg/monitor/portions.hpp"
#include "pg/monitor/rule_row.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/monitor/subtransaction.hpp"
#include "pg/owned.hpp"

namespace pg::monitor {

namespace {

// All rules, or those of a tenant with the global ones. Each part finds its rows by the index; OR would read them all.
#define PG_REALTIME_RULES                                                                                    \
    "(SELECT * FROM @extschema@.alert_rules WHERE $1 IS NULL"                                                \
    " UNION ALL SELECT * FROM @extschema@.alert_rules WHERE $1 IS NOT NULL AND tenant_id IS NULL"            \
    " UNION ALL SELECT * FROM @extschema@.alert_rules WHERE tenant_id = $1) r"

Statement read_rules{"SELECT " PG_REALTIME_RULE_COLUMNS " FROM " PG_REALTIME_RULES
                     " ORDER BY tenant_id NULLS FIRST, rule_id",
                     {"uuid"}};

Statement read_conditions{"SELECT r.tenant_id, r.rule_id, " PG_REALTIME_CONDITION_COLUMNS
                          "  FROM " PG_REALTIME_RULES
                          " CROSS JOIN LATERAL @extschema@.realtime_readable_conditions(r.conditions) c"
                          " WHERE r.conditions IS NOT NULL AND r.enabled"
                          " ORDER BY r.tenant_id NULLS FIRST, r.rule_id, c.position",
                          {"uuid"}};

// A recurring silence is looked at again with every regular check; one that is not has exact edges.
Statement read_silences{
    "SELECT s.tenant_id, s.rule_id, s.subscription_type, s.weekdays IS NOT NULL OR "
    "s.window_start IS NOT NULL,"
    "       (s.weekdays IS NOT NULL OR s.window_start IS NOT NULL) AND "
    "@extschema@.realtime_silence_mutes(s, $2),"
    "       s.starts_at, s.ends_at, s.time_zone"
    "  FROM @extschema@.alert_silences s WHERE s.ends_at > $2 AND ($1 IS NULL OR s.tenant_id = $1)",
    {"uuid", "timestamptz"}};

Statement read_states{
    "SELECT s.tenant_id, s.rule_id, s.subscription_type, s.state::text, s.alert_id, s.severity::text, "
    "s.since,"
    "       s.breach_since, s.clear_since, s.no_data_since, s.error_since, s.last_value, s.last_notified_at,"
    "       s.last_notified_severity::text, s.firing_notified, s.flaps, a.status::text, "
    "COALESCE(s.fired_at, a.triggered_at),"
    "       s.resolve_owed_alert_id, s.clock_offset"
    "  FROM @extschema@.alert_states s LEFT JOIN @extschema@.alert_instances a ON a.tenant_id = s.tenant_id "
    "AND a.id = s.alert_id"
    " WHERE $1 IS NULL OR s.tenant_id = $1",
    {"uuid"}};

Statement quarantine{
    "UPDATE @extschema@.alert_rules r SET last_error = u.c, last_error_at = $4"
    "  FROM unnest($1, $2, $3) u(a, b, c)"
    " WHERE r.tenant_id IS NOT DISTINCT FROM u.a AND r.rule_id = u.b AND r.last_error IS DISTINCT FROM u.c",
    {"uuid[]", "text[]", "text[]", "timestamptz"}};

// The rules as they are stored, before they are compiled for each tenant.
struct Draft {
    alert::RuleText text;
    bool enabled = true;
};
using Drafts = std::vector<Draft>; // by rule_id

struct QuarantinedRule {
    bool global;
    core::Uuid tenant;
    std::string rule_id;
    std::string error;
};

struct Reading {
    Drafts global;
    std::map<core::Uuid, Drafts> tenants;
    std::vector<QuarantinedRule> quarantined;

    void add(const RuleRow& row) {
        (row.global ? global : tenants[row.tenant]).push_back({text_of(row), row.enabled});
    }

    void add(const ConditionRow& row) {
        Drafts& drafts = row.global ? global : tenants[row.tenant];
        const std::string id = row.rule_id.copy();
        const auto found = std::lower_bound(
            drafts.begin(), drafts.end(), id,
            [](const Draft& draft, const std::string& wanted) { return draft.text.rule_id < wanted; });
        if (found == drafts.end() || found->text.rule_id != id) {
            return;
        }
        found->text.conditions.push_back(text_of(row));
    }

    // Adds the enabled rules to the list. One that does not compile is frozen, and its error noted.
    void compile(const Drafts& drafts, bool is_global, const core::Uuid& tenant,
                 const std::set<std::string, std::less<>>& overridden, core::RuleList& list, bool note) {
        for (const Draft& draft : drafts) {
            if (!draft.enabled || overridden.contains(draft.text.rule_id)) {
                continue;
            }
            std::variant<alert::Rule, std::string> compiled = alert::compile(draft.text, list.table());
            std::string error;
            if (alert::Rule* rule = std::get_if<alert::Rule>(&compiled)) {
                if (list.add(std::move(*rule))) {
                    continue;
                }
                error = "too many different metrics and windows";
            } else {
                error = std::get<std::string>(compiled);
            }
            list.freeze(draft.text.rule_id);
            if (note) {
                quarantined.push_back({is_global, tenant, draft.text.rule_id, std::move(error)});
            }
        }
    }

    void apply(core::Engine& engine, const core::Uuid* only) {
        const core::Uuid nobody;
        if (only == nullptr) {
            auto list = std::make_shared<core::RuleList>();
            compile(global, true, nobody, {}, *list, true);
            list->finish();
            engine.set_global_rules(list);
        }
        for (const auto& [id, drafts] : tenants) {
            std::set<std::string, std::less<>> own;
            for (const Draft& draft : drafts) {
                own.insert(draft.text.rule_id);
            }
            auto list = std::make_shared<core::RuleList>();
            compile(global, true, nobody, own, *list, false);
            compile(drafts, false, id, {}, *list, true);
            list->finish();
            engine.set_rules(engine.tenant(id), list);
        }
        for (auto& [id, tenant] : engine.tenants()) {
            if ((only == nullptr || *only == id) && tenant->own_rules && !tenants.contains(id)) {
                engine.clear_rules(*tenant);
            }
        }
    }
};

struct SilenceRow {
    core::Uuid tenant;
    OptionalText rule_id, subscription_type;
    bool recurring, active;
    TimestampTz starts_at, ends_at;
};

struct StateRow {
    core::Uuid tenant;
    OptionalText rule_id, subscription_type;
    core::Uuid alert_id, owed_alert_id;
    alert::Instance state;
    bool closed_by_hand;
};

// A stored time as that of the timeline. One from the future, of a dump or another machine, counts as now.
metric::Time time_at(const Row& row, int column, metric::Time now) {
    const TimestampTz stored = row.time_or(column, metric::never);
    return stored == metric::never ? stored : std::min(stored + row.bigint(20), now);
}

StateRow state_of(const Row& row, metric::Time now) {
    StateRow result{};
    result.tenant = row.uuid(1);
    result.rule_id = text_at(row, 2);
    result.subscription_type = text_at(row, 3);
    result.alert_id = row.uuid(5);
    result.owed_alert_id = row.uuid(19);
    alert::Instance& state = result.state;
    state.state = alert::state_named(row.text(4)).value_or(alert::State::Inactive);
    state.severity = alert::severity_named(row.text(6)).value_or(alert::Severity::Medium);
    state.since = time_at(row, 7, now);
    state.breach_since = time_at(row, 8, now);
    state.clear_since = time_at(row, 9, now);
    state.no_data_since = time_at(row, 10, now);
    state.error_since = time_at(row, 11, now);
    state.last_value = row.number(12).value_or(0);
    state.last_notified_at = time_at(row, 13, now);
    state.last_notified_severity = alert::severity_named(row.text(14)).value_or(alert::Severity::Info);
    state.firing_notified = row.boolean(15);
    bool no_flaps = false;
    const Datum flaps = row.get(16, &no_flaps);
    if (!no_flaps) {
        Datum* times = nullptr;
        bool* nulls = nullptr;
        int count = 0;
        deconstruct_array(DatumGetArrayTypeP(flaps), TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE, &times, &nulls,
                          &count);
        const int first = std::max(0, count - static_cast<int>(alert::flap_memory));
        for (int index = first; index < count; ++index) {
            state.flaps[state.flap_count++] =
                nulls[index] ? metric::never
                             : std::min(DatumGetTimestampTz(times[index]) + row.bigint(20), now);
        }
    }
    const std::string_view status = row.text(17);
    state.has_alert = !result.alert_id.empty();
    const metric::Time fired_at = time_at(row, 18, now);
    state.fired_at = fired_at == metric::never ? state.since : fired_at;
    state.acknowledged = status == "acknowledged";
    state.resolve_owed = !result.owed_alert_id.empty();
    // Somebody resolved or deleted the alert: nothing is open any more, and what still breaches opens a new one.
    result.closed_by_hand = state.has_alert && (status == "resolved" || status.empty());
    return result;
}

void reset_closed(StateRow& row) {
    alert::Instance fresh;
    fresh.last_notified_at = row.state.last_notified_at;
    fresh.last_notified_severity = row.state.last_notified_severity;
    fresh.flaps = row.state.flaps;
    fresh.flap_count = row.state.flap_count;
    fresh.resolve_owed = row.state.resolve_owed;
    fresh.since = row.state.since;
    row.state = fresh;
    row.alert_id = {};
}

void write_quarantine(const Reading& reading, TimestampTz now) {
    const Size count = reading.quarantined.size();
    if (count == 0) {
        return;
    }
    Column tenants = make_column_of(UUIDOID, count);
    Column rules = make_column_of(TEXTOID, count);
    Column errors = make_column_of(TEXTOID, count);
    for (const QuarantinedRule& rule : reading.quarantined) {
        rule.global ? push_null(tenants) : push_uuid(tenants, rule.tenant.bytes.data());
        push_text(rules, rule.rule_id.data(), rule.rule_id.size());
        push_text(errors, rule.error.data(), rule.error.size());
    }
    Datum arguments[] = {array_of(tenants), array_of(rules), array_of(errors), TimestampTzGetDatum(now)};
    pass_is_writing = true;
    ErrorData* error = nullptr;
    PG_TRY();
    {
        error = in_subtransaction(is_error_of_rows, [&] {
            with_lock_timeout("250ms", [&] {
                PushActiveSnapshot(GetTransactionSnapshot());
                run(quarantine, arguments, nullptr, false);
                PopActiveSnapshot();
            });
        });
    }
    PG_FINALLY();
    { pass_is_writing = false; }
    PG_END_TRY();
    if (error != nullptr) {
        ereport(LOG,
                (errmsg("could not note in alert_rules why rules are not evaluated: %s", error->message)));
        FreeErrorData(error);
    }
}

void read_all_rules(Reading& reading, Datum* arguments, const char* nulls) {
    for_each_row<RuleRow>(read_rules, arguments, nulls, rule_of,
                          [&](const RuleRow& row) { reading.add(row); });
    for_each_row<ConditionRow>(read_conditions, arguments, nulls, condition_of,
                               [&](const ConditionRow& row) { reading.add(row); });
}

void say_once_that_a_time_zone_is_unknown(const Row& row) {
    static bool said = false;
    if (!said) {
        said = true;
        const std::string_view zone = row.text(8);
        ereport(LOG, (errmsg("pg_realtime ignores a silence because its time zone \"%.*s\" is not known",
                             static_cast<int>(zone.size()), zone.data()),
                      errhint("Update column time_zone of alert_silences; view pg_timezone_names lists those "
                              "that are known.")));
    }
}

SilenceRow silence_of(const Row& row) {
    const bool is_known = !row.is_null(5);
    if (!is_known) {
        say_once_that_a_time_zone_is_unknown(row);
    }
    return {row.uuid(1), text_at(row, 2), text_at(row, 3), row.boolean(4), is_known && row.boolean(5),
            row.time(6), row.time(7)};
}

void reload_silences(core::Engine& engine, Datum* arguments, const char* nulls, const core::Uuid* only,
                     TimestampTz now) {
    guarded([&] {
        for (auto& [id, tenant] : engine.tenants()) {
            if (only == nullptr || *only == id) {
                tenant->silences.clear();
            }
        }
    });
    for_each_row<SilenceRow>(read_silences, arguments, nulls, silence_of, [&](const SilenceRow& row) {
        core::Tenant& tenant = engine.tenant(row.tenant);
        core::Silence silence{row.rule_id.optional(), row.subscription_type.optional(), row.starts_at,
                              row.ends_at};
        if (row.recurring) {
            silence.recurring = true;
            silence.starts_at = row.active ? metric::never : metric::forever;
        }
        tenant.silences.push_back(std::move(silence));
        for (auto& [name, watch] : tenant.watches) {
            engine.touch(tenant, *watch);
        }
    });
    (void)now;
}

void reload_states(core::Engine& engine, Datum* arguments, const char* nulls, const core::Uuid* only) {
    guarded([&] {
        for (auto& [id, tenant] : engine.tenants()) {
            if (only == nullptr || *only == id) {
                for (auto& [name, watch] : tenant->watches) {
                    watch->instances.clear();
                    engine.touch(*tenant, *watch);
                }
            }
        }
    });
    for_each_row<StateRow>(
        read_states, arguments, nulls,
        [&](const Row& row) {
            StateRow state = state_of(row, engine.timeline().now());
            if (state.closed_by_hand) {
                reset_closed(state);
            }
            return state;
        },
        [&](const StateRow& row) {
            core::Tenant& tenant = engine.tenant(row.tenant);
            core::Watch& watch =
                engine.watch(tenant, {row.subscription_type.bytes, row.subscription_type.length});
            engine.load_instance(watch, tenant, {row.rule_id.bytes, row.rule_id.length}, row.state,
                                 row.alert_id, row.owed_alert_id);
        });
}

} // namespace

void reload_configuration(Model& model, const core::Uuid* tenant) {
    core::Engine& engine = *model.engine;
    const TimestampTz now = engine.timeline().wall();
    pg_uuid_t id;
    Datum arguments[2] = {0, TimestampTzGetDatum(now)};
    const char* nulls = "n ";
    if (tenant != nullptr) {
        memcpy(id.data, tenant->bytes.data(), UUID_LEN);
        arguments[0] = UUIDPGetDatum(&id);
        nulls = "  ";
    }
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_realtime configuration", ALLOCSET_DEFAULT_SIZES);
    auto* reading = make_owned<Reading>(context);
    read_all_rules(*reading, arguments, nulls);
    guarded([&] { reading->apply(engine, tenant); });
    reload_states(engine, arguments, nulls, tenant);
    reload_silences(engine, arguments, nulls, tenant, now);
    write_quarantine(*reading, now);
    MemoryContextDelete(context);
    model.reloaded = true;
}

} // namespace pg::monitor
