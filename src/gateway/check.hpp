// --check: is everything there that the gateway needs? Changes nothing.
#pragma once

#include "gateway/config.hpp"

namespace gateway {

// Tells what is well and what is wrong, with a hint each, on the standard output. The exit code: 0, or 1 when something is wrong.
int check(const Config& config);

} // namespace gateway
