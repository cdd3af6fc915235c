// SPDX-License-Identifier: PostgreSQL
// The compiled rulebook of this backend: read once, thrown away when any backend commits a change of a rulebook table.
#pragma once

#include <memory>
#include <optional>

#include "pg/evaluator.hpp"

namespace affiliate::pg {

/// Registers the callbacks of invalidation and commit; once, from _PG_init.
void register_rulebook_cache();

/// A rulebook as it was read, and what evaluates its rules by PostgreSQL's executor.
struct CompiledRulebook {
    core::Rulebook book;
    SqlEvaluator evaluator;
};

/// The rulebook with everything that the present statement may have seen of it. Who holds it may go on with it while a newer
/// one is read: by a trigger of the firm's that asks or sells, for example. Needs a transaction; connects to SPI itself when
/// it has to read the tables. Throws core::Error AF090 where affiliate.setup() has not been run, 55P03 where it would have to wait
/// under a NeverWait.
std::shared_ptr<CompiledRulebook> rulebook();

/// The same for a firm's statement, which does not wait: nullptr where it has to be read and somebody has locked it.
std::shared_ptr<CompiledRulebook> rulebook_unless_locked();

/// This transaction changed a row of the rulebook: once it commits, no backend decides by what it read before.
void rulebook_changed();

/// The id of the one program there is, or nothing where there are none or several. Called for each row of a statement, so
/// it does not ask for commits that are on their way; it waits where the rulebook has to be read and is locked.
std::optional<std::string> only_program();

/// Changes whenever a table may have been replaced or altered: what was looked up by name has to be looked up again.
std::uint64_t relation_generation() noexcept;

} // namespace affiliate::pg
