// A pass without PostgreSQL: a million rule instances, and what a tenant with very many rules costs the others.

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "alert/compile.hpp"
#include "monitor/engine.hpp"

namespace {

using metric::Time;

constexpr Time start = 800'000'000 * metric::second;

monitor::Uuid tenant_number(std::uint32_t number) {
    monitor::Uuid id;
    std::memcpy(id.bytes.data(), &number, sizeof(number));
    return id;
}

// Rules over the usual metrics, none of which breaches.
std::shared_ptr<monitor::RuleList> rules(int count) {
    static constexpr const char* metrics[] = {
        "error_rate",   "p95_latency_ms", "avg_latency_ms",     "retry_rate",     "messages_per_second",
        "memory_usage", "cpu_usage",      "active_connections", "p99_latency_ms", "stale_connections"};
    auto list = std::make_shared<monitor::RuleList>();
    for (int number = 0; number < count; ++number) {
        alert::RuleText text;
        text.rule_id = "rule_" + std::to_string(number);
        text.metric = metrics[number % 10];
        text.threshold_value = 1e6 + number;
        std::variant<alert::Rule, std::string> rule = alert::compile(text, list->table());
        list->add(std::get<alert::Rule>(std::move(rule)));
    }
    list->finish();
    return list;
}

void report(monitor::Engine& engine, std::uint32_t tenant, Time at, int connections) {
    monitor::Tenant& owner = engine.tenant(tenant_number(tenant));
    monitor::Watch& watch = engine.watch(owner, "orders");
    for (int number = 0; number < connections; ++number) {
        const std::string id = "connection_" + std::to_string(number);
        metric::Report report;
        report.connection_id = id;
        report.counters = {at / metric::second, 10, 1, 0, 1000};
        report.avg_response_time_ms = 20.0 + static_cast<double>(tenant % 400) + number;
        report.cpu_percent = 10;
        report.memory_mb = 200;
        report.heartbeat_at = at;
        report.recorded_at = at;
        watch.data.apply(report, engine.limits());
    }
    engine.touch(owner, watch);
}

std::unique_ptr<monitor::Engine> engine_with(std::uint32_t tenants, std::shared_ptr<monitor::RuleList> list) {
    auto engine = std::make_unique<monitor::Engine>(metric::Limits{});
    engine->set_global_rules(std::move(list));
    for (std::uint32_t tenant = 0; tenant < tenants; ++tenant) {
        for (int past = 6; past >= 0; --past) {
            report(*engine, tenant, start - past * 10 * metric::second, 3);
        }
    }
    return engine;
}

// 10,000 tenants with 100 rules each, all of them judged: what the regular check does.
void million_instances(benchmark::State& state) {
    auto engine = engine_with(10'000, rules(100));
    Time now = start;
    std::int64_t instances = 0;
    for (auto _ : state) {
        now += metric::second;
        instances = engine->evaluate(now, true).rules;
    }
    state.counters["instances"] = static_cast<double>(instances);
}
BENCHMARK(million_instances)->Unit(benchmark::kMillisecond);

// The same, where every tenant has rules of its own, so that no list is shared.
void million_own_instances(benchmark::State& state) {
    auto engine = engine_with(10'000, rules(1));
    for (auto& [id, tenant] : engine->tenants()) {
        engine->set_rules(*tenant, rules(100));
    }
    Time now = start;
    std::int64_t instances = 0;
    for (auto _ : state) {
        now += metric::second;
        instances = engine->evaluate(now, true).rules;
    }
    state.counters["instances"] = static_cast<double>(instances);
}
BENCHMARK(million_own_instances)->Unit(benchmark::kMillisecond);

// One report of one tenant among 10,000: what a wake-up costs. The argument is the number of rules of another tenant.
void one_report(benchmark::State& state) {
    auto engine = engine_with(10'000, rules(100));
    if (state.range(0) > 0) {
        engine->set_rules(engine->tenant(tenant_number(7)), rules(static_cast<int>(state.range(0))));
    }
    Time now = start;
    engine->evaluate(now, true);
    std::uint32_t tenant = 8;
    for (auto _ : state) {
        now += metric::second / 1000;
        report(*engine, tenant, now, 1);
        benchmark::DoNotOptimize(engine->evaluate(now, false));
        tenant = tenant % 9000 + 8;
    }
}
BENCHMARK(one_report)->Arg(0)->Arg(100'000)->Unit(benchmark::kMicrosecond);

} // namespace
