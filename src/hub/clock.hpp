// The time, which the hub is given.
#pragma once

namespace hub {

class Clock {
  public:
    virtual double now() const = 0;      // seconds; does not run backwards
    virtual double unix_now() const = 0; // Unix time, seconds

  protected:
    ~Clock() = default;
};

} // namespace hub
