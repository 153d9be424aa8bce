#include "gateway/pool.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "gateway/log.hpp"

namespace gateway {

namespace {

constexpr unsigned tick_milliseconds = 100;
constexpr double retry_seconds = 1;
constexpr double question_waits = 5; // s for a connection, while there is none

double seconds(uv_loop_t* loop) {
    return static_cast<double>(uv_now(loop)) / 1000;
}

Answer failed(const char* sqlstate, std::string message) {
    Answer answer;
    answer.sqlstate = sqlstate;
    answer.message = std::move(message);
    return answer;
}

std::string field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? std::string() : std::string(text);
}

} // namespace

class Pool::Worker final : public Link {
  public:
    explicit Worker(Pool& pool) : Link(pool.loop_, pool.resolver_), pool_(pool) {}

    bool is_free() const { return ready_ && !question_; }
    bool is_ready() const { return ready_; }
    bool is_busy() const { return question_.has_value(); }
    bool is_looking_up() const { return question_ && question_->line == QuestionLine::LookUp; }

    void tick() {
        const double now = seconds(loop_);
        if (!connected() && !connecting_ && now >= retry_at_) {
            connecting_ = true;
            began_ = now;
            connect(pool_.config_.database_url,
                    {{"application_name", "pg_realtimed"},
                     {"connect_timeout", "10"},
                     {"client_encoding", "UTF8"},
                     {"options", "-c statement_timeout=" + std::to_string(pool_.config_.query_timeout) +
                                     " -c idle_in_transaction_session_timeout=60s -c idle_session_timeout=0"
                                     " -c timezone=UTC"}});
        } else if (connecting_ && now - began_ > 15) {
            const std::string why = too_slow();
            disconnect();
            on_lost(why);
        } else if (unsent_) {
            const std::string why = one_line(PQerrorMessage(connection()));
            disconnect();
            on_lost("a question cannot be sent: " + why);
        } else if (question_ && now - began_ > static_cast<double>(pool_.config_.query_timeout) / 1000 + 5) {
            // statement_timeout should have ended it: nobody answers any more.
            disconnect();
            on_lost("the server did not answer in time");
        }
    }

    void ask(Question question) {
        question_ = std::move(question);
        answer_ = Answer();
        began_ = seconds(loop_);
        PGconn* const c = connection();
        bool sent = PQenterPipelineMode(c) == 1;
        answer_index_ = 1; // behind the result of the settings
        // Everything up to the synchronisation is one transaction, so what is set for it is gone behind it, whatever happens.
        const char* settings[] = {question_->role.empty() ? "none" : question_->role.c_str(),
                                  question_->claims.c_str(), question_->read_only ? "on" : nullptr,
                                  question_->tenant_claim.c_str()};
        sent = sent &&
               PQsendQueryParams(c,
                                 "SELECT pg_catalog.set_config('transaction_read_only', "
                                 "COALESCE($3, pg_catalog.current_setting('transaction_read_only')), true), "
                                 "pg_catalog.set_config('role', $1, true), "
                                 "pg_catalog.set_config('request.jwt.claims', $2, true), "
                                 "pg_catalog.set_config('pg_realtime.tenant_claim', $4, true)",
                                 4, nullptr, settings, nullptr, nullptr, 0) == 1;
        auto& name = names_[question_->statement];
        prepares_ = name.empty();
        if (prepares_) {
            name = "s" + std::to_string(++last_name_);
            sent = sent && PQsendPrepare(c, name.c_str(), question_->statement.c_str(), 0, nullptr) == 1;
            ++answer_index_;
        }
        std::vector<const char*> values;
        for (const auto& parameter : question_->parameters) {
            values.push_back(parameter ? parameter->c_str() : nullptr);
        }
        sent = sent &&
               PQsendQueryPrepared(c, name.c_str(), static_cast<int>(values.size()), values.data(), nullptr,
                                   nullptr, 0) == 1 &&
               PQpipelineSync(c) == 1;
        index_ = 0;
        unsent_ = !sent;
        if (unsent_) {
            return; // without the settings it would run as the gateway; tick() gives the connection up
        }
        flush();
    }

    void look_for_extension() {
        stale_ = is_busy();
        if (is_free()) {
            ready_ = false;
            connecting_ = true; // as at the beginning
            began_ = seconds(loop_);
            on_connected();
        }
    }

    void abandon(const std::string& why) {
        if (question_) {
            finish(failed("08006", why));
        }
    }

  private:
    void on_connected() override {
        PQsendQuery(connection(),
                    "SELECT pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname) || ', "
                    "pg_temp', false) "
                    "FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
                    "WHERE e.extname = 'pg_realtime'");
        flush();
    }

    void on_input() override {
        while (connected() && PQisBusy(connection()) == 0) {
            PGresult* result = PQgetResult(connection());
            if (!question_) {
                if (result == nullptr) {
                    if (!ready_ && installed_) {
                        become_ready();
                    }
                    return;
                }
                installed_ = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
                const std::string why = one_line(PQresultErrorMessage(result));
                PQclear(result);
                if (!ready_ && !installed_) {
                    disconnect();
                    on_lost(why.empty() ? "extension pg_realtime is not installed in the database" : why);
                    return;
                }
                continue;
            }
            if (result == nullptr) {
                ++index_;
                if (question_->by_rows && index_ == answer_index_) {
                    PQsetSingleRowMode(connection()); // of the result that is next
                }
                continue;
            }
            const ExecStatusType status = PQresultStatus(result);
            if (status == PGRES_PIPELINE_SYNC) {
                PQclear(result);
                PQexitPipelineMode(connection());
                if (PQtransactionStatus(connection()) != PQTRANS_IDLE) {
                    // Whoever comes next must not find the transaction of somebody else.
                    disconnect();
                    on_lost("a transaction was left open");
                    return;
                }
                finish(std::move(answer_));
                return;
            }
            take(result, status);
            PQclear(result);
        }
    }

    void take(const PGresult* result, ExecStatusType status) {
        if (status == PGRES_FATAL_ERROR) {
            answer_.ok = false;
            answer_.sqlstate = field(result, PG_DIAG_SQLSTATE);
            answer_.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
            answer_.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
            answer_.hint = field(result, PG_DIAG_MESSAGE_HINT);
            if (prepares_ && index_ < answer_index_) {
                names_.erase(question_->statement); // it may not have been prepared
            }
            return;
        }
        // A statement that returns no rows ends with PGRES_COMMAND_OK.
        if ((status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE || status == PGRES_COMMAND_OK) &&
            index_ == answer_index_) {
            answer_.ok = true;
            for (int row = 0; row < PQntuples(result); ++row) {
                auto& values = answer_.rows.emplace_back();
                for (int column = 0; column < PQnfields(result); ++column) {
                    if (PQgetisnull(result, row, column) != 0) {
                        values.emplace_back();
                    } else {
                        values.emplace_back(
                            std::string(PQgetvalue(result, row, column),
                                        static_cast<std::size_t>(PQgetlength(result, row, column))));
                    }
                }
            }
        }
    }

    void become_ready() {
        connecting_ = false;
        ready_ = true;
        if (!pool_.problem_.empty()) {
            spdlog::info("database: connected again");
            pool_.problem_.clear();
        }
        pool_.hand_out();
    }

    void finish(Answer answer) {
        auto done = std::move(question_->done);
        question_.reset();
        if (stale_) {
            look_for_extension();
        }
        done(std::move(answer));
        pool_.hand_out();
    }

    void on_lost(const std::string& why) override {
        connecting_ = ready_ = unsent_ = stale_ = false;
        names_.clear();
        retry_at_ = seconds(loop_) + retry_seconds;
        if (pool_.problem_ != why && !pool_.stopped_) {
            spdlog::error("database: {}", why);
            pool_.problem_ = why;
        }
        abandon(why);
    }

    Pool& pool_;
    std::optional<Question> question_;
    Answer answer_;
    bool prepares_ = false;                              // the question before its answer
    std::unordered_map<std::string, std::string> names_; // of prepared statements
    std::uint64_t last_name_ = 0;
    int index_ = 0, answer_index_ = 0; // of the results of a question
    bool ready_ = false, connecting_ = false, installed_ = false, unsent_ = false,
         stale_ = false; // looks for the extension before its next question
    double retry_at_ = 0, began_ = 0;
};

Pool::Pool(uv_loop_t* loop, Resolver& resolver, const Config& config)
    : loop_(loop), resolver_(resolver), config_(config), tick_(new uv_timer_t()) {
    uv_timer_init(loop, tick_);
    tick_->data = this;
    for (unsigned index = 0; index < config.pool_size; ++index) {
        workers_.push_back(std::make_unique<Worker>(*this));
    }
}

Pool::~Pool() {
    stop();
    uv_close(reinterpret_cast<uv_handle_t*>(tick_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
}

void Pool::start() {
    uv_timer_start(
        tick_, [](uv_timer_t* timer) { static_cast<Pool*>(timer->data)->on_tick(); }, 0, tick_milliseconds);
}

void Pool::on_tick() {
    for (const auto& worker : workers_) {
        worker->tick();
    }
    hand_out();
    while (!any_connected()) {
        const auto given_up = queue_.pop_if(
            [now = seconds(loop_)](const Waiting& waiting) { return now - waiting.since > question_waits; });
        if (!given_up) {
            break;
        }
        given_up->question.done(
            failed("08006", problem_.empty() ? "the database is not connected" : problem_));
    }
}

void Pool::stop() {
    stopped_ = true;
    uv_timer_stop(tick_);
    for (const auto& worker : workers_) {
        worker->abandon("the gateway ends");
    }
    while (const auto waiting = queue_.pop(false)) {
        waiting->question.done(failed("08006", "the gateway ends"));
    }
    workers_.clear();
}

void Pool::look_for_extension() {
    for (const auto& worker : workers_) {
        worker->look_for_extension();
    }
}

bool Pool::any_connected() const {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const auto& worker) { return worker->is_ready(); });
}

std::size_t Pool::busy() const {
    return static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(),
                                                  [](const auto& worker) { return worker->is_busy(); }));
}

// The answer never comes before ask() returns: it is given in the next turn.
void Pool::refuse(Question question, const char* why) {
    struct Refusal {
        uv_timer_t timer{};
        std::function<void(Answer)> done;
        const char* why = nullptr;
    };
    auto* refusal = new Refusal();
    refusal->done = std::move(question.done);
    refusal->why = why;
    uv_timer_init(loop_, &refusal->timer);
    refusal->timer.data = refusal;
    uv_timer_start(
        &refusal->timer,
        [](uv_timer_t* handle) {
            auto* mine = static_cast<Refusal*>(handle->data);
            mine->done(failed("53300", mine->why));
            uv_close(reinterpret_cast<uv_handle_t*>(handle),
                     [](uv_handle_t* closed) { delete static_cast<Refusal*>(closed->data); });
        },
        0, 0);
}

// False when the owner has too many questions waiting.
bool Pool::take_account(Question& question) {
    if (question.line != QuestionLine::Caller) {
        return true;
    }
    auto& count = outstanding_[question.owner];
    if (count >= std::max<std::size_t>(config_.pool_size, config_.queue_length / 10)) {
        return false;
    }
    ++count;
    question.done = [this, owner = question.owner, done = std::move(question.done)](Answer answer) {
        if (const auto found = outstanding_.find(owner); --found->second == 0) {
            outstanding_.erase(found);
        }
        done(std::move(answer));
    };
    return true;
}

void Pool::ask(Question question) {
    if (stopped_ || queue_.size(question.line) >= config_.queue_length) {
        refuse(std::move(question), "too many requests are waiting for the database");
        return;
    }
    if (!take_account(question)) {
        refuse(std::move(question), "too many requests of the caller are waiting for the database");
        return;
    }
    const QuestionLine line = question.line;
    const std::string owner = question.owner;
    queue_.push(line, owner, {std::move(question), seconds(loop_)});
    hand_out();
}

void Pool::hand_out() {
    if (stopped_) {
        return; // what waits is about to be refused
    }
    for (const auto& worker : workers_) {
        while (worker->is_free()) {
            auto question = next();
            if (!question) {
                return;
            }
            worker->ask(std::move(*question));
        }
    }
}

std::vector<std::string> Pool::accounts_of(const Question& question) {
    std::vector<std::string> accounts{"caller " + question.owner};
    for (const std::string& tenant : question.tenants) {
        accounts.push_back("tenant " + tenant);
    }
    return accounts;
}

// What a free connection is to ask. Joins wait for look-ups, and must not wait for functions that take long: the last connection
// is not for these.
std::optional<Question> Pool::next() {
    const auto ready = std::count_if(workers_.begin(), workers_.end(),
                                     [](const auto& worker) { return worker->is_ready(); });
    for (;;) {
        const auto taken = std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) {
            return worker->is_busy() && !worker->is_looking_up();
        });
        const std::size_t most = config_.queries_per_caller != 0
                                     ? config_.queries_per_caller
                                     : RunningQuota::default_for(config_.pool_size);
        auto waiting = queue_.pop(ready > 1 && taken + 1 >= ready, [&](const Waiting& one) {
            return running_.has_room(accounts_of(one.question), most);
        });
        if (!waiting) {
            return std::nullopt;
        }
        if (!waiting->question.abandoned || !waiting->question.abandoned()) {
            Question& question = waiting->question;
            if (question.line == QuestionLine::Caller) {
                auto accounts = accounts_of(question);
                running_.begin(accounts);
                question.done = [this, accounts = std::move(accounts),
                                 done = std::move(question.done)](Answer answer) {
                    running_.end(accounts);
                    done(std::move(answer));
                };
            }
            return std::move(question);
        }
        waiting->question.done(failed("57014", "nobody waits for the answer any more"));
    }
}

} // namespace gateway
