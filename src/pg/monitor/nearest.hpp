// Which of some names a name that is none of them probably means.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Of `count` names the one that takes the fewest edits, if it takes no more than a third of the letters (at least one); null when
// none is so near.
const char* nearest(const char* name, int length, const char* const* names, int count);

} // namespace pg::monitor
