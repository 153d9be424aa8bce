// The log: one line an event, to the standard error, as text or as JSON. Never tokens, secrets or rows.
#pragma once

#include <string>

#include <spdlog/spdlog.h>

#include "gateway/config.hpp"

namespace gateway {

// Calls something and says what it threw; empty when it did not. C callbacks must not be left by an exception.
template <class Action> std::string guarded(Action&& action) {
    try {
        action();
        return {};
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "something is larger than can be written";
    }
}

void set_up_log(const Config& config);
// Says how many similar lines were left out (LogLimiter); call it from time to time.
void write_log_summaries();
// Lines that were left out, since the beginning.
std::uint64_t suppressed_log_lines();

} // namespace gateway
