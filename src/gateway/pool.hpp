// Questions to the database beside the stream: a few connections, each question one round trip in one transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/link.hpp"
#include "gateway/question_lines.hpp"
#include "gateway/running_quota.hpp"

namespace gateway {

struct Answer {
    bool ok = false;
    std::vector<std::vector<std::optional<std::string>>> rows;
    std::string sqlstate, message, detail,
        hint; // of an error; 08006 when the connection broke, 53300 when too many wait, 57014 when it was abandoned
};

struct Question {
    std::string statement; // with $1 ...; prepared once a connection
    std::vector<std::optional<std::string>> parameters;
    std::string role;   // as whom; empty: as the pool's own
    std::string claims; // request.jwt.claims; JSON, or empty
    // pg_realtime.tenant_claim: which of the claims names tenants of the caller. Empty where only memberships are asked for.
    std::string tenant_claim;
    bool read_only = false;
    bool by_rows =
        false; // libpq hands over one row at a time, so a large answer of small rows does not block the loop
    QuestionLine line = QuestionLine::Caller;
    std::string owner; // of a caller's: on whose account it waits; nobody may fill the line alone
    std::vector<std::string>
        tenants; // of a caller's: those that it names; together with the owner, on whose account it runs
    std::function<bool()>
        abandoned; // whether nobody wants the answer any more; then it is not asked. May be empty
    std::function<void(Answer)> done; // never called at once
};

// One thread. Answers come in any order. A question whose connection breaks is not asked again: it may have had an effect. Where
// there are several connections, one is kept for look-ups.
class Pool {
  public:
    Pool(uv_loop_t* loop, Resolver& resolver, const Config& config);
    ~Pool();

    void start();
    // Pending questions are answered with an error.
    void stop();
    void ask(Question question);

    // The extension is in another schema, or was made anew: each connection looks where it is before its next question.
    void look_for_extension();

    bool any_connected() const;
    std::size_t waiting() const { return queue_.size(); } // in all lines
    std::size_t busy() const;
    const std::string& problem() const { return problem_; }

  private:
    class Worker;
    friend class Worker;
    void hand_out();
    void on_tick();
    std::optional<Question> next();
    void refuse(Question question, const char* why);
    bool take_account(Question& question);
    static std::vector<std::string> accounts_of(const Question& question);

    uv_loop_t* loop_;
    Resolver& resolver_;
    const Config& config_;
    std::vector<std::unique_ptr<Worker>> workers_;
    struct Waiting {
        Question question;
        double since = 0;
    };
    QuestionLines<Waiting> queue_;                             // each line is at most queue-length long
    std::unordered_map<std::string, std::size_t> outstanding_; // questions by their owner
    RunningQuota running_;
    uv_timer_t* tick_;
    std::string problem_;
    bool stopped_ = false;
};

} // namespace gateway
