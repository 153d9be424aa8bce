// Numbers as people read them, the same in every locale. A NaN is "NaN", infinity "infinity".
#pragma once

#include <string>

namespace alert {

std::string number_text(double number,
                        int decimals = 4); // 0.155, 1234.5, 2e+20; decimals that are zero are left out
std::string percent_text(double share);    // 0.155: 15.5%
std::string duration_text(double seconds); // 300: 5m; 5400: 1h 30m; 0.25: 0.25s
std::string bytes_text(double bytes);      // 1536: 1.5 KiB

} // namespace alert
