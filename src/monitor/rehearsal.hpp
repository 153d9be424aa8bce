// What rules would have decided: fed with history instead of reports, by the clock of that history. Nothing is stored.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/engine.hpp"

namespace monitor {

// One moment in which a rule decided something, or went to another state.
struct Rehearsed {
    metric::Time at = metric::never;
    Uuid tenant;
    std::string subscription_type;
    std::string rule_id;
    alert::State state = alert::State::Inactive; // after it
    alert::Event event = alert::Event::None;
    alert::Notification notification = alert::Notification::None;
    alert::Severity severity = alert::Severity::Medium;
    double value = 0;
    bool has_value = false;
    std::string message; // of an alert that opens
};

// Replays stored buckets of 10 s through the engine. What a bucket holds counts from its end on, so that nothing is decided by
// what came later; every rule is judged then, and in between when it can decide something by itself. So it decides what a
// worker that never stopped decided, up to the 10 s of a bucket. A report that came late counts as if it had come in time: a
// bucket does not tell.
class Rehearsal {
  public:
    // What happened before `from` only fills the windows; nothing is judged after `until`.
    Rehearsal(std::shared_ptr<const RuleList> rules, const metric::Limits& limits, metric::Time from,
              metric::Time until);

    // Buckets are to be added in the order of their time.
    void add(const Uuid& tenant, std::string_view subscription_type, const metric::Bucket& bucket);
    void add_sample(const Uuid& tenant, std::string_view subscription_type, std::string_view metric,
                    const metric::SampleBucket& bucket);
    // Judges what is left.
    void finish();

    std::vector<Rehearsed> outcomes;

  private:
    void begin_bucket(metric::Time start);
    void finish_bucket();
    void evaluate(metric::Time now);
    void look_when_it_leaves_windows(metric::Time bucket_end);
    void evaluate_before(metric::Time end); // what is due before it

    Engine engine_;
    metric::Time from_, until_;
    metric::Time bucket_ = metric::never;                                 // begin of the last one
    std::vector<metric::Time> windows_;                                   // of the rules, each once
    std::set<metric::Time> looks_;                                        // when everything is to be judged
    std::map<std::pair<const Watch*, std::string>, alert::State> states_; // that are not inactive
    std::uint64_t alerts_ = 0;                                            // for ids
};

// Values of a rule's metrics at some time, until the next ones.
struct GivenValues {
    metric::Time at = metric::never;
    std::vector<std::pair<std::string, std::optional<double>>> values; // by metric; empty: no data
};

// Steps one rule through given values. The last ones count until `until`.
std::vector<Rehearsed> rehearse(const RuleList& rules, const std::vector<GivenValues>& given,
                                metric::Time until);

} // namespace monitor
