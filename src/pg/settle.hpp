// SPDX-License-Identifier: PostgreSQL
// Settling customers: the one code path of triggers, queue drain and resettle().
#pragma once

#include <string>
#include <vector>

#include "core/settle.hpp"

namespace affiliate::pg {

struct Settlement {
    std::uint64_t posted = 0;           ///< ledger entries written
    std::vector<std::string> deferred;  ///< customers left for the queue: slot taken, budget used up, or an error
    std::string error;                  ///< the last one
};

/// Settles the customers (any ids of theirs) inside the firm's statement: never waits, never fails, and queues what it
/// could not do.
void settle_inline(std::vector<std::string> customers);

/// In whose transaction: a firm's statements may have so many subtransactions of ours in one, the drain as many as it
/// needs (POSTGRES.md 6).
enum class Caller { statement, drain };

/// Settles as much of the customers (any ids of theirs) as it can; what is not free or fails is `deferred`. `deadline`
/// 0 = none. Takes slots, but never waits for one.
Settlement settle(const std::vector<std::string> &customers, core::Time deadline, Caller caller);

/// Throws AF091 where tables and library are of different versions: then nothing may be settled, only enqueued.
void refuse_other_version();

/// Gathers, decides and applies customers whose slots the caller holds, in its own SpiSession; errors are thrown.
std::uint64_t settle_locked(const std::vector<std::string> &canonical);

void enqueue_customers(const std::vector<std::string> &customers, const char *reason);
void enqueue_transactions(const std::vector<std::string> &transactions, const char *reason);

} // namespace affiliate::pg
