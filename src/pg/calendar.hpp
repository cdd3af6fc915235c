// SPDX-License-Identifier: PostgreSQL
// Days and months of a time zone, daylight saving included, by PostgreSQL's own time zone database.
#pragma once

#include <memory>

#include "core/time.hpp"

namespace affiliate::pg {

/// Throws core::Error 22023 for a name that PostgreSQL does not know.
std::shared_ptr<const core::Calendar> make_calendar(const std::string &time_zone);

} // namespace affiliate::pg
