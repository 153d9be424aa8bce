#include "gateway/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>

#include "gateway/log_limiter.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace gateway {

namespace {

// The message as a JSON string.
class QuotedMessage final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        wire::ByteBuffer quoted(1U << 20);
        wire::write_json_string(quoted, std::string_view(message.payload.data(), message.payload.size()));
        out.append(quoted.data(), quoted.data() + quoted.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<QuotedMessage>();
    }
};

LogLimiter limiter; // outlives the logger, which SIGHUP makes anew

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Passes on what the limiter lets through.
class LimitedSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
  public:
    explicit LimitedSink(spdlog::sink_ptr target) : target_(std::move(target)) {}

    void write_summaries() {
        for (const LogLimiter::Summary& summary : limiter.take_summaries(seconds_now())) {
            const std::string text =
                std::to_string(summary.count) + " similar lines suppressed: " + summary.line;
            target_->log({"pg_realtimed", spdlog::level::warn, text});
            target_->flush();
        }
    }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (limiter.take({message.payload.data(), message.payload.size()}, seconds_now())) {
            target_->log(message);
        }
    }
    void flush_() override { target_->flush(); }
    void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
        target_->set_formatter(std::move(formatter));
    }

  private:
    spdlog::sink_ptr target_;
};

std::shared_ptr<LimitedSink> sink; // of the logger

} // namespace

void write_log_summaries() {
    if (sink != nullptr) {
        sink->write_summaries();
    }
}

std::uint64_t suppressed_log_lines() {
    return limiter.suppressed();
}

void set_up_log(const Config& config) {
    sink = std::make_shared<LimitedSink>(std::make_shared<spdlog::sinks::stderr_sink_st>());
    auto logger = std::make_shared<spdlog::logger>("pg_realtimed", sink);
    if (config.log_format == "json") {
        auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
        formatter->add_flag<QuotedMessage>('*').set_pattern(
            R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
        logger->set_formatter(std::move(formatter));
    } else {
        logger->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%d %H:%M:%S.%e UTC %l: %v",
                                                                          spdlog::pattern_time_type::utc));
    }
    logger->set_level(spdlog::level::from_str(config.log_level));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

} // namespace gateway
