// The labels of the enum types and what they are called in C++.
#pragma once

#include <optional>
#include <string_view>

#include "metric/health.hpp"

namespace pg::monitor {

const char* word_of(metric::Quality quality);
const char* word_of(metric::Status status);

// Empty for an unknown word, and for none.
std::optional<metric::Quality> quality_named(std::string_view word);
std::optional<metric::Status> status_named(std::string_view word);

} // namespace pg::monitor
