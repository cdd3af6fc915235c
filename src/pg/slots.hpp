// SPDX-License-Identifier: PostgreSQL
// Advisory locks of our own kind, held until the end of the transaction. Customers share 4,096 slots: however large a
// transaction, it holds at most that many (POSTGRES.md 2). A hash collision only makes somebody queue.
#pragma once

#include <string>
#include <vector>

namespace affiliate::pg {

/// Takes the slot of a canonical customer if it is free or ours.
bool try_lock_customer(const std::string &customer);

/// Takes the slots of all customers in one order, waiting for those that are taken. Not inside a firm's statement.
void lock_customers(const std::vector<std::string> &customers);

/// The lock of an affiliate's second stage; false where somebody else has it and `wait` is not set.
bool lock_affiliate(int program_no, int affiliate_no, bool wait);

/// Tells everybody that this transaction is about to commit a change of the rulebook; any number may do so at once.
void announce_rulebook_commit();

/// Whether anybody has announced that and is not through with it, this transaction included.
bool is_rulebook_commit_announced();

} // namespace affiliate::pg
