// pg_realtimed: the daemon.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "gateway/api.hpp"
#include "gateway/check.hpp"
#include "gateway/config.hpp"
#include "gateway/figures.hpp"
#include "gateway/log.hpp"
#include "gateway/membership_watch.hpp"
#include "gateway/questions.hpp"
#include "gateway/replication.hpp"
#include "gateway/reporter.hpp"
#include "gateway/server.hpp"
#include "gateway/systemd.hpp"
#include "web/error.hpp"

namespace gateway {

namespace {

constexpr unsigned tick_milliseconds = 50;
constexpr std::size_t other_files = 100;
constexpr unsigned last_milliseconds = 1000; // for what goes on in threads when everybody has gone
constexpr unsigned replay_milliseconds = 2;

class LoopClock final : public hub::Clock {
  public:
    double now() const override { return static_cast<double>(uv_hrtime()) / 1e9; }
    double unix_now() const override {
        uv_timeval64_t time{};
        uv_gettimeofday(&time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
};

// Each client is a file descriptor.
void raise_file_limit(std::size_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
        setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < wanted) {
            spdlog::warn(
                "only {} files may be open (ulimit -n), which is less than max-connections needs: {}",
                limit.rlim_cur, wanted);
        }
    }
}

class Daemon {
  public:
    Daemon(Config config, int argc, const char* const* argv)
        : argc_(argc), argv_(argv), config_(std::move(config)), loop_(uv_default_loop()),
          gatekeeper_(loop_, config_), resolver_(loop_), pool_(loop_, resolver_, config_), questions_(pool_),
          hub_(clock_, questions_, questions_, gatekeeper_, {config_.resume_window, config_.resume_bytes}),
          server_(loop_, config_, hub_), replication_(loop_, resolver_, config_, hub_),
          figures_(server_, pool_, replication_, hub_, config_),
          api_(server_, pool_, questions_, gatekeeper_, figures_), reporter_(server_, pool_),
          memberships_(hub_, pool_, questions_) {
        server_.set_handler(api_);
        hub_.on_refused = [this](std::string_view what, std::string_view topic, std::string_view reason) {
            log_refusal(what, topic, reason);
        };
    }

    int run() {
        if (const std::string fault = gatekeeper_.load(); !fault.empty()) {
            return fail(fault);
        }
        api_.load_dashboard();
        raise_file_limit(config_.max_connections + other_files);
        if (const std::string fault = server_.listen(); !fault.empty()) {
            return fail(fault);
        }
        if (geteuid() == 0) {
            spdlog::warn("running as root is neither needed nor wise");
        }
        begin_timer(tick_, tick_milliseconds,
                    [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->tick(); });
        uv_timer_init(loop_, &replay_);
        uv_timer_init(loop_, &last_);
        replay_.data = this;
        uv_prepare_init(loop_, &before_waiting_);
        before_waiting_.data = this;
        uv_prepare_start(&before_waiting_, [](uv_prepare_t* prepare) {
            static_cast<Daemon*>(prepare->data)->keep_replaying();
        });
        begin_signal(terminate_, SIGTERM);
        begin_signal(interrupt_, SIGINT);
        begin_signal(reload_, SIGHUP);
        std::signal(SIGPIPE, SIG_IGN);
        gatekeeper_.start();
        pool_.start();
        replication_.start();
        spdlog::info("pg_realtimed {} started, {} keys", PG_REALTIME_VERSION, gatekeeper_.key_count());
        notify_systemd("READY=1");
        uv_run(loop_, UV_RUN_DEFAULT);
        spdlog::info("ended");
        return exit_code_;
    }

  private:
    // What clients are refused, so that an operator sees why; not each of those who try for ever.
    void log_refusal(std::string_view what, std::string_view topic, std::string_view reason) {
        constexpr double most_a_second = 5;
        constexpr std::size_t longest = 500;
        if (!logged_refusals_.take(clock_.now(), most_a_second, most_a_second)) {
            ++refusals_not_logged_;
            return;
        }
        std::string text(reason.substr(0, longest));
        std::replace_if(
            text.begin(), text.end(), [](char letter) { return letter >= 0 && letter < ' '; }, '?');
        const std::uint64_t others = std::exchange(refusals_not_logged_, 0);
        spdlog::info("{} of topic {} refused: {}{}", what, web::shown(topic), text,
                     others > 0 ? " (and " + std::to_string(others) + " others since the last line)" : "");
    }

    static int fail(const std::string& what) {
        std::cerr << "pg_realtimed: " << what << '\n';
        return 1;
    }

    template <class Callback> void begin_timer(uv_timer_t& timer, unsigned milliseconds, Callback callback) {
        uv_timer_init(loop_, &timer);
        timer.data = this;
        uv_timer_start(&timer, callback, milliseconds, milliseconds);
    }

    void begin_signal(uv_signal_t& signal, int number) {
        uv_signal_init(loop_, &signal);
        signal.data = this;
        uv_signal_start(
            &signal,
            [](uv_signal_t* handle, int which) { static_cast<Daemon*>(handle->data)->on_signal(which); },
            number);
    }

    // The timer runs only while somebody has something to catch up with.
    void keep_replaying() {
        if (hub_.has_replays() && uv_is_active(reinterpret_cast<uv_handle_t*>(&replay_)) == 0) {
            uv_timer_start(
                &replay_,
                [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->hub_.continue_replays(); },
                replay_milliseconds, 0);
        }
    }

    void tick() {
        for (const std::string& fault : {guarded([&] { hub_.tick(); }), guarded([&] { reporter_.tick(); }),
                                         guarded([&] { memberships_.tick(); })}) {
            if (!fault.empty()) {
                spdlog::error("regular work: {}", fault);
            }
        }
        write_log_summaries();
        watchdog_.tick(clock_.now());
        if (draining_ && (server_.sockets().empty() || clock_.now() > drain_until_)) {
            end();
        }
    }

    void on_signal(int number) {
        if (number == SIGHUP) {
            reload();
        } else if (draining_) {
            end(); // asked twice
        } else {
            spdlog::info("going down: clients have {} s", config_.drain_timeout);
            notify_systemd("STOPPING=1");
            draining_ = true;
            drain_until_ = clock_.now() + config_.drain_timeout;
            server_.drain();
        }
    }

    // Settings that are asked for at each use change at once. The others need a restart.
    void reload() {
        notify_systemd("RELOADING=1");
        Parsed parsed = parse_config(argc_, argv_);
        if (!parsed.config) {
            spdlog::error("the new settings are wrong; the old ones stay");
        } else {
            std::string later;
            // Nor at the next reconnect, when nobody expects it any more.
            const auto keep = [&](const char* name, auto member) {
                if (parsed.config.value().*member != config_.*member) {
                    later += (later.empty() ? "" : ", ") + std::string(name);
                    parsed.config.value().*member = config_.*member;
                }
            };
            keep("listen", &Config::listen);
            keep("database-url", &Config::database_url);
            keep("slot", &Config::slot);
            keep("publication", &Config::publication);
            keep("max-change-bytes", &Config::max_change_bytes);
            keep("pool-size", &Config::pool_size);
            keep("query-timeout", &Config::query_timeout);
            keep("io-uring", &Config::io_uring);
            config_ = std::move(*parsed.config);
            set_up_log(config_);
            raise_file_limit(config_.max_connections + other_files);
            server_.reload();
            api_.load_dashboard();
            if (const std::string fault = gatekeeper_.reload(); !fault.empty()) {
                spdlog::error("keys: {}; those that are known stay", fault);
            }
            server_.look_at_tokens();
            spdlog::info("settings were read again{}",
                         later.empty() ? "" : "; these take effect after a restart: " + later);
        }
        notify_systemd("READY=1");
    }

    void end() {
        if (ended_) {
            return;
        }
        ended_ = true;
        server_.destroy_all();
        replication_.stop();
        pool_.stop();
        for (uv_timer_t* timer : {&tick_, &replay_}) {
            uv_timer_stop(timer);
        }
        uv_prepare_stop(&before_waiting_);
        for (uv_signal_t* signal : {&terminate_, &interrupt_, &reload_}) {
            uv_signal_stop(signal);
        }
        // What is left are handles that close. A thread that looks up a name or fetches keys cannot be called back.
        uv_timer_start(
            &last_,
            [](uv_timer_t*) {
                spdlog::warn("a look-up that has begun is not waited for");
                spdlog::shutdown();
                std::_Exit(0);
            },
            last_milliseconds, 0);
        uv_unref(reinterpret_cast<uv_handle_t*>(&last_));
    }

    int argc_;
    const char* const* argv_;
    Config config_;
    uv_loop_t* loop_;
    LoopClock clock_;
    Watchdog watchdog_;
    TokenGatekeeper gatekeeper_;
    Resolver resolver_;
    Pool pool_;
    Questions questions_;
    hub::Hub hub_;
    Server server_;
    Replication replication_;
    Figures figures_;
    Api api_;
    Reporter reporter_;
    MembershipWatch memberships_;
    uv_timer_t tick_{}, replay_{}, last_{};
    uv_prepare_t before_waiting_{};
    uv_signal_t terminate_{}, interrupt_{}, reload_{};
    hub::TokenBucket logged_refusals_;
    std::uint64_t refusals_not_logged_ = 0;
    double drain_until_ = 0;
    bool draining_ = false, ended_ = false;
    int exit_code_ = 0;
};

} // namespace

} // namespace gateway

int main(int argc, char** argv) {
    gateway::Parsed parsed = gateway::parse_config(argc, argv);
    if (!parsed.config) {
        return parsed.exit_code;
    }
    try {
        gateway::set_up_log(*parsed.config);
        if (parsed.config->check) {
            return gateway::check(*parsed.config);
        }
        return gateway::Daemon(std::move(*parsed.config), argc, argv).run();
    } catch (const std::exception& error) {
        std::cerr << "pg_realtimed: " << error.what() << '\n';
        return 1;
    }
}
