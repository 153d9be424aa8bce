// test_alert_rule() and replay_alert_rule(): what a rule would have decided. They read with the rights of the caller and change
// nothing.

#include "monitor/rehearsal.hpp"
#include "pg/guard.hpp"
#include "pg/monitor/model.hpp"
#include "pg/monitor/payload.hpp"
#include "pg/monitor/portions.hpp"
#include "pg/monitor/rule_row.hpp"
#include "pg/monitor/statement.hpp"
#include "pg/owned.hpp"

namespace pg::monitor {

namespace {

constexpr int most_samples = 100000;
constexpr Size most_outcomes = 100000;

Statement read_rule{"SELECT " PG_REALTIME_RULE_COLUMNS ", to_jsonb(r) -> 'conditions'"
                    "  FROM @extschema@.realtime_complete_alert_rule($1) r",
                    {"jsonb"}};

Statement read_conditions{"SELECT NULL::uuid, ''::text, " PG_REALTIME_CONDITION_COLUMNS
                          "  FROM @extschema@.realtime_alert_conditions($1) c ORDER BY c.position",
                          {"jsonb"}};

// History in the order of its time; of both kinds at once, because a rule may look at both.
Statement read_history{
    "SELECT tenant_id, subscription_type, bucket_start, NULL::text, reports, messages_received, "
    "messages_sent, errors,"
    "       retries, bytes, latency, active_connections, stale_connections, cpu_sum, cpu_count, memory_sum, "
    "memory_count,"
    "       memory_max, health_score::float8"
    "  FROM @extschema@.realtime_metric_rollups"
    " WHERE resolution = 10 AND bucket_start >= $1 AND bucket_start < $2 AND ($3 IS NULL OR tenant_id = $3)"
    "   AND ($4 IS NULL OR subscription_type = $4)"
    " UNION ALL "
    "SELECT tenant_id, subscription_type, bucket_start, metric, count, 0, 0, 0, 0, 0, distribution, 0, 0, "
    "sum, 0, min, 0, max,"
    "       last"
    "  FROM @extschema@.realtime_sample_rollups"
    " WHERE resolution = 10 AND bucket_start >= $1 AND bucket_start < $2 AND ($3 IS NULL OR tenant_id = $3)"
    "   AND ($4 IS NULL OR subscription_type = $4) AND metric = ANY ($5)"
    " ORDER BY 3",
    {"timestamptz", "timestamptz", "uuid", "text", "text[]"}};

struct HistoryRow {
    core::Uuid tenant;
    std::string_view subscription;
    TimestampTz start;
    std::string_view metric; // empty: a bucket of reports
    std::int64_t count;
    metric::Counters increments;
    std::string_view sketch;
    std::int32_t active, stale;
    double cpu_sum, memory_sum, memory_max;
    std::int64_t cpu_count, memory_count;
    std::optional<double> last; // health score, or last value
};

HistoryRow history_of(const Row& row) {
    HistoryRow result{};
    result.tenant = row.uuid(1);
    result.subscription = row.text(2);
    result.start = row.time(3);
    result.metric = row.text(4);
    result.count = row.bigint(5);
    result.increments = {row.bigint(6), row.bigint(7), row.bigint(8), row.bigint(9), row.bigint(10)};
    result.sketch = row.text(11);
    result.active = row.integer(12);
    result.stale = row.integer(13);
    result.cpu_sum = row.number(14).value_or(0);
    result.cpu_count = row.bigint(15);
    result.memory_sum = row.number(16).value_or(0);
    result.memory_count = row.bigint(17);
    result.memory_max = row.number(18).value_or(0);
    result.last = row.number(19);
    return result;
}

metric::Sketch sketch_of(std::string_view bytes) {
    return bytes.empty() ? metric::Sketch{} : metric::Sketch::read(bytes).value_or(metric::Sketch{});
}

void add(core::Rehearsal& rehearsal, const HistoryRow& row) {
    if (row.metric.empty()) {
        metric::Bucket bucket;
        bucket.start = row.start;
        bucket.reports = row.count;
        bucket.increments = row.increments;
        bucket.latency = sketch_of(row.sketch);
        bucket.active_connections = row.active;
        bucket.stale_connections = row.stale;
        bucket.cpu_sum = row.cpu_sum;
        bucket.cpu_count = row.cpu_count;
        bucket.memory_sum = row.memory_sum;
        bucket.memory_count = row.memory_count;
        bucket.memory_max = row.memory_max;
        bucket.health_score = row.last;
        rehearsal.add(row.tenant, row.subscription, bucket);
    } else {
        metric::SampleBucket bucket;
        bucket.start = row.start;
        bucket.count = row.count;
        bucket.sum = row.cpu_sum;
        bucket.min = row.memory_sum;
        bucket.max = row.memory_max;
        bucket.last = row.last.value_or(0);
        bucket.last_at = row.start;
        bucket.distribution = sketch_of(row.sketch);
        rehearsal.add_sample(row.tenant, row.subscription, row.metric, bucket);
    }
}

// What the rule of the call became. Owned by the memory context of the call.
struct Rehearsable {
    std::shared_ptr<core::RuleList> rules = std::make_shared<core::RuleList>();
    core::Uuid tenant;
    bool global = true;
    std::optional<std::string> subscription_type;
    std::vector<core::Rehearsed> outcomes;
};

// Inside an SPI connection. An error (22023) says what is wrong with the rule.
Rehearsable& rule_from(Jsonb* rule, MemoryContext context) {
    auto& result = *make_owned<Rehearsable>(context);
    Datum arguments[] = {JsonbPGetDatum(rule)};
    if (run(read_rule, arguments, nullptr, true) != 1) {
        elog(ERROR, "no rule was read");
    }
    SPITupleTable* table = SPI_tuptable;
    const RuleRow row = rule_of(Row(table, 0));
    bool no_conditions = false;
    Datum conditions[] = {Row(table, 0).get(26, &no_conditions)};
    const bool has_conditions = !no_conditions && !JB_ROOT_IS_SCALAR(DatumGetJsonbP(conditions[0]));
    auto& text = *make_owned<alert::RuleText>(context);
    guarded([&] {
        text = text_of(row);
        result.global = row.global;
        result.tenant = row.tenant;
        result.subscription_type = text.subscription_type;
    });
    if (has_conditions) {
        for_each_row<ConditionRow>(
            read_conditions, conditions, nullptr, condition_of,
            [&](const ConditionRow& condition) { text.conditions.push_back(text_of(condition)); });
    }
    guarded([&] {
        std::variant<alert::Rule, std::string> compiled = alert::compile(text, result.rules->table());
        if (const auto* error = std::get_if<std::string>(&compiled)) {
            throw wire::Error("22023", "rule cannot be evaluated: " + *error);
        }
        (void)result.rules->add(std::move(std::get<alert::Rule>(compiled)));
        result.rules->finish();
    });
    return result;
}

const char* word_of(alert::Event event) {
    switch (event) {
    case alert::Event::Fire:
        return "fire";
    case alert::Event::FireNoData:
        return "fire_no_data";
    case alert::Event::FireError:
        return "fire_error";
    case alert::Event::Resolve:
        return "resolve";
    case alert::Event::Escalate:
        return "escalate";
    case alert::Event::None:
        break;
    }
    return nullptr;
}

const char* word_of(alert::Notification notification) {
    switch (notification) {
    case alert::Notification::Firing:
        return "firing";
    case alert::Notification::Resolved:
        return "resolved";
    case alert::Notification::Escalated:
        return "escalated";
    case alert::Notification::None:
        break;
    }
    return nullptr;
}

Datum enum_named(std::string_view word, const char* type) {
    return DirectFunctionCall2(enum_in, CStringGetDatum(pnstrdup(word.data(), word.size())),
                               ObjectIdGetDatum(type_named(type)));
}

Datum text_or_null(const char* text, bool* null) {
    *null = text == nullptr;
    return text == nullptr ? 0 : CStringGetTextDatum(text);
}

// (tenant_id, subscription_type,) at, state, event, notification, severity, value, message
void put_outcomes(ReturnSetInfo* to, const std::vector<core::Rehearsed>& outcomes, bool with_key) {
    for (const core::Rehearsed& outcome : outcomes) {
        Datum values[9];
        bool nulls[9] = {};
        int at = 0;
        if (with_key) {
            auto* tenant = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
            memcpy(tenant->data, outcome.tenant.bytes.data(), UUID_LEN);
            values[at++] = UUIDPGetDatum(tenant);
            values[at++] = PointerGetDatum(cstring_to_text_with_len(
                outcome.subscription_type.data(), static_cast<int>(outcome.subscription_type.size())));
        }
        values[at++] = TimestampTzGetDatum(outcome.at);
        values[at++] = enum_named(alert::name_of(outcome.state), "@extschema@.alert_state");
        values[at] = text_or_null(word_of(outcome.event), &nulls[at]);
        at += 1;
        values[at] = text_or_null(word_of(outcome.notification), &nulls[at]);
        at += 1;
        values[at++] = enum_named(alert::name_of(outcome.severity), "@extschema@.alert_severity");
        nulls[at] = !outcome.has_value;
        values[at++] = Float8GetDatum(outcome.value);
        nulls[at] = outcome.message.empty();
        values[at++] = PointerGetDatum(
            cstring_to_text_with_len(outcome.message.data(), static_cast<int>(outcome.message.size())));
        tuplestore_putvalues(to->setResult, to->setDesc, values, nulls);
        CHECK_FOR_INTERRUPTS();
    }
}

constexpr Place samples_place{nullptr, "samples", 0};

// A sample: {at, value} or {at, values: {metric: value}}.
void add_sample(const Object& sample, std::string_view first_metric, std::vector<core::GivenValues>& given) {
    TimestampTz at = 0;
    if (!sample.time("at", &at)) {
        refuse(sample.place(), "at", "is missing");
    }
    if (!given.empty() && at < given.back().at) {
        refuse(sample.place(), "at", "lies before the sample before it");
    }
    double value = 0;
    const bool has_value = sample.signed_number("value", &value);
    Place place;
    const Object values = sample.object("values", &place);
    guarded([&] {
        core::GivenValues added;
        added.at = at;
        if (values.missing()) {
            added.values.emplace_back(first_metric, has_value ? std::optional<double>(value) : std::nullopt);
        }
        given.push_back(std::move(added));
    });
    for (int index = 0; !values.missing() && index < values.count(); ++index) {
        const Text name = values.key(index);
        double number = 0;
        const char* key = pnstrdup(name.data, static_cast<Size>(name.length));
        const bool known = values.signed_number(key, &number);
        guarded([&] {
            given.back().values.emplace_back(std::string(name.data, static_cast<Size>(name.length)),
                                             known ? std::optional<double>(number) : std::nullopt);
        });
    }
}

// The longest window, so that it is full when the replay begins.
metric::Time longest_window(const core::RuleList& rules) {
    metric::Time longest = 0;
    for (const metric::Signal& signal : rules.signals()) {
        longest = std::max(longest, signal.window_seconds * metric::second);
    }
    return longest;
}

void replay(Rehearsable& rule, TimestampTz from, TimestampTz to) {
    auto& rehearsal =
        *make_owned<core::Rehearsal>(CurrentMemoryContext, rule.rules, limits_from_settings(), from, to);
    Column metrics = make_column_of(TEXTOID, rule.rules->signals().size() + 2);
    for (const metric::Signal& signal : rule.rules->signals()) {
        if (signal.metric == metric::Metric::Custom) {
            push_text(metrics, signal.custom.data(), signal.custom.size());
        }
    }
    push_text(metrics, "batch_items", strlen("batch_items"));
    push_text(metrics, "batch_failures", strlen("batch_failures"));
    const bool one_subscription = rule.subscription_type && *rule.subscription_type != core::whole_tenant;
    Datum arguments[] = {TimestampTzGetDatum(from - longest_window(*rule.rules)), TimestampTzGetDatum(to),
                         PointerGetDatum(rule.tenant.bytes.data()),
                         one_subscription ? PointerGetDatum(cstring_to_text_with_len(
                                                rule.subscription_type->data(),
                                                static_cast<int>(rule.subscription_type->size())))
                                          : 0,
                         array_of(metrics)};
    char nulls[] = "     ";
    nulls[2] = rule.global ? 'n' : ' ';
    nulls[3] = one_subscription ? ' ' : 'n';
    (void)for_each_row<HistoryRow>(read_history, arguments, nulls, history_of, [&](const HistoryRow& row) {
        if (rehearsal.outcomes.size() > most_outcomes) {
            throw wire::Error(
                "54000", "the rule decided something more than " + std::to_string(most_outcomes) + " times",
                {}, "Replay a shorter time.");
        }
        add(rehearsal, row);
    });
    guarded([&] {
        rehearsal.finish();
        rule.outcomes = std::move(rehearsal.outcomes);
    });
}

} // namespace

} // namespace pg::monitor

using namespace pg::monitor;

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_test_alert_rule);
PGDLLEXPORT Datum pg_realtime_test_alert_rule(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    MemoryContext caller = CurrentMemoryContext;
    Jsonb* rule_text = PG_GETARG_JSONB_P(0);
    Jsonb* samples = PG_GETARG_JSONB_P(1);
    if (!JB_ROOT_IS_ARRAY(samples) || JB_ROOT_IS_SCALAR(samples)) {
        refuse(samples_place, nullptr, "must be an array of {at, value}");
    }
    SPI_connect();
    Rehearsable& rule = rule_from(rule_text, caller);
    const metric::Signal& first = rule.rules->signals()[rule.rules->rule(0).condition.slot];
    const std::string_view metric = first.metric == metric::Metric::Custom ? std::string_view(first.custom)
                                                                           : metric::name_of(first.metric);
    auto& given = *pg::make_owned<std::vector<core::GivenValues>>(caller);
    const Items items(samples, &samples_place, most_samples);
    for (int index = 0; index < items.count(); ++index) {
        Place place;
        add_sample(items.item(index, &place), metric, given);
    }
    pg::guarded([&] {
        if (!given.empty()) {
            // The last sample counts for as long as the rule can decide something by itself.
            rule.outcomes = core::rehearse(*rule.rules, given, given.back().at + metric::hour);
        }
    });
    put_outcomes(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), rule.outcomes, false);
    SPI_finish();
    return 0;
}

PG_FUNCTION_INFO_V1(pg_realtime_replay_alert_rule);
PGDLLEXPORT Datum pg_realtime_replay_alert_rule(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    MemoryContext caller = CurrentMemoryContext;
    const TimestampTz from = PG_GETARG_TIMESTAMPTZ(1);
    const TimestampTz to = PG_GETARG_TIMESTAMPTZ(2);
    if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(to) || from >= to ||
        to - from > 31 * USECS_PER_DAY) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"from\" must lie before \"to\", by 31 days at most"),
                        errdetail("History is kept for 30 days.")));
    }
    SPI_connect();
    Rehearsable& rule = rule_from(PG_GETARG_JSONB_P(0), caller);
    replay(rule, from, to);
    put_outcomes(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), rule.outcomes, true);
    SPI_finish();
    return 0;
}
}
