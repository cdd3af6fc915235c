// SPDX-License-Identifier: PostgreSQL
// The compiled rulebook of this backend: read once, thrown away when any backend commits a change of a rulebook table.
#pragma once

#include "core/rule.hpp"

namespace affiliate::pg {

/// Registers the callbacks of invalidation and commit; once, from _PG_init.
void register_rulebook_cache();

/// The rulebook as of now. A reference stays valid until the next call. Needs a transaction; connects to SPI itself when
/// it has to read the tables. Throws core::Error AF090 where affiliate.setup() has not been run.
const core::Rulebook &rulebook();

/// This transaction changed a row of the rulebook: once it commits, no backend decides by what it read before.
void rulebook_changed();

/// The one program there is, or nullptr where there are none or several.
const core::Program *only_program();

/// Changes whenever a table may have been replaced or altered: what was looked up by name has to be looked up again.
std::uint64_t relation_generation() noexcept;

/// Evaluates rules of the current rulebook by PostgreSQL's executor. Valid as long as the rulebook is.
core::Evaluator &rule_evaluator();

} // namespace affiliate::pg
