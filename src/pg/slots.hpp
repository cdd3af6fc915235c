// SPDX-License-Identifier: PostgreSQL
// Lock slots of customers: 4,096 advisory locks of our own kind, exclusive, until the end of the transaction. However
// large a transaction, it holds at most that many (POSTGRES.md 2). A hash collision only makes somebody queue.
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

} // namespace affiliate::pg
