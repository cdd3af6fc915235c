// SPDX-License-Identifier: PostgreSQL
// What a row of a fact table must be so that it can be decided at all (W13: only structural errors raise).
#pragma once

#include <string>

#include "core/rulebook.hpp"
#include "pg/fact_row.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Throws AF010 (a value that cannot be), AF012 to AF015 (an unknown program, currency, type or status). `book` is nullptr
/// for tables that name nothing of the rulebook, and where it cannot be read without waiting: then verify() finds what is not in it.
void check_fact(const std::string &table, const FactRow &row, const core::Rulebook *book);

} // namespace affiliate::pg
