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
#include "pg/monitor/statement.hpp"
#include "pg/owned.hpp"

namespace pg::monitor {

namespace {

Statement read_rules{
    "SELECT tenant_id, rule_id, name, subscription_type, metric, aggregation, operator, threshold_value, "
    "threshold_upper,"
    "       clear_threshold, window_seconds, for_seconds, keep_firing_seconds, severity::text, "
    "cooldown_minutes,"
    "       no_data_action, no_data_for_seconds, error_action, flap_detection, escalate_after_minutes,"
    "       escalate_severity::text, group_name, array_to_string(inhibited_by, E'\\n'), message_template, "
    "enabled"
    "  FROM alert_rules WHERE $1 IS NULL OR tenant_id IS NULL OR tenant_id = $1"
    " ORDER BY tenant_id NULLS FIRST, rule_id",
    {"uuid"}};

Statement read_conditions{"SELECT r.tenant_id, r.rule_id, c.kind, c.child_count, c.metric, c.aggregation, "
                          "c.operator, c.threshold, c.upper,"
                          "       c.window_seconds"
                          "  FROM alert_rules r CROSS JOIN LATERAL realtime_alert_conditions(r.conditions) c"
                          " WHERE r.conditions IS NOT NULL AND r.enabled AND ($1 IS NULL OR r.tenant_id IS "
                          "NULL OR r.tenant_id = $1)"
                          " ORDER BY r.tenant_id NULLS FIRST, r.rule_id, c.position",
                          {"uuid"}};

// A recurring silence is looked at again with every regular check; one that is not has exact edges.
Statement read_silences{"SELECT s.tenant_id, s.rule_id, s.subscription_type, s.weekdays IS NOT NULL OR "
                        "s.window_start IS NOT NULL,"
                        "       realtime_silence_active(s, $2), s.starts_at, s.ends_at"
                        "  FROM alert_silences s WHERE s.ends_at > $2 AND ($1 IS NULL OR s.tenant_id = $1)",
                        {"uuid", "timestamptz"}};

Statement read_states{
    "SELECT s.tenant_id, s.rule_id, s.subscription_type, s.state::text, s.alert_id, s.severity::text, "
    "s.since,"
    "       s.breach_since, s.clear_since, s.no_data_since, s.error_since, s.last_value, s.last_notified_at,"
    "       s.last_notified_severity::text, s.firing_notified, s.flaps, a.status::text, a.triggered_at, "
    "s.resolve_owed_alert_id"
    "  FROM alert_states s LEFT JOIN alert_instances a ON a.tenant_id = s.tenant_id AND a.id = s.alert_id"
    " WHERE $1 IS NULL OR s.tenant_id = $1",
    {"uuid"}};

Statement quarantine{
    "UPDATE alert_rules r SET last_error = u.c, last_error_at = $4"
    "  FROM unnest($1, $2, $3) u(a, b, c)"
    " WHERE r.tenant_id IS NOT DISTINCT FROM u.a AND r.rule_id = u.b AND r.last_error IS DISTINCT FROM u.c",
    {"uuid[]", "text[]", "text[]", "timestamptz"}};

// Optional text: null pointer for NULL.
struct Text {
    const char* bytes;
    Size length;

    std::string copy() const { return bytes == nullptr ? std::string() : std::string(bytes, length); }
    std::optional<std::string> optional() const {
        return bytes == nullptr ? std::nullopt : std::optional<std::string>(copy());
    }
};

Text text_at(const Row& row, int column) {
    if (row.is_null(column)) {
        return {nullptr, 0};
    }
    const std::string_view text = row.text(column);
    return {text.data(), text.size()};
}

std::optional<std::int64_t> integer_at(const Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional<std::int64_t>(row.integer(column));
}

struct RuleRow {
    bool global;
    core::Uuid tenant;
    Text rule_id, name, subscription_type, metric, aggregation, operation;
    double threshold_value;
    std::optional<double> threshold_upper, clear_threshold;
    std::int64_t window_seconds, for_seconds, keep_firing_seconds;
    Text severity;
    std::int64_t cooldown_minutes;
    Text no_data_action;
    std::int64_t no_data_for_seconds;
    Text error_action;
    bool flap_detection;
    std::optional<std::int64_t> escalate_after_minutes;
    Text escalate_severity, group_name, inhibited_by, message_template;
    bool enabled;
};

struct ConditionRow {
    bool global;
    core::Uuid tenant;
    Text rule_id, kind;
    std::int64_t child_count;
    Text metric, aggregation, operation;
    double threshold;
    std::optional<double> upper;
    std::optional<std::int64_t> window_seconds;
};

RuleRow rule_of(const Row& row) {
    RuleRow rule{};
    rule.global = row.is_null(1);
    rule.tenant = row.uuid(1);
    rule.rule_id = text_at(row, 2);
    rule.name = text_at(row, 3);
    rule.subscription_type = text_at(row, 4);
    rule.metric = text_at(row, 5);
    rule.aggregation = text_at(row, 6);
    rule.operation = text_at(row, 7);
    rule.threshold_value = row.number(8).value_or(0);
    rule.threshold_upper = row.number(9);
    rule.clear_threshold = row.number(10);
    rule.window_seconds = row.integer(11);
    rule.for_seconds = row.integer(12);
    rule.keep_firing_seconds = row.integer(13);
    rule.severity = text_at(row, 14);
    rule.cooldown_minutes = row.integer(15);
    rule.no_data_action = text_at(row, 16);
    rule.no_data_for_seconds = row.integer(17);
    rule.error_action = text_at(row, 18);
    rule.flap_detection = row.boolean(19);
    rule.escalate_after_minutes = integer_at(row, 20);
    rule.escalate_severity = text_at(row, 21);
    rule.group_name = text_at(row, 22);
    rule.inhibited_by = text_at(row, 23);
    rule.message_template = text_at(row, 24);
    rule.enabled = row.boolean(25);
    return rule;
}

ConditionRow condition_of(const Row& row) {
    ConditionRow condition{};
    condition.global = row.is_null(1);
    condition.tenant = row.uuid(1);
    condition.rule_id = text_at(row, 2);
    condition.kind = text_at(row, 3);
    condition.child_count = integer_at(row, 4).value_or(0);
    condition.metric = text_at(row, 5);
    condition.aggregation = text_at(row, 6);
    condition.operation = text_at(row, 7);
    condition.threshold = row.number(8).value_or(0);
    condition.upper = row.number(9);
    condition.window_seconds = integer_at(row, 10);
    return condition;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return lines;
}

alert::RuleText text_of(const RuleRow& row) {
    alert::RuleText text;
    text.rule_id = row.rule_id.copy();
    text.name = row.name.copy();
    text.subscription_type = row.subscription_type.optional();
    text.metric = row.metric.copy();
    text.aggregation = row.aggregation.copy();
    text.operation = row.operation.copy();
    text.threshold_value = row.threshold_value;
    text.threshold_upper = row.threshold_upper;
    text.clear_threshold = row.clear_threshold;
    text.window_seconds = row.window_seconds;
    text.for_seconds = row.for_seconds;
    text.keep_firing_seconds = row.keep_firing_seconds;
    text.severity = row.severity.copy();
    text.cooldown_minutes = row.cooldown_minutes;
    text.no_data_action = row.no_data_action.copy();
    text.no_data_for_seconds = row.no_data_for_seconds;
    text.error_action = row.error_action.copy();
    text.flap_detection = row.flap_detection;
    text.escalate_after_minutes = row.escalate_after_minutes;
    text.escalate_severity = row.escalate_severity.optional();
    text.group_name = row.group_name.optional();
    text.inhibited_by = lines_of(row.inhibited_by.copy());
    text.message_template = row.message_template.optional();
    return text;
}

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
        alert::ConditionText condition;
        condition.kind = row.kind.copy();
        condition.child_count = row.child_count;
        condition.metric = row.metric.copy();
        condition.aggregation = row.aggregation.bytes == nullptr ? "default" : row.aggregation.copy();
        condition.operation = row.operation.copy();
        condition.threshold = row.threshold;
        condition.upper = row.upper;
        condition.window_seconds = row.window_seconds;
        found->text.conditions.push_back(std::move(condition));
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
    Text rule_id, subscription_type;
    bool recurring, active;
    TimestampTz starts_at, ends_at;
};

struct StateRow {
    core::Uuid tenant;
    Text rule_id, subscription_type;
    core::Uuid alert_id, owed_alert_id;
    alert::Instance state;
    bool closed_by_hand;
};

StateRow state_of(const Row& row) {
    StateRow result{};
    result.tenant = row.uuid(1);
    result.rule_id = text_at(row, 2);
    result.subscription_type = text_at(row, 3);
    result.alert_id = row.uuid(5);
    result.owed_alert_id = row.uuid(19);
    alert::Instance& state = result.state;
    state.state = alert::state_named(row.text(4)).value_or(alert::State::Inactive);
    state.severity = alert::severity_named(row.text(6)).value_or(alert::Severity::Medium);
    state.since = row.time(7);
    state.breach_since = row.time_or(8, metric::never);
    state.clear_since = row.time_or(9, metric::never);
    state.no_data_since = row.time_or(10, metric::never);
    state.error_since = row.time_or(11, metric::never);
    state.last_value = row.number(12).value_or(0);
    state.last_notified_at = row.time_or(13, metric::never);
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
                nulls[index] ? metric::never : DatumGetTimestampTz(times[index]);
        }
    }
    const std::string_view status = row.text(17);
    state.has_alert = !result.alert_id.empty();
    state.fired_at = row.time_or(18, state.since);
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
    PushActiveSnapshot(GetTransactionSnapshot());
    pass_is_writing = true;
    PG_TRY();
    { run(quarantine, arguments, nullptr, false); }
    PG_FINALLY();
    { pass_is_writing = false; }
    PG_END_TRY();
    PopActiveSnapshot();
}

void read_all_rules(Reading& reading, Datum* arguments, const char* nulls) {
    for_each_row<RuleRow>(read_rules, arguments, nulls, rule_of,
                          [&](const RuleRow& row) { reading.add(row); });
    for_each_row<ConditionRow>(read_conditions, arguments, nulls, condition_of,
                               [&](const ConditionRow& row) { reading.add(row); });
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
    for_each_row<SilenceRow>(
        read_silences, arguments, nulls,
        [](const Row& row) {
            return SilenceRow{row.uuid(1),    text_at(row, 2), text_at(row, 3), row.boolean(4),
                              row.boolean(5), row.time(6),     row.time(7)};
        },
        [&](const SilenceRow& row) {
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
        [](const Row& row) {
            StateRow state = state_of(row);
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

void reload_configuration(Model& model, const core::Uuid* tenant, TimestampTz now) {
    core::Engine& engine = *model.engine;
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
}

} // namespace pg::monitor
