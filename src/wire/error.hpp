// The error of the pure rooms: what PostgreSQL's ereport() would carry, without PostgreSQL.
#pragma once

#include <stdexcept>
#include <string>

namespace wire {

// Thrown only for broken invariants and exhausted limits; foreign bytes are answered with values instead.
// `sqlstate` is a five-character SQLSTATE, e.g. "XX001" (data_corrupted). Detail and hint may be empty.
class Error : public std::runtime_error {
  public:
    Error(const char* sqlstate_, const std::string& message, std::string detail_ = {}, std::string hint_ = {})
        : std::runtime_error(message), sqlstate(sqlstate_), detail(std::move(detail_)),
          hint(std::move(hint_)) {}

    const char* sqlstate;
    std::string detail;
    std::string hint;
};

} // namespace wire
