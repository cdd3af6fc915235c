// SPDX-License-Identifier: PostgreSQL
// Settling customers: the one code path of triggers, queue drain and resettle().
#pragma once

#include <string>
#include <vector>

#include "core/settle.hpp"
#include "pg/sorted_keys.hpp"

namespace affiliate::pg {

/// Settles the customers (any ids of theirs) inside the firm's statement: never waits, never fails, and queues what it
/// could not do. The keys are sorted and used up here.
void settle_inline(SortedKeys &customers);

/// The rows of an attached table become facts in a statement of ours, inside of the firm's: settling is part of that then, in
/// its subtransaction, until its deadline, or not at all.
class Enclosed {
public:
    /// `deadline`: 0 = none.
    Enclosed(core::Time deadline, bool settles) noexcept;
    ~Enclosed();
    Enclosed(const Enclosed &) = delete;
    Enclosed &operator=(const Enclosed &) = delete;
    core::Time deadline() const noexcept { return deadline_; }
    bool settles() const noexcept { return settles_; }

private:
    core::Time deadline_;
    bool settles_;
    const Enclosed *before_;
};

/// Until when the firm's statement may be kept; 0 = no limit.
core::Time inline_deadline();
bool is_over(core::Time deadline);

/// False where this transaction has had as many subtransactions of ours as it may have (POSTGRES.md 6).
bool count_subtransaction();

/// Why nothing can be decided in this transaction, or nullptr. Reads nothing.
const char *why_not_in_transaction();
/// The same, and why not with the tables and the library that there are.
const char *why_not_inline();

/// What the drain has done.
struct Settlement {
    std::uint64_t posted = 0;           ///< ledger entries written
    std::vector<std::string> deferred;  ///< customers left for another drain: slot taken, or an error
    std::string error;                  ///< the last one
};

/// Settles as much of the customers (any ids of theirs) as it can; what is not free or fails is `deferred`. Takes slots,
/// but never waits for one.
Settlement settle(const std::vector<std::string> &customers);

/// Throws AF091 where tables and library are of different versions: then nothing may be settled, only enqueued.
void refuse_other_version();

/// Gathers, decides and applies customers whose slots the caller holds, in its own SpiSession; errors are thrown.
std::uint64_t settle_locked(const std::vector<std::string> &canonical);

void enqueue_transactions(const std::vector<std::string> &transactions, const char *reason);
/// All that are left of the keys of transactions.
void enqueue_transactions(SortedKeys &transactions, const char *reason);

} // namespace affiliate::pg
