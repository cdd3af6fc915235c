// SPDX-License-Identifier: PostgreSQL
// Statements inside of a statement. Where a trigger of the firm writes the rows that its statement is writing, our triggers
// see the later states first: those of the inner statement fire when it ends, those of the outer one behind all of it.
#pragma once

#include <string>

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Whether the trigger that is running is one of a statement inside of another's trigger.
bool is_inner_statement();
/// Whether any state of a row was reported by an inner statement since the present statement began.
bool has_inner_statements();
/// The present statement has reported a state of the row: earlier ones that come behind it are old.
void remember_reported(const std::string &row);
/// Whether a statement that began after the present one has reported a state of the row.
bool is_old(const std::string &row);

} // namespace affiliate::pg
