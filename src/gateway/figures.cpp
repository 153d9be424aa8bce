#include "gateway/figures.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "gateway/log.hpp"
#include "gateway/socket.hpp"

namespace gateway {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Page {
  public:
    void counter(const char* name, const char* help, std::uint64_t value) {
        counter(name, help, static_cast<double>(value));
    }
    void counter(const char* name, const char* help, double value) {
        ClientMetric metric;
        metric.counter.value = value;
        add(name, help, MetricType::Counter, metric);
    }
    void counter(const char* name, const char* help, const char* label,
                 std::initializer_list<std::pair<const char*, std::uint64_t>> values) {
        for (const auto& [text, value] : values) {
            ClientMetric metric;
            metric.label.push_back({label, text});
            metric.counter.value = static_cast<double>(value);
            add(name, help, MetricType::Counter, metric);
        }
    }
    void gauge(const char* name, const char* help, double value) { gauge(name, help, nullptr, {}, value); }
    void gauge(const char* name, const char* help, const char* label, const std::string& text, double value) {
        ClientMetric metric;
        if (label != nullptr) {
            metric.label.push_back({label, text});
        }
        metric.gauge.value = value;
        add(name, help, MetricType::Gauge, metric);
    }
    void histogram(const char* name, const char* help, const hub::Durations& durations) {
        ClientMetric metric;
        std::uint64_t below = 0;
        for (std::size_t index = 0; index < hub::Durations::bound_count; ++index) {
            below += durations.buckets[index];
            metric.histogram.bucket.push_back({below, hub::Durations::bounds[index]});
        }
        metric.histogram.sample_count = durations.count;
        metric.histogram.sample_sum = durations.sum;
        add(name, help, MetricType::Histogram, metric);
    }
    std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

  private:
    void add(const char* name, const char* help, MetricType type, const ClientMetric& metric) {
        if (families_.empty() || families_.back().name != name) {
            families_.push_back({name, help, type, {}});
        }
        families_.back().metric.push_back(metric);
    }
    std::vector<MetricFamily> families_;
};

double resident_bytes() {
    long pages = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
        long all = 0;
        if (std::fscanf(file, "%ld %ld", &all, &pages) != 2) {
            pages = 0;
        }
        std::fclose(file);
    }
    return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

} // namespace

const std::string& Figures::page(bool with_tenants) {
    constexpr double fresh_seconds = 1;
    Kept& kept = kept_[with_tenants ? 1 : 0];
    if (kept.text.empty() || hub_.now() - kept.time > fresh_seconds) {
        kept.text = text(with_tenants);
        kept.time = hub_.now();
    }
    return kept.text;
}

std::string Figures::text(bool with_tenants) const {
    Page page;
    const ServerCounters& server = server_.counters;
    const hub::Counters& hub = hub_.counters;
    const Replication::Status stream = replication_.status();

    std::size_t sessions = 0, events = 0, channels = 0, queued = 0, longest = 0;
    std::map<std::string, std::size_t> tenants;
    for (const Socket* socket : server_.sockets()) {
        queued += socket->queued_bytes();
        longest = std::max(longest, socket->queued_bytes());
        events += socket->is_event_stream() ? 1 : 0;
        if (socket->session() == nullptr) {
            continue;
        }
        ++sessions;
        channels += socket->session()->channel_count();
        for (const hub::ChannelReport& report : socket->session()->report()) {
            for (const auto& [tenant, traffic] : report.tenants) {
                ++tenants[tenant];
            }
        }
    }
    page.gauge("pg_realtimed_build_info", "1, with the version.", "version", PG_REALTIME_VERSION, 1);
    page.gauge("pg_realtimed_ready", "Whether changes flow and subscriptions become live.",
               hub_.ready() ? 1 : 0);
    page.gauge("pg_realtimed_connections", "Open connections.", "kind", "websocket",
               static_cast<double>(sessions));
    page.gauge("pg_realtimed_connections", "Open connections.", "kind", "event_stream",
               static_cast<double>(events));
    page.gauge("pg_realtimed_connections", "Open connections.", "kind", "http",
               static_cast<double>(server_.sockets().size() - sessions - events));
    page.gauge("pg_realtimed_channels", "Joined channels.", static_cast<double>(channels));
    page.gauge("pg_realtimed_topics", "Topics with members.", static_cast<double>(hub_.topics.size()));
    page.gauge("pg_realtimed_users", "Users whose tenants are known.",
               static_cast<double>(hub_.people.size()));

    std::vector<std::pair<std::size_t, std::string>> largest;
    for (const auto& [tenant, count] : tenants) {
        largest.emplace_back(count, tenant);
    }
    std::sort(largest.rbegin(), largest.rend());
    std::size_t others = 0;
    for (std::size_t index = 0; index < largest.size(); ++index) {
        // A claim may name a tenant like the rest.
        if (with_tenants && index < config_.metrics_tenants && largest[index].second != "other") {
            page.gauge("pg_realtimed_tenant_channels", "Channels that see rows of a tenant.", "tenant",
                       largest[index].second, static_cast<double>(largest[index].first));
        } else {
            others += largest[index].first;
        }
    }
    page.gauge("pg_realtimed_tenant_channels", "Channels that see rows of a tenant.", "tenant", "other",
               static_cast<double>(others));

    page.counter("pg_realtimed_changes_total", "Changes that came from the slot.", hub.changes);
    page.counter("pg_realtimed_changes_repeated_total",
                 "Changes that came again after a reconnect and were dropped.", stream.repeated);
    page.counter("pg_realtimed_changes_undelivered_total",
                 "Changes that reach nobody, or only without their values.", "reason",
                 {{"nobody", hub.changes_for_nobody}, {"too_large", hub.changes_too_large}});
    page.counter("pg_realtimed_deliveries_total", "Changes given to subscriptions.", hub.deliveries);
    page.counter("pg_realtimed_replayed_total", "Of them, to those who resumed.", hub.replayed);
    page.counter("pg_realtimed_resumes_total", "Subscriptions that resumed with a cursor.", hub.resumes);
    page.counter("pg_realtimed_fallen_behind_total",
                 "Subscriptions that went on from the history because their socket was slow.",
                 hub.fallen_behind);
    page.counter("pg_realtimed_refetches_total",
                 "Subscriptions that were told to read again because changes could not be had any more.",
                 hub.refetches);
    page.histogram("pg_realtimed_commit_to_send_seconds",
                   "From the commit until a change is queued at its sockets.", hub.commit_to_send);
    std::uint64_t joins_refused = 0;
    for (const auto& [reason, count] : hub.joins_refused) {
        joins_refused += count;
    }
    page.counter("pg_realtimed_joins_total", "Joins.", "result",
                 {{"accepted", hub.joins - joins_refused}, {"refused", joins_refused}});
    for (const auto& [reason, count] : hub.joins_refused) {
        page.counter("pg_realtimed_joins_refused_total",
                     "Joins that were refused, by the word that the reason begins with.", "reason",
                     {{reason.c_str(), count}});
    }
    for (const auto& [reason, count] : hub.bindings_refused) {
        page.counter("pg_realtimed_bindings_refused_total",
                     "postgres_changes of accepted joins that are not served, by the word that the reason "
                     "begins with.",
                     "reason", {{reason.c_str(), count}});
    }
    page.counter("pg_realtimed_broadcasts_total", "Broadcasts.", "result",
                 {{"sent", hub.broadcasts}, {"refused", hub.broadcasts_refused}});
    page.counter("pg_realtimed_presence_refused_total",
                 "What was not tracked because of broadcast-bytes-per-second.", hub.presence_refused);
    page.counter("pg_realtimed_broadcasts_withheld_total",
                 "Members that did not get a broadcast of bytes: they speak vsn 1.0.0, or its names are too "
                 "long for its frame.",
                 hub.broadcasts_withheld);
    page.counter("pg_realtimed_patterns_undecided_total",
                 "Changes of which a subscription did not learn whether they pass its patterns, because "
                 "these took too long.",
                 hub.patterns_undecided);
    page.counter("pg_realtimed_messages_received_total", "Messages of clients.", hub.messages_in);
    page.counter("pg_realtimed_messages_malformed_total", "Of them, those that could not be read.",
                 hub.messages_malformed);
    page.counter("pg_realtimed_memberships_revoked_total", "Subscriptions that lost a tenant.",
                 hub.memberships_revoked);
    page.counter("pg_realtimed_tokens_expired_total",
                 "Channels that were closed because their token expired.", hub.tokens_expired);

    page.gauge("pg_realtimed_replication_streaming", "Whether the slot is read.", stream.streaming ? 1 : 0);
    page.gauge("pg_realtimed_replication_lag_bytes",
               "WAL that the server has sent or written and that was not routed yet.",
               static_cast<double>(
                   stream.server_lsn > stream.received_lsn ? stream.server_lsn - stream.received_lsn : 0));
    page.gauge("pg_realtimed_replication_lag_seconds",
               "Age of the changes that are routed now, or since when the server has more than we have; 0 "
               "when up to date.",
               std::max(stream.behind_seconds, hub_.age_of_changes()));
    page.gauge("pg_realtimed_replication_kept_bytes", "WAL that the slot keeps for those who resume.",
               static_cast<double>(stream.received_lsn > stream.confirmed_lsn
                                       ? stream.received_lsn - stream.confirmed_lsn
                                       : 0));
    page.counter("pg_realtimed_replication_connects_total", "Connections to the walsender.", stream.connects);
    page.counter("pg_realtimed_replication_slots_recreated_total", "Slots that were lost and made anew.",
                 stream.slots_recreated);
    page.counter("pg_realtimed_replication_bytes_total", "Bytes from the walsender.", stream.bytes);
    page.gauge("pg_realtimed_history_bytes", "Memory of the changes that are kept.",
               static_cast<double>(hub_.history.bytes()));
    page.gauge("pg_realtimed_history_changes", "Changes that are kept.",
               static_cast<double>(hub_.history.size()));
    page.gauge("pg_realtimed_history_seconds", "Age of the oldest place that is kept.",
               hub_.history.oldest_age(hub_.now()));

    page.gauge("pg_realtimed_send_queue_bytes", "Bytes that wait at sockets.", static_cast<double>(queued));
    page.gauge("pg_realtimed_send_queue_longest_bytes", "The longest queue of a socket.",
               static_cast<double>(longest));
    page.gauge("pg_realtimed_database_connected", "Whether functions can be called.",
               pool_.any_connected() ? 1 : 0);
    page.gauge("pg_realtimed_database_requests", "Requests at the database.", "state", "waiting",
               static_cast<double>(pool_.waiting()));
    page.gauge("pg_realtimed_database_requests", "Requests at the database.", "state", "running",
               static_cast<double>(pool_.busy()));

    page.counter("pg_realtimed_accepted_total", "Connections.", server.accepted);
    page.counter("pg_realtimed_closed_total", "Connections and requests that we ended.", "reason",
                 {{"slow_consumer", server.slow_consumers},
                  {"protocol_error", server.protocol_errors},
                  {"idle", server.idle_closed},
                  {"connection_limit", server.refused},
                  {"message_limit", hub.message_limits},
                  {"rate_limit", server.rate_limited},
                  {"answer_limit", server.answers_refused}});
    page.gauge("pg_realtimed_answer_bytes", "Bytes of answers to requests that wait to be taken.",
               static_cast<double>(server_.answers()->bytes()));
    page.counter("pg_realtimed_requests_total", "HTTP requests.", server.requests);
    page.counter("pg_realtimed_upgrades_total", "WebSockets.", server.upgrades);
    page.counter("pg_realtimed_frames_sent_total", "Messages queued at sockets.", server.frames_out);
    page.counter("pg_realtimed_writes_total", "System calls that wrote to sockets.", server.writes);
    page.gauge("pg_realtimed_io_uring", "Whether many sockets are written to with one system call.",
               server_.sends_by_ring() ? 1 : 0);
    page.counter("pg_realtimed_bytes_total", "Bytes of clients.", "direction",
                 {{"in", server.bytes_in}, {"out", server.bytes_out}});
    page.counter("pg_realtimed_reports_failed_total",
                 "Rows of realtime_connection_metrics that were not stored.", server.reports_failed);
    page.counter("pg_realtimed_log_lines_suppressed_total",
                 "Lines of the log that were left out because many were similar.", suppressed_log_lines());
    page.gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes());
    page.counter("process_cpu_seconds_total", "CPU time that was used.", cpu_seconds());
    return page.text();
}

} // namespace gateway
