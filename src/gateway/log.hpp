// The log: one line an event, to the standard error, as text or as JSON. Never tokens, secrets or rows.
#pragma once

#include <string>

#define SPDLOG_FMT_EXTERNAL
#include <spdlog/spdlog.h>

#include "gateway/config.hpp"

namespace gateway {

void set_up_log(const Config& config);

} // namespace gateway
