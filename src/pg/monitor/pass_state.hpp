// Whether this process is storing the results of a pass: the triggers on our tables then keep quiet.
#pragma once

namespace pg::monitor {

inline bool pass_is_writing = false;

} // namespace pg::monitor
